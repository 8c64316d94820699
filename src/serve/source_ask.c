/* /api/connectors, /api/sources, /api/runs. */
#include <stdio.h>

#include "query/encode.h"
#include "serve/server.h"
#include "serve/source.h"
#include "serve/source_commit.h"
#include "serve/source_ills.h"
#include "serve/source_print.h"
#include "source/connector.h"
#include "source/define/config.h"
#include "source/define/secret.h"
#include "source/schedule/schedule.h"
#include "state/person.h"

#define RUNS_SHOWN 200

static struct weir_source_runs *runs_of(struct weir_ask *ask)
{
    return ask->server->source_runs;
}

static const char *id_of(struct weir_ask *ask)
{
    const char *id = weir_arena_dup(&ask->arena, ask->id).ptr;
    return id ? id : "";
}

static int read_flag(const struct weir_ask *ask, const char *key, bool *out, struct weir_error *err)
{
    struct weir_json value = weir_json_get(ask->body, key);
    bool fits = weir_json_type(value) == WEIR_JSON_NULL || weir_json_bool(value, out);
    return fits ? 0 : weir_fail(err, WEIR_EINVAL, "`%s` must be true or false", key);
}

static int must_see_all(struct weir_ask *ask, struct weir_error *err)
{
    bool all = false;
    int rc = weir_source_sees_all(ask, &all, err);
    return rc || all ? rc
                     : weir_fail(err, WEIR_EPERM,
                                 "what a source holds and what its runs loaded tells of tables "
                                 "that you may not see; ask somebody who sees all tables, such as "
                                 "an admin");
}

static const char *dir_of(struct weir_ask *ask)
{
    return weir_source_runs_site(runs_of(ask))->dir;
}

/* For looks into sources: they end when nobody waits for them any more. */
static struct weir_source_site site_of_look(const struct weir_ask *ask)
{
    struct weir_source_site site = *weir_source_runs_site(ask->server->source_runs);
    site.stop = ask->stop;
    return site;
}

/* Who is told of it closed but the half by which it sends, or the server ends. */
static int end_look(const struct weir_ask *ask, int rc, struct weir_error *err)
{
    if (rc != WEIR_ECANCELED || !atomic_load(ask->stop)) {
        return rc;
    }
    return atomic_load(&ask->server->ending)
               ? weir_fail(err, WEIR_EBUSY, "the server stops; try again in a moment")
               : weir_fail(err, rc, "nobody waits for this answer any more");
}

int weir_ask_connectors(struct weir_ask *ask, struct weir_error *err)
{
    (void)err;
    weir_jw_object(&ask->w);
    weir_jw_keyz(&ask->w, "connectors");
    weir_source_print_connectors(&ask->w);
    weir_jw_keyz(&ask->w, "stream_options");
    weir_source_print_options(weir_source_stream_options, &ask->w);
    weir_jw_object_end(&ask->w);
    return 0;
}

/* --- what there is ------------------------------------------------------------------------------
 */

int weir_ask_sources(struct weir_ask *ask, struct weir_error *err)
{
    return weir_source_print_list(ask, err);
}

int weir_ask_source(struct weir_ask *ask, struct weir_error *err)
{
    int rc = must_see_all(ask, err);
    return rc ? rc : weir_source_print_one(ask, id_of(ask), true, err);
}

static int discover(struct weir_ask *ask, bool columns, struct weir_error *err)
{
    const struct weir_source_site site = site_of_look(ask);
    int rc = must_see_all(ask, err);
    rc = rc ? rc : weir_source_discover(&site, id_of(ask), columns, &ask->w, err);
    return end_look(ask, rc, err);
}

int weir_ask_source_check(struct weir_ask *ask, struct weir_error *err)
{
    return discover(ask, false, err);
}

int weir_ask_source_discover(struct weir_ask *ask, struct weir_error *err)
{
    return discover(ask, true, err);
}

/* --- changing -----------------------------------------------------------------------------------
 */

