/* MySQL's ids of transactions in its log: which are before a position, and which is the first that
 * is not of a set.
 *
 * Each file begins with the ids of all that is in the files before it, so the last file whose
 * beginning has nothing else than the set is the one to look in. Where the log has the transactions
 * in another order than the server they were read from (a replica that applies them side by side),
 * or one that nobody else has, some of the set come again behind the first that is missing: they
 * are passed over by their ids.
 */
#include <stdio.h>

#include "source/mysql/capture.h"

#define BYTES_MOST (64u << 20) /* of a file that are read for the ids alone */

struct walk { /* through the log, event by event */
    MYSQL *con;
    struct weir_my_position at; /* of the event */
    struct weir_my_event event; /* kind 0: that was all */
    bool checksums, described;
};

static int next_event(struct weir_my *my, struct walk *w, struct weir_error *err)
{
    struct weir_str bytes, file;
    uint64_t ignored;
    int rc = weir_my_log_next(my, w->con, &bytes, err);
    w->event = (struct weir_my_event){.kind = 0};
    if (rc || !bytes.ptr) {
        return rc;
    }
    rc = weir_my_event_read(bytes, &w->checksums, &w->event, err);
    w->at.at = w->event.begins;
    w->described = w->described || w->event.kind == WEIR_MY_FORMAT;
    if (rc == 0 && w->event.kind == WEIR_MY_ROTATE &&
        w->described) { /* the first says what we asked */
        rc = weir_my_rotate_read(w->event.body, &file, &ignored, err);
        if (rc == 0 && file.len < sizeof w->at.file) {
            memcpy(w->at.file, file.ptr, file.len);
            w->at.file[file.len] = '\0';
        }
    }
    return rc;
}

static int begin(struct weir_my *my, struct walk *w, const char *file, struct weir_error *err)
{
    *w = (struct walk){.con = NULL};
    snprintf(w->at.file, sizeof w->at.file, "%s", file);
    return weir_my_log_open(my, file, 4, &w->con, err);
}

static bool is_gtid(unsigned kind)
{
    return kind == WEIR_MY_GTID_MYSQL || kind == WEIR_MY_GTID_TAGGED;
}

/* --- before a position --------------------------------------------------------------------------
 */

/* One event before the position. */
static int add_event(const struct weir_my_event *e, struct weir_my_gtids *out,
                     struct weir_error *err)
{
    struct weir_my_range one;
    int rc = 0;
    if (e->kind == WEIR_MY_PREVIOUS_GTIDS) {
        rc = weir_my_gtids_read(out, e->body, err);
    } else if (is_gtid(e->kind)) {
        rc = weir_my_range_read(e, &one, err);
        if (rc == 0) {
            weir_my_gtids_add_range(out, &one);
        }
    } else if (e->kind == WEIR_MY_GTID_ANONYMOUS) {
        weir_my_gtids_forget(out);
    }
    return rc;
}

/* The log is sent as far as it is on the disk, which may be before the position: then ids would be
 * missing for good. */
int weir_my_behind_ask(struct weir_my *my, const struct weir_my_position *position,
                       struct weir_my_gtids *out, struct weir_error *err)
{
    struct walk w = {.con = NULL};
    bool there = false, before = true;
    uint64_t seen = 0;
    int rc = weir_my_has_ids(my, &there, err);
    if (rc || !there || position->at > BYTES_MOST) { /* the next file will tell */
        return rc;
    }
    rc = begin(my, &w, position->file, err);
    while (rc == 0 && before) {
        const struct weir_my_event *e = &w.event;
        rc = next_event(my, &w, err);
        before = rc == 0 && e->kind && strcmp(w.at.file, position->file) == 0 &&
                 (e->kind == WEIR_MY_FORMAT || !e->ends || e->ends <= position->at);
        rc = before ? add_event(e, out, err) : rc;
        seen = before && e->ends > seen ? e->ends : seen;
    }
    weir_my_log_close(w.con);
    if (rc || seen < position->at) {
        weir_my_gtids_forget(out);
    }
    return rc;
}

/* --- in another server's log --------------------------------------------------------------------
 */

