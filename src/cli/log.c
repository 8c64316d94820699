/* `weir log stat | cat | verify`: looking into the event log, also while the collector writes it.
 */
#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/json_write.h"
#include "cli/commands.h"
#include "eventlog/eventlog.h"

#define LINE_MAX_BYTES (512u << 20) /* a 64 MB body of control characters, escaped */

static const char *folder_of(const struct weir_cli *cli, struct weir_workspace *workspace)
{
    return weir_workspace_path(workspace,
                               weir_args_has(cli->args, "quarantine") ? "quarantine" : "log");
}

static const char *kind_name(enum weir_record_kind kind)
{
    static const char *const names[] = {"?", "call", "refused", "unknown_key"};
    return kind <= WEIR_RECORD_UNKNOWN_KEY ? names[kind] : "?";
}

/* --- damage ------------------------------------------------------------------------------------
 */

struct look {
    struct weir_cli *cli;
    bool json;
    struct weir_buf line;
    uint64_t segments, records, frames, bytes, raw_bytes, damaged;
    uint64_t lost; /* records in ranges that are known */
    struct weir_progress progress;
    bool verifying;
    weir_time from, to;
    uint64_t from_seq, end_seq;
};

static void damage_json(struct weir_buf *out, const struct weir_eventlog_damage *d)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "damage", d->segment);
    weir_jw_ku64(&w, "offset", d->offset);
    weir_jw_ku64(&w, "first_seq", d->first);
    weir_jw_ku64(&w, "count", d->count);
    weir_jw_object_end(&w);
    weir_buf_addc(out, '\n');
}

static void damage_text(struct weir_buf *out, const struct weir_eventlog_damage *d)
{
    if (d->count == 1) {
        weir_buf_addf(out, "damage: %s at byte %" PRIu64 ": record %" PRIu64 " is lost\n",
                      d->segment, d->offset, d->first);
    } else if (d->count) {
        weir_buf_addf(
            out, "damage: %s at byte %" PRIu64 ": records %" PRIu64 " to %" PRIu64 " are lost\n",
            d->segment, d->offset, d->first, d->first + d->count - 1);
    } else if (d->offset) {
        weir_buf_addf(out, "damage: %s: the bytes from %" PRIu64 " on are no frames\n", d->segment,
                      d->offset);
    } else {
        weir_buf_addf(out, "damage: %s: the segment's header does not verify\n", d->segment);
    }
}

static void on_damage(const struct weir_eventlog_damage *d, void *arg)
{
    struct look *look = arg;
    look->damaged++;
    look->lost += d->count;
    weir_buf_reset(&look->line);
    if (look->json) {
        damage_json(&look->line, d);
    } else {
        damage_text(&look->line, d);
    }
    fwrite(look->line.data, 1, look->line.len, look->verifying ? stdout : stderr);
}

static void add_up(struct look *look, const struct weir_eventlog_segment *s)
{
    look->segments++;
    look->records += s->records;
    look->frames += s->frames;
    look->bytes += s->bytes;
    look->raw_bytes += s->raw_bytes;
}

/* --- stat --------------------------------------------------------------------------------------
 */

static void stat_json(struct look *look, const struct weir_eventlog_segment *s)
{
    struct weir_jw w = weir_jw_on(&look->line);
    weir_buf_reset(&look->line);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "segment", s->name);
    weir_jw_ku64(&w, "first_seq", s->first_seq);
    weir_jw_ku64(&w, "records", s->records);
    weir_jw_ku64(&w, "frames", s->frames);
    weir_jw_ku64(&w, "bytes", s->bytes);
    weir_jw_ku64(&w, "raw_bytes", s->raw_bytes);
    weir_jw_ku64(&w, "damaged", s->damaged_frames);
    weir_jw_kbool(&w, "sealed", s->sealed);
    if (s->frames) {
        weir_jw_ktime(&w, "first_received_at", s->first_at);
        weir_jw_ktime(&w, "last_received_at", s->last_at);
    }
    weir_jw_object_end(&w);
    puts(weir_buf_cstr(&look->line));
}

