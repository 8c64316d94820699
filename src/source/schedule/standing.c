#include "source/schedule/standing.h"

#include "source/ledger/ledger.h"
#include "source/source.h"

enum { SOURCE, STREAM, SCHEMA, TABLE, MODE, STATUS, RUN, ERROR, VERIFIED, GOOD_RUN, TEXTS };
enum { WRITTEN = TEXTS, DISCARDED, ENDED, GOOD, FAILING, GOOD_WRITTEN, GOOD_DISCARDED, GOOD_ENDED };

static const char statement[] =
    "WITH loaded AS (SELECT source, stream, max(started_at) AS at FROM weir.loads WHERE status = "
    "'loaded' GROUP BY ALL), good AS (SELECT * FROM loaded UNION ALL SELECT source, "
    "'" WEIR_SOURCE_ALL
    "', max(loaded.at) FROM loaded GROUP BY source), compared AS (SELECT source, stream, "
    "CAST(arg_max(to_json({'status': "
    "status, 'at': strftime(ended_at, '%Y-%m-%dT%H:%M:%S.%fZ'), 'rows': \"rows\", 'missing': "
    "missing, 'extra': extra, 'different': different, 'pending': pending, 'kept': coalesce(kept, "
    "0), 'set_aside': coalesce(set_aside, 0), "
    "'keys': keys, 'not_compared': not_compared, 'files': coalesce(files, '[]'), 'error': error}), "
    "started_at) AS VARCHAR) AS verified FROM "
    "weir.verifications GROUP BY ALL) "
    "SELECT l.source, l.stream, arg_max(l.schema_name, l.started_at), arg_max(l.table_name, "
    "l.started_at), arg_max(l.mode, l.started_at), arg_max(l.status, l.started_at), arg_max(l.run, "
    "l.started_at), arg_max(coalesce(l.error, ''), l.started_at), any_value(c.verified), "
    "arg_max(l.run, l.started_at) FILTER (l.status = 'loaded'), arg_max(l.rows_written, "
    "l.started_at), arg_max(l.rows_discarded, l.started_at), max(l.ended_at), any_value(g.at), "
    "min(l.started_at) FILTER (l.status NOT IN ('loaded', 'gone') AND (g.at IS NULL OR "
    "l.started_at > g.at)), "
    "arg_max(l.rows_written, l.started_at) FILTER (l.status = 'loaded'), "
    "arg_max(l.rows_discarded, l.started_at) FILTER (l.status = 'loaded'), "
    "max(l.ended_at) FILTER (l.status = 'loaded') "
    "FROM weir.loads AS l LEFT JOIN good AS g ON g.source = l.source AND g.stream = l.stream "
    "LEFT JOIN compared AS c ON c.source = l.source AND c.stream = l.stream "
    "WHERE $1 IS NULL OR l.source = $1 GROUP BY l.source, l.stream HAVING "
    "arg_max(l.status, l.started_at) <> 'gone' OR (arg_max(l.schema_name, l.started_at), "
    "arg_max(l.table_name, l.started_at)) IN (SELECT (schema_name, table_name) FROM "
    "duckdb_tables()) ORDER BY l.source, l.stream "
    "LIMIT 100000";

static int64_t number(const struct weir_batch *b, size_t column, size_t row)
{
    const struct weir_vector *v = &b->columns[column];
    return weir_vector_valid(v, row) ? v->ints[row] : 0;
}

static int keep(const struct weir_batch *b, size_t row, struct weir_arena *arena,
                struct weir_source_standing *out, struct weir_error *err)
{
    struct weir_str *const texts[] = {&out->source,   &out->stream,  &out->schema, &out->table,
                                      &out->mode,     &out->status,  &out->run,    &out->error,
                                      &out->verified, &out->good_run};
    for (size_t i = 0; i < TEXTS; i++) {
        const struct weir_vector *v = &b->columns[i];
        *texts[i] = weir_vector_valid(v, row) ? weir_arena_dup(arena, v->strs[row]) : WEIR_STR("");
        if (!texts[i]->ptr) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for how sources stand");
        }
    }
    out->rows = -1;
    out->rows_written = number(b, WRITTEN, row);
    out->rows_discarded = number(b, DISCARDED, row);
    out->ended_at = number(b, ENDED, row);
    out->good_at = number(b, GOOD, row);
    out->failing_since = number(b, FAILING, row);
    out->good_written = number(b, GOOD_WRITTEN, row);
    out->good_discarded = number(b, GOOD_DISCARDED, row);
    out->good_ended_at = number(b, GOOD_ENDED, row);
    return 0;
}

bool weir_source_standing_fails(const struct weir_source_standing *s)
{
    return s->failing_since &&
           (weir_str_is(s->status, "failed") || weir_str_is(s->status, "mismatch"));
}

