#include "load/replay_refused.h"

#include <stdlib.h>

enum { EVENTS_BYTES = 1 << 30, SQL_BYTES = 1 << 20, A_STATEMENT = 4096 };

struct refused {
    uint64_t seq;
    uint32_t index;
    bool noted;
};

void weir_replay_refused_init(struct weir_replay_refused *r)
{
    weir_buf_init(&r->events, EVENTS_BYTES);
    r->until = 0;
}

void weir_replay_refused_free(struct weir_replay_refused *r)
{
    weir_buf_free(&r->events);
}

static struct refused *events(const struct weir_replay_refused *r, size_t *count)
{
    *count = r->events.len / sizeof(struct refused);
    return (struct refused *)(void *)r->events.data;
}

int weir_replay_refused_read(struct weir_replay_refused *r, struct weir_session *session,
                             uint64_t until, struct weir_error *err)
{
    if (until <= r->until) {
        return WEIR_OK;
    }
    struct weir_result *result = NULL;
    struct weir_batch rows;
    const struct weir_param range[] = {{.type = WEIR_TYPE_INT, .i = (int64_t)r->until},
                                       {.type = WEIR_TYPE_INT, .i = (int64_t)until}};
    int code = weir_session_query(session,
                                  "SELECT DISTINCT seq, event_index FROM weir.discards WHERE "
                                  "table_name IS NULL AND event_index IS NOT NULL AND seq >= ? "
                                  "AND seq < ? ORDER BY seq, event_index",
                                  range, 2, &result, err);
    while (!code && !(code = weir_result_next(result, &rows, err)) && rows.rows) {
        for (size_t i = 0; i < rows.rows; i++) {
            struct refused event = {.seq = (uint64_t)rows.columns[0].ints[i],
                                    .index = (uint32_t)rows.columns[1].ints[i]};
            weir_buf_add(&r->events, &event, sizeof event);
        }
        code = weir_buf_check(&r->events, "the list of refused events", err);
    }
    weir_result_free(result);
    r->until = code ? r->until : until;
    return code;
}

static int compare(const void *left, const void *right)
{
    const struct refused *a = left, *b = right;
    return a->seq != b->seq ? (a->seq < b->seq ? -1 : 1)
                            : (a->index > b->index) - (a->index < b->index);
}

void weir_replay_refused_note(struct weir_replay_refused *r, uint64_t seq, uint32_t index)
{
    size_t count;
    struct refused *all = events(r, &count);
    const struct refused key = {.seq = seq, .index = index};
    struct refused *found = count ? bsearch(&key, all, count, sizeof key, compare) : NULL;
    if (found) {
        found->noted = true;
    }
}

static int delete_some(struct weir_session *session, struct weir_buf *places,
                       struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "DELETE FROM weir.discards WHERE table_name IS NULL AND EXISTS (SELECT 1 "
                        "FROM (VALUES ");
    weir_buf_adds(&sql, weir_buf_str(places));
    weir_buf_addz(&sql, ") AS made (seq, event_index) WHERE made.seq = discards.seq AND "
                        "made.event_index = discards.event_index)");
    int code = weir_session_exec_buf(session, &sql, err);
    weir_buf_free(&sql);
    weir_buf_reset(places);
    return code;
}

int weir_replay_refused_delete(const struct weir_replay_refused *r, struct weir_session *session,
                               struct weir_error *err)
{
    size_t count, noted = 0;
    const struct refused *all = events(r, &count);
    struct weir_buf places;
    int code = WEIR_OK;
    weir_buf_init(&places, SQL_BYTES);
    for (size_t i = 0; !code && i < count; i++) {
        if (all[i].noted) {
            weir_buf_addf(&places, "%s(%llu, %u)", places.len ? ", " : "",
                          (unsigned long long)all[i].seq, all[i].index);
            noted++;
        }
        if (places.len && (noted % A_STATEMENT == 0 || i + 1 == count)) {
            code = delete_some(session, &places, err);
        }
    }
    weir_buf_free(&places);
    return code;
}
