#include "source/ledger/gone.h"

#include <stdio.h>

#include "source/run/run.h"
#include "source/schedule/watch.h"

/* Streams whose rows are in a table of theirs: how the latest load of each ended, and of lists the
 * stream that they are in. */
static const char known[] =
    "WITH good AS (SELECT source, stream, schema_name, arg_max(table_name, started_at) AS "
    "table_name FROM weir.loads WHERE source = $1 AND schema_name = $2 AND status = 'loaded' GROUP "
    "BY ALL), own AS (SELECT table_name, arg_max(source, ended_at) AS source, arg_max(stream, "
    "ended_at) AS stream FROM weir.loads WHERE schema_name = $2 AND status = 'loaded' AND "
    "table_name IN (SELECT table_name FROM good) GROUP BY ALL) "
    "SELECT l.stream, any_value(good.table_name), arg_max(l.mode, l.started_at), arg_max(l.status, "
    "l.started_at), any_value(json_extract_string(s.\"cursor\", '$.child_of')) "
    "FROM good JOIN own USING (source, stream, table_name) JOIN weir.loads AS l USING (source, "
    "stream) LEFT JOIN weir.source_state AS s USING (source, stream) "
    "WHERE (good.schema_name, good.table_name) IN (SELECT (schema_name, table_name) FROM "
    "duckdb_tables()) GROUP BY l.stream ORDER BY l.stream";
enum { STREAM, TABLE, MODE, STATUS, PARENT, TEXTS };

struct one {
    struct weir_str texts[TEXTS];
};

static int read_known(struct weir_session *session, const struct weir_source_config *config,
                      struct weir_arena *arena, struct one **out, size_t *count,
                      struct weir_error *err)
{
    const struct weir_param params[] = {{.type = WEIR_TYPE_TEXT, .s = weir_str_of(config->name)},
                                        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(config->schema)}};
    struct weir_result *result = NULL;
    struct weir_batch b;
    size_t room = 0;
    int rc = weir_session_query(session, known, params, 2, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        void *grown = *out;
        if (!weir_arena_grow(arena, &grown, *count, b.rows, &room, sizeof **out)) {
            rc = weir_fail(err, WEIR_ENOMEM, "no memory for streams");
            break;
        }
        *out = grown;
        for (size_t row = 0; row < b.rows; row++, ++*count) {
            for (size_t i = 0; rc == 0 && i < TEXTS; i++) {
                struct weir_str *text = &(*out)[*count].texts[i];
                *text = weir_vector_valid(&b.columns[i], row)
                            ? weir_arena_dup(arena, b.columns[i].strs[row])
                            : WEIR_STR("");
                rc = text->ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for streams");
            }
        }
    }
    weir_result_free(result);
    return rc;
}

void weir_source_gone_there(struct weir_source_gone *g, struct weir_str name)
{
    static char there;
    if (!g->there.seed) {
        weir_map_init(&g->there);
    }
    g->failed = g->failed || weir_map_put(&g->there, name, &there);
}

/* --- telling ------------------------------------------------------------------------------------
 */

static struct weir_source_load row_of(const struct weir_source_gone *g, const struct one *one)
{
    weir_time now = weir_now();
    return (struct weir_source_load){.run = g->id,
                                     .source = g->config->name,
                                     .stream = one->texts[STREAM].ptr,
                                     .schema = g->config->schema,
                                     .table = one->texts[TABLE].ptr,
                                     .mode = one->texts[MODE].ptr,
                                     .status = "gone",
                                     .source_checksum = "",
                                     .warehouse_checksum = "",
                                     .started_at = now,
                                     .ended_at = now,
                                     .error = "",
                                     .changes = WEIR_STR("[\"" WEIR_SOURCE_GONE "\"]")};
}

static int tell_gone(const struct weir_source_gone *g, struct weir_session *session,
                     const struct one *one, struct weir_jw *w, struct weir_error *err)
{
    bool told = weir_str_is(one->texts[STATUS], "gone");
    const struct weir_source_load load = row_of(g, one);
    if (!told && g->unsure) {
        return 0;
    }
    int rc = told ? 0 : weir_source_ledger_add(session, &load, err);
    if (rc == 0 && !told) {
        weir_log(g->run->log, WEIR_LOG_WARN, "a stream is gone at the source", "source",
                 g->config->name, "stream", load.stream);
        weir_source_watch_say(weir_source_watch_of(g->run->progress), "%s: " WEIR_SOURCE_GONE,
                              load.stream);
    }
    if (rc == 0 && (g->compares || !told)) {
        weir_source_load_print(&load, w);
    }
    return rc;
}

