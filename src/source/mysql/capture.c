/* The position in the server's log: found, kept, checked. */
#include "source/mysql/capture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#define MAX_CURSOR (1u << 20)

bool weir_my_capture_on(const void *settings)
{
    return ((const struct weir_my_settings *)settings)->capture;
}

void weir_my_capture_close(void *connection)
{
    struct weir_my *my = connection;
    if (my->capture) {
        weir_my_xa_forget(my->capture);
        weir_my_gtids_free(&my->capture->gtids);
    }
    free(my->capture);
    my->capture = NULL;
}

int weir_my_capture_check(const struct weir_my *my, struct weir_error *err)
{
    for (size_t i = 0; my->settings->capture && i < my->config->stream_count; i++) {
        const struct weir_source_stream *s = &my->config->streams[i];
        bool follows = s->mode == WEIR_SOURCE_REPLACE ||
                       (s->mode == WEIR_SOURCE_MERGE && s->deletes && !*s->cursor);
        if (!follows || s->contract != WEIR_SOURCE_EVOLVE) {
            return weir_fail(
                err, WEIR_EINVAL,
                "a table that is followed (`capture`) is what the source's is: stream \"%s\" may "
                "be of `mode: replace`, or of `merge` with `deletes: soft`, and of `contract: "
                "evolve`",
                s->name);
        }
    }
    return 0;
}

/* Files are numbered behind their last point. */
bool weir_my_position_less(const struct weir_my_position *a, const struct weir_my_position *b)
{
    const char *x = strrchr(a->file, '.'), *y = strrchr(b->file, '.');
    unsigned long long p = x ? strtoull(x + 1, NULL, 10) : 0;
    unsigned long long q = y ? strtoull(y + 1, NULL, 10) : 0;
    return p < q || (p == q && a->at < b->at);
}

bool weir_my_position_set(struct weir_my_position *out, struct weir_str file, struct weir_str at)
{
    int64_t value = 0;
    bool read = file.len && file.len < sizeof out->file && weir_str_to_i64(at, &value) && value > 0;
    if (read) {
        memcpy(out->file, file.ptr, file.len);
        out->file[file.len] = '\0';
        out->at = (uint64_t)value;
    }
    return read;
}

/* --- the cursor ---------------------------------------------------------------------------------
 */

struct weir_str weir_my_capture_cursor(struct weir_my_capture *c)
{
    struct weir_buf out;
    weir_buf_init(&out, MAX_CURSOR);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstr(&w, "server", c->server);
    weir_jw_kstr(&w, "database", c->database);
    weir_jw_kstrz(&w, "file", c->position.file);
    weir_jw_ku64(&w, "position", c->position.at);
    weir_jw_ku64(&w, "born", c->born);
    if (weir_my_gtids_known(&c->gtids)) {
        struct weir_buf gtids;
        weir_buf_init(&gtids, MAX_CURSOR);
        weir_my_gtids_print(&c->gtids, &gtids);
        weir_jw_kstr(&w, "gtids", weir_buf_str(&gtids));
        weir_buf_free(&gtids);
    }
    weir_my_xa_print(c, &w);
    weir_jw_object_end(&w);
    struct weir_str text = weir_arena_dup(&c->f->arena, weir_buf_str(&out));
    weir_buf_free(&out);
    return text;
}

static int read_cursor(struct weir_my_capture *c, struct weir_str *server, bool *known,
                       struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_buf buf;
    int64_t at = 0, born = 0;
    weir_buf_init(&buf, MAX_CURSOR);
    weir_buf_adds(&buf, c->f->cursor);
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&buf), &root, err);
    if (rc == 0) {
        struct weir_str file = weir_json_get_str(root, "file");
        *server = weir_arena_dup(&c->f->arena, weir_json_get_str(root, "server"));
        c->database = weir_arena_dup(&c->f->arena, weir_json_get_str(root, "database"));
        *known = file.len && file.len < sizeof c->position.file &&
                 weir_json_i64(weir_json_get(root, "position"), &at) && at > 0;
        (void)weir_json_i64(weir_json_get(root, "born"), &born);
        weir_my_gtids_parse(&c->gtids, weir_json_get_str(root, "gtids"));
        if (*known) {
            memcpy(c->position.file, file.ptr, file.len);
            c->position.file[file.len] = '\0';
            c->position.at = (uint64_t)at;
            c->born = (uint64_t)born;
        }
        rc = weir_my_xa_parse(c, weir_json_get(root, "prepared"), err);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return rc;
}

