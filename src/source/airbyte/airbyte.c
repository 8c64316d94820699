/* The connector `airbyte`: any source that speaks its protocol. One run of it speaks of all
 * streams. */
#include "source/airbyte/airbyte.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_TEXT (256u << 20)

static const struct weir_option options[] = {
    WEIR_PROGRAM_OPTIONS("a source in PyPI, NAME==VERSION, which gets a virtual environment of its "
                         "own in .weir/taps"),
    {.name = "image",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_program_settings, image),
     .fallback = "",
     .help =
         "an image of Docker, NAME:TAG, in the place of a package or an executable; `image` must "
         "be in source.programs of weir.yml"},
    {.name = "network",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_program_settings, network),
     .fallback = "",
     .help =
         "of an image's container: `host` (it is in this machine's own network), `none`, or the "
         "name of one of Docker's networks; without it Docker's usual one. In each but `none` "
         "this machine is called host.docker.internal"},
    {0}};

struct airbyte {
    const struct weir_airbyte_settings *settings;
    struct weir_program program;
    struct weir_airbyte_catalog catalog;
    bool discovered;
    const char *config_path;
    struct weir_airbyte_secrets typed; /* of a trial */
};

static void close_connection(void *connection)
{
    struct airbyte *a = connection;
    if (a) {
        weir_airbyte_catalog_free(&a->catalog);
        weir_program_free(&a->program);
        free(a);
    }
}

static int open_connection(const struct weir_source_config *config,
                           const struct weir_source_site *site, void **out, struct weir_error *err)
{
    struct airbyte *a = calloc(1, sizeof *a);
    *out = a;
    if (!a) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a connection");
    }
    a->settings = config->connection;
    a->typed.mask = &a->program.mask;
    a->typed.arena = &a->program.arena;
    return weir_program_open(&a->program, config, site, &a->settings->program, err);
}

/* --- talks --------------------------------------------------------------------------------------
 */

/* One command to its end. What the source says of a failure is more than how it ended. */
static int talk(struct airbyte *a, struct weir_airbyte_reader *r, const char *const *arguments,
                const atomic_bool *stop, struct weir_source_progress *progress,
                struct weir_error *err)
{
    const char *const *argv = weir_program_command(&a->program, arguments);
    struct weir_child_options o = weir_program_options(&a->program, argv, stop);
    struct weir_child child;
    struct weir_str line;
    weir_time since = weir_now();
    if (!argv) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a program");
    }
    weir_program_listen(&a->program, progress);
    weir_program_sweep(&a->program);
    r->name = a->program.name;
    r->mask = a->program.mask;
    int rc = weir_child_start(&child, &o, err);
    while (rc == 0 && (rc = weir_child_line(&child, &line, err)) == 0 && line.ptr) {
        rc = weir_airbyte_line(r, line, err);
        if (r->told) {
            weir_child_note(&child, line);
            r->told = false;
        }
    }
    rc = rc ? rc : weir_child_end(&child, err);
    weir_child_free(&child);
    if (rc) {
        weir_program_end(&a->program);
        rc = weir_program_explain(&a->program, &child, since, rc, err);
    }
    struct weir_error ignored;
    if (r->config.len) { /* a token that was refreshed counts, whatever became of the rest */
        int kept = weir_program_keep_config(&a->program, weir_buf_str(&r->config), &ignored);
        rc = rc ? rc : kept ? weir_fail(err, kept, "%s", ignored.message) : 0;
    }
    if (rc == 0 && r->feed) {
        weir_airbyte_look_at_end(r);
    }
    if (r->error[0] && (rc == 0 || rc == WEIR_EIO)) {
        rc = weir_fail(err, WEIR_EIO, "%s: %s (all that it said is in %s)", a->program.name,
                       r->error, a->program.log);
    }
    return rc;
}

/* What it says of its settings; false when it says nothing. */
static bool specify(struct airbyte *a, struct weir_airbyte_reader *r, const atomic_bool *stop,
                    struct weir_json *out)
{
    struct weir_json root;
    struct weir_error ignored;
    const char *argv[] = {"spec", NULL};
    bool told = talk(a, r, argv, stop, NULL, &ignored) == 0 && r->spec_text.len &&
                weir_json_parse(r->parser, weir_buf_str(&r->spec_text), &root, &ignored) == 0;
    *out = told ? weir_json_get(root, "connectionSpecification") : (struct weir_json){0};
    return told;
}

/* Refuses secrets in clear that only the specification knows to be secrets; of a trial they are
 * told, so that they are sealed when it is saved. It is asked again when the settings or the
 * program are others. */
