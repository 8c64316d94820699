#include "serve/source_said.h"

#define MAX_TEXTS (8u << 20)

void weir_source_said_keep(struct weir_state *state, const struct weir_log *log,
                           const struct weir_run_log *run)
{
    struct weir_error err;
    if (weir_run_log_put(state, run, &err)) {
        weir_log(log, WEIR_LOG_WARN, "what a run said goes with the server's end", "error",
                 err.message);
    }
}

bool weir_source_said_print(struct weir_state *state, const char *run, struct weir_jw *w)
{
    struct weir_arena arena;
    struct weir_run_log kept;
    struct weir_error err;
    weir_arena_init(&arena, MAX_TEXTS);
    bool found =
        weir_run_log_get(state, weir_str_of(run), &arena, &kept, &err) == 0 && kept.told.len > 1;
    if (found) { /* an object that was written by weir_jw: its last byte closes it */
        struct weir_buf text;
        weir_buf_init(&text, MAX_TEXTS);
        weir_buf_add(&text, kept.told.ptr, kept.told.len - 1);
        weir_buf_addz(&text, ",\"log\":");
        weir_buf_adds(&text, kept.log);
        weir_buf_addz(&text, ",\"report\":null}");
        found = weir_buf_ok(&text);
        if (found) {
            weir_jw_raw(w, weir_buf_str(&text));
        }
        weir_buf_free(&text);
    }
    weir_arena_free(&arena);
    return found;
}