/* `secrets`: what a trial told of the settings, texts in a list. */
static int check_told(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_json item, list = weir_json_get(ask->body, "secrets");
    struct weir_str text;
    struct weir_json_iter it = weir_json_begin(list);
    bool fits = weir_json_type(list) == WEIR_JSON_NULL || weir_json_type(list) == WEIR_JSON_ARRAY;
    while (fits && weir_json_next(&it, NULL, &item)) {
        fits = weir_json_str(item, &text);
    }
    return fits ? 0
                : weir_fail(err, WEIR_EINVAL,
                            "`secrets` must be a list of settings, such as "
                            "[\"config.credentials.pat\"]");
}

/* The body without the members that are no part of the file; these but for `secrets`, which are
 * kept apart (or NULL). */
static int read_file(struct weir_ask *ask, struct weir_data **out, struct weir_data **secrets,
                     struct weir_error *err)
{
    int rc = check_told(ask, err);
    rc = rc ? rc : weir_data_from_json(&ask->arena, ask->body, out, err);
    if (rc == 0) {
        *secrets = weir_data_get(*out, "secrets");
        weir_data_unset(*out, "secrets");
        weir_data_unset(*out, "name");
        weir_data_unset(*out, "dry_run");
        weir_data_unset(*out, "columns");
        weir_data_unset(*out, "stream");
        weir_data_unset(*out, "whole");
    }
    return rc;
}

/* A source that a body describes. */
struct described {
    const char *name;
    struct weir_buf text; /* of its file; free it */
    struct weir_source_typed *typed;
    struct weir_source_site site; /* where what was typed is known, too */
};

static int write_file(struct weir_ask *ask, struct weir_str name, struct described *d,
                      struct weir_error *err)
{
    struct weir_data *file = NULL, *secrets = NULL;
    int rc = read_file(ask, &file, &secrets, err);
    const struct weir_source_connector *c =
        rc ? NULL : weir_source_connector_of(weir_data_get_text(file, "kind"));
    d->name = rc ? NULL : weir_arena_dup(&ask->arena, name).ptr;
    rc = rc || d->name ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a source");
    if (rc == 0 && c) {
        rc = weir_source_take_typed(d->name, c, weir_data_get(file, "connection"), secrets,
                                    &ask->arena, &d->typed, err);
    }
    d->site = site_of_look(ask);
    d->site.typed = d->typed;
    d->site.trial = true; /* until it is saved */
    return rc ? rc : weir_source_new_text(d->name, file, &d->text, err);
}

/* Which time zones there are the engine knows: it is asked before the file is written. */
static int check_zones(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const keys[] = {"schedule", "verify"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct weir_source_schedule s;
        struct weir_error why;
        struct weir_str text = weir_json_get_str(ask->body, keys[i]);
        bool cron = text.ptr && weir_source_schedule_parse(text, &s, &why) == 0 &&
                    s.kind == WEIR_SOURCE_CRON;
        if (cron &&
            weir_source_zone_check(ask->warehouse, keys[i], s.cron.zone, &why) == WEIR_EINVAL) {
            return weir_fail(err, WEIR_EINVAL, "%s", why.message);
        }
    }
    return 0;
}

static int create(struct weir_ask *ask, void *arg, struct weir_error *err)
{
    struct described *d = arg;
    (void)ask;
    return weir_source_create(&d->site, d->name, weir_buf_str(&d->text), d->typed, err);
}