static int check_secrets(struct airbyte *a, const atomic_bool *stop, struct weir_error *err)
{
    struct weir_airbyte_reader r;
    struct weir_json spec;
    struct weir_buf text;
    weir_buf_init(&text, MAX_TEXT);
    weir_buf_addf(&text, "%s %s %s ", a->settings->program.package, a->settings->program.image,
                  a->program.path);
    struct weir_jw w = weir_jw_on(&text);
    if (a->settings->program.config) {
        weir_data_print(a->settings->program.config, &w);
    }
    int rc = weir_buf_check(&text, "the settings of a program", err);
    if (rc == 0 && !weir_program_is_marked(&a->program, "checked", weir_buf_str(&text))) {
        rc = weir_airbyte_reader_init(&r, NULL, err);
        if (rc == 0 && specify(a, &r, stop, &spec)) {
            rc = weir_airbyte_spec_secrets(spec, a->settings->program.config,
                                           a->program.config->name,
                                           a->program.site->trial ? &a->typed : NULL, err);
            rc = rc || a->typed.paths
                     ? rc
                     : weir_program_mark(&a->program, "checked", weir_buf_str(&text), err);
        }
        weir_airbyte_reader_free(&r);
    }
    weir_buf_free(&text);
    return rc;
}

/* Its settings, by its specification and by its own check. *told: one of them found a fault. */
static int ask_whether_well(struct airbyte *a, const atomic_bool *stop, bool *told,
                            struct weir_error *err)
{
    struct weir_airbyte_reader r;
    struct weir_buf missing;
    struct weir_json spec;
    const char *argv[] = {"check", "--config", a->config_path, NULL};
    weir_buf_init(&missing, 500);
    int rc = weir_airbyte_reader_init(&r, NULL, err);
    if (rc == 0 && specify(a, &r, stop, &spec)) {
        weir_airbyte_spec_missing(spec, a->settings->program.config, &missing);
    }
    if (missing.len) {
        rc = weir_fail(err, WEIR_EINVAL, "`config` of the source's file lacks %s",
                       weir_buf_cstr(&missing));
    }
    r.error[0] = 0;
    rc = rc ? rc : talk(a, &r, argv, stop, NULL, err);
    *told = missing.len || (r.checked && !r.well);
    if (r.checked && !r.well) {
        rc = weir_fail(err, WEIR_EIO, "%s: %s", a->program.name, r.error);
    } else if (rc == 0 && !r.checked) {
        rc = weir_fail(err, WEIR_EIO, "`%s check` said nothing of its settings", a->program.name);
    }
    weir_airbyte_reader_free(&r);
    weir_buf_free(&missing);
    return rc;
}

/* Why it could not be looked into: its check says more than its discovery. */
static int explain(struct airbyte *a, int rc, const atomic_bool *stop, struct weir_error *err)
{
    struct weir_error why = {0};
    if (rc == WEIR_ECANCELED || rc == WEIR_ETIMEDOUT) {
        return rc;
    }
    bool told;
    int found = ask_whether_well(a, stop, &told, &why);
    return told ? weir_fail(err, found == WEIR_EINVAL ? found : rc, "%s", why.message) : rc;
}

/* Whoever tests a connection asks the source itself: many show their streams with any password. */
static int check(void *connection, struct weir_error *err)
{
    struct airbyte *a = connection;
    bool told;
    int rc = weir_program_config(&a->program, &a->config_path, err);
    rc = rc ? rc : check_secrets(a, NULL, err);
    rc = rc ? rc : ask_whether_well(a, NULL, &told, err);
    if (rc) {
        weir_mask_error(a->program.mask, err);
    }
    return rc;
}

static void print_secrets(void *connection, struct weir_jw *w)
{
    const struct airbyte *a = connection;
    for (const struct weir_data *p = a->typed.paths ? a->typed.paths->first : NULL; p;
         p = p->next) {
        char path[300];
        snprintf(path, sizeof path, "config." WEIR_STR_FMT, WEIR_STR_ARG(p->text));
        weir_jw_strz(w, path);
    }
}

static int look(struct airbyte *a, const atomic_bool *stop, struct weir_error *err)
{
    struct weir_airbyte_reader r;
    if (a->discovered) {
        return 0;
    }
    int rc = weir_program_config(&a->program, &a->config_path, err);
    rc = rc ? rc : check_secrets(a, stop, err);
    if (rc) {
        return rc;
    }
    const char *argv[] = {"discover", "--config", a->config_path, NULL};
    rc = weir_airbyte_reader_init(&r, NULL, err);
    rc = rc ? rc : talk(a, &r, argv, stop, NULL, err);
    if (rc == 0 && !r.catalog_text.len) {
        rc = weir_fail(err, WEIR_EINVAL, "`%s discover` told no catalog", a->program.name);
    }
    rc = rc ? explain(a, rc, stop, err)
            : weir_airbyte_catalog_read(&a->catalog, weir_buf_str(&r.catalog_text), err);
    if (rc) {
        weir_mask_error(a->program.mask, err);
    }
    a->discovered = rc == 0;
    weir_airbyte_reader_free(&r);
    return rc;
}