int weir_source_standing_read(struct weir_session *session, const char *source,
                              struct weir_arena *arena, struct weir_source_standing **out,
                              size_t *count, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch b;
    size_t room = 0;
    const struct weir_param param = {
        .type = WEIR_TYPE_TEXT, .s = weir_str_of(source), .null = !source};
    *out = NULL;
    *count = 0;
    int rc = weir_source_ledger_open(session, err);
    rc = rc ? rc : weir_session_query(session, statement, &param, 1, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        void *grown = *out;
        if (!weir_arena_grow(arena, &grown, *count, b.rows, &room, sizeof **out)) {
            rc = weir_fail(err, WEIR_ENOMEM, "no memory for how sources stand");
            break;
        }
        *out = grown;
        for (size_t row = 0; rc == 0 && row < b.rows; row++) {
            rc = keep(&b, row, arena, &(*out)[(*count)++], err);
        }
    }
    weir_result_free(result);
    return rc;
}

static int note_changes(struct weir_session *session, struct weir_warehouse *warehouse,
                        struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch b;
    bool there;
    int rc = weir_source_ledger_there(session, &there, err);
    if (rc || !there) {
        return rc;
    }
    rc = weir_session_query(session,
                            "SELECT schema_name, table_name, max(ended_at) FROM weir.loads WHERE "
                            "status = 'loaded' AND rows_written + coalesce(rows_deleted, 0) > 0 "
                            "AND table_name IS NOT NULL GROUP BY ALL",
                            NULL, 0, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        for (size_t row = 0; row < b.rows; row++) {
            weir_warehouse_set_changed_at(warehouse, b.columns[0].strs[row], b.columns[1].strs[row],
                                          number(&b, 2, row));
        }
    }
    weir_result_free(result);
    return rc;
}

int weir_source_standing_note_changes(struct weir_warehouse *warehouse, struct weir_error *err)
{
    struct weir_session *session = NULL;
    int rc = weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : note_changes(session, warehouse, err);
    weir_session_free(session);
    return rc;
}

/* The source as a whole failed, and some stream of it was looked at since. */
static bool is_over(const struct weir_source_standing *items, size_t count,
                    const struct weir_source_standing *s)
{
    bool over = false;
    for (size_t i = 0; weir_str_is(s->stream, WEIR_SOURCE_ALL) && i < count; i++) {
        over = over || (weir_str_eq(items[i].source, s->source) && items[i].ended_at > s->ended_at);
    }
    return over;
}

static void print(const struct weir_source_standing *s, struct weir_jw *w)
{
    weir_jw_object(w);
    weir_jw_kstr(w, "stream", s->stream);
    weir_jw_kstr(w, "schema", s->schema);
    weir_jw_kstr(w, "table", s->table);
    weir_jw_kstr(w, "mode", s->mode);
    weir_jw_kstr(w, "status", s->status);
    weir_jw_kstr(w, "run", s->run);
    weir_jw_kstr_or_null(w, "error", s->error);
    weir_jw_keyz(w, "verified");
    weir_jw_raw(w, s->verified.len ? s->verified : WEIR_STR("null"));
    weir_jw_keyz(w, "rows");
    if (s->rows < 0) {
        weir_jw_null(w);
    } else {
        weir_jw_i64(w, s->rows);
    }
    weir_jw_ki64(w, "rows_written", s->rows_written);
    weir_jw_ki64(w, "rows_discarded", s->rows_discarded);
    weir_jw_ktime_or_null(w, "ended_at", s->ended_at);
    weir_jw_ktime_or_null(w, "good_at", s->good_at);
    weir_jw_ktime_or_null(w, "failing_since", s->failing_since);
    weir_jw_object_end(w);
}

void weir_source_standing_print(const struct weir_source_standing *items, size_t count,
                                const char *source, weir_time well, struct weir_jw *w)
{
    weir_jw_array(w);
    for (size_t i = 0; i < count; i++) {
        struct weir_source_standing s = items[i];
        bool gone = weir_str_is(s.status, "gone");
        bool recovered = !gone && !weir_str_is(s.status, "loaded") && s.ended_at <= well;
        if (!weir_str_is(s.source, source) || is_over(items, count, &s) ||
            (recovered && !s.good_run.len)) { /* nothing of it was ever loaded, or is to be */
            continue;
        }
        if (recovered) {
            s.status = WEIR_STR("loaded");
            s.error = WEIR_STR("");
            s.run = s.good_run;
            s.rows_written = s.good_written;
            s.rows_discarded = s.good_discarded;
            s.ended_at = s.good_ended_at;
            s.failing_since = 0;
        }
        if (gone) { /* whatever it was before */
            s.verified = WEIR_STR("");
            s.failing_since = 0;
        }
        print(&s, w);
    }
    weir_jw_array_end(w);
}
