/* The connector `file`: CSV, TSV, NDJSON, JSON, Parquet and XLSX, on this machine or by http and
 * https.
 */
#include "source/file/file.h"

#include <stdlib.h>

#include "base/hash.h"
#include "source/file/xlsx.h"

static const char *const formats[] = {"auto", "csv", "ndjson", "json", "parquet", "xlsx", NULL};
static const char *const styles[] = {"auto", "yes", "no", NULL};
static const char *const headers[] = {"guess", "yes", "no", NULL};

static const struct weir_option options[] = {
    {.name = "path",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, path),
     .help = "https://… of a file, or of several with blanks between them; the address of a sheet "
             "of Google; s3://BUCKET/KEY, with * in "
             "the key, or a beginning that ends in /; or a file in the workspace "
             "(or absolute, below one of the setting source.folders), a pattern with * and ? (its "
             "files are one stream), or a folder (each name in it is a stream)"},
    {.name = "format",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_file_settings, format),
     .fallback = "auto",
     .choices = formats,
     .help = "auto: by the end of the name (.csv, .tsv, .txt, .ndjson, .jsonl, .json, "
             "each also with .gz or .zst; .parquet, .xlsx)"},
    {.name = "header",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_file_settings, header),
     .fallback = "guess",
     .choices = headers,
     .help = "of CSV and XLSX: whether the first line names the columns"},
    {.name = "sheet",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, sheet),
     .fallback = "",
     .help = "of XLSX: the sheet's name, or its number from 1; without it, the first that is not "
             "hidden. A stream may have its own"},
    {.name = "encoding",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, encoding),
     .fallback = "auto",
     .help = "of CSV and JSON: as what its bytes are read, such as windows-1251, shift_jis or "
             "utf-16le; auto: UTF-8, UTF-16 or windows-1252, as it looks"},
    {.name = "skip",
     .type = WEIR_OPT_INT,
     .offset = offsetof(struct weir_file_settings, skip),
     .fallback = "0",
     .max = WEIR_EXCEL_MOST_ROWS,
     .help = "of CSV and XLSX: lines above the table that are no part of it; titles above a CSV's "
             "are seen without it, and set aside"},
    {.name = "user",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, user),
     .fallback = "",
     .help = "of https: who asks, with `password`"},
    {.name = "password",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, password),
     .fallback = "",
     .secret = true,
     .help = "of https: that of `user`; ${secret:NAME}"},
    {.name = "token",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, token),
     .fallback = "",
     .secret = true,
     .help = "of https: sent as `Authorization: Bearer …`; ${secret:NAME}"},
    {.name = "headers",
     .type = WEIR_OPT_DATA,
     .offset = offsetof(struct weir_file_settings, headers),
     .fallback = "",
     .help = "of https: more headers, a mapping; texts ${secret:NAME} and ${NAME} are secrets"},
    {.name = "ca_file",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, ca_file),
     .fallback = "",
     .help = "of https: a file of certificates that are trusted in place of the system's"},
    {.name = "service_account",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, service_account),
     .fallback = "",
     .secret = true,
     .help =
         "of sheets of Google that are not shared with everybody who has the link: the key of a "
         "service account that may see them, a JSON file as a whole; ${secret:NAME}"},
    {.name = "google",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, google),
     .fallback = "https://docs.google.com",
     .help = "of sheets of Google: where their export is asked for"},
    {.name = "endpoint",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, endpoint),
     .fallback = "",
     .help = "of s3://: the address of a store that speaks S3; without it, Amazon's of `region`"},
    {.name = "region",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, region),
     .fallback = "us-east-1",
     .help = "of s3://: where the bucket is"},
    {.name = "access_key",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, access_key),
     .fallback = "",
     .help = "of s3://: who asks; without it, nobody (public buckets)"},
    {.name = "secret_key",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_file_settings, secret_key),
     .fallback = "",
     .secret = true,
     .help = "of s3://: that of `access_key`; ${secret:NAME}"},
    {.name = "path_style",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_file_settings, path_style),
     .fallback = "auto",
     .choices = styles,
     .help = "of s3://: the bucket's name in the path (yes) or in the host (no); auto: yes with an "
             "`endpoint`"},
    {.name = "timeout",
     .type = WEIR_OPT_DURATION,
     .offset = offsetof(struct weir_file_settings, timeout),
     .fallback = "1m",
     .help = "of https: the run fails when the server sends nothing for so long; 0: any"},
    {.name = "max_size",
     .type = WEIR_OPT_BYTES,
     .offset = offsetof(struct weir_file_settings, max_size),
     .fallback = "10GB",
     .help = "of one file of https, and of what a packed one holds; 0: any"},
    {.name = "max_fetch",
     .type = WEIR_OPT_BYTES,
     .offset = offsetof(struct weir_file_settings, max_fetch),
     .fallback = "32GB",
     .help = "of https: what files of a stream may take in weir's data folder while they are read"},
    {0}};