/* It is there again, and nothing in it was new, so no load said so. */
static int tell_back(const struct weir_source_gone *g, struct weir_session *session,
                     const struct one *one, struct weir_error *err)
{
    struct weir_source_load load = row_of(g, one);
    load.status = "loaded";
    load.changes = WEIR_STR("[\"it is there again at the source, as it was\"]");
    weir_source_watch_say(weir_source_watch_of(g->run->progress),
                          "%s: it is there again at the source, as it was", load.stream);
    return weir_source_ledger_add(session, &load, err);
}

int weir_source_gone_tell(struct weir_source_gone *g, struct weir_jw *w, struct weir_error *err)
{
    struct weir_session *session = NULL;
    struct weir_arena arena;
    struct one *all = NULL;
    size_t count = 0;
    weir_arena_init(&arena, WEIR_SOURCE_PLAN_MEMORY);
    int rc = g->failed ? weir_fail(err, WEIR_ENOMEM, "no memory for streams") : 0;
    rc = rc ? rc : weir_session_new(g->run->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_source_ledger_open(session, err);
    rc = rc ? rc : read_known(session, g->config, &arena, &all, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct one *one = &all[i];
        struct weir_str name = one->texts[one->texts[PARENT].len ? PARENT : STREAM];
        if (!weir_map_get(&g->there, name)) {
            rc = g->config->stream_count ? 0 : tell_gone(g, session, one, w, err);
        } else if (!g->compares && weir_str_is(one->texts[STATUS], "gone")) {
            rc = tell_back(g, session, one, err);
        }
    }
    weir_session_free(session);
    weir_arena_free(&arena);
    weir_map_free(&g->there);
    return rc;
}

/* Was any of it ever? Cheaper to ask than how all stand. */
static int was_any(struct weir_session *session, const struct weir_source_config *config, bool *any,
                   struct weir_error *err)
{
    const struct weir_param name = {.type = WEIR_TYPE_TEXT, .s = weir_str_of(config->name)};
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    int rc = weir_session_query(
        session, "SELECT 1 FROM weir.loads WHERE status = 'gone' AND source = $1 LIMIT 1", &name, 1,
        &result, err);
    rc = rc ? rc : weir_result_next(result, &b, err);
    *any = rc == 0 && b.rows > 0;
    weir_result_free(result);
    return rc;
}

int weir_source_gone_names(struct weir_warehouse *warehouse,
                           const struct weir_source_config *config,
                           char out[WEIR_SOURCE_GONE_NAMES], struct weir_error *err)
{
    struct weir_session *session = NULL;
    struct weir_arena arena;
    struct one *all = NULL;
    size_t count = 0, length = 0, left = 0;
    const size_t room = WEIR_SOURCE_GONE_NAMES - 32; /* for those that are counted only */
    *out = 0;
    weir_arena_init(&arena, WEIR_SOURCE_PLAN_MEMORY);
    int rc = weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_source_ledger_open(session, err);
    bool any = false;
    rc = rc || config->stream_count ? rc : was_any(session, config, &any, err);
    rc = rc || !any ? rc : read_known(session, config, &arena, &all, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct weir_str name = all[i].texts[STREAM];
        if (!weir_str_is(all[i].texts[STATUS], "gone") || all[i].texts[PARENT].len) {
            continue;
        }
        if (left || length + name.len + 2 > room) {
            left++;
            continue;
        }
        length += (size_t)snprintf(out + length, WEIR_SOURCE_GONE_NAMES - length, "%s" WEIR_STR_FMT,
                                   length ? ", " : "", WEIR_STR_ARG(name));
    }
    if (left) {
        snprintf(out + length, WEIR_SOURCE_GONE_NAMES - length, "%s%zu more", length ? " and " : "",
                 left);
    }
    weir_session_free(session);
    weir_arena_free(&arena);
    return rc;
}