/* --- the server ---------------------------------------------------------------------------------
 */

static bool lists(struct weir_str names, const char *name)
{
    while (names.len) {
        if (weir_str_is(weir_str_trim(weir_str_cut(&names, ',')), name)) {
            return true;
        }
    }
    return false;
}

int weir_my_capture_end(struct weir_my *my, struct weir_my_position *out, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    int rc = weir_my_ask(my, my->con, weir_str_of(weir_my_log_status(my)), &result, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    if (rc == 0 && (!row || !weir_my_position_set(out, weir_my_cell(row, lengths, 0),
                                                  weir_my_cell(row, lengths, 1)))) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the server writes no binary log; capture needs `log_bin`, `binlog_format = "
                       "ROW` and a `server_id` in its configuration, and a restart");
    } else if (rc == 0) {
        struct weir_str only = weir_my_cell(row, lengths, 2), but = weir_my_cell(row, lengths, 3);
        if ((only.len && !lists(only, my->settings->database)) ||
            lists(but, my->settings->database)) {
            rc = weir_fail(err, WEIR_EINVAL,
                           "the server's log leaves the database \"%s\" out (binlog_do_db, "
                           "binlog_ignore_db)",
                           my->settings->database);
        }
    }
    mysql_free_result(result);
    return rc;
}

/* Each start of a server begins a file. One that was restored from older data may have begun the
 * file that it had begun before, and be in it where it was then. */
