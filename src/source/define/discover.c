/* What a source has, without loading it. */
#include "source/connector.h"
#include "source/define/tables.h"
#include "source/schedule/follow.h"

#define MAX_CATALOG (512u << 20)

static void print_all(const struct weir_source_column *columns, size_t count, struct weir_jw *w)
{
    weir_jw_array(w);
    for (size_t i = 0; i < count; i++) {
        const struct weir_source_column *c = &columns[i];
        weir_jw_object(w);
        weir_jw_kstr(w, "name", c->name);
        weir_jw_kstr(w, "original", c->original);
        weir_jw_kstr(w, "type",
                     c->type == WEIR_TYPE_OTHER ? c->type_name
                                                : weir_str_of(weir_type_name(c->type)));
        weir_jw_kstr_or_null(w, "guess", c->guess);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}

void weir_source_print_columns(const struct weir_source_plan *plan, const char *table,
                               struct weir_jw *w)
{
    weir_jw_kstr_or_null(w, "guess", plan->guessed);
    weir_jw_keyz(w, "columns");
    print_all(plan->columns, plan->column_count, w);
    weir_jw_keyz(w, "lists");
    weir_jw_array(w);
    for (size_t i = 0; i < plan->list_count; i++) {
        struct weir_buf name;
        weir_buf_init(&name, 1u << 16);
        weir_buf_addf(&name, "%s__" WEIR_STR_FMT, table, WEIR_STR_ARG(plan->lists[i].suffix));
        weir_jw_object(w);
        weir_jw_kstr(w, "table", weir_buf_str(&name));
        weir_jw_keyz(w, "columns");
        print_all(plan->lists[i].columns, plan->lists[i].column_count, w);
        weir_jw_object_end(w);
        weir_buf_free(&name);
    }
    weir_jw_array_end(w);
}

/* One stream that cannot be looked into does not hide the others; its reason stands in `why`. */
static int print_columns(const struct weir_source_site *site,
                         const struct weir_source_config *config, void *connection,
                         const struct weir_source_stream *stream, struct weir_jw *w,
                         struct weir_error *why, struct weir_error *err)
{
    struct weir_source_plan plan;
    weir_source_plan_init(&plan);
    plan.exclude = &stream->exclude;
    plan.stop = site->stop;
    int rc = config->connector->plan(connection, stream, (struct weir_str){NULL, 0}, &plan, why);
    if (rc == WEIR_ECANCELED || rc == WEIR_EFATAL || rc == WEIR_ENOMEM) {
        rc = weir_fail(err, rc, "%s", why->message);
    } else if (rc) {
        weir_jw_kstrz(w, "error", why->message);
        rc = 0;
    } else {
        *why = (struct weir_error){0}; /* it may tell of what was got over */
        weir_source_print_columns(&plan, stream->table, w);
    }
    weir_source_plan_free(&plan);
    return rc;
}

static int print_stream(const struct weir_source_site *site, struct weir_source_config *config,
                        void *connection, const struct weir_source_found *found, bool columns,
                        struct weir_jw *w, struct weir_error *why, struct weir_error *err)
{
    struct weir_source_stream stream;
    int rc = weir_source_config_stream(config, found->name, &stream, err);
    if (rc) {
        return rc;
    }
    weir_jw_object(w);
    weir_jw_kstr(w, "name", found->name);
    weir_jw_kstrz(w, "table", stream.table);
    weir_jw_kstrz(w, "mode",
                  found->mode && !stream.mode_said ? found->mode
                                                   : weir_source_mode_name(stream.mode));
    weir_jw_ku64(w, "files", found->files);
    weir_jw_ku64(w, "bytes", found->bytes);
    weir_jw_ku64(w, "rows", found->rows);
    weir_jw_kbool(w, "follows", weir_source_follows(config) && !found->refused.len);
    weir_jw_kstr_or_null(w, "refused", found->refused);
    rc = columns ? print_columns(site, config, connection, &stream, w, why, err) : 0;
    weir_jw_object_end(w);
    return rc;
}

/* What a run would refuse. */
static int try_following(const struct weir_source_site *site, struct weir_source_config *config,
                         void *connection, struct weir_error *err)
{
    const struct weir_source_capture *c = config->connector->capture;
    struct weir_source_follow f = {.config = config, .connection = connection};
    weir_arena_init(&f.arena, MAX_CATALOG);
    int rc = weir_source_follow_streams(&f, err);
    rc = rc ? rc : c->try(connection, &f, site->trial && !config->stream_count, err);
    c->close(connection);
    for (size_t i = 0; rc == 0 && i < f.count; i++) {
        const struct weir_source_follow_stream *s = &f.streams[i];
        if (s->named && s->refused.len) {
            rc = weir_fail(err, WEIR_EINVAL,
                           "changes of \"" WEIR_STR_FMT "\" cannot be captured: " WEIR_STR_FMT,
                           WEIR_STR_ARG(s->name), WEIR_STR_ARG(s->refused));
        }
    }
    weir_arena_free(&f.arena);
    return rc;
}

static int discover(const struct weir_source_site *site, struct weir_source_config *config,
                    bool columns, struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_catalog catalog = {.count = 0};
    void *connection = NULL;
    weir_arena_init(&catalog.arena, MAX_CATALOG);
    int rc = weir_source_open(site, config, &connection, err);
    if (rc == 0 && !columns && config->connector->check) {
        rc = config->connector->check(connection, err);
    }
    if (rc == 0 && !columns && weir_source_follows(config)) {
        rc = try_following(site, config, connection, err);
    }
    rc = rc ? rc : config->connector->discover(connection, &catalog, err);
    rc = rc ? rc : weir_source_tables_give(config, &catalog, NULL, err);
    weir_jw_object(w);
    weir_jw_kstrz(w, "source", config->name);
    weir_jw_kstrz(w, "schema", config->schema);
    weir_jw_keyz(w, "streams");
    weir_jw_array(w);
    size_t failed = 0, empty = 0;
    for (size_t i = 0; i < catalog.count; i++) {
        empty += catalog.streams[i].empty;
    }
    for (size_t i = 0; rc == 0 && i < catalog.count; i++) {
        struct weir_error why = {0};
        if (catalog.streams[i].empty) {
            continue;
        }
        rc = print_stream(site, config, connection, &catalog.streams[i], columns, w, &why, err);
        failed += why.code != 0;
        if (rc == 0 && failed == catalog.count - empty) {
            rc = weir_fail(err, why.code, "%s", why.message);
        }
    }
    weir_jw_array_end(w);
    weir_jw_kstr_or_null(w, "note", catalog.note);
    weir_jw_keyz(w, "secrets");
    weir_jw_array(w);
    if (rc == 0 && config->connector->secrets) {
        config->connector->secrets(connection, w);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
    config->connector->close(connection);
    weir_arena_free(&catalog.arena);
    return rc;
}

int weir_source_discover(const struct weir_source_site *site, const char *source, bool columns,
                         struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_config config;
    int rc = weir_source_config_read(site->dir, source, &config, err);
    rc = rc ? rc : discover(site, &config, columns, w, err);
    weir_source_config_free(&config);
    return rc;
}

int weir_source_discover_text(const struct weir_source_site *site, const char *name,
                              struct weir_str text, bool columns, struct weir_jw *w,
                              struct weir_error *err)
{
    struct weir_source_config config;
    int rc = weir_source_config_parse(text, name, "sources/<new>.yml", &config, err);
    rc = rc ? rc : weir_source_others_check(site->dir, &config, err);
    rc = rc ? rc : discover(site, &config, columns, w, err);
    weir_source_config_free(&config);
    return rc;
}
