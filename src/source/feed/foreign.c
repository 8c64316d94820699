#include "source/feed/foreign.h"

#include "source/feed/feed_nest.h"

int weir_foreign_discover(const struct weir_program *program,
                          const struct weir_foreign_catalog *catalog,
                          struct weir_source_catalog *out, struct weir_error *err)
{
    const struct weir_source_config *config = program->config;
    size_t count = config->stream_count ? config->stream_count : catalog->count;
    out->streams = weir_arena_calloc(&out->arena, (count + 1) * sizeof *out->streams);
    if (!out->streams) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the streams");
    }
    for (size_t i = 0; i < count; i++) {
        struct weir_str name = config->stream_count ? weir_str_of(config->streams[i].name)
                                                    : catalog->name(catalog->of, i);
        size_t at = config->stream_count ? catalog->find(catalog->of, name) : i;
        if (catalog->known && at == SIZE_MAX) {
            return weir_fail(err, WEIR_ENOENT,
                             "%s has no stream \"" WEIR_STR_FMT "\"; without `streams:` in the "
                             "file `weir source discover` shows all",
                             program->name, WEIR_STR_ARG(name));
        }
        out->streams[out->count++] = (struct weir_source_found){
            .name = name, .mode = at == SIZE_MAX ? NULL : catalog->mode(catalog->of, at)};
    }
    return 0;
}

int weir_foreign_plan(const struct weir_program *program, const struct weir_source_stream *stream,
                      struct weir_json schema, struct weir_str cursor, struct weir_source_plan *out,
                      struct weir_error *err)
{
    struct weir_feed feed;
    struct weir_feed_stream *s;
    int rc = weir_feed_open(&feed, program->tmp, 0, err);
    rc = rc ? rc : weir_feed_stream(&feed, weir_str_of(stream->name), &s, err);
    rc = rc ? rc : weir_feed_nest_open(s, stream, err);
    rc = rc ? rc : weir_feed_schema(s, schema, err);
    rc = rc ? rc : weir_feed_plan(s, stream, cursor, out, err);
    rc = rc || !s->nest ? rc : weir_feed_nest_show(s, out, err);
    out->own = NULL;
    out->nest = NULL;
    weir_feed_free(&feed);
    return rc;
}

int weir_foreign_refuse(const char *protocol, const char *program, const struct weir_mask *mask,
                        uint64_t number, struct weir_str line, const char *why,
                        struct weir_error *err)
{
    char shown[512];
    weir_child_show(line, mask, shown);
    return weir_fail(err, WEIR_EINVAL,
                     "line %llu of what %s wrote is no message of %s: %s; nothing was loaded. "
                     "The line: %s",
                     (unsigned long long)number, program, protocol, why, shown);
}
