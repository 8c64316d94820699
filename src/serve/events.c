/* GET /api/events/recent and /api/events/{id}. */
#include "serve/events.h"

#include <stdio.h>

#define LOOK_BACK 2000 /* records, for those of one source */

static int number(struct weir_ask *ask, const char *name, int64_t least, int64_t most, int64_t *out,
                  struct weir_error *err)
{
    struct weir_str text = weir_ask_param(ask, name);
    return !text.ptr || (weir_str_to_i64(text, out) && *out >= least && *out <= most)
               ? 0
               : weir_fail(err, WEIR_EINVAL, "\"%s\" must be a number from %d to %d", name,
                           (int)least, (int)most);
}

/* The newest of one log. */
static int read_newest(struct weir_ask *ask, bool quarantine, struct weir_str source,
                       struct weir_recents *out, uint64_t *next, struct weir_error *err)
{
    struct weir_events_want want = {.server = ask->server,
                                    .source = source,
                                    .quarantine = quarantine,
                                    .to = UINT64_MAX,
                                    .index = -1};
    uint64_t back = source.len ? LOOK_BACK : out->limit;
    int rc = weir_events_next_seq(ask->server, quarantine, next, err);
    want.from = *next > back ? *next - back : 1;
    return rc ? rc : weir_events_read(&want, out, err);
}

/* To choose from; those whose files cannot be read are the collector's to complain of. */
static void print_sources(struct weir_ask *ask)
{
    struct weir_sources sources = {0};
    struct weir_error ignored;
    int rc = weir_sources_load_good(ask->server->run->workspace, &sources, &ignored);
    weir_jw_keyz(&ask->w, "sources");
    weir_jw_array(&ask->w);
    for (size_t i = 0; rc == 0 && i < sources.count; i++) {
        weir_jw_strz(&ask->w, sources.items[i].name);
    }
    weir_jw_array_end(&ask->w);
    weir_sources_free(&sources);
}

int weir_ask_events(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_recents events = {0}, apart = {0};
    struct weir_str source = weir_ask_param(ask, "source");
    struct weir_load_stats stats;
    int64_t limit = 50;
    uint64_t next = 1, next_apart = 1;
    int rc = weir_ask_needs_server(ask, err);
    if (rc) {
        return rc;
    }
    rc = number(ask, "limit", 1, WEIR_EVENTS_MAX, &limit, err);
    events.limit = (size_t)limit;
    apart.limit = (size_t)limit;
    source = source.ptr ? source : WEIR_STR("");
    rc = rc ? rc : read_newest(ask, false, source, &events, &next, err);
    if (rc == 0 && source.len == 0) { /* what is there belongs to no source */
        rc = read_newest(ask, true, source, &apart, &next_apart, err);
    }
    weir_events_merge(&events, &apart);
    weir_loader_stats(ask->server->loader, &stats);
    weir_jw_object(&ask->w);
    weir_jw_ku64(&ask->w, "next_seq", next);
    weir_jw_ku64(&ask->w, "loaded_seq", stats.next_seq);
    print_sources(ask);
    rc = rc ? rc : weir_events_print(ask->server, &events, &ask->w, err);
    weir_jw_object_end(&ask->w);
    weir_recents_free(&events);
    weir_recents_free(&apart);
    return rc;
}

int weir_ask_event(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_str rest = ask->id;
    bool quarantine = rest.len && rest.ptr[0] == 'q';
    rest.ptr += quarantine;
    rest.len -= quarantine;
    struct weir_str seq_text = weir_str_cut(&rest, '-');
    struct weir_recents events = {.limit = 1};
    int64_t seq = 0, index = -1;
    if (!weir_str_to_i64(seq_text, &seq) || !weir_str_to_i64(rest, &index) || seq < 1 ||
        index < 0) {
        return weir_fail(err, WEIR_ENOENT, "there is no such event");
    }
    const struct weir_events_want want = {.server = ask->server,
                                          .source = WEIR_STR(""),
                                          .quarantine = quarantine,
                                          .from = (uint64_t)seq,
                                          .to = (uint64_t)seq + 1,
                                          .index = index};
    int rc = weir_ask_needs_server(ask, err);
    rc = rc ? rc : weir_events_read(&want, &events, err);
    if (rc == 0 && events.count == 0) {
        rc = weir_fail(err, WEIR_ENOENT,
                       "there is no such event; the log may have been cut since, or its batch has "
                       "fewer");
    }
    weir_jw_object(&ask->w);
    rc = rc ? rc : weir_events_print(ask->server, &events, &ask->w, err);
    rc = rc ? rc : weir_events_print_rows(ask->server, events.items[0], &ask->w, err);
    weir_jw_object_end(&ask->w);
    weir_recents_free(&events);
    return rc;
}
