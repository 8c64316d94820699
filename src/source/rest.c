/* A stream that fails, beside others that go well: it is tried again, less often the longer it
 * fails, while the others keep the rhythm of their source. */
#include "source/ledger.h"
#include "source/run.h"

#define LEAST (2 * WEIR_SECOND)
#define MOST  (3600 * WEIR_SECOND)

/* Since when it fails, and when it did last; 0: it does not. */
static int read_failures(const struct weir_source_run *run, struct weir_str stream,
                         weir_time *since, weir_time *last, struct weir_error *err)
{
    struct weir_session *session = NULL;
    struct weir_result *result = NULL;
    struct weir_batch b;
    const struct weir_param params[] = {
        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(run->source)},
        {.type = WEIR_TYPE_TEXT, .s = stream},
    };
    int rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_source_ledger_open(session, err);
    rc = rc ? rc
            : weir_session_query(
                  session,
                  "SELECT min(started_at), max(ended_at) FROM weir.loads WHERE source = $1 AND "
                  "stream = $2 AND status IN ('failed', 'mismatch') AND started_at > (SELECT "
                  "coalesce(max(started_at), TIMESTAMP '-infinity') FROM weir.loads WHERE source = "
                  "$1 AND stream = $2 AND status = 'loaded')",
                  params, 2, &result, err);
    rc = rc ? rc : weir_result_next(result, &b, err);
    if (rc == 0 && b.rows && weir_vector_valid(&b.columns[0], 0)) {
        *since = b.columns[0].ints[0];
        *last = b.columns[1].ints[0];
    }
    weir_result_free(result);
    weir_session_free(session);
    return rc;
}

int weir_source_check_rest(const struct weir_source_run *run, struct weir_str stream,
                           struct weir_error *err)
{
    struct weir_error ignored; /* what is not known keeps no stream from being tried */
    weir_time since = 0, last = 0, now = weir_now();
    char at[28];
    if (!run->rest || read_failures(run, stream, &since, &last, &ignored) || !last || last > now) {
        return 0;
    }
    weir_time wait = last - since;
    wait = wait < LEAST ? LEAST : wait > MOST ? MOST : wait;
    if (now >= last + wait) {
        return 0;
    }
    if (run->progress) {
        atomic_store(&run->progress->rested, true);
    }
    weir_time_format(last + wait, at);
    return weir_fail(err, WEIR_EAGAIN,
                     "stream \"" WEIR_STR_FMT
                     "\" failed (weir.loads says why), and is tried again from %.19sZ on",
                     WEIR_STR_ARG(stream), at);
}