static void close_connection(void *connection)
{
    struct weir_file_connection *c = connection;
    if (c) {
        weir_web_close(c);
        weir_file_nested_forget(c);
        weir_arena_free(&c->arena);
        weir_buf_free(&c->passed);
        free(c);
    }
}

static int open_connection(const struct weir_source_config *config,
                           const struct weir_source_site *site, void **out, struct weir_error *err)
{
    struct weir_file_connection *c = calloc(1, sizeof *c);
    *out = c;
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a connection");
    }
    c->config = config;
    c->site = site;
    c->settings = config->connection;
    weir_arena_init(&c->arena, 256u << 20);
    weir_buf_init(&c->passed, 4096);
    return weir_str_trim(weir_str_of(c->settings->path)).len
               ? 0
               : weir_fail(err, WEIR_EINVAL,
                           "`path` is empty: say where the files are, a folder (`exports`; `.` is "
                           "the workspace's own), a file, a pattern (`exports/*.csv`) or an "
                           "address");
}

static int add_found(struct weir_file_connection *c, struct weir_source_catalog *out,
                     struct weir_str name, struct weir_file_stream *stream, struct weir_error *err)
{
    struct weir_source_found *found = &out->streams[out->count++];
    *found =
        (struct weir_source_found){.name = name, .files = stream->count, .empty = stream->empty};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < stream->count; i++) {
        rc = stream->files[i].url && !stream->files[i].listed
                 ? weir_web_peek(c, &stream->files[i], err)
                 : 0;
        found->bytes += (uint64_t)stream->files[i].mark.size;
    }
    return rc;
}

/* Old workbooks and whatever else there is. */
static int say_passed(const struct weir_file_connection *c, struct weir_source_catalog *out,
                      struct weir_error *err)
{
    size_t more = c->passed_count > WEIR_FILE_PASSED ? c->passed_count - WEIR_FILE_PASSED : 0;
    const char *names = weir_arena_dup(&out->arena, weir_buf_str(&c->passed)).ptr;
    const char *others = more ? weir_arena_printf(&out->arena, " and %zu more", more) : "";
    const char *note =
        names && others
            ? weir_arena_printf(
                  &out->arena,
                  "Not read, as the ends of their names do not say that they are tables: %s%s. "
                  "Workbooks of the old kind (.xls) can be saved as .xlsx or CSV; a file of "
                  "another "
                  "name is read where `streams:` names it and `format:` says what it is.",
                  names, others)
            : NULL;
    out->note = weir_str_of(note ? note : "");
    return note ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a catalog");
}

static int discover(void *connection, struct weir_source_catalog *out, struct weir_error *err)
{
    struct weir_file_connection *c = connection;
    struct weir_file_stream *streams = NULL, one;
    size_t count = 0;
    int rc = 0;
    if (c->config->stream_count) { /* those that were picked */
        count = c->config->stream_count;
    } else {
        rc = weir_files_sheets(c, &out->arena, &streams, &count, err);
    }
    out->streams = weir_arena_calloc(&out->arena, (count + 1) * sizeof *out->streams);
    if (rc == 0 && !out->streams) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", count);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (streams) {
            rc = add_found(c, out, streams[i].name, &streams[i], err);
            continue;
        }
        const struct weir_source_stream *s = &c->config->streams[i];
        rc = weir_files_of(c, s, &out->arena, &one, err);
        rc = rc ? rc : add_found(c, out, weir_str_of(s->name), &one, err);
    }
    rc = rc || !streams || !c->passed_count ? rc : say_passed(c, out, err);
    return rc;
}

