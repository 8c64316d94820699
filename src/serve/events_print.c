/* Events as JSON, with what weir.discards says of them. */
#include <stdio.h>

#include "serve/events.h"

#define MAX_DISCARDS 5000

static const char discards_of[] =
    "select seq, coalesce(event_index, -1), table_name, column_name, reason, left(value, 500) from "
    "weir.discards where seq between $1 and $2 order by seq, event_index limit 5000";

struct discard {
    int64_t seq, index; /* -1: of the whole record */
    struct weir_str table, column, reason, value;
};

struct discards {
    struct weir_arena arena;
    struct discard *items;
    size_t count;
};

/* --- what was set aside --------------------------------------------------------------------- */

static struct weir_str text_at(struct discards *d, const struct weir_batch *batch, size_t column,
                               size_t row)
{
    const struct weir_vector *v = &batch->columns[column];
    struct weir_str s =
        weir_vector_valid(v, row) ? weir_arena_dup(&d->arena, v->strs[row]) : WEIR_STR("");
    return s.ptr ? s : WEIR_STR("");
}

static void take(struct discards *d, const struct weir_batch *batch)
{
    for (size_t row = 0; row < batch->rows && d->count < MAX_DISCARDS; row++) {
        d->items[d->count++] = (struct discard){.seq = batch->columns[0].ints[row],
                                                .index = batch->columns[1].ints[row],
                                                .table = text_at(d, batch, 2, row),
                                                .column = text_at(d, batch, 3, row),
                                                .reason = text_at(d, batch, 4, row),
                                                .value = text_at(d, batch, 5, row)};
    }
}

static int read_discards(struct weir_server *s, struct discards *d, uint64_t first, uint64_t last,
                         struct weir_error *err)
{
    struct weir_session *session = NULL;
    struct weir_result *result = NULL;
    struct weir_batch batch;
    const struct weir_param params[] = {{.type = WEIR_TYPE_INT, .i = (int64_t)first},
                                        {.type = WEIR_TYPE_INT, .i = (int64_t)last}};
    d->items = weir_arena_calloc(&d->arena, MAX_DISCARDS * sizeof *d->items);
    int rc = d->items ? weir_session_new(s->warehouse, WEIR_SESSION_OWNER, &session, err)
                      : weir_fail(err, WEIR_ENOMEM, "no memory for what was set aside");
    rc = rc ? rc : weir_session_query(session, discards_of, params, 2, &result, err);
    bool none = rc == WEIR_EINVAL || rc == WEIR_ENOENT; /* nothing was loaded yet: no table */
    while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
        take(d, &batch);
    }
    weir_result_free(result);
    weir_session_free(session);
    return none ? 0 : rc;
}

static void print_discards(const struct discards *d, const struct weir_recent *e, struct weir_jw *w)
{
    weir_jw_keyz(w, "discards");
    weir_jw_array(w);
    for (size_t i = 0; i < d->count && !e->quarantined; i++) {
        const struct discard *x = &d->items[i];
        if (x->seq != (int64_t)e->seq || (x->index >= 0 && x->index != e->index)) {
            continue;
        }
        weir_jw_object(w);
        weir_jw_kstr_or_null(w, "table", x->table);
        weir_jw_kstr_or_null(w, "column", x->column);
        weir_jw_kstr(w, "reason", x->reason);
        weir_jw_kstr_or_null(w, "value", x->value);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}

/* --- events ----------------------------------------------------------------------------------- */

static void print_event(const struct discards *d, const struct weir_recent *e, struct weir_jw *w)
{
    static const char *const fates[] = {"waiting",   "loaded",  "duplicate",
                                        "set_aside", "refused", "quarantined"};
    char id[64];
    snprintf(id, sizeof id, "%s%llu-%u", e->quarantined ? "q" : "", (unsigned long long)e->seq,
             e->index);
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", id);
    weir_jw_kstr_or_null(w, "source", e->source);
    weir_jw_kstr(w, "method", e->method);
    weir_jw_ktime(w, "received_at", e->received_at);
    weir_jw_kstr_or_null(w, "type", e->type);
    weir_jw_kstr_or_null(w, "name", e->name);
    weir_jw_kstr_or_null(w, "message_id", e->message_id);
    weir_jw_kstr_or_null(w, "user_id", e->user_id);
    weir_jw_kstr_or_null(w, "anonymous_id", e->anonymous_id);
    weir_jw_kstrz(w, "fate", fates[e->fate]);
    weir_jw_kstr_or_null(w, "reason", e->reason);
    print_discards(d, e, w);
    weir_jw_kstr(w, "json", e->json);
    weir_jw_ku64(w, "json_bytes", e->json_size);
    weir_jw_kbool(w, "cut", e->json.len < e->json_size);
    weir_jw_object_end(w);
}

int weir_events_print(struct weir_server *server, const struct weir_recents *events,
                      struct weir_jw *w, struct weir_error *err)
{
    struct discards d = {0};
    uint64_t first = UINT64_MAX, last = 0;
    int rc = 0;
    for (size_t i = 0; i < events->count; i++) {
        const struct weir_recent *e = events->items[i];
        bool loaded = !e->quarantined && e->fate != WEIR_FATE_WAITING;
        first = loaded && e->seq < first ? e->seq : first;
        last = loaded && e->seq > last ? e->seq : last;
    }
    weir_arena_init(&d.arena, 64u << 20);
    if (first <= last) {
        rc = read_discards(server, &d, first, last, err);
    }
    weir_jw_keyz(w, "events");
    weir_jw_array(w);
    for (size_t i = 0; rc == 0 && i < events->count; i++) {
        print_event(&d, events->items[i], w);
    }
    weir_jw_array_end(w);
    weir_arena_free(&d.arena);
    return rc;
}
