/* Whose tables are whose, by weir.loads. */
#include "source/ledger/ledger.h"
#include "source/schedule/standing.h"

/* A table is of the source that loaded it last. */
static const char statement[] =
    "SELECT * FROM (SELECT arg_max(source, ended_at), schema_name, table_name, max(ended_at) FROM "
    "weir.loads WHERE status = 'loaded' AND source IS NOT NULL AND table_name IS NOT NULL GROUP BY "
    "schema_name, table_name) WHERE (schema_name, table_name) IN (SELECT (schema_name, table_name) "
    "FROM duckdb_tables()) ORDER BY ALL LIMIT 100000";

static int read_rows(struct weir_result *result, struct weir_arena *arena,
                     struct weir_source_owned **out, size_t *count, struct weir_error *err)
{
    struct weir_batch b;
    size_t room = 0;
    int rc;
    while ((rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        void *grown = *out;
        if (!weir_arena_grow(arena, &grown, *count, b.rows, &room, sizeof **out)) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for the tables of sources");
        }
        *out = grown;
        for (size_t row = 0; row < b.rows; row++) {
            struct weir_source_owned *one = &(*out)[*count];
            *one = (struct weir_source_owned){weir_arena_dup(arena, b.columns[0].strs[row]),
                                              weir_arena_dup(arena, b.columns[1].strs[row]),
                                              weir_arena_dup(arena, b.columns[2].strs[row]),
                                              b.columns[3].ints[row]};
            if (!one->source.ptr || !one->schema.ptr || !one->table.ptr) {
                return weir_fail(err, WEIR_ENOMEM, "no memory for the tables of sources");
            }
            ++*count;
        }
    }
    return rc;
}

int weir_source_owned_read(struct weir_session *session, struct weir_arena *arena,
                           struct weir_source_owned **out, size_t *count, struct weir_error *err)
{
    struct weir_result *result = NULL;
    bool there = false;
    *out = NULL;
    *count = 0;
    int rc = weir_source_ledger_there(session, &there, err);
    if (rc == 0 && there) {
        rc = weir_session_query(session, statement, NULL, 0, &result, err);
        rc = rc ? rc : read_rows(result, arena, out, count, err);
        weir_result_free(result);
    }
    return rc;
}
