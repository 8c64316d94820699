/* What runs left at a source beside the rows, which the source keeps for them until it is taken
 * away. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "source/ledger/ledger.h"
#include "source/schedule/follow.h"
#include "source/schedule/watch.h"
#include "workspace/name.h"

#define MAX_CURSOR (64u << 20)
#define MAX_TEXT   (1u << 20) /* as that of a file */

bool weir_source_may_keep(const char *workspace_dir, const char *name)
{
    struct weir_source_config config;
    struct weir_error ignored;
    bool may = weir_source_config_read(workspace_dir, name, &config, &ignored) == 0 &&
               config.connector->capture && config.connector->capture->leave;
    weir_source_config_free(&config);
    return may;
}

/* What is known of it here. */
struct left {
    struct weir_session *session;
    struct weir_arena arena;
    struct weir_str cursor;    /* the source's; ptr NULL: it was never followed */
    struct weir_buf what, how; /* what is kept there, and what to run there */
};

/* Free it, also after a failure. */
static int look(struct weir_warehouse *warehouse, const struct weir_source_config *config,
                struct left *l, struct weir_error *err)
{
    *l = (struct left){.cursor = {NULL, 0}};
    weir_arena_init(&l->arena, MAX_CURSOR);
    weir_buf_init(&l->what, 4096);
    weir_buf_init(&l->how, 4096);
    int rc = warehouse ? weir_session_new(warehouse, WEIR_SESSION_OWNER, &l->session, err)
                       : weir_fail(err, WEIR_EBUSY, "the warehouse is not open");
    rc = rc ? rc : weir_source_ledger_open(l->session, err);
    return rc ? rc
              : weir_source_ledger_cursor(l->session, config->name, WEIR_SOURCE_ALL, NULL, NULL,
                                          &l->arena, &l->cursor, err);
}

static void free_left(struct left *l)
{
    weir_session_free(l->session);
    weir_buf_free(&l->what);
    weir_buf_free(&l->how);
    weir_arena_free(&l->arena);
}

bool weir_source_kept(const struct weir_source_config *config, struct weir_warehouse *warehouse,
                      struct weir_buf *what, struct weir_buf *how)
{
    const struct weir_source_capture *c = config->connector->capture;
    struct weir_error ignored;
    struct left l;
    if (!c || !c->kept) {
        return false;
    }
    if (!warehouse || !c->leave) {
        return c->kept(config, (struct weir_str){NULL, 0}, what, how);
    }
    int rc = look(warehouse, config, &l, &ignored);
    bool kept = c->kept(config, rc ? (struct weir_str){NULL, 0} : l.cursor, what, how);
    free_left(&l);
    return kept;
}

bool weir_source_keeps(const char *workspace_dir, struct weir_warehouse *warehouse,
                       const char *name, struct weir_buf *out)
{
    struct weir_source_config config;
    struct weir_error ignored;
    struct weir_buf how;
    weir_buf_init(&how, 4096);
    bool keeps = weir_source_config_read(workspace_dir, name, &config, &ignored) == 0 &&
                 weir_source_kept(&config, warehouse, out, &how);
    weir_source_config_free(&config);
    weir_buf_free(&how);
    return keeps;
}

void weir_source_warn_of_left(const struct weir_source_run *run,
                              const struct weir_source_config *config)
{
    const struct weir_source_capture *c = config->connector->capture;
    struct weir_error ignored;
    struct left l;
    if (!c->leave) {
        return;
    }
    if (look(run->warehouse, config, &l, &ignored) == 0 && l.cursor.ptr &&
        c->kept(config, l.cursor, &l.what, &l.how)) {
        weir_log(run->log, WEIR_LOG_WARN, "a source is followed no more, and is still kept for",
                 "source", config->name, "kept", weir_buf_cstr(&l.what), "run there",
                 weir_buf_cstr(&l.how));
        weir_source_watch_say(weir_source_watch_of(run->progress),
                              "it is followed no more, but %s; run there: %s",
                              weir_buf_cstr(&l.what), weir_buf_cstr(&l.how));
    }
    free_left(&l);
}

static int forget(struct weir_session *session, const char *name, struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 4096);
    weir_buf_addz(&sql, "DELETE FROM weir.source_state WHERE source = ");
    weir_sql_text(&sql, weir_str_of(name));
    weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("source_state"));
    int rc = weir_session_exec_buf(session, &sql, err);
    weir_buf_free(&sql);
    return rc;
}