/* --- what it has --------------------------------------------------------------------------------
 */

static struct weir_str name_of(const void *of, size_t i)
{
    return ((const struct weir_airbyte_catalog *)of)->entries[i].name;
}

static size_t find(const void *of, struct weir_str name)
{
    const struct weir_airbyte_catalog *c = of;
    const struct weir_airbyte_entry *e = weir_airbyte_find(c, name);
    return e ? (size_t)(e - c->entries) : SIZE_MAX;
}

static const char *mode_of(const void *of, size_t i)
{
    const struct weir_airbyte_entry *e = &((const struct weir_airbyte_catalog *)of)->entries[i];
    return !e->incremental ? "replace" : e->keyed ? "merge" : "append";
}

static int discover(void *connection, struct weir_source_catalog *out, struct weir_error *err)
{
    struct airbyte *a = connection;
    int rc = look(a, NULL, err);
    const struct weir_foreign_catalog catalog = {.of = &a->catalog,
                                                 .count = a->catalog.count,
                                                 .name = name_of,
                                                 .find = find,
                                                 .mode = mode_of,
                                                 .known = true};
    return rc ? rc : weir_foreign_discover(&a->program, &catalog, out, err);
}

/* The columns, for whoever looks. */
static int plan(void *connection, const struct weir_source_stream *stream, struct weir_str cursor,
                struct weir_source_plan *out, struct weir_error *err)
{
    struct airbyte *a = connection;
    int rc = look(a, out->stop, err);
    const struct weir_airbyte_entry *e =
        rc ? NULL : weir_airbyte_find(&a->catalog, weir_str_of(stream->name));
    return rc || !e ? rc
                    : weir_foreign_plan(&a->program, stream,
                                        weir_json_get(e->stream, "json_schema"), cursor, out, err);
}

/* --- a run --------------------------------------------------------------------------------------
 */

static int feed_all(void *connection, struct weir_feed *feed, struct weir_error *err)
{
    struct airbyte *a = connection;
    struct weir_airbyte_reader r;
    struct weir_buf text;
    const char *argv[12] = {"read", "--config"}, *path = NULL;
    int64_t sync = weir_now() / WEIR_SECOND;
    size_t n = 2;
    int rc = look(a, feed->stop, err);
    if (rc) {
        return rc;
    }
    argv[n++] = a->config_path;
    weir_buf_init(&text, MAX_TEXT);
    rc = weir_airbyte_reader_init(&r, feed, err);
    r.catalog = &a->catalog;
    r.sync = sync;
    rc = rc ? rc : weir_airbyte_state_read(&r, err); /* before: it can make all begin anew */
    rc = rc ? rc : weir_airbyte_configure(&a->catalog, feed, sync, &text, err);
    rc = rc ? rc : weir_program_write(&a->program, "catalog.json", weir_buf_str(&text), &path, err);
    argv[n++] = "--catalog";
    argv[n++] = path;
    weir_buf_reset(&text);
    rc = rc ? rc : weir_airbyte_state_print(&r, &text, err);
    if (rc == 0 && text.len) {
        rc = weir_program_write(&a->program, "state.json", weir_buf_str(&text), &path, err);
        argv[n++] = "--state";
        argv[n++] = path;
    }
    argv[n] = NULL;
    rc = rc ? rc : talk(a, &r, argv, feed->stop, feed->progress, err);
    weir_airbyte_tell_strange(&r);
    rc = rc ? weir_airbyte_lines_failed(&r, rc) : weir_airbyte_lines_end(&r, err);
    if (rc) {
        weir_mask_error(a->program.mask, err);
    }
    weir_airbyte_reader_free(&r);
    weir_buf_free(&text);
    return rc;
}

const struct weir_source_connector weir_source_airbyte = {
    .name = "airbyte",
    .title = "Airbyte sources",
    .options = options,
    .settings_size = sizeof(struct weir_airbyte_settings),
    .memory = weir_program_memory,
    .secrets = print_secrets,
    .open = open_connection,
    .check = check,
    .discover = discover,
    .plan = plan,
    .close = close_connection,
    .feed = feed_all,
};
