/* Files on this machine, and of others by http and https. Private to src/source/file. */
#ifndef WEIR_SOURCE_FILE_FILE_H
#define WEIR_SOURCE_FILE_FILE_H

#include "csv/columns.h"
#include "io/curl.h"
#include "source/connector.h"
#include "source/run/scratch.h"

enum weir_file_format {
    WEIR_FILE_AUTO, /* by the name's end */
    WEIR_FILE_CSV,
    WEIR_FILE_NDJSON,
    WEIR_FILE_JSON,
    WEIR_FILE_PARQUET,
    WEIR_FILE_XLSX
};

enum weir_file_style { WEIR_FILE_STYLE_AUTO, WEIR_FILE_STYLE_PATH, WEIR_FILE_STYLE_HOST };

struct weir_file_settings {
    const char *path;
    int format; /* enum weir_file_format */
    int header; /* enum weir_csv_header */
    const char *sheet;
    const char *encoding; /* of texts; "auto": found out */
    int64_t skip;
    /* of other machines */
    const char *user, *password, *token, *ca_file;
    const struct weir_data *headers; /* or NULL */
    const char *google, *service_account;
    const char *endpoint, *region, *access_key, *secret_key;
    int path_style; /* enum weir_file_style */
    weir_time timeout;
    uint64_t max_size, max_fetch;
};

/* What tells a file from what it was before. */
struct weir_file_mark {
    bool remote;
    int64_t size;
    int64_t mtime, inode; /* of this machine; times in nanoseconds */
    int64_t ctime;        /* 0: not known */
    uint64_t sum;         /* of others: a hash of all of it, */
    const char *etag;     /* and what their server calls this state of it, or "" */
};

struct weir_file_bad_line; /* lines.c */
struct weir_file_kind {
    struct weir_str name;
    const char *type; /* to the engine */
    bool none;        /* it has no value */
};
struct weir_file_likely {
    enum weir_guess_format truth, number, time;
};
struct weir_file {
    struct weir_str name; /* as it is shown and kept: in the workspace, or absolute */
    const char *path;     /* real; NULL: of another machine, and not here yet */
    const char *wrong;    /* why it cannot be read, where that is known; or NULL */
    int wrong_code;
    int64_t device;        /* of this machine */
    int held;              /* while it is held, what is open of it, + 1; */
    char through[32];      /* and its path then, whatever stands at `path` by now */
    const char *url;       /* of another machine, or NULL */
    bool google;           /* a sheet of Google */
    bool listed;           /* of S3: size and ETag of its mark are of the list */
    const char *table;     /* of XLSX: the CSV that its sheet was made into, */
    bool empty;            /* or it has no values, and so no columns */
    bool bare;             /* it has columns and no rows, or one line that may be a row */
    bool titled;           /* bare, and somebody said that its line is the header */
    struct weir_str line;  /* of CSV: the first, where it is bare */
    struct weir_str taken; /* of CSV, of the plan: how, in words */
    const char *sheet;     /* of XLSX: that was read last, then that is read; NULL: not known */
    const char *plain;     /* of a packed one: what it holds; NULL: it is not packed */
    uint64_t plain_size;
    enum weir_file_format format;
    struct weir_file_mark mark;
    /* of the plan */
    size_t column_count;
    size_t *columns;                /* of the plan, of each of its own */
    struct weir_str *originals;     /* of JSON and Parquet: names as the reader has them, which */
                                    /* knows no two that differ by case alone */
    bool renamed;                   /* of JSON: may some of them be no key of the file? */
    struct weir_source_column *own; /* as they are in this file; named once all files are known */
    struct weir_file_kind *kinds;   /* of JSON: what the engine is told, or NULL: it finds them */
    size_t kind_count;
    bool list;             /* of JSON with kinds: its rows are the elements of a list, not lines */
    struct weir_str *tops; /* of Parquet: what its head calls them */
    size_t top_count;
    enum weir_guess_format *formats; /* of CSV; */
    bool *only_no;                   /* no and nothing else, which may be Norway */
    /* What most of a column's texts are read as where its contract fits them to the table's type;
     * of CSV, or NULL. */
    struct weir_file_likely *likely;
    bool *fitted; /* they are passed on as the engine reads them */
    /* Of NDJSON: lines that are no JSON, and are not in `plain`. */
    struct weir_file_bad_line *bad;
    size_t bad_count;
    const char *bad_of; /* where they are: what `plain` was before, or NULL */
};