int weir_ask_source_add(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"name",    "kind",    "schema",  "schedule", "connection",
                                        "streams", "dry_run", "columns", "secrets",  NULL};
    struct described d = {.typed = NULL};
    struct weir_str name = {NULL, 0};
    bool dry = false, columns = true;
    weir_buf_init(&d.text, 1u << 20);
    int rc = weir_ask_keys(ask->body, "a source", known, err);
    rc = rc ? rc : weir_ask_text(ask, "name", true, &name, err);
    rc = rc ? rc : check_zones(ask, err);
    rc = rc ? rc : read_flag(ask, "dry_run", &dry, err);
    rc = rc ? rc : read_flag(ask, "columns", &columns, err);
    rc = rc ? rc : write_file(ask, name, &d, err);
    if (rc == 0 && dry) {
        rc = weir_ask_note(ask, "source.try", name, (struct weir_str){NULL, 0}, err);
        rc = rc ? rc
                : weir_source_discover_text(&d.site, d.name, weir_buf_str(&d.text), columns,
                                            &ask->w, err);
        rc = end_look(ask, rc, err);
    } else if (rc == 0) {
        rc = weir_source_commit(ask, d.name, "Add", create, &d, err);
        rc = rc ? rc : weir_ask_note(ask, "source.add", name, (struct weir_str){NULL, 0}, err);
        rc = rc ? rc : weir_source_print_one(ask, d.name, false, err);
        ask->status = rc ? ask->status : 201;
        weir_source_runs_touch(runs_of(ask));
    }
    weir_buf_free(&d.text);
    return rc;
}

int weir_ask_source_preview(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"kind",   "schema", "schedule", "connection", "streams",
                                        "stream", "whole",  "secrets",  NULL};
    struct described d = {.typed = NULL, .site = site_of_look(ask)};
    struct weir_source_preview what = {.most = 50, .text = weir_query_value_text};
    bool unsaved = weir_json_get(ask->body, "kind").doc != NULL;
    weir_buf_init(&d.text, 1u << 20);
    int rc = weir_ask_keys(ask->body, "a preview", known, err);
    rc = rc ? rc : weir_ask_text(ask, "stream", true, &what.stream, err);
    rc = rc ? rc : read_flag(ask, "whole", &what.whole, err);
    rc = rc || !unsaved ? rc : write_file(ask, ask->id, &d, err);
    rc = rc || !unsaved
             ? rc
             : weir_ask_note(ask, "source.try", ask->id, (struct weir_str){NULL, 0}, err);
    what.source = unsaved ? d.name : id_of(ask);
    what.text_of_file = unsaved ? weir_buf_str(&d.text) : (struct weir_str){NULL, 0};
    rc = rc ? rc : weir_source_preview(&d.site, &what, &ask->w, err);
    weir_buf_free(&d.text);
    return end_look(ask, rc, err);
}

struct change {
    struct weir_data *members;
    struct weir_str base; /* which file it is one of; ptr NULL: of whatever is there */
};

/* With the lock of the workspace. */
static int change(struct weir_ask *ask, void *arg, struct weir_error *err)
{
    struct change *c = arg;
    int rc = c->base.ptr ? weir_source_base_check(dir_of(ask), id_of(ask), c->base, err) : 0;
    return rc ? rc
              : weir_source_change(weir_source_runs_site(runs_of(ask)), id_of(ask), c->members,
                                   &ask->arena, err);
}

int weir_ask_source_change(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"schema",  "schedule", "verify",  "connection",
                                        "streams", "base",     "secrets", NULL};
    struct change c = {.base = {NULL, 0}};
    int rc = weir_ask_keys(ask->body, "a change of a source", known, err);
    rc = rc ? rc : weir_ask_text(ask, "base", false, &c.base, err);
    rc = rc ? rc : check_told(ask, err);
    rc = rc ? rc : check_zones(ask, err);
    rc = rc ? rc : weir_data_from_json(&ask->arena, ask->body, &c.members, err);
    if (rc == 0) {
        weir_data_unset(c.members, "base");
    }
    rc = rc ? rc : weir_source_exists(dir_of(ask), id_of(ask), err);
    rc = rc ? rc : weir_source_commit(ask, id_of(ask), "Change", change, &c, err);
    rc = rc ? rc : weir_ask_note(ask, "source.change", ask->id, (struct weir_str){NULL, 0}, err);
    weir_source_runs_touch(runs_of(ask));
    return rc ? rc : weir_source_print_one(ask, id_of(ask), false, err);
}