/* It is gone there, then the cursor is: a source of this name begins anew. */
static int take(const struct weir_source_site *site, struct weir_session *session,
                struct weir_source_config *config, struct weir_str cursor, struct weir_buf *note,
                struct weir_error *err)
{
    void *connection = NULL;
    int rc = weir_source_open(site, config, &connection, err);
    rc = rc ? rc : config->connector->capture->leave(connection, cursor, note, err);
    config->connector->close(connection);
    return rc ? rc : forget(session, config->name, err);
}

static void tell_untaken(const struct left *l, const struct weir_error *why, struct weir_buf *note)
{
    weir_buf_addf(note, "%s; it could not be taken away: %s. Run there: %s",
                  weir_buf_cstr(&l->what), why->message, weir_buf_cstr(&l->how));
}

void weir_source_leave(const struct weir_source_site *site, struct weir_warehouse *warehouse,
                       struct weir_source_config *config, struct weir_buf *note)
{
    const struct weir_source_capture *c = config->connector->capture;
    struct weir_error why;
    struct left l;
    if (!c || !c->leave) {
        return;
    }
    int rc = look(warehouse, config, &l, &why);
    bool kept = c->kept(config, l.cursor, &l.what, &l.how);
    if (rc == 0 && l.cursor.ptr) {
        rc = take(site, l.session, config, l.cursor, note, &why);
    }
    if (rc && kept) {
        tell_untaken(&l, &why, note);
    }
    free_left(&l);
}

/* --- sources whose files are gone ---------------------------------------------------------------
 *
 * Files go with git, too: by a commit that was pulled, or another name. */

bool weir_source_file_gone(const char *workspace_dir, const char *name)
{
    char path[4096];
    struct weir_error ignored;
    return weir_source_name_check(weir_str_of(name), &ignored) == 0 &&
           snprintf(path, sizeof path, "%s/sources/%s.yml", workspace_dir, name) <
               (int)sizeof path &&
           access(path, F_OK) && errno == ENOENT;
}

