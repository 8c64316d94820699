/* Looking into the quarantine, and moving out of it what has found its source. */
#include "collect/quarantine.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "collect/collector.h"
#include "io/client.h"
#include "io/file.h"

#define MAX_KEYS    10000 /* that are told apart; whoever makes up more is counted together */
#define SLICE_BYTES (8u << 20)

/* --- moving ------------------------------------------------------------------------------------
 */

int weir_release_begin(struct weir_release *release, const char *dir, struct weir_error *err)
{
    *release = (struct weir_release){.dir = strdup(dir)};
    if (!release->dir) {
        return weir_fail(err, WEIR_ENOMEM, "quarantine: out of memory");
    }
    int rc = weir_released_load(dir, &release->released, err);
    if (!rc) {
        rc = weir_eventlog_reader_open(dir, 1, NULL, NULL, &release->reader, err);
    }
    if (rc) {
        weir_release_end(release);
    }
    return rc;
}

void weir_release_end(struct weir_release *release)
{
    if (release->reader) {
        weir_eventlog_reader_close(release->reader);
    }
    weir_released_free(&release->released);
    free(release->dir);
    release->dir = NULL;
    release->reader = NULL;
}

static int move_one(struct weir_release *release, struct weir_record *record,
                    const struct weir_source *source, struct weir_eventlog *events,
                    struct weir_error *err)
{
    char address[WEIR_ADDRESS_MAX];
    uint64_t seq = record->seq;
    uint64_t new_seq;
    snprintf(address, sizeof address, WEIR_STR_FMT, WEIR_STR_ARG(record->ip));
    weir_address_apply((enum weir_ip_policy)source->ip, address);
    record->kind = WEIR_RECORD_CALL;
    record->source = weir_str_of(source->name);
    record->ip = weir_str_of(address);
    record->write_key = WEIR_STR("");
    int rc = weir_eventlog_append(events, record, &new_seq, err);
    if (!rc) {
        rc = weir_released_add(&release->released, seq, err);
        release->moved++;
    }
    return rc;
}

int weir_release_some(struct weir_release *release, const struct weir_sources *sources,
                      struct weir_eventlog *events, size_t bytes, bool *done,
                      struct weir_error *err)
{
    uint64_t before = release->moved;
    size_t seen = 0;
    int rc = 0;
    *done = false;
    while (!rc && seen < bytes) {
        struct weir_record record;
        rc = weir_eventlog_read(release->reader, &record, err);
        if (rc == WEIR_EAGAIN) {
            *done = true;
            rc = 0;
            break;
        }
        if (rc) {
            break;
        }
        seen += record.body.len + 100;
        if (weir_released_has(&release->released, record.seq) ||
            (release->unknown_only && record.source.len)) {
            continue;
        }
        const struct weir_source *source = weir_sources_by_key(sources, record.write_key);
        if (source && !source->disabled) {
            rc = move_one(release, &record, source, events, err);
        }
    }
    if (release->moved > before) {
        int commit = weir_eventlog_commit(events, rc ? NULL : err);
        rc = rc ? rc : commit;
        if (!commit && !rc) {
            rc = weir_released_save(release->dir, &release->released, err);
        }
    }
    return rc;
}

static int release_through_collector(struct weir_workspace *workspace, uint64_t *moved,
                                     struct weir_error *err)
{
    struct weir_buf out;
    int status = 0;
    const char *path = weir_workspace_path(workspace, WEIR_COLLECT_SOCKET);
    struct weir_client_call call = {.address = path,
                                    .method = "POST",
                                    .target = "/quarantine/release",
                                    .idle = 600 * WEIR_SECOND};
    weir_buf_init(&out, 64 * 1024);
    int rc = path ? weir_client_fetch(&call, &status, &out, err)
                  : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (!rc && status != 200) {
        rc = weir_fail(err, WEIR_EIO, "the collector could not release: %.500s",
                       weir_buf_cstr(&out));
    }
    struct weir_json_parser *parser = rc ? NULL : weir_json_parser_new(8);
    struct weir_json root;
    if (parser && !weir_json_parse(parser, weir_buf_str(&out), &root, NULL)) {
        weir_json_u64(weir_json_get(root, "released"), moved);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&out);
    return rc;
}

static int release_directly(struct weir_workspace *workspace, const struct weir_log *log,
                            uint64_t *moved, struct weir_error *err)
{
    struct weir_sources sources = {0};
    struct weir_eventlog *events = NULL;
    struct weir_release release = {0};
    bool done = false;
    struct weir_eventlog_options options = {.log = log};
    struct weir_recovery recovery;
    int rc = weir_sources_load_good(workspace, &sources, err);
    if (rc) {
        return rc;
    }
    rc = weir_eventlog_open(weir_workspace_path(workspace, "log"), &options, &events, &recovery,
                            err);
    if (!rc) {
        rc = weir_release_begin(&release, weir_workspace_path(workspace, "quarantine"), err);
    }
    while (!rc && !done) {
        rc = weir_release_some(&release, &sources, events, SLICE_BYTES, &done, err);
    }
    *moved = release.moved;
    weir_release_end(&release);
    if (events) {
        weir_eventlog_close(events);
    }
    weir_sources_free(&sources);
    return rc;
}

