#include "serve/source_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "serve/server.h"
#include "serve/source.h"
#include "source/schedule/standing.h"

#define MOST      1000
#define MAX_TEXTS (64u << 20)

struct rest {
    char source[64];
    enum weir_source_ill_kind kind;
    weir_time since; /* 0: not found out yet */
    bool told;       /* it is so still */
};
struct weir_source_files {
    struct weir_server *server;
    bool looked; /* once, so that what is new has just become so */
    struct rest *rests;
    size_t count;
};

struct weir_source_files *weir_source_files_new(struct weir_server *server)
{
    struct weir_source_files *files = calloc(1, sizeof *files);
    struct rest *rests = files ? calloc(MOST, sizeof *rests) : NULL;
    if (!rests) {
        free(files);
        return NULL;
    }
    files->server = server;
    files->rests = rests;
    return files;
}

void weir_source_files_free(struct weir_source_files *files)
{
    if (files) {
        free(files->rests);
        free(files);
    }
}

static const char *what_of(enum weir_source_ill_kind kind)
{
    return kind == WEIR_SOURCE_PAUSED   ? "paused"
           : kind == WEIR_SOURCE_BROKEN ? "broken"
                                        : "missing";
}

static void keep_since(const struct weir_source_files *files, const struct rest *rest,
                       weir_time since)
{
    struct weir_error err;
    if (weir_source_turn_note(weir_source_runs_site(files->server->source_runs), rest->source,
                              what_of(rest->kind), since, &err)) {
        weir_log(files->server->log, WEIR_LOG_WARN, "since when a source rests could not be kept",
                 "source", rest->source, "error", err.message);
    }
}

void weir_source_files_begin(struct weir_source_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        files->rests[i].told = false;
    }
}

static struct rest *find(const struct weir_source_files *files, const char *source)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->rests[i].source, source) == 0) {
            return &files->rests[i];
        }
    }
    return NULL;
}

void weir_source_files_rests(struct weir_source_files *files, const char *source,
                             enum weir_source_ill_kind kind)
{
    struct rest *rest = find(files, source);
    if (!rest && files->count < MOST) {
        rest = &files->rests[files->count++];
        snprintf(rest->source, sizeof rest->source, "%s", source);
        rest->kind = WEIR_SOURCE_ILL_KINDS;
    }
    if (rest) {
        if (rest->kind != kind && rest->since) {
            keep_since(files, rest, 0); /* else it would count when it is so once more */
        }
        rest->since = rest->kind == kind ? rest->since : 0;
        rest->kind = kind;
        rest->told = true;
    }
}

/* --- since when ---------------------------------------------------------------------------------
 */

/* A file is as it is since it was written, as far as nobody knows better. */
static weir_time written_at(const struct weir_source_files *files, const char *source)
{
    char path[4300];
    struct stat st;
    weir_time now = weir_now();
    snprintf(path, sizeof path, "%.4000s/sources/%.64s.yml", files->server->run->workspace->dir,
             source);
    weir_time at = stat(path, &st) == 0
                       ? (weir_time)st.st_mtim.tv_sec * WEIR_SECOND + st.st_mtim.tv_nsec / 1000
                       : now;
    return at < now ? at : now;
}

/* What the store has of it, of before this server ran; 0: nothing. */
static weir_time kept_since(const struct weir_source_files *files, const struct rest *rest,
                            weir_time loaded_at)
{
    const struct weir_source_site *site = weir_source_runs_site(files->server->source_runs);
    struct weir_source_turn kept = {0}, removed = {0};
    struct weir_error ignored;
    bool gone = rest->kind == WEIR_SOURCE_REMOVED;
    if (gone && weir_source_turn_get(site, rest->source, "removed", &removed, &ignored) == 0 &&
        removed.began >= loaded_at) {
        return removed.began;
    }
    return (!files->looked &&
            weir_source_turn_get(site, rest->source, what_of(rest->kind), &kept, &ignored) == 0 &&
            (!gone || kept.began >= loaded_at))
               ? kept.began
               : 0;
}

static void find_out(const struct weir_source_files *files, struct rest *rest, weir_time loaded_at)
{
    rest->since = kept_since(files, rest, loaded_at);
    if (!rest->since) {
        rest->since =
            rest->kind == WEIR_SOURCE_REMOVED ? weir_now() : written_at(files, rest->source);
        keep_since(files, rest, rest->since);
    }
}

