/* A stream that fails, beside others that go well: it is tried again, less often the longer it
 * fails, while the others keep the rhythm of their source. */
#include "source/run/run.h"
#include "source/schedule/standing.h"
#include "source/schedule/watch.h"

#define LEAST      (2 * WEIR_SECOND)
#define MOST       (3600 * WEIR_SECOND)
#define MAX_TEXTS  (64u << 20)
#define MOST_SAID  800 /* bytes of why it failed */
#define WELL_AGAIN "it can be read again, and is as it was"

void weir_source_rests_read(const struct weir_source_run *run, struct weir_source_rests *out)
{
    struct weir_session *session = NULL;
    struct weir_error ignored; /* what is not known keeps no stream from being tried */
    *out = (struct weir_source_rests){0};
    weir_arena_init(&out->arena, MAX_TEXTS);
    if (!run->well && (weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, &ignored) ||
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
    const struct weir_source_standing *s = run->rest ? find(run->rests, stream) : NULL;
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
                     WEIR_STR_FMT " (stream \"" WEIR_STR_FMT
                                  "\", which is tried again from %.19sZ on)",
                     WEIR_STR_ARG(weir_utf8_cut(s->error, MOST_SAID)), WEIR_STR_ARG(stream), at);
}

int weir_source_tell_well(struct weir_stream_run *r, struct weir_error *err)
{
    const struct weir_source_standing *s = find(r->run->rests, weir_str_of(r->stream.name));
    if (!s || !weir_source_standing_fails(s) || strcmp(r->load.status, "unchanged") != 0) {
        return 0;
    }
    struct weir_source_load load = r->load;
    load.status = "loaded";
    load.ended_at = weir_now();
    load.changes = WEIR_STR("[\"" WELL_AGAIN "\"]");
    weir_source_watch_say(weir_source_watch_of(r->run->progress), "%s: " WELL_AGAIN, load.stream);
    return weir_source_ledger_add(r->session, &load, err);
}

bool weir_source_only_rested(const struct weir_source_progress *progress)
{
    return atomic_load(&progress->rested) && !atomic_load(&progress->noted);
}