static int stat_segment(const struct weir_eventlog_segment *s, void *arg)
{
    struct look *look = arg;
    char first[28], last[28];
    if (look->json) {
        stat_json(look, s);
        return 0;
    }
    if (!look->segments) {
        printf("%-25s %12s %9s %14s %14s  %-20s %-20s %s\n", "SEGMENT", "RECORDS", "FRAMES",
               "BYTES", "UNCOMPRESSED", "FIRST RECEIVED", "LAST RECEIVED", "STATE");
    }
    add_up(look, s);
    weir_time_format(s->first_at, first);
    weir_time_format(s->last_at, last);
    printf("%-25s %12" PRIu64 " %9" PRIu64 " %14" PRIu64 " %14" PRIu64 "  %.19s%s %.19s%s %s\n",
           s->name, s->records, s->frames, s->bytes, s->raw_bytes,
           s->frames ? first : "-                  ", s->frames ? "Z" : " ",
           s->frames ? last : "-                  ", s->frames ? "Z" : " ",
           s->damaged_frames ? "damaged"
           : s->sealed       ? "sealed"
                             : "open");
    return 0;
}

static int with_log(struct weir_cli *cli, struct look *look,
                    int (*run)(struct look *look, const char *dir, struct weir_error *err),
                    struct weir_error *err)
{
    struct weir_workspace *workspace;
    int code = weir_cli_workspace(cli, &workspace, err);
    if (code) {
        return code;
    }
    look->cli = cli;
    look->json = weir_args_has(cli->args, "json");
    weir_buf_init(&look->line, LINE_MAX_BYTES);
    const char *dir = folder_of(cli, workspace);
    code = dir ? run(look, dir, err) : weir_fail(err, WEIR_ENOMEM, "out of memory");
    weir_buf_free(&look->line);
    weir_workspace_close(workspace);
    return code;
}

static int do_stat(struct look *look, const char *dir, struct weir_error *err)
{
    int code = weir_eventlog_each_segment(dir, false, stat_segment, on_damage, look, err);
    if (!code && !look->json && look->segments == 0) {
        puts("The log is empty.");
    } else if (!code && !look->json) {
        printf("\n%" PRIu64 " records in %" PRIu64 " segment%s, %" PRIu64 " bytes on disk (%.1f to "
               "1).\n",
               look->records, look->segments, look->segments == 1 ? "" : "s", look->bytes,
               look->bytes ? (double)look->raw_bytes / (double)look->bytes : 0);
    }
    return code;
}

static int run_stat(struct weir_cli *cli, struct weir_error *err)
{
    struct look look = {0};
    return with_log(cli, &look, do_stat, err);
}

/* --- verify ------------------------------------------------------------------------------------
 */

static int sum_bytes(const struct weir_eventlog_segment *s, void *arg)
{
    struct look *look = arg;
    look->progress.total += s->bytes;
    return 0;
}

static int verify_segment(const struct weir_eventlog_segment *s, void *arg)
{
    struct look *look = arg;
    add_up(look, s);
    weir_progress_update(&look->progress, look->bytes);
    return 0;
}

static int do_verify(struct look *look, const char *dir, struct weir_error *err)
{
    weir_progress_begin(&look->progress, "verifying", 0);
    int code = weir_eventlog_each_segment(dir, false, sum_bytes, NULL, look, err);
    look->verifying = true;
    if (!code) {
        code = weir_eventlog_each_segment(dir, true, verify_segment, on_damage, look, err);
    }
    weir_progress_end(&look->progress, look->bytes);
    if (code) {
        return code;
    }
    if (look->json) {
        printf("{\"segments\":%" PRIu64 ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"damaged\":%" PRIu64 ",\"lost\":%" PRIu64 "}\n",
               look->segments, look->records, look->bytes, look->damaged, look->lost);
    } else {
        printf("%" PRIu64 " segment%s, %" PRIu64 " records, %" PRIu64 " bytes: %s\n",
               look->segments, look->segments == 1 ? "" : "s", look->records, look->bytes,
               look->damaged ? "damaged" : "every byte verifies");
    }
    if (look->damaged) {
        return weir_fail(err, WEIR_ECORRUPT,
                         "%s is damaged in %" PRIu64 " place%s; %" PRIu64
                         " records are known to be lost, all others are read; restore the damaged "
                         "segments from a backup if there is one",
                         dir, look->damaged, look->damaged == 1 ? "" : "s", look->lost);
    }
    return WEIR_OK;
}