/* Are all of the set on this server, and are all others still in its log? */
static int compare(struct weir_my *my, const struct weir_my_gtid_set *set, struct weir_error *err)
{
    struct weir_buf sql, text;
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    weir_buf_init(&text, 1u << 20);
    weir_buf_init(&sql, 4u << 20);
    weir_my_set_print(set, &text);
    weir_buf_addz(&sql, "SELECT GTID_SUBTRACT(");
    weir_sql_text(&sql, weir_buf_str(&text));
    weir_buf_addz(&sql, ", @@GLOBAL.gtid_executed), GTID_SUBTRACT(@@GLOBAL.gtid_purged, ");
    weir_sql_text(&sql, weir_buf_str(&text));
    weir_buf_addz(&sql, ")");
    int rc = weir_buf_check(&text, "transactions' ids", err);
    rc = rc ? rc : weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    struct weir_str lacks = row ? weir_my_cell(row, lengths, 0) : WEIR_STR("");
    struct weir_str purged = row ? weir_my_cell(row, lengths, 1) : WEIR_STR("");
    if (lacks.len) {
        lacks = weir_utf8_cut(lacks, 300);
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "it does not have all transactions that were read (" WEIR_STR_FMT ")",
                       WEIR_STR_ARG(lacks));
    } else if (purged.len) {
        purged = weir_utf8_cut(purged, 300);
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "it has purged transactions that were not read (" WEIR_STR_FMT ")",
                       WEIR_STR_ARG(purged));
    }
    mysql_free_result(result);
    weir_buf_free(&sql);
    weir_buf_free(&text);
    return rc;
}

/* *out: all in the files before this one is of the set. */
static int begins_in(struct weir_my *my, const char *file, const struct weir_my_gtid_set *set,
                     bool *out, struct weir_error *err)
{
    struct weir_my_gtid_set before = {0};
    struct walk w;
    int rc = begin(my, &w, file, err);
    *out = false;
    do {
        rc = rc ? rc : next_event(my, &w, err);
    } while (rc == 0 && (w.event.kind == WEIR_MY_ROTATE || w.event.kind == WEIR_MY_FORMAT));
    if (rc == 0 && w.event.kind == WEIR_MY_PREVIOUS_GTIDS) {
        rc = weir_my_set_read(&before, w.event.body, err);
        *out = rc == 0 && weir_my_set_has_all(set, &before);
    }
    weir_my_set_free(&before);
    weir_my_log_close(w.con);
    return rc;
}

static int find_file(struct weir_my *my, const struct weir_my_gtid_set *set, char *out, size_t size,
                     struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    bool found = false, fits = false;
    int rc = weir_my_ask(my, my->con, WEIR_STR("SHOW BINARY LOGS"), &result, err);
    uint64_t low = 0, high = rc ? 0 : mysql_num_rows(result);
    while (rc == 0 && low < high) { /* the later a file, the more is before it */
        uint64_t middle = low + (high - low) / 2;
        mysql_data_seek(result, middle);
        row = mysql_fetch_row(result);
        fits = row && row[0] && strlen(row[0]) < size;
        rc = fits ? begins_in(my, row[0], set, &fits, err) : 0;
        if (rc == 0 && fits) {
            memcpy(out, row[0], strlen(row[0]) + 1);
            found = true;
        }
        low = fits ? middle + 1 : low;
        high = fits ? high : middle;
    }
    mysql_free_result(result);
    return rc || found ? rc
                       : weir_fail(err, WEIR_ECORRUPT,
                                   "its log begins later than what was read, or has no ids");
}

int weir_my_behind_find(struct weir_my *my, const struct weir_my_gtid_set *set,
                        struct weir_my_position *out, struct weir_error *err)
{
    struct walk w = {.con = NULL};
    struct weir_my_range one;
    char file[sizeof out->file];
    bool found = false;
    int rc = compare(my, set, err);
    rc = rc ? rc : find_file(my, set, file, sizeof file, err);
    rc = rc ? rc : begin(my, &w, file, err);
    while (rc == 0 && !found) {
        rc = next_event(my, &w, err);
        if (rc || !w.event.kind) {
            break;
        }
        if (is_gtid(w.event.kind)) {
            rc = weir_my_range_read(&w.event, &one, err);
            found = rc == 0 && !weir_my_set_has(set, &one);
        } else {
            found = w.event.kind == WEIR_MY_GTID_ANONYMOUS;
        }
    }
    if (found) {
        *out = w.at;
    }
    weir_my_log_close(w.con);
    return rc;
}