struct weir_file_stream {
    struct weir_str name;
    struct weir_file *files;
    size_t count;
    const char *sheet; /* of the workbook; NULL: none is meant by its name */
    bool empty;        /* the sheet has no values */
    bool nested;       /* its rows are in the connection's feed */
    bool mixed;        /* its files have names that differ, and nobody said that they are one */
};

struct weir_file_book;
/* Of the engine that reads JSON and Parquet: a list of rows takes a reader three buffers of two of
 * the largest objects (64 MB), and two read rows with objects. */
#define WEIR_FILE_MEMORY (1ull << 30)
#define WEIR_FILE_PASSED 5 /* names of them are told */
struct weir_file_connection {
    const struct weir_source_config *config;
    const struct weir_source_site *site;
    const struct weir_file_settings *settings;
    struct weir_arena arena;
    /* of other machines */
    struct weir_curl *curl; /* NULL: none was asked yet */
    const char **headers;
    struct weir_curl_aws aws;
    const char *google_token; /* of the service account */
    struct weir_mask *mask;   /* of what says who asks */
    /* what is read, where it is no file of this machine already */
    char scratch[WEIR_SOURCE_SCRATCH_SIZE]; /* "": nothing */
    unsigned next_file;
    int scratch_lock;
    uint64_t fetched;                /* bytes */
    uint64_t look_at;                /* so many of them, and the disk is looked at */
    struct weir_file_book *books;    /* that were looked into */
    struct weir_file_stream *folder; /* what the path's holds, once it was looked into; or NULL */
    size_t folder_count;
    struct weir_buf passed; /* names of files that lie there and are no streams */
    size_t passed_count;
    struct weir_feed *feed; /* of the stream that was planned last, where objects are columns */
    weir_time until;        /* a look that somebody waits for ends then; 0: it has not begun */
};

