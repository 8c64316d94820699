/* Writing one record in parts, each a transaction of its own: for a record that the warehouse
 * refuses, or that takes more memory than the engine has. Parts that fail are halved; the event
 * that is refused alone becomes a row of weir.discards, all others are written.
 *
 * A part says how far into the record it went, so that each event is written once wherever weir
 * stops. Parts of one transaction would not do: the engine keeps its rows until the commit. */
#ifndef WEIR_LOAD_PARTS_H
#define WEIR_LOAD_PARTS_H

#include "load/build.h"

struct weir_parts {
    struct weir_builder *builder; /* its `wanted` is asked, too */
    struct weir_load_batch *batch;
    const struct weir_log *log;
    uint64_t events; /* in a part at most; 0: as many as always fit */
    /* The caller frees memory before another try: WEIR_ENOMEM is returned at once. */
    bool returns_memory;
    /* Writes the batch and commits. */
    int (*write)(struct weir_load_batch *batch, void *arg, struct weir_error *err);
    /* After a failed write that is tried again: makes the builder's catalog true. */
    int (*restore)(void *arg, struct weir_error *err);
    void *arg;
};
/* From where builder->begun_event says; it is moved on. Fails when not even one event can be
 * written: what `write` said of it last. */
int weir_parts_write(const struct weir_parts *parts, const struct weir_record *record,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* True when trying the same again cannot help: the rows are at fault, not the disk or the moment.
 */
bool weir_load_is_refusal(int code);

#endif
