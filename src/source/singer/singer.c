/* The connector `singer`: any tap. One run of it speaks of all streams. */
#include "source/singer/singer.h"

#include <stdlib.h>

#include "source/schedule/watch.h"

#define MAX_CATALOG (256u << 20)

static const char *const selections[] = {"catalog", "properties", "none", NULL};
static const struct weir_option options[] = {
    WEIR_PROGRAM_OPTIONS("a tap in PyPI, NAME==VERSION, which gets a virtual environment of its "
                         "own in .weir/taps"),
    {.name = "selection",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_singer_settings, selection),
     .fallback = "catalog",
     .choices = selections,
     .help = "how the tap learns what is wanted: --catalog; --properties, of old ones; none: it "
             "cannot discover, and tells its streams as it runs"},
    {0}};

struct singer {
    const struct weir_singer_settings *settings;
    struct weir_program program;
    struct weir_singer_catalog catalog;
    bool discovered;
    const char *config_path;
};

static void close_connection(void *connection)
{
    struct singer *t = connection;
    if (t) {
        weir_singer_catalog_free(&t->catalog);
        weir_program_free(&t->program);
        free(t);
    }
}

static int open_connection(const struct weir_source_config *config,
                           const struct weir_source_site *site, void **out, struct weir_error *err)
{
    struct singer *t = calloc(1, sizeof *t);
    *out = t;
    if (!t) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a connection");
    }
    t->settings = config->connection;
    return weir_program_open(&t->program, config, site, &t->settings->program, err);
}

/* --- what it has --------------------------------------------------------------------------------
 */

static int look(struct singer *t, const atomic_bool *stop, struct weir_error *err)
{
    struct weir_buf out;
    if (t->discovered) {
        return 0;
    }
    int rc = weir_program_config(&t->program, &t->config_path, err);
    if (rc || t->settings->selection == WEIR_SINGER_NONE) {
        return rc;
    }
    const char *argv[] = {t->program.path, "--config", t->config_path, "--discover", NULL};
    struct weir_child_options o = weir_program_options(&t->program, argv, stop);
    o.line_max = MAX_CATALOG;
    weir_buf_init(&out, MAX_CATALOG);
    rc = weir_child_run(&o, &out, err);
    if (rc == 0) {
        rc = weir_singer_catalog_read(&t->catalog, weir_buf_str(&out), err);
        t->discovered = rc == 0;
        if (rc) {
            weir_error_prefix(err, rc, "what `%s --discover` printed is no catalog",
                              t->program.name);
        }
    } else {
        weir_error_prefix(err, rc, "`%s --discover` (if it cannot discover, say `selection: none`)",
                          t->program.name);
    }
    if (rc) {
        weir_mask_error(t->program.mask, err);
    }
    weir_buf_free(&out);
    return rc;
}

static struct weir_str name_of(const void *of, size_t i)
{
    return ((const struct weir_singer_catalog *)of)->entries[i].name;
}

static size_t find(const void *of, struct weir_str name)
{
    const struct weir_singer_catalog *c = of;
    const struct weir_singer_entry *e = weir_singer_find(c, name);
    return e ? (size_t)(e - c->entries) : SIZE_MAX;
}

static const char *mode_of(const void *of, size_t i)
{
    const struct weir_singer_entry *e = &((const struct weir_singer_catalog *)of)->entries[i];
    return weir_json_count(e->key) ? "merge" : e->incremental ? "append" : "replace";
}

static int discover(void *connection, struct weir_source_catalog *out, struct weir_error *err)
{
    struct singer *t = connection;
    int rc = look(t, NULL, err);
    const struct weir_foreign_catalog catalog = {.of = &t->catalog,
                                                 .count = t->catalog.count,
                                                 .name = name_of,
                                                 .find = find,
                                                 .mode = mode_of,
                                                 .known = t->discovered};
    return rc ? rc : weir_foreign_discover(&t->program, &catalog, out, err);
}