int weir_file_add_column(struct weir_file *file, size_t at, const struct weir_source_column *column,
                         struct weir_source_plan *plan, struct weir_error *err)
{
    size_t index = WEIR_FILE_NO_COLUMN;
    bool wanted = !weir_source_plan_leaves_out(plan, column->name, column->original);
    if (wanted && weir_source_column_reserved(column->name)) {
        return weir_fail(err, WEIR_EINVAL,
                         WEIR_STR_FMT ": the column \"" WEIR_STR_FMT
                                      "\" has a name that weir keeps for its own; rename it in the "
                                      "file, or leave it out by `exclude`",
                         WEIR_STR_ARG(file->name), WEIR_STR_ARG(column->original));
    }
    if (wanted && !weir_source_plan_column(plan, column, &index)) {
        return weir_fail(err, WEIR_ETOOBIG, WEIR_STR_FMT ": a stream may have %d columns",
                         WEIR_STR_ARG(file->name), WEIR_SOURCE_MAX_COLUMNS);
    }
    file->columns[at] = index;
    return 0;
}

static bool is_text(const struct weir_file *file)
{
    return file->format == WEIR_FILE_CSV || file->format == WEIR_FILE_XLSX;
}

static const char *sheet_of(const struct weir_file_connection *c,
                            const struct weir_file_stream *files,
                            const struct weir_source_stream *stream)
{
    return *stream->sheet ? stream->sheet : files->sheet ? files->sheet : c->settings->sheet;
}

/* All that decides what rows are made of a file. */
static uint64_t hash_options(const struct weir_file_connection *c,
                             const struct weir_file_stream *files,
                             const struct weir_source_stream *stream)
{
    uint64_t hash = weir_hash64("file 1", 6, 1);
    int numbers[] = {c->settings->format, c->settings->header, stream->mode, stream->contract,
                     stream->deletes};
    hash = weir_hash64(numbers, sizeof numbers, hash);
    const struct weir_text_list *lists[] = {&stream->key, &stream->exclude};
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < lists[i]->count; k++) {
            hash = weir_hash64(lists[i]->items[k], strlen(lists[i]->items[k]) + 1, hash + i);
        }
    }
    if (stream->nested) {
        hash = weir_hash64(&stream->nested, sizeof stream->nested, hash);
    }
    const char *sheet = sheet_of(c, files, stream), *encoding = c->settings->encoding;
    if (strcmp(encoding, "auto") != 0) {
        hash = weir_hash64(encoding, strlen(encoding), hash);
    }
    if (*sheet || c->settings->skip) {
        hash = weir_hash64(&c->settings->skip, sizeof c->settings->skip, hash);
        hash = weir_hash64(sheet, strlen(sheet), hash);
    }
    return weir_hash64(stream->table, strlen(stream->table), hash);
}

/* What says which row of which table one is. */
static uint64_t hash_rows(const struct weir_source_stream *stream)
{
    uint64_t hash = weir_hash64(stream->table, strlen(stream->table), (uint64_t)stream->mode);
    for (size_t i = 0; i < stream->key.count; i++) {
        hash = weir_hash64(stream->key.items[i], strlen(stream->key.items[i]) + 1, hash);
    }
    return hash;
}

/* Those that are new, as far as their servers tell. */
static int fetch_new(struct weir_file_connection *c, struct weir_file_stream *files,
                     struct weir_str cursor, uint64_t made_by, struct weir_source_plan *plan,
                     struct weir_error *err)
{
    const struct weir_file_mark **known = NULL;
    weir_web_forget(c);
    if (files->count == 0 || !files->files[0].url) {
        return 0;
    }
    int rc = weir_file_cursor_marks(files, cursor, made_by, &plan->arena, &known, err);
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        rc = weir_web_fetch(c, &files->files[i], known[i], plan->stop, &plan->arena, err);
    }
    return rc;
}

/* Those that are as they were, too: all are read when one changed. */
static int fetch_rest(struct weir_file_connection *c, struct weir_file_stream *files,
                      struct weir_source_plan *plan, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && !plan->nothing && i < files->count; i++) {
        rc = files->files[i].path
                 ? 0
                 : weir_web_fetch(c, &files->files[i], NULL, plan->stop, &plan->arena, err);
    }
    return rc;
}