int weir_my_capture_knows_file(struct weir_my *my, bool *out, struct weir_error *err)
{
    MYSQL_RES *now = NULL, *up = NULL;
    unsigned long *lengths;
    int64_t at = 0, seconds = 0;
    *out = false;
    if (!my->capture->born) {
        return 0;
    }
    int rc = weir_my_ask(my, my->con, WEIR_STR("SELECT UNIX_TIMESTAMP()"), &now, err);
    rc = rc ? rc : weir_my_ask(my, my->con, WEIR_STR("SHOW GLOBAL STATUS LIKE 'Uptime'"), &up, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(now, &lengths);
    bool told = row && weir_str_to_i64(weir_my_cell(row, lengths, 0), &at);
    row = told ? weir_my_next(up, &lengths) : NULL;
    told = row && weir_str_to_i64(weir_my_cell(row, lengths, 1), &seconds);
    *out = told && at - seconds <= (int64_t)my->capture->born;
    mysql_free_result(now);
    mysql_free_result(up);
    return rc;
}

/* What must not be otherwise, or changes would be missing. */
static int check_settings(struct weir_my *my, struct weir_error *err)
{
    static const struct {
        const char *name, *value, *or_value;
    } wanted[] = {{"binlog_format", "ROW", "ROW"},
                  {"binlog_row_image", "FULL", "FULL_NODUP"},
                  {"log_bin_compress", "OFF", "OFF"},
                  {"binlog_row_value_options", "", ""}};
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    int rc = weir_my_ask(my, my->con,
                         WEIR_STR("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('binlog_format', "
                                  "'binlog_row_image', 'log_bin_compress', "
                                  "'binlog_row_value_options', "
                                  "'server_id', 'server_uuid')"),
                         &result, err);
    struct weir_my_capture *c = my->capture;
    while (rc == 0 && (row = weir_my_next(result, &lengths))) {
        struct weir_str name = weir_my_cell(row, lengths, 0), value = weir_my_cell(row, lengths, 1);
        if (weir_str_is(name, "server_uuid") ||
            (weir_str_is(name, "server_id") && !c->server.len)) {
            c->server = weir_arena_dup(&c->f->arena, value);
        }
        for (size_t i = 0; rc == 0 && i < sizeof wanted / sizeof wanted[0]; i++) {
            if (weir_str_is(name, wanted[i].name) && !weir_str_is(value, wanted[i].value) &&
                !weir_str_is(value, wanted[i].or_value)) {
                rc = weir_fail(err, WEIR_EINVAL,
                               "the server's %s is \"" WEIR_STR_FMT "\"; capture needs \"%s\": SET "
                               "GLOBAL %s = '%s', also in its configuration, and begin its "
                               "applications' connections anew",
                               wanted[i].name, WEIR_STR_ARG(value), wanted[i].value, wanted[i].name,
                               wanted[i].value);
            }
        }
    }
    mysql_free_result(result);
    return rc;
}

/* Each of these would lose changes without a word. */
static int check_position(struct weir_my *my, struct weir_str server, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    const char *why = weir_str_eq(server, c->server)
                          ? "the server's log begins later (its files were purged, or it was reset)"
                          : "this is another server than the one that was followed";
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    bool there = false;
    int rc = weir_my_ask(my, my->con, WEIR_STR("SHOW BINARY LOGS"), &result, err);
    while (rc == 0 && weir_str_eq(server, c->server) && (row = weir_my_next(result, &lengths))) {
        int64_t size = 0;
        if (weir_str_is(weir_my_cell(row, lengths, 0), c->position.file) &&
            weir_str_to_i64(weir_my_cell(row, lengths, 1), &size)) {
            there = (uint64_t)size >= c->position.at;
            why = "the server's log ends before what was read of it (a backup was restored, or it "
                  "was reset)";
        }
    }
    mysql_free_result(result);
    return rc || there ? rc
                       : weir_fail(err, WEIR_ECORRUPT,
                                   "%s (%s, %llu): changes may be missing, and nothing was loaded; "
                                   "`weir sync %s --full` reads all tables anew and goes on from "
                                   "there",
                                   why, c->position.file, (unsigned long long)c->position.at,
                                   my->config->name);
}

/* Its log has the changes of all databases, and those of this one say nothing of the other's rows.
 */
static int check_database(struct weir_my *my, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    struct weir_str before = c->database, now = weir_str_of(my->settings->database);
    c->database = now;
    if (before.len == 0 || weir_str_eq(before, now)) {
        return 0;
    }
    if (c->f->run->moved) {
        return weir_source_follow_save(c->f, weir_my_capture_cursor(c), err);
    }
    return weir_fail(
        err, WEIR_EINVAL,
        "the tables have rows of the database \"" WEIR_STR_FMT "\", and this is \"" WEIR_STR_FMT
        "\": nothing was loaded. `weir sync %s --full` builds them anew, of these rows "
        "alone; `--moved` goes on, where only its name is new",
        WEIR_STR_ARG(before), WEIR_STR_ARG(now), my->config->name);
}

static int begin_anew(struct weir_my *my, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    c->born = 0;
    weir_my_xa_forget(c);
    int rc = weir_source_follow_forget(c->f, err);
    rc = rc ? rc : weir_my_place_before(my, &c->position, err);
    rc = rc ? rc : weir_my_gtids_ask(my, err);
    return rc ? rc : weir_source_follow_save(c->f, weir_my_capture_cursor(c), err);
}

/* Positions of another server's log say nothing in this one's: what is followed is behind them. */
static void forget_places(struct weir_my_capture *c)
{
    for (size_t i = 0; i < c->f->count; i++) {
        struct weir_my_followed *t = &c->tables[i];
        if (t->server.ptr && !weir_str_eq(t->server, c->server)) {
            t->from = (struct weir_my_position){.at = 0};
        }
    }
}

/* Another server that has the same transactions: a replica that took over. A table that was loaded
 * behind the position of the one before is loaded anew. */
static int take_over(struct weir_my *my, struct weir_str server, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    struct weir_my_position before = c->position;
    weir_my_xa_forget(c); /* their places are of the other log */
    int rc = weir_my_gtids_find(my, err);
    rc = rc ? rc : weir_my_capture_tables(my, err);
    for (size_t i = 0; rc == 0 && i < c->f->count; i++) {
        struct weir_my_followed *t = &c->tables[i];
        struct weir_source_follow_stream *s = &c->f->streams[i];
        bool later = !t->server.ptr ||
                     (weir_str_eq(t->server, server) && weir_my_position_less(&before, &t->from));
        later = later && s->cursor.ptr && !s->refused.len;
        s->anew = s->anew || later;
        t->why = later
                     ? "another server took over, and it is not known whether it has all that the "
                       "table was loaded with"
                     : t->why;
    }
    if (rc == 0) {
        forget_places(c);
    }
    rc = rc ? rc : weir_source_follow_forget(c->f, err);
    return rc ? rc : weir_source_follow_save(c->f, weir_my_capture_cursor(c), err);
}

int weir_my_capture_open(void *connection, struct weir_source_follow *f, struct weir_error *err)
{
    struct weir_my *my = connection;
    struct weir_str server = WEIR_STR("");
    bool known = false;
    weir_my_capture_close(my);
    my->stop = f->run->progress ? &f->run->progress->stop : NULL;
    struct weir_my_capture *c = my->capture = calloc(1, sizeof *c);
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a position");
    }
    c->f = f;
    c->server = WEIR_STR("");
    int rc = weir_my_ready(my, err);
    struct weir_my_position end;
    rc = rc ? rc : weir_my_capture_end(my, &end, err);
    rc = rc ? rc : check_settings(my, err);
    rc = rc || !f->cursor.ptr ? rc : read_cursor(c, &server, &known, err);
    bool begins = f->run->full || !known;
    c->database = begins ? weir_str_of(my->settings->database) : c->database;
    rc = rc ? rc : check_database(my, err);
    if (rc == 0 && !begins && weir_my_gtids_known(&c->gtids) && !weir_str_eq(server, c->server)) {
        return take_over(my, server, err);
    }
    rc = rc || begins ? rc : check_position(my, server, err);
    rc = rc || begins || weir_my_gtids_known(&c->gtids) ? rc : weir_my_gtids_ask(my, err);
    for (size_t i = 0; begins && i < f->count; i++) {
        f->streams[i].cursor = (struct weir_str){NULL, 0};
    }
    rc = rc ? rc : weir_my_capture_tables(my, err);
    if (rc == 0) {
        forget_places(c);
        rc = begins ? begin_anew(my, err) : weir_source_follow_forget(f, err);
    }
    return rc;
}

