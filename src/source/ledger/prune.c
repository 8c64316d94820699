/* What the ledger forgets. */
#include "source/ledger/ledger.h"
#include "source/source.h"

/* Which rows go; what says how sources stand now (standing.c, weir_source_ledger_owner) does not.
 */
static const struct {
    const char *table, *at, *condition;
} parts[] = {
    {"loads", "started_at",
     "rowid NOT IN (WITH good AS (SELECT source, stream, max(started_at) AS at "
     "FROM weir.loads WHERE status = 'loaded' GROUP BY ALL), kept AS ("
     "SELECT arg_max(rowid, started_at) AS id FROM weir.loads GROUP BY source, stream UNION ALL "
     "SELECT arg_max(rowid, started_at) FROM weir.loads WHERE status = 'loaded' GROUP BY source, "
     "stream UNION ALL "
     "SELECT arg_max(rowid, ended_at) FROM weir.loads WHERE status = 'loaded' GROUP BY "
     "schema_name, "
     "table_name UNION ALL "
     "SELECT arg_min(l.rowid, l.started_at) FROM weir.loads AS l LEFT JOIN good AS g ON g.source = "
     "l.source AND g.stream = l.stream WHERE l.status <> 'loaded' AND (g.at IS NULL OR "
     "l.started_at > g.at) GROUP BY l.source, l.stream) SELECT id FROM kept WHERE id IS NOT NULL)"},
    {"verifications", "started_at",
     "rowid NOT IN (SELECT arg_max(rowid, started_at) FROM weir.verifications "
     "WHERE started_at IS NOT NULL GROUP BY source, stream)"},
    {"source_discards", "discarded_at",
     "NOT EXISTS (SELECT 1 FROM weir.loads AS l WHERE l.run = d.run AND "
     "l.source = d.source AND l.stream = d.stream)"},
};
#define PARTS (sizeof parts / sizeof parts[0])

static void add(struct weir_buf *sql, const char *verb, size_t part, weir_time before)
{
    char time[28];
    weir_time_format(before, time);
    weir_buf_addf(sql, "%s FROM weir.%s AS d WHERE %s < TIMESTAMP '%.26s' AND %s", verb,
                  parts[part].table, parts[part].at, time, parts[part].condition);
}

static int prune_part(struct weir_session *session, size_t part, weir_time before, uint64_t *gone,
                      struct weir_error *err)
{
    struct weir_buf sql;
    uint64_t count = 0;
    weir_buf_init(&sql, 8192);
    add(&sql, "SELECT count(*)", part, before);
    int rc = weir_session_number_buf(session, &sql, &count, err);
    if (rc == 0 && count) { /* else what was computed of the table would count as old */
        add(&sql, "DELETE", part, before);
        weir_session_touch(session, WEIR_STR("weir"), weir_str_of(parts[part].table));
        rc = weir_session_exec_buf(session, &sql, err);
        *gone += count;
    }
    weir_buf_free(&sql);
    return rc;
}

int weir_source_prune(struct weir_session *session, weir_time before, uint64_t *gone,
                      struct weir_error *err)
{
    bool there;
    *gone = 0;
    int rc = weir_source_ledger_there(session, &there, err);
    if (rc || !there) {
        return rc;
    }
    rc = weir_session_begin(session, err);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < PARTS; i++) {
        rc = prune_part(session, i, before, gone, err);
    }
    rc = rc ? rc : weir_session_commit(session, err);
    if (rc) {
        weir_session_rollback(session);
        *gone = 0;
    }
    return rc;
}
