/* A record that alone takes more memory than the engine has is loaded in parts. Each is a
 * transaction that says how far into the record it went (weir.load_state.next_event), so that each
 * event is loaded once wherever weir stops. Parts of one transaction would not do: the engine keeps
 * its rows until the commit. */
#include "load/loader.h"

enum { PART_EVENTS = 2048 }; /* when nothing says what fits */

struct part {
    struct weir_builder *builder;
    uint64_t to;    /* one past its last event */
    uint64_t count; /* the largest index + 1 */
};

static bool wanted(const struct weir_record *record, const struct weir_event *event, void *arg,
                   const char **reason)
{
    (void)record;
    (void)reason;
    struct part *part = arg;
    part->count = event->index >= part->count ? event->index + UINT64_C(1) : part->count;
    /* What is said of the whole record belongs to the last part. */
    part->builder->only_events = part->count > part->to;
    return event->index < part->to;
}

/* *done when it was the last. */
static int load_part(struct weir_loader *loader, const struct weir_record *record, bool *done,
                     struct weir_error *err)
{
    struct weir_load_run *run = &loader->run;
    struct weir_load_batch *batch = &loader->batches[loader->filling];
    struct part part = {.builder = &run->builder};
    uint64_t from = record->seq == run->builder.begun_seq ? run->builder.begun_event : 0;
    part.to = from + (loader->split_events ? loader->split_events : PART_EVENTS);
    run->builder.wanted = wanted;
    run->builder.wanted_arg = &part;
    run->builder.only_events = false;
    run->builder.now = weir_now();
    weir_load_batch_reset(batch);
    int code = weir_builder_add(&run->builder, batch, record, err);
    run->builder.wanted = NULL;
    run->builder.only_events = false;
    if (code) {
        return code;
    }
    *done = part.count <= part.to;
    if (!*done) {
        batch->next_seq = record->seq;
        batch->next_event = part.to;
    }
    code = weir_apply(&run->applier, batch, WEIR_APPLY_LOAD, err);
    pthread_mutex_lock(&loader->lock);
    weir_appender_note(loader, batch, code, err);
    pthread_mutex_unlock(&loader->lock);
    if (!code) {
        run->builder.begun_seq = batch->next_seq;
        run->builder.begun_event = batch->next_event;
    }
    return code;
}

int weir_load_split(struct weir_loader *loader, const struct weir_record *record,
                    struct weir_error *err)
{
    bool done = false;
    int code = weir_appender_take_over(loader, err);
    if (code) {
        return code;
    }
    while (!code && !done) {
        code = load_part(loader, record, &done, err);
    }
    pthread_mutex_unlock(&loader->writing);
    weir_load_batch_reset(&loader->batches[loader->filling]);
    if (!code) {
        loader->split_seq = loader->split_events = 0;
        loader->memory_tries = 0;
        loader->back_off = 0;
    }
    return code;
}