/* The columns, for whoever looks. */
static int plan(void *connection, const struct weir_source_stream *stream, struct weir_str cursor,
                struct weir_source_plan *out, struct weir_error *err)
{
    struct singer *t = connection;
    int rc = look(t, out->stop, err);
    const struct weir_singer_entry *e =
        rc ? NULL : weir_singer_find(&t->catalog, weir_str_of(stream->name));
    return rc || !e ? rc : weir_foreign_plan(&t->program, stream, e->schema, cursor, out, err);
}

/* --- a run --------------------------------------------------------------------------------------
 */

static int read_lines(struct singer *t, struct weir_feed *feed, const char *const *argv,
                      struct weir_str state, struct weir_error *err)
{
    struct weir_child_options o = weir_program_options(&t->program, argv, feed->stop);
    struct weir_singer_reader reader;
    struct weir_singer_metrics metrics;
    struct weir_child child;
    struct weir_str line;
    weir_program_listen(&t->program, feed->progress);
    int rc = weir_singer_reader_init(&reader, feed, err);
    int measured = weir_singer_metrics_init(&metrics, err);
    rc = rc ? rc : measured;
    t->program.understands = rc ? NULL : weir_singer_metrics_hear;
    t->program.of = &metrics;
    reader.catalog = t->discovered ? &t->catalog : NULL;
    reader.name = t->program.name;
    reader.mask = t->program.mask;
    rc = rc ? rc : weir_singer_base(&reader, state, err);
    bool started = rc == 0;
    rc = rc ? rc : weir_child_start(&child, &o, err);
    while (rc == 0 && (rc = weir_child_line(&child, &line, err)) == 0 && line.ptr) {
        rc = weir_singer_line(&reader, line, err);
    }
    rc = rc ? rc : weir_child_end(&child, err);
    rc = rc ? weir_singer_lines_failed(&reader, rc) : weir_singer_lines_end(&reader, err);
    if (started) {
        weir_child_free(&child);
    }
    t->program.understands = NULL;
    weir_singer_metrics_tell(&metrics, weir_source_watch_of(feed->progress));
    weir_singer_metrics_free(&metrics);
    weir_singer_reader_free(&reader);
    return rc;
}

/* Is it of the way in which a stream is read? */
static bool says_method(const char *message)
{
    return strcasestr(message, "replication method") || strcasestr(message, "replication_method") ||
           strcasestr(message, "replication-method");
}

static int feed_all(void *connection, struct weir_feed *feed, struct weir_error *err)
{
    struct singer *t = connection;
    const char *argv[8] = {t->program.path}, *path = NULL;
    size_t n = 1;
    struct weir_buf text;
    weir_buf_init(&text, MAX_CATALOG);
    int rc = look(t, feed->stop, err);
    argv[n++] = "--config";
    argv[n++] = t->config_path;
    if (rc == 0 && t->discovered) {
        rc = weir_singer_select(&t->catalog, feed, &text, err);
        rc = rc ? rc
                : weir_program_write(&t->program, "catalog.json", weir_buf_str(&text), &path, err);
        argv[n++] = t->settings->selection == WEIR_SINGER_PROPERTIES ? "--properties" : "--catalog";
        argv[n++] = path;
    }
    weir_buf_reset(&text);
    rc = rc ? rc : weir_singer_state(t->discovered ? &t->catalog : NULL, feed, &text, err);
    if (rc == 0 && text.len) {
        rc = weir_program_write(&t->program, "state.json", weir_buf_str(&text), &path, err);
        argv[n++] = "--state";
        argv[n++] = path;
    }
    argv[n] = NULL;
    rc = rc ? rc : read_lines(t, feed, argv, weir_buf_str(&text), err);
    if (rc && says_method(err->message)) {
        struct weir_error why = *err;
        weir_fail(err, rc, "%s; `streams: {STREAM: {mode: replace}}` asks for FULL_TABLE",
                  why.message);
    }
    if (rc) {
        weir_mask_error(t->program.mask, err);
    }
    weir_buf_free(&text);
    return rc;
}

const struct weir_source_connector weir_source_singer = {
    .name = "singer",
    .title = "Singer taps",
    .options = options,
    .settings_size = sizeof(struct weir_singer_settings),
    .memory = weir_program_memory,
    .open = open_connection,
    .discover = discover,
    .plan = plan,
    .close = close_connection,
    .feed = feed_all,
};
