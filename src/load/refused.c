/* A record that makes its batch fail must not stop the loader for ever: the events in it that the
 * warehouse refuses become rows of weir.discards, the others are loaded. */
#include <stdlib.h>
#include <string.h>

#include "load/loader.h"

enum { MAX_EVENTS = 1 << 20 };

struct search {
    struct weir_loader *loader;
    const struct weir_record *record;
    struct weir_load_batch *batch;
    uint32_t from, to;  /* the events asked for */
    uint32_t count;     /* the largest index + 1 */
    unsigned char *bad; /* by index */
};

static bool wanted(const struct weir_record *record, const struct weir_event *event, void *arg,
                   const char **reason)
{
    (void)record;
    struct search *s = arg;
    s->count = event->index >= s->count ? event->index + 1 : s->count;
    if (event->index < s->from || event->index >= s->to) {
        return false;
    }
    if (s->bad && s->bad[event->index]) {
        *reason = "refused_by_warehouse";
    }
    return true;
}

static int try_range(struct search *s, uint32_t from, uint32_t to, enum weir_apply_mode mode,
                     struct weir_error *err)
{
    struct weir_loader *loader = s->loader;
    s->from = from;
    s->to = to;
    weir_load_batch_reset(s->batch);
    int code = weir_builder_add(&loader->run.builder, s->batch, s->record, err);
    return code ? code : weir_apply(&loader->run.applier, s->batch, mode, err);
}

static int search(struct search *s, uint32_t from, uint32_t to, struct weir_error *err)
{
    int code = try_range(s, from, to, WEIR_APPLY_PROBE, err);
    struct weir_error why = *err;
    int again = weir_loader_read_catalog(s->loader, err);
    if (again || !weir_load_is_refusal(code)) {
        return again ? again : code;
    }
    if (to - from <= 1) {
        weir_log(s->loader->log, WEIR_LOG_WARN,
                 "the warehouse refuses an event; it is in "
                 "weir.discards",
                 "seq", weir_log_num((int64_t)s->record->seq).text, "error", why.message);
        s->bad[from] = 1;
        return WEIR_OK;
    }
    uint32_t middle = from + (to - from) / 2;
    code = search(s, from, middle, err);
    return code ? code : search(s, middle, to, err);
}

int weir_load_refused(struct weir_loader *loader, const struct weir_record *record,
                      struct weir_error *err)
{
    struct weir_builder *builder = &loader->run.builder;
    struct weir_load_batch *batch = &loader->batches[loader->filling];
    struct search s = {.loader = loader, .record = record, .batch = batch};
    int code = weir_appender_take_over(loader, err);
    if (code) {
        return code;
    }
    s.batch = &loader->batches[loader->filling];
    builder->wanted = wanted;
    builder->wanted_arg = &s;
    weir_load_batch_reset(s.batch);
    code = weir_builder_add(builder, s.batch, record, err); /* counts */
    if (!code && s.count) {
        s.bad = calloc(s.count, 1);
        code = s.bad ? weir_loader_read_catalog(loader, err)
                     : weir_fail(err, WEIR_ENOMEM, "no memory to look at a refused record");
        code = code ? code : search(&s, 0, s.count, err);
    }
    code = code ? code : try_range(&s, 0, UINT32_MAX, WEIR_APPLY_LOAD, err);
    if (weir_load_is_refusal(code) && s.bad) {
        /* Each is fine alone and together they are not: all of them are set aside. */
        memset(s.bad, 1, s.count);
        code = weir_loader_read_catalog(loader, err);
        code = code ? code : try_range(&s, 0, UINT32_MAX, WEIR_APPLY_LOAD, err);
    }
    builder->wanted = NULL;
    pthread_mutex_unlock(&loader->writing);
    if (!code) {
        pthread_mutex_lock(&loader->lock);
        weir_appender_note(loader, s.batch, WEIR_OK, err);
        pthread_mutex_unlock(&loader->lock);
        loader->refused_seq = 0;
        loader->limit_records = 0;
    }
    weir_load_batch_reset(s.batch);
    free(s.bad);
    return code;
}