static int run_verify(struct weir_cli *cli, struct weir_error *err)
{
    struct look look = {0};
    return with_log(cli, &look, do_verify, err);
}

/* --- cat ---------------------------------------------------------------------------------------
 */

/* A line must be one line: JSON that has line breaks in it is printed anew, what is no JSON is
 * a string. */
static void print_body(struct weir_jw *w, struct weir_json_parser *parser, struct weir_str body)
{
    struct weir_json root;
    weir_jw_keyz(w, "body");
    if (weir_json_parse(parser, body, &root, NULL)) {
        weir_jw_str(w, body);
    } else if (body.len && !memchr(body.ptr, '\n', body.len) && !memchr(body.ptr, '\r', body.len)) {
        weir_jw_raw(w, body);
    } else {
        struct weir_buf text;
        weir_buf_init(&text, LINE_MAX_BYTES);
        weir_json_print(root, &text);
        weir_jw_raw(w, weir_buf_str(&text));
        weir_buf_free(&text);
    }
}

static void print_optional(struct weir_jw *w, const char *key, struct weir_str value)
{
    if (value.len) {
        weir_jw_kstr(w, key, value);
    }
}

static int print_record(struct look *look, struct weir_json_parser *parser,
                        const struct weir_record *r, struct weir_error *err)
{
    char id[37];
    struct weir_buf *line = &look->line;
    weir_buf_reset(line);
    struct weir_jw w = weir_jw_on(line);
    weir_uuid_format(r->request_id, id);
    weir_jw_object(&w);
    weir_jw_ku64(&w, "seq", r->seq);
    weir_jw_kstrz(&w, "kind", kind_name(r->kind));
    weir_jw_ktime(&w, "received_at", r->received_at);
    weir_jw_kstrz(&w, "request_id", id);
    weir_jw_kstr(&w, "source", r->source);
    weir_jw_kstr(&w, "method", r->method);
    print_optional(&w, "write_key", r->write_key);
    print_optional(&w, "ip", r->ip);
    print_optional(&w, "user_agent", r->user_agent);
    print_optional(&w, "note", r->note);
    print_body(&w, parser, r->body);
    weir_jw_object_end(&w);
    weir_buf_addc(line, '\n');
    int code = weir_buf_check(line, "a record's line", err);
    if (!code && fwrite(line->data, 1, line->len, stdout) != line->len) {
        code = weir_fail(err, WEIR_ECANCELED, "stdout was closed");
    }
    weir_buf_trim(line, 1u << 20);
    return code;
}

/* Which segments may hold records of the wanted time. */
static int narrow(const struct weir_eventlog_segment *s, void *arg)
{
    struct look *look = arg;
    bool maybe = s->damaged_frames || (s->last_at >= look->from && s->first_at < look->to);
    if (s->frames && maybe) {
        look->from_seq = look->from_seq ? look->from_seq : s->first_seq;
        look->end_seq = UINT64_MAX;
    } else if (look->end_seq == UINT64_MAX) {
        look->end_seq = s->first_seq;
    }
    return 0;
}

static int time_flag(const struct weir_args *args, const char *flag, weir_time *out,
                     struct weir_error *err)
{
    const char *text = weir_args_value(args, flag);
    if (text && !weir_time_parse_lenient(weir_str_of(text), out)) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "--%s: \"%s\" is no time; write it as 2026-01-31 or 2026-01-31T12:00:00Z",
                         flag, text);
    }
    return WEIR_OK;
}

static int number_flag(const struct weir_args *args, const char *flag, uint64_t *out,
                       struct weir_error *err)
{
    const char *text = weir_args_value(args, flag);
    if (text && !weir_str_to_u64(weir_str_of(text), out)) {
        return weir_fail(err, WEIR_CLI_USAGE, "--%s: \"%s\" is no number", flag, text);
    }
    return WEIR_OK;
}

