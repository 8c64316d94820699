/* Which tables the streams get that were found in a database, and that no file names: names that
 * differ there may be one in the warehouse ("Order" and "order"). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/naming.h"
#include "source/define/tables.h"
#include "source/ledger/ledger.h"

#define MAX_MEMORY (256u << 20)
#define NAME_MOST  63

struct found {
    struct weir_str stream;      /* first, for weir_str_order() */
    struct weir_str made, table; /* table ptr NULL: none yet */
};
struct giving {
    struct weir_arena arena;
    struct found *found; /* by the streams' names */
    size_t count;
};

static int list(struct giving *g, const struct weir_source_catalog *catalog, struct weir_error *err)
{
    struct weir_buf name;
    weir_buf_init(&name, 4096);
    g->found = weir_arena_calloc(&g->arena, (catalog->count + 1) * sizeof *g->found);
    bool well = g->found;
    for (size_t i = 0; well && i < catalog->count; i++) {
        weir_buf_reset(&name);
        weir_name_make(catalog->streams[i].name, "stream_", &name);
        g->found[i] = (struct found){
            .stream = catalog->streams[i].name,
            .made = weir_arena_dup(&g->arena, weir_utf8_cut(weir_buf_str(&name), NAME_MOST)),
            .table = {NULL, 0}};
        well = weir_buf_ok(&name) && g->found[i].made.ptr;
    }
    weir_buf_free(&name);
    g->count = well ? catalog->count : 0;
    if (g->count) {
        qsort(g->found, g->count, sizeof *g->found, weir_str_order);
    }
    return well ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", catalog->count);
}

static int find_twice(struct giving *g, bool *twice, struct weir_error *err)
{
    struct weir_str *made = weir_arena_calloc(&g->arena, (g->count + 1) * sizeof *made);
    if (!made) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", g->count);
    }
    for (size_t i = 0; i < g->count; i++) {
        made[i] = g->found[i].made;
    }
    qsort(made, g->count, sizeof *made, weir_str_order);
    *twice = false;
    for (size_t i = 1; i < g->count; i++) {
        *twice = *twice || weir_str_eq(made[i - 1], made[i]);
    }
    return 0;
}

/* "order_2" where the name makes "order". */
static bool is_told_apart(struct weir_str table, struct weir_str made)
{
    size_t digits = 0;
    while (digits < table.len && table.ptr[table.len - 1 - digits] >= '0' &&
           table.ptr[table.len - 1 - digits] <= '9') {
        digits++;
    }
    size_t base = table.len - digits;
    return digits && digits < 9 && base > 1 && table.ptr[base - 1] == '_' && base - 1 <= made.len &&
           memcmp(table.ptr, made.ptr, base - 1) == 0 &&
           (base - 1 == made.len || table.len >= NAME_MOST - 4);
}

/* A table whose last load was a stream's, and that stream's last load, is the stream's for good. */
static int keep(struct giving *g, const struct weir_source_config *config,
                struct weir_session *session, bool *any, struct weir_error *err)
{
    const struct weir_param who[] = {{.type = WEIR_TYPE_TEXT, .s = weir_str_of(config->name)},
                                     {.type = WEIR_TYPE_TEXT, .s = weir_str_of(config->schema)}};
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    int rc = weir_session_query(
        session,
        "WITH l AS (SELECT stream, table_name, ended_at FROM weir.loads WHERE source = $1 AND "
        "schema_name = $2 AND status = 'loaded'), s AS (SELECT stream, arg_max(table_name, "
        "ended_at) AS latest FROM l GROUP BY stream), t AS (SELECT table_name, arg_max(stream, "
        "ended_at) AS latest FROM l GROUP BY table_name) SELECT s.stream, s.latest FROM s JOIN t "
        "ON t.table_name = s.latest AND t.latest = s.stream",
        who, 2, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
        for (size_t i = 0; rc == 0 && i < batch.rows; i++) {
            struct found key = {.stream = batch.columns[0].strs[i]};
            struct weir_str table = batch.columns[1].strs[i];
            struct found *f = bsearch(&key, g->found, g->count, sizeof key, weir_str_order);
            bool apart = f && is_told_apart(table, f->made);
            if (apart || (f && weir_str_eq(table, f->made))) {
                f->table = weir_arena_dup(&g->arena, table);
                rc = f->table.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a name");
            }
            *any = *any || apart;
        }
    }
    weir_result_free(result);
    return rc;
}

static bool is_taken(const struct giving *g, struct weir_str table)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->found[i].table.ptr && weir_str_eq(g->found[i].table, table)) {
            return true;
        }
    }
    return false;
}

static int choose(struct giving *g, struct found *f, struct weir_error *err)
{
    struct weir_str table = f->made;
    for (unsigned n = 2; table.ptr && is_taken(g, table); n++) {
        char end[12];
        int len = snprintf(end, sizeof end, "_%u", n);
        struct weir_str base = weir_utf8_cut(f->made, NAME_MOST - (size_t)len);
        table =
            weir_str_of(weir_arena_printf(&g->arena, WEIR_STR_FMT "%s", WEIR_STR_ARG(base), end));
    }
    f->table = table;
    return table.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a name");
}

/* Those that are called so first, then by their order. */
static int choose_all(struct giving *g, struct weir_error *err)
{
    for (size_t i = 0; i < g->count; i++) {
        struct found *f = &g->found[i];
        if (!f->table.ptr && weir_str_eq(f->made, f->stream) && !is_taken(g, f->made)) {
            f->table = f->made;
        }
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->count; i++) {
        rc = g->found[i].table.ptr ? 0 : choose(g, &g->found[i], err);
    }
    return rc;
}

static int note(struct weir_source_config *config, const struct giving *g, struct weir_error *err)
{
    config->given_count = 0;
    config->given = weir_arena_calloc(&config->arena, (g->count + 1) * sizeof *config->given);
    bool well = config->given;
    for (size_t i = 0; well && i < g->count; i++) {
        const struct found *f = &g->found[i];
        if (!weir_str_eq(f->table, f->made)) {
            struct weir_source_given *to = &config->given[config->given_count++];
            to->stream = weir_arena_dup(&config->arena, f->stream);
            to->table = weir_arena_dup(&config->arena, f->table).ptr;
            well = to->stream.ptr && to->table;
        }
    }
    return well ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", g->count);
}

int weir_source_tables_give(struct weir_source_config *config,
                            const struct weir_source_catalog *catalog, struct weir_session *session,
                            struct weir_error *err)
{
    struct giving g = {.count = 0};
    bool twice = false, kept = false;
    if (config->stream_count || config->connector->feed || config->connector->files) {
        return 0;
    }
    weir_arena_init(&g.arena, MAX_MEMORY);
    int rc = list(&g, catalog, err);
    rc = rc ? rc : find_twice(&g, &twice, err);
    rc = rc || !session ? rc : keep(&g, config, session, &kept, err);
    if (rc == 0 && (twice || kept)) {
        rc = choose_all(&g, err);
        rc = rc ? rc : note(config, &g, err);
    }
    weir_arena_free(&g.arena);
    return rc;
}
