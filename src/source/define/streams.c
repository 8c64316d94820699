/* Which streams a run goes through. */
#include <stdio.h>
#include <string.h>

#include "source/define/tables.h"
#include "source/run/run.h"

#define MAX_CATALOG (512u << 20)

const char *weir_source_word(const char *source, const char *stream, char out[WEIR_SOURCE_WORD])
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/:@%+=,";
    if (stream[strspn(stream, plain)] == '\0') {
        snprintf(out, WEIR_SOURCE_WORD, "%s.%s", source, stream);
        return out;
    }
    size_t len = (size_t)snprintf(out, WEIR_SOURCE_WORD, "'%s.", source);
    for (; *stream && len + 6 < WEIR_SOURCE_WORD; stream++) {
        if (*stream == '\'') {
            memcpy(out + len, "'\\''", 4);
            len += 4;
        } else {
            out[len++] = *stream;
        }
    }
    snprintf(out + len, WEIR_SOURCE_WORD - len, "'");
    return out;
}

/* One that has nothing in it, and was never loaded, is none. */
static int is_wanted(const struct weir_source_run *run, const struct weir_source_config *config,
                     const struct weir_source_found *found, bool *wanted, struct weir_error *err)
{
    struct weir_session *session = NULL;
    struct weir_str cursor = {NULL, 0};
    struct weir_arena arena;
    *wanted = !found->empty;
    if (*wanted) {
        return 0;
    }
    weir_arena_init(&arena, MAX_CATALOG);
    int rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_source_ledger_open(session, err);
    rc = rc ? rc
            : weir_source_ledger_cursor(session, config->name, found->name.ptr, config->schema,
                                        NULL, &arena, &cursor, err);
    *wanted = cursor.ptr;
    weir_session_free(session);
    weir_arena_free(&arena);
    return rc;
}

/* A stream that was found has the table that it was loaded into before. */
static int give_tables(const struct weir_source_run *run, struct weir_source_config *config,
                       const struct weir_source_catalog *catalog, struct weir_error *err)
{
    struct weir_session *session = NULL;
    int rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_source_ledger_open(session, err);
    rc = rc ? rc : weir_source_tables_give(config, catalog, session, err);
    weir_session_free(session);
    return rc;
}

/* What a source has, without streams that have nothing in them and never had. */
int weir_source_streams(const struct weir_source_run *run, struct weir_source_config *config,
                        void *connection, struct weir_source_catalog *out, struct weir_error *err)
{
    int rc = config->stream_count ? weir_source_catalog_named(config, out, err)
                                  : config->connector->discover(connection, out, err);
    size_t kept = 0;
    for (size_t i = 0; rc == 0 && i < out->count; i++) {
        bool wanted;
        rc = is_wanted(run, config, &out->streams[i], &wanted, err);
        if (wanted) {
            out->streams[kept++] = out->streams[i];
        }
    }
    out->count = rc ? out->count : kept;
    return rc || config->stream_count ? rc : give_tables(run, config, out, err);
}

const struct weir_source_stream *weir_source_named(const struct weir_source_config *config,
                                                   const char *stream)
{
    for (size_t i = 0; stream && i < config->stream_count; i++) {
        if (strcmp(config->streams[i].name, stream) == 0) {
            return &config->streams[i];
        }
    }
    return NULL;
}