int weir_my_capture_try(void *connection, struct weir_source_follow *f, bool some,
                        struct weir_error *err)
{
    struct weir_my *my = connection;
    struct weir_my_position end;
    struct weir_str event;
    MYSQL *log = NULL;
    (void)some;
    struct weir_my_capture *c = my->capture = calloc(1, sizeof *c);
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a position");
    }
    c->f = f;
    c->server = WEIR_STR("");
    int rc = weir_my_capture_end(my, &end, err);
    rc = rc ? rc : check_settings(my, err);
    rc = rc ? rc : weir_my_capture_tables(my, err);
    rc = rc ? rc : weir_my_log_open(my, end.file, end.at, &log, err);
    rc = rc ? rc : weir_my_log_next(my, log, &event, err); /* what it refuses, it says there */
    weir_my_log_close(log);
    return rc;
}

int weir_my_capture_loaded(void *connection, struct weir_error *err)
{
    return weir_my_ready(connection, err);
}

/* The server keeps its log by its own rules. */
int weir_my_capture_confirm(void *connection, struct weir_error *err)
{
    (void)connection;
    (void)err;
    return 0;
}

/* --- loading a table ----------------------------------------------------------------------------
 */

/* The round reads all that is not in the table, which may be more than is not in the others. */
static int go_back(struct weir_my *my, const struct weir_my_position *to, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    c->born = strcmp(c->position.file, to->file) == 0 ? c->born : 0;
    c->position = *to;
    int rc = weir_my_gtids_ask(my, err);
    return rc ? rc : weir_source_follow_save(c->f, weir_my_capture_cursor(c), err);
}