static int remove_file(struct weir_ask *ask, void *arg, struct weir_error *err)
{
    (void)arg;
    return weir_source_remove(ask->server->run->workspace, id_of(ask), err);
}

/* No run may begin meanwhile: it would make the slot anew that is taken away. */
static int remove_held(struct weir_ask *ask, struct weir_buf *note, struct weir_error *err)
{
    const struct weir_source_site *site = weir_source_runs_site(runs_of(ask));
    struct weir_source_config config;
    struct weir_error ignored; /* a file with a mistake can be removed, too */
    if (weir_source_file_gone(dir_of(ask), id_of(ask))) {
        int code = weir_source_leave_gone(site, ask->warehouse, id_of(ask), note, err);
        return code ? code : weir_source_forget(site, id_of(ask), err);
    }
    bool read = weir_source_config_read(dir_of(ask), id_of(ask), &config, &ignored) == 0;
    int rc = weir_source_commit(ask, id_of(ask), "Remove", remove_file, NULL, err);
    if (rc == 0 && read) {
        weir_source_leave(site, ask->warehouse, &config, note);
    }
    weir_source_config_free(&config);
    return rc ? rc : weir_source_forget(site, id_of(ask), err);
}

int weir_ask_source_remove(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_buf note;
    int rc = weir_source_runs_hold(runs_of(ask), id_of(ask), err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&note, 16u << 10);
    rc = remove_held(ask, &note, err);
    weir_source_runs_release(runs_of(ask), id_of(ask));
    ask->status = note.len ? 200 : 204;
    if (note.len) {
        weir_jw_object(&ask->w);
        weir_jw_kstr(&ask->w, "note", weir_buf_str(&note));
        weir_jw_object_end(&ask->w);
    }
    weir_buf_free(&note);
    if (rc == 0) {
        weir_source_ills_clear(weir_source_runs_ills(runs_of(ask)), id_of(ask));
    }
    weir_source_runs_touch(runs_of(ask));
    return rc ? rc : weir_ask_note(ask, "source.remove", ask->id, (struct weir_str){NULL, 0}, err);
}

static int write_paused(struct weir_ask *ask, void *arg, struct weir_error *err)
{
    return weir_source_pause(dir_of(ask), id_of(ask), *(const bool *)arg, err);
}

static int pause(struct weir_ask *ask, bool paused, struct weir_error *err)
{
    int rc = weir_source_commit(ask, id_of(ask), paused ? "Pause" : "Resume", write_paused, &paused,
                                err);
    rc = rc ? rc
            : weir_ask_note(ask, paused ? "source.pause" : "source.resume", ask->id,
                            (struct weir_str){NULL, 0}, err);
    weir_source_runs_touch(runs_of(ask));
    return rc ? rc : weir_source_print_one(ask, id_of(ask), false, err);
}

int weir_ask_source_pause(struct weir_ask *ask, struct weir_error *err)
{
    return pause(ask, true, err);
}

int weir_ask_source_resume(struct weir_ask *ask, struct weir_error *err)
{
    return pause(ask, false, err);
}

/* --- runs ---------------------------------------------------------------------------------------
 */

/* A text of the body as C text; NULL when it is absent. */
static int read_text(struct weir_ask *ask, const char *key, const char **out,
                     struct weir_error *err)
{
    struct weir_str text = {NULL, 0};
    int rc = weir_ask_text(ask, key, false, &text, err);
    *out = rc == 0 && text.ptr ? weir_arena_dup(&ask->arena, text).ptr : NULL;
    return rc || !text.ptr || *out ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
}