static int cat_records(struct look *look, struct weir_eventlog_reader *reader, uint64_t limit,
                       struct weir_error *err)
{
    const char *source = weir_args_value(look->cli->args, "source");
    struct weir_json_parser *parser = weir_json_parser_new(1024);
    struct weir_record r;
    int code = parser ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory");
    while (!code && limit) {
        code = weir_eventlog_read(reader, &r, err);
        if (code || r.seq >= look->end_seq) {
            break;
        }
        if (r.received_at >= look->from && r.received_at < look->to &&
            (!source || weir_str_is(r.source, source))) {
            code = print_record(look, parser, &r, err);
            limit--;
        }
    }
    weir_json_parser_free(parser);
    return code == WEIR_EAGAIN ? WEIR_OK : code;
}

static int do_cat(struct look *look, const char *dir, struct weir_error *err)
{
    const struct weir_args *args = look->cli->args;
    struct weir_eventlog_reader *reader = NULL;
    uint64_t limit = UINT64_MAX;
    uint64_t from_seq = 1;
    uint64_t durable;
    look->from = WEIR_TIME_MIN;
    look->to = WEIR_TIME_MAX;
    int code = time_flag(args, "from", &look->from, err);
    code = code ? code : time_flag(args, "to", &look->to, err);
    code = code ? code : number_flag(args, "from-seq", &from_seq, err);
    code = code ? code : number_flag(args, "limit", &limit, err);
    /* what is there now: a busy log would never end */
    code = code ? code : weir_eventlog_durable_seq(dir, &durable, err);
    code = code ? code : weir_eventlog_each_segment(dir, false, narrow, NULL, look, err);
    if (code || !look->from_seq) {
        return code;
    }
    look->end_seq = look->end_seq < durable ? look->end_seq : durable;
    from_seq = from_seq > look->from_seq ? from_seq : look->from_seq;
    look->json = false;
    code = weir_eventlog_reader_open(dir, from_seq, on_damage, look, &reader, err);
    if (!code) {
        code = cat_records(look, reader, limit, err);
    }
    weir_eventlog_reader_close(reader);
    return code == WEIR_ECANCELED ? WEIR_OK : code;
}

static int run_cat(struct weir_cli *cli, struct weir_error *err)
{
    struct look look = {0};
    return with_log(cli, &look, do_cat, err);
}

/* --- the commands ------------------------------------------------------------------------------
 */

#define QUARANTINE_FLAG                                                                            \
    {                                                                                              \
        "quarantine", 0, NULL, "the quarantine's log: calls of unknown write keys", false          \
    }

static const struct weir_flag stat_flags[] = {
    {"json", 0, NULL, "print a JSON object for each segment", false},
    QUARANTINE_FLAG,
    {0},
};
const struct weir_command weir_command_log_stat = {
    .name = "log stat",
    .summary = "Show the segments of the event log",
    .operands = "",
    .help = "A segment is open while it grows; then it is compressed in the background (sealed). "
            "The log may be in use.",
    .flags = stat_flags,
    .run = run_stat,
};

static const struct weir_flag cat_flags[] = {
    {"source", 0, "NAME", "only calls of this source", false},
    {"from", 0, "TIME", "only calls received at or after this time", false},
    {"to", 0, "TIME", "only calls received before this time", false},
    {"from-seq", 0, "N", "begin with this record", false},
    {"limit", 'n', "N", "stop after so many", false},
    QUARANTINE_FLAG,
    {0},
};
const struct weir_command weir_command_log_cat = {
    .name = "log cat",
    .summary = "Print the calls in the event log as JSON lines",
    .operands = "",
    .help = "One line a call, as it was received: what the server knew about it, and its body. "
            "Refused calls are there too, with the reason in \"note\".\n\n"
            "  weir log cat --from 2026-01-31 --source web --limit 10 | jq .body",
    .flags = cat_flags,
    .run = run_cat,
};

static const struct weir_flag verify_flags[] = {
    {"json", 0, NULL, "print JSON lines", false},
    QUARANTINE_FLAG,
    {0},
};
const struct weir_command weir_command_log_verify = {
    .name = "log verify",
    .summary = "Read every byte of the event log and check it",
    .operands = "",
    .help = "Prints each damaged place with the records that are lost there, and exits with 1 when "
            "there is any. Changes nothing. The log may be in use.",
    .flags = verify_flags,
    .run = run_verify,
};
