#include "state/run_log.h"

#include "state/db.h"

enum sort { GOOD, FAILED, BEGUN }; /* the column `failed` */

static int insert(struct weir_state *state, const struct weir_run_log *log, enum sort sort,
                  struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "insert or replace into source_logs (run, source, failed, ended_at, told, log) "
               "values (?, ?, ?, ?, ?, ?)");
    weir_db_text(&q, log->run);
    weir_db_text(&q, log->source);
    weir_db_i64(&q, sort);
    weir_db_i64(&q, log->ended_at);
    weir_db_text(&q, log->told);
    weir_db_text(&q, log->log);
    return weir_db_run(&q, NULL, err);
}

static int forget_old(struct weir_state *state, const struct weir_run_log *log,
                      struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "delete from source_logs where run in (select run from source_logs where source = ? "
               "and failed = ? order by ended_at desc, run desc limit -1 offset ?)");
    weir_db_text(&q, log->source);
    weir_db_i64(&q, log->failed);
    weir_db_i64(&q, WEIR_RUN_LOGS);
    return weir_db_run(&q, NULL, err);
}

int weir_run_log_put(struct weir_state *state, const struct weir_run_log *log,
                     struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    rc = insert(state, log, log->failed ? FAILED : GOOD, err);
    rc = rc ? rc : forget_old(state, log, err);
    return weir_state_end(state, rc, err);
}

int weir_run_log_begin(struct weir_state *state, const struct weir_run_log *log,
                       struct weir_error *err)
{
    return insert(state, log, BEGUN, err);
}

int weir_run_log_drop(struct weir_state *state, struct weir_str run, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from source_logs where run = ?");
    weir_db_text(&q, run);
    return weir_db_run(&q, NULL, err);
}

int weir_run_log_begun(struct weir_state *state, struct weir_arena *arena, struct weir_run_log *out,
                       struct weir_error *err)
{
    *out = (struct weir_run_log){.failed = true};
    struct weir_db q = weir_db_on(state, "select run, source, ended_at, told from source_logs "
                                         "where failed = ? order by run limit 1");
    weir_db_i64(&q, BEGUN);
    if (weir_db_row(&q)) {
        out->run = weir_db_str(&q, 0, arena);
        out->source = weir_db_str(&q, 1, arena);
        out->ended_at = weir_db_int(&q, 2);
        out->told = weir_db_str(&q, 3, arena);
    }
    return weir_db_end(&q, err);
}

int weir_run_log_get(struct weir_state *state, struct weir_str run, struct weir_arena *arena,
                     struct weir_run_log *out, struct weir_error *err)
{
    bool found = false;
    *out = (struct weir_run_log){.run = run};
    struct weir_db q = weir_db_on(
        state, "select source, failed, ended_at, told, log from source_logs where run = ?");
    weir_db_text(&q, run);
    if (weir_db_row(&q)) {
        found = true;
        out->source = weir_db_str(&q, 0, arena);
        out->failed = weir_db_int(&q, 1) != 0;
        out->ended_at = weir_db_int(&q, 2);
        out->told = weir_db_str(&q, 3, arena);
        out->log = weir_db_str(&q, 4, arena);
    }
    int rc = weir_db_end(&q, err);
    return rc || found ? rc : weir_fail(err, WEIR_ENOENT, "this run is not kept");
}

int weir_run_logs_list(struct weir_state *state, struct weir_str source, struct weir_arena *arena,
                       struct weir_run_log out[2 * WEIR_RUN_LOGS], size_t *count,
                       struct weir_error *err)
{
    *count = 0;
    struct weir_db q =
        weir_db_on(state, "select run, failed, ended_at, told from source_logs where source = ? "
                          "and failed <> ? order by ended_at desc, run desc limit ?");
    weir_db_text(&q, source);
    weir_db_i64(&q, BEGUN);
    weir_db_i64(&q, 2 * WEIR_RUN_LOGS);
    while (weir_db_row(&q)) {
        out[(*count)++] = (struct weir_run_log){.run = weir_db_str(&q, 0, arena),
                                                .source = source,
                                                .failed = weir_db_int(&q, 1) != 0,
                                                .ended_at = weir_db_int(&q, 2),
                                                .told = weir_db_str(&q, 3, arena)};
    }
    return weir_db_end(&q, err);
}

int weir_run_logs_remove(struct weir_state *state, struct weir_str source, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from source_logs where source = ?");
    weir_db_text(&q, source);
    return weir_db_run(&q, NULL, err);
}