int weir_quarantine_release(struct weir_workspace *workspace, const struct weir_log *log,
                            uint64_t *moved, struct weir_error *err)
{
    *moved = 0;
    int rc = release_through_collector(workspace, moved, err);
    return rc == WEIR_ENOENT ? release_directly(workspace, log, moved, err) : rc;
}

/* --- size --------------------------------------------------------------------------------------
 */

static int add_segment(const struct weir_eventlog_segment *segment, void *arg)
{
    *(uint64_t *)arg += segment->bytes;
    return 0;
}

int weir_quarantine_bytes(const char *dir, uint64_t *out, struct weir_error *err)
{
    *out = 0;
    return weir_eventlog_each_segment(dir, false, add_segment, NULL, out, err);
}

int weir_quarantine_size(struct weir_workspace *workspace, uint64_t *bytes, uint64_t *most,
                         struct weir_error *err)
{
    struct weir_collect_settings settings;
    int rc = weir_workspace_section(workspace, "collect", weir_collect_options, &settings, err);
    *most = rc ? 0 : settings.quarantine_max;
    *bytes = 0;
    return rc ? rc
              : weir_quarantine_bytes(weir_workspace_path(workspace, "quarantine"), bytes, err);
}

/* --- looking -----------------------------------------------------------------------------------
 */

struct listing {
    struct weir_map by_key;
    struct weir_quarantined *rows[MAX_KEYS + 1];
    size_t count;
    struct weir_arena arena;
};

static struct weir_quarantined *row_of(struct listing *l, struct weir_str key)
{
    struct weir_quarantined *row = weir_map_get(&l->by_key, key);
    if (row) {
        return row;
    }
    bool full = l->count >= MAX_KEYS;
    struct weir_str name = full ? WEIR_STR("(other keys)") : key;
    if (full && (row = weir_map_get(&l->by_key, name))) {
        return row;
    }
    row = weir_arena_calloc(&l->arena, sizeof *row);
    if (!row || weir_map_put(&l->by_key, name, row)) {
        return NULL;
    }
    row->write_key = weir_arena_dup(&l->arena, name);
    l->rows[l->count++] = row;
    return row;
}

static int add_record(struct listing *l, const struct weir_record *record, struct weir_error *err)
{
    struct weir_quarantined *row = row_of(l, record->write_key);
    if (!row) {
        return weir_fail(err, WEIR_ENOMEM, "quarantine: out of memory");
    }
    if (!row->calls || record->received_at < row->first) {
        row->first = record->received_at;
    }
    if (record->received_at > row->last) {
        row->last = record->received_at;
    }
    row->calls++;
    row->bytes += record->body.len;
    return 0;
}

static int read_all(struct listing *l, const char *dir, weir_time since, struct weir_error *err)
{
    struct weir_release scan;
    struct weir_record record;
    int rc = weir_release_begin(&scan, dir, err);
    if (rc) {
        return rc;
    }
    while (!(rc = weir_eventlog_read(scan.reader, &record, err))) {
        if (record.received_at < since || weir_released_has(&scan.released, record.seq)) {
            continue;
        }
        rc = add_record(l, &record, err);
        if (rc) {
            break;
        }
    }
    weir_release_end(&scan);
    return rc == WEIR_EAGAIN ? 0 : rc;
}

int weir_quarantine_each(struct weir_workspace *workspace,
                         int (*fn)(const struct weir_quarantined *row, void *arg), void *arg,
                         struct weir_error *err)
{
    struct weir_sources sources = {0};
    struct weir_collect_settings settings;
    int rc = weir_sources_load_good(workspace, &sources, err);
    if (!rc) {
        rc = weir_workspace_section(workspace, "collect", weir_collect_options, &settings, err);
    }
    struct listing *l = calloc(1, sizeof *l);
    if (!l && !rc) {
        rc = weir_fail(err, WEIR_ENOMEM, "quarantine: out of memory");
    }
    if (l) {
        weir_map_init(&l->by_key);
        weir_arena_init(&l->arena, 64u << 20);
    }
    if (!rc) {
        rc = read_all(l, weir_workspace_path(workspace, "quarantine"),
                      weir_now() - settings.quarantine_for, err);
    }
    for (size_t i = 0; !rc && i < l->count; i++) {
        const struct weir_source *source = weir_sources_by_key(&sources, l->rows[i]->write_key);
        l->rows[i]->source = source && !source->disabled ? source->name : NULL;
        rc = fn(l->rows[i], arg);
    }
    if (l) {
        weir_map_free(&l->by_key);
        weir_arena_free(&l->arena);
        free(l);
    }
    weir_sources_free(&sources);
    return rc;
}
