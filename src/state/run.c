#include "state/run.h"

#include "state/db.h"

static struct weir_str some(struct weir_str s)
{
    return s.ptr ? s : WEIR_STR("");
}

static int add(struct weir_state *state, const struct weir_run *run, struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "insert into runs (person_id, at, sql, vals, report, query, row_count, truncated, "
               "elapsed, error) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    weir_db_text(&q, run->person);
    weir_db_i64(&q, run->at);
    weir_db_text(&q, weir_utf8_cut(some(run->sql), WEIR_RUN_MAX_SQL));
    weir_db_text(&q, run->values.len > WEIR_RUN_MAX_VALUES ? WEIR_STR("") : some(run->values));
    weir_db_text(&q, some(run->report));
    weir_db_text(&q, some(run->query));
    weir_db_i64(&q, run->rows);
    weir_db_i64(&q, run->truncated);
    weir_db_i64(&q, run->elapsed);
    weir_db_text(&q, some(run->error));
    return weir_db_run(&q, NULL, err);
}

/* Along the index, which is all that it reads. */
static int forget(struct weir_state *state, struct weir_str person, int64_t keep,
                  struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "delete from runs where person_id = ?1 and id <= (select id from runs "
                          "where person_id = ?1 order by id desc limit 1 offset ?2)");
    weir_db_text(&q, person);
    weir_db_i64(&q, keep);
    return weir_db_run(&q, NULL, err);
}

static int add_all(struct weir_state *state, const struct weir_run *runs, size_t count,
                   int64_t keep, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = add(state, &runs[i], err);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        bool last = true; /* of this person */
        for (size_t j = i + 1; last && j < count; j++) {
            last = !weir_str_eq(runs[i].person, runs[j].person);
        }
        rc = last ? forget(state, runs[i].person, keep, err) : 0;
    }
    return rc;
}

int weir_runs_add(struct weir_state *state, const struct weir_run *runs, size_t count, int64_t keep,
                  struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, add_all(state, runs, count, keep, err), err);
}

static void read_run(struct weir_db *q, struct weir_str person, struct weir_arena *arena,
                     struct weir_run *out)
{
    *out = (struct weir_run){.id = weir_db_int(q, 0),
                             .at = weir_db_int(q, 1),
                             .person = person,
                             .sql = weir_db_str(q, 2, arena),
                             .values = weir_db_str(q, 3, arena),
                             .report = weir_db_str(q, 4, arena),
                             .query = weir_db_str(q, 5, arena),
                             .rows = weir_db_int(q, 6),
                             .truncated = weir_db_int(q, 7) != 0,
                             .elapsed = weir_db_int(q, 8),
                             .error = weir_db_str(q, 9, arena)};
}

int weir_runs_list(struct weir_state *state, const struct weir_run_filter *filter,
                   struct weir_arena *arena, struct weir_run **out, size_t *count, bool *more,
                   struct weir_error *err)
{
    size_t limit = filter->limit < 1                 ? 1
                   : filter->limit > WEIR_RUNS_LIMIT ? WEIR_RUNS_LIMIT
                                                     : (size_t)filter->limit;
    *count = 0;
    *more = false;
    *out = weir_arena_calloc(arena, limit * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the history");
    }
    struct weir_db q = weir_db_on(
        state,
        "select id, at, sql, vals, report, query, row_count, truncated, elapsed, error from runs "
        "where person_id = ?1 and (?2 = 0 or id < ?2) and (?3 = '' or instr(lower(sql), lower(?3)) "
        "or instr(lower(vals), lower(?3)) or instr(lower(error), lower(?3))) "
        "order by id desc limit ?4");
    weir_db_text(&q, filter->person);
    weir_db_i64(&q, filter->before);
    weir_db_text(&q, some(filter->text));
    weir_db_i64(&q, (int64_t)limit + 1);
    while (weir_db_row(&q)) {
        if (*count == limit) {
            *more = true;
            break;
        }
        read_run(&q, filter->person, arena, &(*out)[(*count)++]);
    }
    return weir_db_end(&q, err);
}

/* Along the index of times, which holds what they are ordered by. */
int weir_runs_slowest(struct weir_state *state, struct weir_str person, weir_time since,
                      int64_t limit, struct weir_arena *arena, struct weir_run **out, size_t *count,
                      struct weir_error *err)
{
    limit = limit < 1 ? 1 : limit > WEIR_RUNS_LIMIT ? WEIR_RUNS_LIMIT : limit;
    *count = 0;
    *out = weir_arena_calloc(arena, (size_t)limit * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the slowest queries");
    }
    struct weir_db q = weir_db_on(
        state,
        person.len
            ? "select id, at, sql, vals, report, query, row_count, truncated, elapsed, error, "
              "person_id from runs where at >= ?1 and person_id = ?3 order by elapsed desc limit ?2"
            : "select id, at, sql, vals, report, query, row_count, truncated, elapsed, error, "
              "person_id from runs where id in (select id from runs where at >= ?1 order by "
              "elapsed desc limit ?2) order by elapsed desc");
    weir_db_i64(&q, since);
    weir_db_i64(&q, limit);
    if (person.len) {
        weir_db_text(&q, person);
    }
    while (*count < (size_t)limit && weir_db_row(&q)) {
        read_run(&q, weir_db_str(&q, 10, arena), arena, &(*out)[(*count)++]);
    }
    return weir_db_end(&q, err);
}

int weir_runs_after(struct weir_state *state, int64_t id, int64_t limit, struct weir_arena *arena,
                    struct weir_run **out, size_t *count, struct weir_error *err)
{
    *count = 0;
    *out = weir_arena_calloc(arena, ((size_t)limit + 1) * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the history");
    }
    struct weir_db q = weir_db_on(state, "select id, at, '', '', report, query, row_count, "
                                         "truncated, elapsed, substr(error, 1, 100), person_id "
                                         "from runs where id > ? order by id limit ?");
    weir_db_i64(&q, id);
    weir_db_i64(&q, limit);
    while (*count < (size_t)limit && weir_db_row(&q)) {
        read_run(&q, weir_db_str(&q, 10, arena), arena, &(*out)[(*count)++]);
    }
    return weir_db_end(&q, err);
}