static int start(struct weir_ask *ask, const struct weir_source_wanted *wanted, const char *noted,
                 const char *how, struct weir_error *err)
{
    char run[WEIR_SOURCE_RUN_SIZE];
    const struct weir_source_run what = {.site = weir_source_runs_site(runs_of(ask)),
                                         .source = id_of(ask),
                                         .stream = wanted->stream,
                                         .from = wanted->from,
                                         .to = wanted->to,
                                         .full = wanted->full,
                                         .verify = wanted->verify};
    int rc = weir_source_asked(&what, err);
    rc = rc ? rc : weir_source_runs_start(runs_of(ask), id_of(ask), wanted, run, err);
    rc = rc ? rc
            : weir_ask_note(ask, noted, ask->id,
                            how ? weir_str_of(how) : (struct weir_str){NULL, 0}, err);
    if (rc == 0) {
        ask->status = 202;
        (void)weir_source_runs_print(runs_of(ask), run, &ask->w);
    }
    return rc;
}

int weir_ask_source_sync(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"stream", "full", "moved", "from", "to", NULL};
    struct weir_source_wanted wanted = {.full = false};
    int rc = weir_ask_keys(ask->body, "a sync", known, err);
    rc = rc ? rc : read_text(ask, "stream", &wanted.stream, err);
    rc = rc ? rc : read_text(ask, "from", &wanted.from, err);
    rc = rc ? rc : read_text(ask, "to", &wanted.to, err);
    rc = rc ? rc : read_flag(ask, "full", &wanted.full, err);
    rc = rc ? rc : read_flag(ask, "moved", &wanted.moved, err);
    return rc ? rc
              : start(ask, &wanted, "source.sync", wanted.full ? "{\"full\":true}" : NULL, err);
}

int weir_ask_source_verify(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"stream", "repair", NULL};
    struct weir_source_wanted wanted = {.verify = true};
    int rc = weir_ask_keys(ask->body, "a comparison", known, err);
    rc = rc ? rc : read_text(ask, "stream", &wanted.stream, err);
    rc = rc ? rc : read_flag(ask, "repair", &wanted.repair, err);
    return rc ? rc
              : start(ask, &wanted, "source.verify", wanted.repair ? "{\"repair\":true}" : NULL,
                      err);
}

static int ledger(struct weir_ask *ask, const char *source, const char *run, struct weir_error *err)
{
    struct weir_session *session = NULL;
    int rc = weir_session_new(ask->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_source_runs_list(session, source, run, RUNS_SHOWN, &ask->w, err);
    weir_session_free(session);
    return rc;
}

int weir_ask_source_runs(struct weir_ask *ask, struct weir_error *err)
{
    char run[WEIR_SOURCE_RUN_SIZE];
    weir_source_runs_of(runs_of(ask), id_of(ask), run);
    int rc = must_see_all(ask, err);
    rc = rc ? rc : weir_source_exists(dir_of(ask), id_of(ask), err);
    weir_jw_object(&ask->w);
    weir_jw_kstr_or_null(&ask->w, "run", weir_str_of(run));
    weir_jw_keyz(&ask->w, "runs");
    weir_source_runs_print_all(runs_of(ask), id_of(ask), &ask->w);
    weir_jw_keyz(&ask->w, "loads");
    rc = rc ? rc : ledger(ask, id_of(ask), NULL, err);
    weir_jw_object_end(&ask->w);
    return rc;
}

int weir_ask_run(struct weir_ask *ask, struct weir_error *err)
{
    int rc = must_see_all(ask, err);
    if (rc || weir_source_runs_print(runs_of(ask), id_of(ask), &ask->w)) {
        return rc;
    }
    return weir_fail(err, WEIR_ENOENT,
                     "no run \"%.40s\" is remembered; what runs loaded is in weir.loads",
                     id_of(ask));
}

int weir_ask_run_cancel(struct weir_ask *ask, struct weir_error *err)
{
    if (!weir_source_runs_cancel(runs_of(ask), id_of(ask))) {
        return weir_fail(err, WEIR_ENOENT, "no run \"%.40s\" goes on", id_of(ask));
    }
    ask->status = 204;
    return weir_ask_note(ask, "source.cancel", ask->id, (struct weir_str){NULL, 0}, err);
}
