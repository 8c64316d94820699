#include "load/loader.h"
#include "load/parts.h"

/* With `writing`. */
static int write_part(struct weir_load_batch *batch, void *arg, struct weir_error *err)
{
    struct weir_loader *loader = arg;
    int code = weir_apply(&loader->run.applier, batch, WEIR_APPLY_LOAD, err);
    weir_load_batch_measure(batch);
    pthread_mutex_lock(&loader->lock);
    weir_appender_note(loader, batch, code, err);
    pthread_mutex_unlock(&loader->lock);
    return code;
}

static int restore_catalog(void *arg, struct weir_error *err)
{
    struct weir_loader *loader = arg;
    pthread_mutex_lock(&loader->lock);
    loader->apply_code = WEIR_OK;
    pthread_mutex_unlock(&loader->lock);
    return weir_loader_read_catalog(loader, err);
}

int weir_load_split(struct weir_loader *loader, const struct weir_record *record,
                    struct weir_error *err)
{
    int code = weir_appender_take_over(loader, err);
    if (code) {
        return code;
    }
    loader->run.builder.now = weir_now();
    const struct weir_parts parts = {.builder = &loader->run.builder,
                                     .batch = &loader->batches[loader->filling],
                                     .log = loader->log,
                                     .events = loader->part_events,
                                     .returns_memory = true,
                                     .write = write_part,
                                     .restore = restore_catalog,
                                     .arg = loader};
    code = weir_parts_write(&parts, record, err);
    pthread_mutex_unlock(&loader->writing);
    weir_load_batch_reset(&loader->batches[loader->filling]);
    if (!code) {
        loader->parts_seq = loader->part_events = loader->limit_records = 0;
        loader->memory_tries = 0;
        loader->back_off = 0;
    } else if (weir_load_is_refusal(code)) {
        loader->apply_code = WEIR_OK; /* it was looked for already: only time can help */
    }
    return code;
}