/* --- files.c --- */
/* Nothing tells what is in it: `what` does "not say". */
int weir_file_unknown(const struct weir_file *file, const char *what,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* The files of one stream, by name; WEIR_ENOENT when there are none. In the arena. */
int weir_files_of(struct weir_file_connection *c, const struct weir_source_stream *stream,
                  struct weir_arena *arena, struct weir_file_stream *out,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* All streams that the path of the connection has, without those of the file's `streams:`; one for
 * each sheet of workbooks that have several. */
int weir_files_sheets(struct weir_file_connection *c, struct weir_arena *arena,
                      struct weir_file_stream **out, size_t *count,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* --- held.c --- */
/* Until it is released, its path (weir_file_path) leads to the very file that was found, though
 * another one, or a link, takes its place. WEIR_EAGAIN: it did already. Of files of other machines,
 * nothing: what was fetched is our own. */
int weir_file_hold(struct weir_file *file, struct weir_error *err) WEIR_MUST_CHECK;
void weir_file_release(struct weir_file *file);
const char *weir_file_path(const struct weir_file *file);
/* Is it still as it was when it was found? WEIR_EAGAIN. */
int weir_file_unchanged(const struct weir_file *file, struct weir_error *err) WEIR_MUST_CHECK;

/* --- known.c --- */
/* `exports//a.csv` and `./exports/a.csv` are exports/a.csv; with a NUL behind it. */
struct weir_str weir_file_known_as(struct weir_str path, struct weir_arena *arena);

/* --- stem.c --- */
/* Of a path or an address what is behind its last slash. */
struct weir_str weir_file_last_part(struct weir_str path);
/* What a stream of it is called; ptr NULL: no memory. */
struct weir_str weir_file_stem(const struct weir_file *file, struct weir_arena *arena);

/* --- litter.c --- */
/* Is it a file of this name that a program keeps beside others for a while, and the pattern (its
 * last part) does not mean such? */
bool weir_file_is_litter(struct weir_str pattern, struct weir_str name);

/* By the name's end, unless the connection says it. */
enum weir_file_format weir_file_format_of(const struct weir_file_connection *c,
                                          struct weir_str name);

/* --- web.c --- */
bool weir_file_is_url(const char *path);
/* The files whose addresses `text` has, with white space between them; behind `base` unless that
 * is "". */
int weir_web_list(struct weir_file_connection *c, const char *base, const char *text,
                  struct weir_arena *arena, struct weir_file_stream *out,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* The last part of the address's path; "" when there is none. */
struct weir_str weir_web_stem(const struct weir_file *file);
/* What is asked of its server, and what went wrong in the words of S3 where it is of that. */
int weir_web_call(struct weir_file_connection *c, const struct weir_file *file,
                  struct weir_curl_call *out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_web_get(struct weir_file_connection *c, const struct weir_file *file,
                 const struct weir_curl_call *call, struct weir_curl_answer *answer,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* Asks for its first bytes: can it be read, how large is it, what is it? */
int weir_web_peek(struct weir_file_connection *c, struct weir_file *file,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* Fetches it into the scratch folder: `path`, `mark` and `format` are known then. When it is as
 * `known` (or NULL) says, its server need not send it: `path` stays NULL. */
int weir_web_fetch(struct weir_file_connection *c, struct weir_file *file,
                   const struct weir_file_mark *known, const atomic_bool *stop,
                   struct weir_arena *arena, struct weir_error *err) WEIR_MUST_CHECK;
/* A path in the scratch folder that nothing has yet. */
int weir_web_scratch(struct weir_file_connection *c, struct weir_arena *arena, const char **out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* May so many bytes, beside what was fetched, lie there? WEIR_ETOOBIG by `max_fetch`, or because
 * the disk, which is that of events, is nearly full. */
int weir_web_room(struct weir_file_connection *c, uint64_t bytes,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* What was fetched goes. */
void weir_web_forget(struct weir_file_connection *c);
void weir_web_close(struct weir_file_connection *c);

/* --- google.c --- */
/* Is it an address of Google's sheets, with or without "https://" before it? */
bool weir_google_is(struct weir_str url);
/* Is it the address of a sheet as the browser shows it? `gid` is "" when the first one is meant. */
bool weir_google_address(struct weir_str url, struct weir_str *id, struct weir_str *gid);
int weir_google_file(struct weir_file_connection *c, struct weir_str url, struct weir_arena *arena,
                     struct weir_file *out, struct weir_error *err) WEIR_MUST_CHECK;
/* A page to log in, or a refusal: WEIR_EPERM says how a sheet is shared. Else rc. */
int weir_google_check(const struct weir_file_connection *c, const struct weir_file *file, int rc,
                      const struct weir_curl_answer *answer, struct weir_error *err);
/* Gets google_token, once. */
int weir_google_token(struct weir_file_connection *c, struct weir_error *err) WEIR_MUST_CHECK;

/* Makes the file the workbook of all its sheets; false: its address says which one is meant, or it
 * is none. */
bool weir_google_book(struct weir_file *file, struct weir_arena *arena);

/* --- names.c --- */
/* Once the columns of all files are known: which ones of the plan they are. */
int weir_file_name_columns(struct weir_file_stream *files, const struct weir_source_stream *stream,
                           struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;
/* Room for so many columns of its own. */
int weir_file_room(struct weir_file *file, size_t count, struct weir_arena *arena,
                   struct weir_error *err) WEIR_MUST_CHECK;

/* --- empty.c --- */
/* Which have no bytes; of `there` files, those that are to be read are here. */
void weir_file_empty_find(struct weir_file_stream *files, size_t there);
/* That it is empty, among what the run says. */
int weir_file_empty_say(const struct weir_file *file, struct weir_source_plan *plan,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* Nothing tells its columns. */
bool weir_file_empty_all(const struct weir_file_stream *files);
/* So they are what they were. */
int weir_file_empty_keep(struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;

/* --- stray.c --- */
/* Once all are planned: what has no rows and nothing of the table is no file of it, but what a
 * server says in its place, perhaps. */
int weir_file_check_stray(const struct weir_file_stream *files, struct weir_source_plan *plan,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* --- sheets.c --- */
/* `alone`: there is nothing but the one workbook, so streams are called as its sheets. */
int weir_file_sheets(struct weir_file_connection *c, bool alone, struct weir_arena *arena,
                     struct weir_file_stream **streams, size_t *count,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* --- s3.c --- */
bool weir_file_is_s3(const char *path);
/* The objects that s3://BUCKET/PATTERN names, or those right below s3://BUCKET/…/. */
int weir_s3_list(struct weir_file_connection *c, const char *path, struct weir_arena *arena,
                 struct weir_file_stream *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Code and message of an answer's body take the place of the message; rc. */
int weir_s3_explain(int rc, struct weir_str name, const char *body, struct weir_error *err);

/* --- cursor.c --- */
/* What the cursor has of each file, where its settings were the same: marks, of which those of
 * files that it does not know are NULL. In the arena. */
int weir_file_cursor_marks(const struct weir_file_stream *stream, struct weir_str cursor,
                           uint64_t options, struct weir_arena *arena,
                           const struct weir_file_mark ***out,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* Files that it knows by another writing of their path are called so, as they are in their rows. */
int weir_file_cursor_names(struct weir_file_stream *stream, struct weir_str cursor,
                           struct weir_arena *arena, struct weir_error *err) WEIR_MUST_CHECK;
/* Of files that were planned without a cursor: which the next run reads, by this one, and those
 * that are gone and whose rows it drops (`drops`). In the plan's arena. */
int weir_file_cursor_news(const struct weir_file_stream *stream, struct weir_str cursor,
                          uint64_t options, bool drops, struct weir_source_plan *plan,
                          struct weir_source_parts *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Which sheets of workbooks were read: fills `sheet` of the files; and keeps them in the plan's
 * cursor. */
int weir_file_cursor_sheets(struct weir_file_stream *stream, struct weir_source_plan *plan,
                            struct weir_error *err) WEIR_MUST_CHECK;
int weir_file_cursor_keep_sheets(const struct weir_file_stream *stream,
                                 struct weir_source_plan *plan,
                                 struct weir_error *err) WEIR_MUST_CHECK;
/* What changed since: fills nothing, whole, parts and cursor of the plan, and leaves in `stream`
 * the files that are to be read. `options` is a hash of all that makes rows of files, `rows` of
 * what says which row of the table one is: when that is another, merge builds the table anew.
 * `all`: where one file changed or is gone, all that there are are read. */
int weir_file_cursor(struct weir_file_stream *stream, int mode, bool all, struct weir_str cursor,
                     uint64_t options, uint64_t rows, struct weir_source_plan *plan,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* --- unpack.c --- */
/* Without ".gz" and the like. */
struct weir_str weir_file_unpacked_name(struct weir_str name);
/* Makes `plain` where the file is packed by gzip or zstd. */
int weir_file_unpack(struct weir_file_connection *c, struct weir_file *file,
                     const atomic_bool *stop, struct weir_arena *arena,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* --- rows.c --- */
struct weir_file_rows {
    /* A row's text, with WEIR_BUF_PADDING readable bytes behind it; at this byte. */
    int (*row)(void *arg, struct weir_str text, uint64_t at, struct weir_error *err);
    void *arg;
    bool enough; /* `row` says that it wants no more */
};
/* Lines without their ends, empty ones, too. WEIR_ECANCELED; WEIR_ENOMEM, also where a row is
 * longer than the engine takes an object. */
int weir_file_rows_lines(struct weir_file_rows *rows, int fd, const atomic_bool *stop,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* The elements of a list, which may have blanks around them. `enough`, too, where it is no list, or
 * something else is behind it. */
int weir_file_rows_list(struct weir_file_rows *rows, int fd, const atomic_bool *stop,
                        struct weir_error *err) WEIR_MUST_CHECK;

/* --- lines.c --- */
/* Does it begin with a byte order mark? weir's reader passes over it; the engine does so only in
 * front of a file. */
bool weir_file_is_marked(struct weir_str line);
/* Of NDJSON that is held: `plain` gets the lines that are JSON, where some are none, and no more of
 * them than are. */
int weir_file_lines_sift(struct weir_file_connection *c, struct weir_file *file,
                         const atomic_bool *stop, struct weir_arena *arena,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* The others are set aside. */
int weir_file_lines_reject(const struct weir_file *file, struct weir_source_sink *sink,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* --- kinds.c --- */
/* Of JSON or NDJSON that is held: fills `kinds`, or leaves it NULL where that is not sure. */
int weir_file_kinds_find(struct weir_file *file, const atomic_bool *stop, struct weir_arena *arena,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* --- xlsx_table.c --- */
#define WEIR_FILE_TABLE_NEWLINE '\x1e'
/* Makes `table` of the sheet, or `empty` where it has no values and that may be: where it is the
 * very sheet that was read before. "" is the first that is seen; where that has no values, the one
 * that was read before, or the only one that has some. */
int weir_file_xlsx_table(struct weir_file_connection *c, struct weir_file *file, const char *sheet,
                         bool may_be_empty, const atomic_bool *stop, struct weir_arena *arena,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* --- csv.c, engine.c: columns of a file into the plan, and its rows into the sink --- */
/* `fits`: by its contract, values of a column are found by reading texts as the table's type. */
int weir_file_csv_plan(struct weir_file *file, const struct weir_file_settings *settings, bool fits,
                       struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;
/* Once all are planned: plan->guessed. */
int weir_file_csv_taken(const struct weir_file_stream *files, struct weir_source_plan *plan,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* Once the column has the table's name. */
void weir_file_csv_fit(struct weir_file *file, size_t column, const struct weir_table *table);
int weir_file_csv_read(const struct weir_file *file, const struct weir_file_settings *settings,
                       const atomic_bool *stop, struct weir_source_sink *sink,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* JSON and Parquet, by an engine in memory that may read these files and nothing else. */
int weir_file_engine_open(const struct weir_file_stream *stream, struct weir_warehouse **out,
                          struct weir_session **session, struct weir_error *err) WEIR_MUST_CHECK;
/* Refuses what the engine would read wrongly. */
int weir_file_engine_check(struct weir_session *session, struct weir_file *file,
                           struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;
int weir_file_engine_plan(struct weir_session *session, struct weir_file *file,
                          struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;
/* What a statement has of a file: " FROM …", its rows (`there`: a column that is NULL where there
 * is no row, or NULL); or what is read as a table of each row's text. */
void weir_file_engine_from(struct weir_buf *sql, const struct weir_file *file, const char *there);
void weir_file_engine_objects(struct weir_buf *sql, const struct weir_file *file);
/* Errors are in words for whoever has only the file. */
int weir_file_engine_ask(struct weir_session *session, struct weir_buf *sql,
                         const struct weir_file *file, struct weir_result **result,
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_file_engine_next(struct weir_result *result, struct weir_batch *batch,
                          const struct weir_file *file, struct weir_error *err) WEIR_MUST_CHECK;
/* read_json() of it with the columns that the caller adds, and "})". */
void weir_file_engine_typed(struct weir_buf *sql, const struct weir_file *file);
/* --- engine_columns.c --- */
/* The engine's columns become the file's own. */
int weir_file_engine_columns(struct weir_session *session, struct weir_file *file,
                             const struct weir_column *columns, size_t count,
                             struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;
/* --- engine_read.c --- */
int weir_file_engine_read(struct weir_session *session, const struct weir_file *file,
                          struct weir_source_sink *sink, struct weir_error *err) WEIR_MUST_CHECK;

/* --- member.c: objects and lists of JSON rows, as they stand in the file --- */
struct weir_file_members;
/* "A" of "A_1", as the engine numbers names; empty: of others. */
struct weir_str weir_file_unnumbered(struct weir_str name);
/* May the engine have called this column so, and no key of the file be? */
bool weir_file_name_is_made_up(const struct weir_file *file, size_t column);
/* Free it also after a failure. */
int weir_file_members_open(const struct weir_file *file, const struct weir_source_sink *sink,
                           struct weir_file_members **out, struct weir_error *err) WEIR_MUST_CHECK;
/* Is this column of the file, which the sink takes, one of those? */
bool weir_file_members_have(const struct weir_file_members *m, size_t column);
bool weir_file_members_any(const struct weir_file_members *m);
void weir_file_members_free(struct weir_file_members *m); /* NULL is fine */
/* The last columns of the batch are whether the row is there, and its text. Into the sink's
 * columns, good until the next batch. */
int weir_file_members_take(struct weir_file_members *m, const struct weir_batch *batch,
                           const struct weir_source_sink *sink, struct weir_vector *out,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* After the last batch: did each of the columns come? */
int weir_file_members_end(const struct weir_file_members *m, const struct weir_source_sink *sink,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* What a statement about a file answers: each row as JSON; of Parquet also its columns, or how many
 * rows its own head says that it has. */
enum weir_file_question { WEIR_FILE_ROWS, WEIR_FILE_COLUMNS, WEIR_FILE_COUNT };
int weir_file_engine_query(struct weir_session *session, const struct weir_file *file,
                           enum weir_file_question what, struct weir_result **out,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* --- nested.c: the same where objects are columns, and lists may be tables --- */
int weir_file_nested_plan(struct weir_file_connection *c, struct weir_file_stream *files,
                          const struct weir_source_stream *stream, struct weir_session *session,
                          struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;
int weir_file_nested_read(struct weir_file_connection *c, const struct weir_source_plan *plan,
                          struct weir_source_sink *sink, struct weir_error *err) WEIR_MUST_CHECK;
void weir_file_nested_forget(struct weir_file_connection *c);

/* One sentence more for the run's changes. */
int weir_file_say(struct weir_source_plan *plan, struct weir_str text,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* Adds a column of the file to the plan, unless its name is one of weir's. */
int weir_file_add_column(struct weir_file *file, size_t at, const struct weir_source_column *column,
                         struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;
#define WEIR_FILE_NO_COLUMN SIZE_MAX

#endif
