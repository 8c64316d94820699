/* What connectors share that speak with a program: singer and airbyte. Private to src/source. */
#ifndef WEIR_SOURCE_FOREIGN_H
#define WEIR_SOURCE_FOREIGN_H

#include "source/feed/feed.h"
#include "source/feed/program.h"

/* The catalog that a program told; `known` is false where it cannot tell one. */
struct weir_foreign_catalog {
    const void *of;
    size_t count;
    struct weir_str (*name)(const void *of, size_t i);
    size_t (*find)(const void *of, struct weir_str name); /* SIZE_MAX: it is not there */
    const char *(*mode)(const void *of, size_t i); /* how weir loads it, when nobody says how */
    bool known;
};
/* The streams that the file names, else all of the catalog. WEIR_ENOENT: it has no such stream. */
int weir_foreign_discover(const struct weir_program *program,
                          const struct weir_foreign_catalog *catalog,
                          struct weir_source_catalog *out, struct weir_error *err) WEIR_MUST_CHECK;
/* The columns of a stream by its JSON Schema, for whoever looks before a run. */
int weir_foreign_plan(const struct weir_program *program, const struct weir_source_stream *stream,
                      struct weir_json schema, struct weir_str cursor, struct weir_source_plan *out,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EINVAL for a line that is no message of this protocol. */
int weir_foreign_refuse(const char *protocol, const char *program, const struct weir_mask *mask,
                        uint64_t number, struct weir_str line, const char *why,
                        struct weir_error *err);

#endif