/* What the file said of where it is read from. WEIR_ENOENT: the cursor does not have it. */
static int read_kept(const char *name, struct weir_str cursor, struct weir_source_config *out,
                     struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(16);
    struct weir_json root;
    struct weir_data *connection = NULL;
    struct weir_arena arena;
    struct weir_buf text;
    *out = (struct weir_source_config){.name = name};
    weir_arena_init(&arena, MAX_CURSOR);
    weir_buf_init(&text, MAX_TEXT);
    weir_buf_adds(&text, cursor);
    int rc = parser ? weir_buf_check(&text, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    if (rc == 0 && weir_json_type(weir_json_get(root, "connection")) != WEIR_JSON_OBJECT) {
        rc = weir_fail(err, WEIR_ENOENT, "how it is reached was not kept");
    }
    rc = rc ? rc : weir_data_from_json(&arena, weir_json_get(root, "connection"), &connection, err);
    if (rc == 0) {
        struct weir_buf file;
        weir_buf_init(&file, MAX_TEXT);
        struct weir_jw w = weir_jw_on(&file);
        weir_jw_object(&w);
        weir_jw_kstr(&w, "kind", weir_json_get_str(root, "kind"));
        weir_jw_keyz(&w, "connection");
        weir_data_print(connection, &w);
        weir_jw_object_end(&w);
        rc = weir_buf_check(&file, "a connection", err);
        rc =
            rc ? rc
               : weir_source_config_parse(weir_buf_str(&file), name, "weir.source_state", out, err);
        weir_buf_free(&file);
    }
    if (rc) {
        weir_source_config_free(out);
        *out = (struct weir_source_config){.name = name};
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    weir_arena_free(&arena);
    return rc;
}

/* By what the cursor has of it, or, where that is of an older weir, by whoever knows the cursor. */
static bool kept_by(const struct weir_source_config *config, bool known, struct weir_str cursor,
                    struct weir_buf *what, struct weir_buf *how)
{
    bool kept = false;
    for (size_t i = 0; !kept && weir_source_connectors[i]; i++) {
        const struct weir_source_capture *c = weir_source_connectors[i]->capture;
        bool may = c && c->leave && (!known || config->connector == weir_source_connectors[i]);
        kept = may && c->kept(config, cursor, what, how);
    }
    return kept;
}

static int read_one(const char *name, struct weir_str cursor, struct weir_arena *arena,
                    struct weir_source_left *out, struct weir_error *err)
{
    struct weir_source_config config;
    struct weir_buf what, how, says;
    struct weir_error ignored;
    weir_buf_init(&what, MAX_TEXT);
    weir_buf_init(&how, MAX_TEXT);
    weir_buf_init(&says, MAX_TEXT);
    bool known = read_kept(name, cursor, &config, &ignored) == 0;
    if (kept_by(&config, known, cursor, &what, &how)) {
        weir_buf_addf(&says, "sources/%s.yml is gone, but %s; ", name, weir_buf_cstr(&what));
        if (known) {
            weir_buf_addf(&says, "`weir source remove %s` ends that", name);
        } else {
            weir_buf_addf(&says, "run there: %s `weir source remove %s` then forgets it",
                          weir_buf_cstr(&how), name);
        }
    }
    *out = (struct weir_source_left){name, weir_arena_dup(arena, weir_buf_str(&says)).ptr};
    int rc = out->says ? weir_buf_check(&says, "what is left of a source", err)
                       : weir_fail(err, WEIR_ENOMEM, "no memory for what is left of sources");
    weir_source_config_free(&config);
    weir_buf_free(&what);
    weir_buf_free(&how);
    weir_buf_free(&says);
    return rc;
}

static int read_rows(struct weir_result *result, const char *workspace_dir,
                     struct weir_arena *arena, struct weir_source_left **out, size_t *count,
                     struct weir_error *err)
{
    struct weir_batch b;
    size_t room = 0;
    int rc = 0;
    while (rc == 0 && (rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        void *grown = *out;
        if (!weir_arena_grow(arena, &grown, *count, b.rows, &room, sizeof **out)) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for what is left of sources");
        }
        *out = grown;
        for (size_t row = 0; rc == 0 && row < b.rows; row++) {
            const char *name = weir_arena_dup(arena, b.columns[0].strs[row]).ptr;
            if (!name) {
                rc = weir_fail(err, WEIR_ENOMEM, "no memory for what is left of sources");
            } else if (weir_source_file_gone(workspace_dir, name)) {
                rc = read_one(name, b.columns[1].strs[row], arena, &(*out)[*count], err);
                *count += rc == 0 && *(*out)[*count].says;
            }
        }
    }
    return rc;
}

int weir_source_left_read(struct weir_session *session, const char *workspace_dir,
                          struct weir_arena *arena, struct weir_source_left **out, size_t *count,
                          struct weir_error *err)
{
    struct weir_result *result = NULL;
    bool there = false;
    *out = NULL;
    *count = 0;
    int rc = weir_source_ledger_there(session, &there, err);
    if (rc == 0 && there) {
        rc = weir_session_query(session,
                                "SELECT source, CAST(cursor AS VARCHAR) FROM weir.source_state "
                                "WHERE stream = '" WEIR_SOURCE_ALL "' AND source IS NOT NULL AND "
                                "cursor IS NOT NULL ORDER BY source LIMIT 1000",
                                NULL, 0, &result, err);
        rc = rc ? rc : read_rows(result, workspace_dir, arena, out, count, err);
        weir_result_free(result);
    }
    return rc;
}

int weir_source_leave_gone(const struct weir_source_site *site, struct weir_warehouse *warehouse,
                           const char *name, struct weir_buf *note, struct weir_error *err)
{
    struct weir_source_config config = {.name = name};
    struct weir_error why;
    struct left l;
    int rc = look(warehouse, &config, &l, err);
    bool any = rc == 0 && l.cursor.ptr;
    bool known = any && read_kept(name, l.cursor, &config, &why) == 0;
    bool kept = any && kept_by(&config, known, l.cursor, &l.what, &l.how);
    if (rc == 0 && !kept) {
        rc = weir_fail(err, WEIR_ENOENT,
                       "there is no source \"%s\"; `weir source list` shows the sources", name);
    } else if (rc == 0 && (!known || take(site, l.session, &config, l.cursor, note, &why))) {
        tell_untaken(&l, &why, note);
        rc =
            forget(l.session, name, err); /* whoever removes it twice wants to hear no more of it */
    }
    weir_source_config_free(&config);
    free_left(&l);
    return rc;
}
