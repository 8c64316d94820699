#include "state/last_run.h"

#include <stdio.h>

#include "state/db.h"

int weir_last_run_get(struct weir_state *state, struct weir_str source, const char *what,
                      struct weir_last_run *out, struct weir_error *err)
{
    *out = (struct weir_last_run){0};
    struct weir_db q =
        weir_db_on(state, "select began_at, ended_at, failures, gone, partly, well_at "
                          "from source_runs where source = ? and what = ?");
    weir_db_text(&q, source);
    weir_db_textz(&q, what);
    struct weir_arena arena;
    weir_arena_init(&arena, 1u << 16);
    if (weir_db_row(&q)) {
        *out = (struct weir_last_run){.began = weir_db_int(&q, 0),
                                      .ended = weir_db_int(&q, 1),
                                      .failures = (unsigned)weir_db_int(&q, 2)};
        struct weir_str gone = weir_db_str(&q, 3, &arena);
        out->partly = weir_db_int(&q, 4) != 0;
        out->well = weir_db_int(&q, 5);
        snprintf(out->gone, sizeof out->gone, WEIR_STR_FMT, WEIR_STR_ARG(gone));
    }
    weir_arena_free(&arena);
    return weir_db_end(&q, err);
}

int weir_last_run_put(struct weir_state *state, struct weir_str source, const char *what,
                      const struct weir_last_run *run, struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "insert or replace into source_runs (source, what, began_at, ended_at, failures, "
               "gone, partly, well_at) values (?, ?, ?, ?, ?, ?, ?, ?)");
    weir_db_text(&q, source);
    weir_db_textz(&q, what);
    weir_db_i64(&q, run->began);
    weir_db_i64(&q, run->ended);
    weir_db_i64(&q, run->failures);
    weir_db_textz(&q, run->gone);
    weir_db_i64(&q, run->partly);
    weir_db_i64(&q, run->well);
    return weir_db_run(&q, NULL, err);
}

int weir_last_run_keep(struct weir_state *state, const char *what, struct weir_str sources,
                       struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from source_runs where what = ? and source not in "
                                         "(select value from json_each(?))");
    weir_db_textz(&q, what);
    weir_db_text(&q, sources);
    return weir_db_run(&q, NULL, err);
}

int weir_last_run_remove(struct weir_state *state, struct weir_str source, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from source_runs where source = ?");
    weir_db_text(&q, source);
    return weir_db_run(&q, NULL, err);
}