/* What is read of packed files and of workbooks is in the scratch folder. */
static int unpack_all(struct weir_file_connection *c, struct weir_file_stream *files,
                      const struct weir_source_stream *stream, struct weir_source_plan *plan,
                      struct weir_error *err)
{
    int rc = weir_file_cursor_sheets(files, plan, err);
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        struct weir_file *file = &files->files[i];
        rc = weir_file_hold(file, err);
        if (rc == 0 && file->format == WEIR_FILE_XLSX) {
            const char *sheet = sheet_of(c, files, stream);
            rc = weir_file_xlsx_table(c, file, sheet, plan->there, plan->stop, &plan->arena, err);
        } else if (rc == 0 && file->format != WEIR_FILE_PARQUET) {
            rc = weir_file_unpack(c, file, plan->stop, &plan->arena, err);
        }
        if (rc == 0 && file->format == WEIR_FILE_NDJSON && stream->nested) {
            rc = weir_file_lines_sift(c, file, plan->stop, &plan->arena, err);
        }
        weir_file_release(file);
        plan->bytes += file->plain ? file->plain_size : (uint64_t)file->mark.size;
    }
    return rc ? rc : weir_file_cursor_keep_sheets(files, plan, err);
}

int weir_file_say(struct weir_source_plan *plan, struct weir_str text, struct weir_error *err)
{
    const char *all =
        weir_arena_printf(&plan->arena, WEIR_STR_FMT "%s" WEIR_STR_FMT, WEIR_STR_ARG(plan->said),
                          plan->said.len ? "; " : "", WEIR_STR_ARG(text));
    plan->said = weir_str_of(all ? all : "");
    return all ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

struct engine {
    struct weir_warehouse *warehouse;
    struct weir_session *session;
};

static void close_engine(struct engine *e)
{
    weir_session_free(e->session);
    weir_warehouse_close(e->warehouse);
    *e = (struct engine){0};
}

static int open_engine(struct engine *e, const struct weir_file_stream *files,
                       struct weir_error *err)
{
    return e->session ? 0 : weir_file_engine_open(files, &e->warehouse, &e->session, err);
}

static int plan_engine(struct weir_file_connection *c, const struct weir_file_stream *files,
                       struct weir_file *file, bool nested, struct engine *e,
                       struct weir_source_plan *plan, struct weir_error *err)
{
    int rc = open_engine(e, files, err);
    rc = rc ? rc : weir_file_engine_check(e->session, file, plan, err);
    rc = rc || nested ? rc : weir_file_engine_plan(e->session, file, plan, err);
    if (rc != WEIR_EINVAL || file->format != WEIR_FILE_NDJSON || nested) {
        return rc;
    }
    struct weir_error why = *err;
    int sifted = weir_file_lines_sift(c, file, plan->stop, &plan->arena, err);
    if (sifted || !file->bad_count) {
        *err = sifted == WEIR_ECANCELED ? *err : why;
        return sifted == WEIR_ECANCELED ? sifted : rc;
    }
    close_engine(e); /* it may read what it knew when it was opened */
    rc = open_engine(e, files, err);
    return rc ? rc : weir_file_engine_plan(e->session, file, plan, err);
}

static int plan_all(void *connection, const struct weir_source_stream *stream,
                    struct weir_str cursor, struct weir_source_plan *out, struct weir_error *err)
{
    struct weir_file_connection *c = connection;
    struct weir_file_stream *files = weir_arena_calloc(&out->arena, sizeof *files);
    struct engine e = {0};
    int rc = files ? weir_files_of(c, stream, &out->arena, files, err)
                   : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    size_t there = files ? files->count : 0;
    rc = rc ? rc : weir_file_cursor_names(files, cursor, &out->arena, err);
    rc = rc ? rc : fetch_new(c, files, cursor, hash_options(c, files, stream), out, err);
    rc = rc ? rc
            : weir_file_cursor(files, stream->mode, weir_source_stream_ends(stream), cursor,
                               hash_options(c, files, stream), hash_rows(stream), out, err);
    out->partial = files && files->count < there;
    rc = rc ? rc : fetch_rest(c, files, out, err);
    rc = rc || out->nothing ? rc : unpack_all(c, files, stream, out, err);
    out->own = files;
    if (rc == 0) {
        weir_file_empty_find(files, there);
    }
    for (size_t i = 0; rc == 0 && !out->nothing && i < files->count; i++) {
        struct weir_file *file = &files->files[i];
        if (file->empty) {
            rc = weir_file_empty_say(file, out, err);
            continue;
        }
        rc = weir_file_hold(file, err);
        if (rc == 0 && is_text(file) && stream->nested) {
            rc = weir_fail(err, WEIR_EINVAL,
                           WEIR_STR_FMT ": `nested` is for JSON and Parquet; a cell of a table is "
                                        "no object",
                           WEIR_STR_ARG(file->name));
        } else if (rc == 0 && is_text(file)) {
            rc = weir_file_csv_plan(file, c->settings,
                                    stream->contract == WEIR_SOURCE_DISCARD_ROW ||
                                        stream->contract == WEIR_SOURCE_DISCARD_VALUE,
                                    out, err);
        } else if (rc == 0) {
            rc = plan_engine(c, files, file, stream->nested, &e, out, err);
        }
        weir_file_release(file);
    }
    rc = rc || stream->nested ? rc : weir_file_name_columns(files, stream, out, err);
    rc = rc || out->nothing ? rc : weir_file_csv_taken(files, out, err);
    rc = rc || out->nothing ? rc : weir_file_check_stray(files, out, err);
    if (rc == 0 && !out->column_count && weir_file_empty_all(files)) {
        out->nothing = out->nothing || !out->there;
        rc = weir_file_empty_keep(out, err);
    }
    if (rc == 0 && e.session && stream->nested) {
        rc = weir_file_nested_plan(c, files, stream, e.session, out, err);
        files->nested = true;
    }
    close_engine(&e);
    return rc;
}

/* Nothing is stored yet that might not be what was read: it is the file that is damaged. */
static int plan(void *connection, const struct weir_source_stream *stream, struct weir_str cursor,
                struct weir_source_plan *out, struct weir_error *err)
{
    int rc = plan_all(connection, stream, cursor, out, err);
    if (rc == WEIR_ECORRUPT) {
        struct weir_error why = *err;
        rc = weir_fail(err, WEIR_EINVAL, "%s", why.message);
    }
    return rc;
}

static int read_files(void *connection, const struct weir_source_plan *p,
                      struct weir_source_sink *sink, struct weir_error *err)
{
    struct weir_file_connection *c = connection;
    const struct weir_file_stream *files = p->own;
    struct engine e = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        struct weir_file *file = &files->files[i];
        rc = file->bad_count ? weir_file_hold(file, err) : 0;
        rc = rc ? rc : weir_file_lines_reject(file, sink, err);
        weir_file_release(file);
    }
    if (rc == 0 && files->nested) {
        rc = weir_file_nested_read(c, p, sink, err);
    }
    for (size_t i = 0; rc == 0 && !files->nested && i < files->count; i++) {
        struct weir_file *file = &files->files[i];
        if (file->empty) {
            continue;
        }
        rc = weir_file_hold(file, err);
        if (rc) {
            break;
        }
        if (is_text(file)) {
            rc = weir_file_csv_read(file, c->settings, p->stop, sink, err);
        } else {
            rc = open_engine(&e, files, err);
            rc = rc ? rc : weir_file_engine_read(e.session, file, sink, err);
        }
        weir_file_release(file);
    }
    close_engine(&e);
    weir_web_forget(c);
    /* All of them, behind the last: rows of one file may have been moved to another meanwhile. */
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        rc = weir_file_unchanged(&files->files[i], err);
    }
    return rc;
}

static int parts(void *connection, const struct weir_source_stream *stream,
                 struct weir_source_plan *p, struct weir_str cursor, struct weir_source_parts *out,
                 struct weir_error *err)
{
    struct weir_file_connection *c = connection;
    struct weir_file_stream *files = p->own;
    bool drops = stream->mode == WEIR_SOURCE_REPLACE || weir_source_stream_ends(stream);
    int rc = weir_file_cursor_names(files, cursor, &p->arena, err);
    return rc ? rc
              : weir_file_cursor_news(files, cursor, hash_options(c, files, stream), drops, p, out,
                                      err);
}

static uint64_t memory_of_run(const void *settings)
{
    (void)settings;
    return WEIR_FILE_MEMORY;
}

const struct weir_source_connector weir_source_file = {
    .name = "file",
    .title = "Files, Excel, Google Sheets, S3",
    .options = options,
    .settings_size = sizeof(struct weir_file_settings),
    .files = true,
    .memory = memory_of_run,
    .open = open_connection,
    .discover = discover,
    .plan = plan,
    .nests = true,
    .read = read_files,
    .parts = parts,
    .close = close_connection,
};
