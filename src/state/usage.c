#include "state/usage.h"

#include "state/db.h"

static int add_row(struct weir_state *state, const struct weir_usage_row *row,
                   struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "insert into usage_days (day, report, person_id, opens, queries, hits, failures, "
               "engine) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (day, report, person_id) do "
               "update set opens = opens + excluded.opens, queries = queries + excluded.queries, "
               "hits = hits + excluded.hits, failures = failures + excluded.failures, "
               "engine = engine + excluded.engine");
    weir_db_i64(&q, row->day);
    weir_db_text(&q, row->report);
    weir_db_text(&q, row->person);
    weir_db_i64(&q, row->count.opens);
    weir_db_i64(&q, row->count.queries);
    weir_db_i64(&q, row->count.hits);
    weir_db_i64(&q, row->count.failures);
    weir_db_i64(&q, row->count.engine);
    return weir_db_run(&q, NULL, err);
}

static int add_open(struct weir_state *state, const struct weir_usage_open *open,
                    struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "insert into usage_opens (at, report, person_id) values (?, ?, ?)");
    weir_db_i64(&q, open->at);
    weir_db_text(&q, open->report);
    weir_db_text(&q, open->person);
    return weir_db_run(&q, NULL, err);
}

static int forget(struct weir_state *state, int64_t first_day, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from usage_days where day < ?");
    weir_db_i64(&q, first_day);
    int rc = weir_db_run(&q, NULL, err);
    if (rc == 0) {
        q = weir_db_on(state, "delete from usage_opens where at < ?");
        weir_db_i64(&q, first_day * WEIR_DAY);
        rc = weir_db_run(&q, NULL, err);
    }
    return rc;
}

int weir_usage_write(struct weir_state *state, const struct weir_usage_row *rows, size_t count,
                     const struct weir_usage_open *opens, size_t open_count, int64_t first_day,
                     struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = add_row(state, &rows[i], err);
    }
    for (size_t i = 0; rc == 0 && i < open_count; i++) {
        rc = add_open(state, &opens[i], err);
    }
    rc = rc ? rc : forget(state, first_day, err);
    return weir_state_end(state, rc, err);
}

static int sums(struct weir_state *state, const char *sql, int64_t first_day, int64_t limit,
                struct weir_arena *arena, struct weir_usage_sum **out, size_t *count,
                struct weir_error *err)
{
    *count = 0;
    *out = weir_arena_calloc(arena, ((size_t)limit + 1) * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the usage");
    }
    struct weir_db q = weir_db_on(state, sql);
    weir_db_i64(&q, first_day);
    weir_db_i64(&q, limit);
    while (*count < (size_t)limit && weir_db_row(&q)) {
        (*out)[(*count)++] = (struct weir_usage_sum){.id = weir_db_str(&q, 0, arena),
                                                     .others = weir_db_int(&q, 1),
                                                     .last_open = weir_db_int(&q, 2),
                                                     .count = {.opens = weir_db_int(&q, 3),
                                                               .queries = weir_db_int(&q, 4),
                                                               .hits = weir_db_int(&q, 5),
                                                               .failures = weir_db_int(&q, 6),
                                                               .engine = weir_db_int(&q, 7)}};
    }
    return weir_db_end(&q, err);
}

#define SUMS                                                                                       \
    "sum(opens), sum(queries), sum(hits), sum(failures), sum(engine) from usage_days d where "     \
    "day >= ?1 "

int weir_usage_reports(struct weir_state *state, int64_t first_day, int64_t limit,
                       struct weir_arena *arena, struct weir_usage_sum **out, size_t *count,
                       struct weir_error *err)
{
    return sums(state,
                "select report, count(distinct nullif(person_id, '')), (select max(o.at) from "
                "usage_opens o "
                "where o.report = d.report), " SUMS "group by report order by sum(engine) desc, "
                "sum(queries) desc, report limit ?2",
                first_day, limit, arena, out, count, err);
}

