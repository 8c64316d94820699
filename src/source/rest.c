/* A stream that fails, beside others that go well: it is tried again, less often the longer it
 * fails, while the others keep the rhythm of their source. */
#include "source/run.h"
#include "source/standing.h"

#define LEAST     (2 * WEIR_SECOND)
#define MOST      (3600 * WEIR_SECOND)
#define MAX_TEXTS (64u << 20)

void weir_source_rests_read(const struct weir_source_run *run, struct weir_source_rests *out)
{
    struct weir_session *session = NULL;
    struct weir_error ignored; /* what is not known keeps no stream from being tried */
    *out = (struct weir_source_rests){0};
    weir_arena_init(&out->arena, MAX_TEXTS);
    if (run->rest && (weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, &ignored) ||
                      weir_source_standing_read(session, run->source, &out->arena, &out->items,
                                                &out->count, &ignored))) {
        out->count = 0;
    }
    weir_session_free(session);
}

void weir_source_rests_free(struct weir_source_rests *rests)
{
    weir_arena_free(&rests->arena);
}

static const struct weir_source_standing *find(const struct weir_source_rests *rests,
                                               struct weir_str stream)
{
    for (size_t i = 0; rests && i < rests->count; i++) {
        if (weir_str_eq(rests->items[i].stream, stream)) {
            return &rests->items[i];
        }
    }
    return NULL;
}

int weir_source_check_rest(const struct weir_source_run *run, struct weir_str stream,
                           struct weir_error *err)
{
    const struct weir_source_standing *s = find(run->rests, stream);
    weir_time now = weir_now();
    char at[28];
    if (!s || !weir_source_standing_fails(s) || s->ended_at > now) {
        return 0;
    }
    weir_time wait = s->ended_at - s->failing_since;
    wait = wait < LEAST ? LEAST : wait > MOST ? MOST : wait;
    if (now >= s->ended_at + wait) {
        return 0;
    }
    if (run->progress) {
        atomic_store(&run->progress->rested, true);
    }
    weir_time_format(s->ended_at + wait, at);
    return weir_fail(err, WEIR_EAGAIN,
                     "stream \"" WEIR_STR_FMT
                     "\" failed (weir.loads says why), and is tried again from %.19sZ on",
                     WEIR_STR_ARG(stream), at);
}

bool weir_source_only_rested(const struct weir_source_progress *progress)
{
    return atomic_load(&progress->rested) && !atomic_load(&progress->noted);
}