/* --- telling ------------------------------------------------------------------------------------
 */

/* Of the source of this table; NULL: nothing. */
static struct rest *rest_of(struct weir_source_files *files, const struct weir_source_owned *table)
{
    const char *source = table->source.ptr;
    struct rest *rest = find(files, source);
    if ((!rest || !rest->told || rest->kind == WEIR_SOURCE_REMOVED) &&
        weir_source_file_gone(files->server->run->workspace->dir, source)) {
        weir_source_files_rests(files, source, WEIR_SOURCE_REMOVED);
        rest = find(files, source);
    }
    return rest && rest->told ? rest : NULL;
}

static void tell(struct weir_source_files *files, const struct weir_source_owned *tables,
                 size_t count, struct weir_arena *arena)
{
    struct weir_source_ill *ills = weir_arena_calloc(arena, (count + 1) * sizeof *ills);
    size_t found = 0;
    for (size_t i = 0; ills && i < count; i++) {
        struct rest *rest = rest_of(files, &tables[i]);
        if (rest && !rest->since) {
            weir_time latest = 0;
            for (size_t j = 0; j < count; j++) {
                bool own = weir_str_eq(tables[j].source, tables[i].source);
                latest = own && tables[j].loaded_at > latest ? tables[j].loaded_at : latest;
            }
            find_out(files, rest, latest);
        }
        if (rest) {
            ills[found++] = (struct weir_source_ill){.source = tables[i].source,
                                                     .schema = tables[i].schema,
                                                     .table = tables[i].table,
                                                     .kind = rest->kind,
                                                     .since = rest->since};
        }
    }
    if (ills) {
        weir_source_ills_of_files(weir_source_runs_ills(files->server->source_runs), ills, found);
    }
}

/* What changed while no server ran. */
static void forget_others(const struct weir_source_files *files)
{
    static const enum weir_source_ill_kind kinds[] = {WEIR_SOURCE_REMOVED, WEIR_SOURCE_BROKEN,
                                                      WEIR_SOURCE_PAUSED};
    struct weir_error err;
    struct weir_buf sources;
    weir_buf_init(&sources, MAX_TEXTS);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        weir_buf_reset(&sources);
        struct weir_jw w = weir_jw_on(&sources);
        weir_jw_array(&w);
        for (size_t i = 0; i < files->count; i++) {
            if (files->rests[i].told && files->rests[i].kind == kinds[k]) {
                weir_jw_strz(&w, files->rests[i].source);
            }
        }
        weir_jw_array_end(&w);
        int rc = weir_buf_check(&sources, "the names of sources", &err);
        rc = rc ? rc
                : weir_source_turn_keep(weir_source_runs_site(files->server->source_runs),
                                        what_of(kinds[k]), weir_buf_str(&sources), &err);
        if (rc) {
            weir_log(files->server->log, WEIR_LOG_WARN,
                     "that sources rest no more could not be kept", "error", err.message);
        }
    }
    weir_buf_free(&sources);
}

/* What is so no more is forgotten. */
static void forget(struct weir_source_files *files)
{
    size_t kept = 0;
    if (!files->looked) {
        forget_others(files);
    }
    for (size_t i = 0; i < files->count; i++) {
        if (files->rests[i].told) {
            files->rests[kept++] = files->rests[i];
        } else if (files->rests[i].since) {
            keep_since(files, &files->rests[i], 0);
        }
    }
    files->count = kept;
}

void weir_source_files_tell(struct weir_source_files *files)
{
    struct weir_session *session = NULL;
    struct weir_source_owned *tables = NULL;
    struct weir_error err;
    struct weir_arena arena;
    size_t count = 0;
    weir_arena_init(&arena, MAX_TEXTS);
    int rc = weir_session_new(files->server->warehouse, WEIR_SESSION_OWNER, &session, &err);
    rc = rc ? rc : weir_source_owned_read(session, &arena, &tables, &count, &err);
    if (rc == 0) {
        tell(files, tables, count, &arena);
        forget(files);
        files->looked = true;
    } else {
        weir_log(files->server->log, WEIR_LOG_WARN, "whose tables are of sources is not known",
                 "error", err.message);
    }
    weir_session_free(session);
    weir_arena_free(&arena);
}
