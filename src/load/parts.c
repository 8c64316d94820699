#include "load/parts.h"

enum { PART_EVENTS = 2048 };

struct part {
    struct weir_builder *builder;
    bool (*wanted)(const struct weir_record *record, const struct weir_event *event, void *arg,
                   const char **reason); /* the builder's own */
    void *arg;
    bool only_events; /* likewise */
    bool refused;     /* it is one event, to be set aside */
    uint64_t from, to;
    uint64_t count; /* the largest index + 1 */
};

bool weir_load_is_refusal(int code)
{
    return code == WEIR_EINVAL || code == WEIR_EEXIST || code == WEIR_ENOENT ||
           code == WEIR_ETOOBIG || code == WEIR_EUNSUPPORTED || code == WEIR_EPERM;
}

static bool wanted(const struct weir_record *record, const struct weir_event *event, void *arg,
                   const char **reason)
{
    struct part *part = arg;
    part->count = event->index >= part->count ? event->index + UINT64_C(1) : part->count;
    /* What is said of the whole record belongs to the last part. */
    part->builder->only_events = part->only_events || part->count > part->to;
    if (event->index >= part->to ||
        (part->wanted && !part->wanted(record, event, part->arg, reason))) {
        return false;
    }
    if (part->refused) {
        *reason = "refused_by_warehouse";
    }
    return true;
}

static int build(const struct weir_parts *parts, struct part *part,
                 const struct weir_record *record, struct weir_error *err)
{
    struct weir_builder *builder = parts->builder;
    part->count = 0;
    builder->begun_seq = record->seq;
    builder->begun_event = part->from;
    builder->wanted = wanted;
    builder->wanted_arg = part;
    weir_load_batch_reset(parts->batch);
    int code = weir_builder_add(builder, parts->batch, record, err);
    builder->wanted = part->wanted;
    builder->wanted_arg = part->arg;
    builder->only_events = part->only_events;
    if (part->count > part->to) {
        parts->batch->next_seq = record->seq;
        parts->batch->next_event = part->to;
    }
    return code;
}

/* Prepares for another try of a part that failed; false when there is none. */
static bool make_smaller(const struct weir_parts *parts, struct part *part, int code,
                         uint64_t *events, const struct weir_error *why, uint64_t seq)
{
    uint64_t end = part->count < part->to ? part->count : part->to;
    uint64_t tried = end > part->from ? end - part->from : 0;
    bool refusal = weir_load_is_refusal(code);
    if (tried > 1 && (refusal || (code == WEIR_ENOMEM && !parts->returns_memory))) {
        *events = tried / 2;
        return true;
    }
    if (tried != 1 || !refusal || part->refused) {
        return false;
    }
    weir_log(parts->log, WEIR_LOG_WARN, "the warehouse refuses an event; it is in weir.discards",
             "seq", weir_log_num((int64_t)seq).text, "event",
             weir_log_num((int64_t)part->from).text, "error", why->message);
    part->refused = true;
    *events = 1;
    return true;
}

int weir_parts_write(const struct weir_parts *parts, const struct weir_record *record,
                     struct weir_error *err)
{
    struct weir_builder *builder = parts->builder;
    struct part part = {.builder = builder,
                        .wanted = builder->wanted,
                        .arg = builder->wanted_arg,
                        .only_events = builder->only_events};
    uint64_t events = parts->events ? parts->events : PART_EVENTS;
    uint64_t most = events;
    part.from = record->seq == builder->begun_seq ? builder->begun_event : 0;
    for (;;) {
        part.to = part.from + events;
        int code = build(parts, &part, record, err);
        if (code) {
            return code;
        }
        code = parts->write(parts->batch, parts->arg, err);
        if (!code && part.count <= part.to) {
            builder->begun_seq = builder->begun_event = 0;
            return WEIR_OK;
        }
        if (!code) {
            part.from = part.to;
            part.refused = false;
            events = events * 2 < most ? events * 2 : most;
            continue;
        }
        if (!make_smaller(parts, &part, code, &events, err, record->seq)) {
            return code;
        }
        most = code == WEIR_ENOMEM ? events : most;
        code = parts->restore(parts->arg, err);
        if (code) {
            return code;
        }
    }
}