/* Values that stand otherwise in the log than weir can read. */
static int check_columns(const struct weir_my *my, const struct weir_my_table *t,
                         struct weir_error *err)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const struct weir_my_column *c = &t->columns[i];
        bool text = c->form == WEIR_MY_TEXT || (c->form == WEIR_MY_JSON && my->mariadb);
        if (c->index != SIZE_MAX &&
            (c->form == WEIR_MY_OTHER || (text && !c->utf8 && !c->latin1))) {
            return weir_fail(
                err, WEIR_EUNSUPPORTED,
                "changes of \"" WEIR_STR_FMT "\" cannot be captured: the column \"" WEIR_STR_FMT
                "\" (" WEIR_STR_FMT ") is of a type or a character set "
                "that weir cannot read in the log; name it in `exclude`, or ALTER "
                "TABLE … CONVERT TO CHARACTER SET utf8mb4",
                WEIR_STR_ARG(t->name), WEIR_STR_ARG(c->name), WEIR_STR_ARG(c->declared));
        }
    }
    return 0;
}

/* Where it is loaded anew, and nobody asked for that. */
static void say_why(const struct weir_my *my, size_t stream, struct weir_source_plan *plan)
{
    static const struct {
        const char *before, *behind; /* of the statement's first word */
    } whys[] = {
        [WEIR_MY_MAY_CHANGE] =
            {"the server's log has a statement (",
             ") in the place of rows, which may have changed any table by a trigger, a view or a "
             "function; find out which session sets binlog_format to STATEMENT or MIXED, or was "
             "there before it was ROW"},
        [WEIR_MY_NAMES] = {"the server's log has a statement (",
                           ") that names the table, and not what became of its rows"},
        [WEIR_MY_UNDONE] = {"changes of it were taken back within a transaction (", ")"},
        [WEIR_MY_CRASHED] = {"the server ended within a transaction that changed it", ""},
        [WEIR_MY_XA] = {"a transaction (XA) was committed that was prepared before the tables were "
                        "loaded first, on another server, or in a file of the log that the server "
                        "keeps no more, so which rows it changed is not known",
                        ""},
    };
    const struct weir_my_capture *c = my->capture;
    const struct weir_my_altered *found = NULL;
    for (size_t k = 0; k < my->altered_count; k++) {
        bool its = weir_str_is(c->f->streams[stream].name, my->altered[k].name);
        found = its ? &my->altered[k] : found;
    }
    const char *text = NULL;
    if (found) {
        text = weir_arena_printf(&plan->arena, "loaded anew: %s%s%s", whys[found->why].before,
                                 found->verb, whys[found->why].behind);
    } else if (c->tables[stream].why) {
        text = weir_arena_printf(&plan->arena, "loaded anew: %s", c->tables[stream].why);
    }
    plan->said = text ? weir_str_of(text) : plan->said;
}

int weir_my_capture_plan(struct weir_my *my, const struct weir_source_stream *stream,
                         const struct weir_my_table *table, const struct weir_my_position *before,
                         struct weir_source_plan *plan, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    for (size_t i = 0; i < c->f->count; i++) {
        struct weir_source_follow_stream *s = &c->f->streams[i];
        if (!weir_str_is(s->name, stream->name)) {
            continue;
        }
        if (s->refused.len) {
            return weir_fail(err, WEIR_EINVAL,
                             "changes of \"%s\" cannot be captured: " WEIR_STR_FMT, stream->name,
                             WEIR_STR_ARG(s->refused));
        }
        struct weir_my_position *from = &c->tables[i].from;
        *from = *before;
        c->tables[i].server = c->server;
        int rc = check_columns(my, table, err);
        rc = rc || !weir_my_position_less(from, &c->position) ? rc : go_back(my, from, err);
        plan->whole = true;
        say_why(my, i, plan);
        plan->cursor = weir_my_capture_table_cursor(&plan->arena, &c->tables[i], stream);
        return rc || plan->cursor.ptr ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    return weir_fail(err, WEIR_ENOENT, "the stream \"%s\" is not followed", stream->name);
}