int weir_usage_people(struct weir_state *state, int64_t first_day, int64_t limit,
                      struct weir_arena *arena, struct weir_usage_sum **out, size_t *count,
                      struct weir_error *err)
{
    return sums(state,
                "select person_id, count(distinct nullif(report, '')), 0, " SUMS
                "group by person_id order by sum(engine) desc, sum(queries) desc, person_id "
                "limit ?2",
                first_day, limit, arena, out, count, err);
}

/* --- copying -------------------------------------------------------------------------------- */

/* Room for as many of `size` bytes as there are, and no more than `limit`, which is set to it. */
static int make_room(struct weir_state *state, const char *counting, int64_t after, int64_t *limit,
                     size_t size, struct weir_arena *arena, void **out, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, counting);
    weir_db_i64(&q, after);
    int64_t n = weir_db_row(&q) ? weir_db_int(&q, 0) : 0;
    int rc = weir_db_end(&q, err);
    *limit = n < *limit ? n : *limit;
    *out = rc ? NULL : weir_arena_calloc(arena, ((size_t)*limit + 1) * size);
    return rc || *out ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the usage");
}

int weir_usage_opens_after(struct weir_state *state, int64_t id, int64_t limit,
                           struct weir_arena *arena, struct weir_usage_open **out, size_t *count,
                           struct weir_error *err)
{
    void *room;
    int rc = make_room(state, "select count(*) from usage_opens where id > ?", id, &limit,
                       sizeof **out, arena, &room, err);
    *count = 0;
    *out = room;
    if (rc) {
        return rc;
    }
    struct weir_db q = weir_db_on(state, "select id, at, report, person_id from usage_opens where "
                                         "id > ? order by id limit ?");
    weir_db_i64(&q, id);
    weir_db_i64(&q, limit);
    while (*count < (size_t)limit && weir_db_row(&q)) {
        (*out)[(*count)++] = (struct weir_usage_open){.id = weir_db_int(&q, 0),
                                                      .at = weir_db_int(&q, 1),
                                                      .report = weir_db_str(&q, 2, arena),
                                                      .person = weir_db_str(&q, 3, arena)};
    }
    return weir_db_end(&q, err);
}

int weir_usage_days_from(struct weir_state *state, int64_t day, int64_t limit,
                         struct weir_arena *arena, struct weir_usage_row **out, size_t *count,
                         struct weir_error *err)
{
    void *room;
    int rc = make_room(state, "select count(*) from usage_days where day >= ?", day, &limit,
                       sizeof **out, arena, &room, err);
    *count = 0;
    *out = room;
    if (rc) {
        return rc;
    }
    struct weir_db q = weir_db_on(state, "select day, report, person_id, opens, queries, hits, "
                                         "failures, engine from usage_days where day >= ? order "
                                         "by day limit ?");
    weir_db_i64(&q, day);
    weir_db_i64(&q, limit);
    while (*count < (size_t)limit && weir_db_row(&q)) {
        (*out)[(*count)++] = (struct weir_usage_row){.day = weir_db_int(&q, 0),
                                                     .report = weir_db_str(&q, 1, arena),
                                                     .person = weir_db_str(&q, 2, arena),
                                                     .count = {.opens = weir_db_int(&q, 3),
                                                               .queries = weir_db_int(&q, 4),
                                                               .hits = weir_db_int(&q, 5),
                                                               .failures = weir_db_int(&q, 6),
                                                               .engine = weir_db_int(&q, 7)}};
    }
    return weir_db_end(&q, err);
}

int weir_usage_last_ids(struct weir_state *state, int64_t *opens, int64_t *runs,
                        struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "select coalesce((select seq from sqlite_sequence where name = "
                          "'usage_opens'), 0), coalesce((select seq from sqlite_sequence where "
                          "name = 'runs'), 0)");
    if (weir_db_row(&q)) {
        *opens = weir_db_int(&q, 0);
        *runs = weir_db_int(&q, 1);
    }
    return weir_db_end(&q, err);
}

int weir_usage_is_any(struct weir_state *state, bool *out, struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "select exists (select 1 from usage_days) or exists (select 1 from runs)");
    *out = weir_db_row(&q) && weir_db_int(&q, 0);
    return weir_db_end(&q, err);
}
