/* Where a snapshot is in the log: what begins before is in it, or comes again.
 *
 * A transaction is written into the log, waits for the disk, and for a replica where the server is
 * told so (semi-synchronous), and only then can be seen. So the log's end says nothing of a
 * snapshot that is begun behind it, until what was being committed then is committed. */
#include <ctype.h>
#include <poll.h>

#include "source/mysql/capture.h"

#define SLICE_MS   20
#define AGE_LEAST  WEIR_SECOND        /* of an end of the log, where nothing else tells */
#define AGE_MOST   (10 * WEIR_SECOND) /* then another one is asked for */
#define OWNED_MOST (16u << 20)

static int pause_for(const struct weir_my *my, weir_time until, struct weir_error *err)
{
    do {
        if (my->stop && atomic_load(my->stop)) {
            return weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed");
        }
        poll(NULL, 0, SLICE_MS);
    } while (weir_mono() < until);
    return 0;
}

/* The ids of transactions that somebody holds: "UUID:5#12:6#13,UUID:1#14", with the numbers of
 * sessions. */
static int ask_owned(struct weir_my *my, struct weir_my_gtid_set *out, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    struct weir_buf text;
    weir_buf_init(&text, OWNED_MOST);
    weir_my_set_free(out);
    int rc = weir_my_ask(my, my->con, WEIR_STR("SELECT @@GLOBAL.gtid_owned"), &result, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    struct weir_str owned = row ? weir_my_cell(row, lengths, 0) : WEIR_STR("");
    for (size_t i = 0; i < owned.len; i++) {
        if (owned.ptr[i] == '#') {
            while (i + 1 < owned.len && isdigit((unsigned char)owned.ptr[i + 1])) {
                i++;
            }
        } else {
            weir_buf_addc(&text, owned.ptr[i]);
        }
    }
    rc = rc ? rc : weir_buf_check(&text, "transactions' ids", err);
    rc = rc ? rc : weir_my_set_parse(out, weir_buf_str(&text), err);
    mysql_free_result(result);
    weir_buf_free(&text);
    return rc;
}

/* A transaction gives its id up when it can be seen. */
static int wait_for_owned(struct weir_my *my, struct weir_error *err)
{
    struct weir_my_gtid_set before = {0}, now = {0};
    weir_time until = weir_mono() + my->settings->timeout;
    int rc = ask_owned(my, &before, err);
    bool held = before.count != 0;
    while (rc == 0 && held) {
        rc = pause_for(my, 0, err);
        rc = rc ? rc : ask_owned(my, &now, err);
        held = weir_my_set_meets(&before, &now);
        if (rc == 0 && held && weir_mono() > until) {
            rc = weir_fail(err, WEIR_ETIMEDOUT,
                           "transactions that may be in the log cannot be seen since %lld s "
                           "(`timeout`): they wait for a replica (semi-synchronous), or a session "
                           "holds their ids (gtid_owned)",
                           (long long)(my->settings->timeout / WEIR_SECOND));
        }
    }
    weir_my_set_free(&before);
    weir_my_set_free(&now);
    return rc;
}

/* Without ids nothing says what is being committed: an end of the log that is older. */
static int take_older(struct weir_my *my, struct weir_my_position *end, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    if (!c->older_at || weir_mono() - c->older_at > AGE_MOST) {
        c->older = *end;
        c->older_at = weir_mono();
    }
    *end = c->older;
    weir_time until = c->older_at + AGE_LEAST;
    return weir_mono() >= until ? 0 : pause_for(my, until, err);
}

int weir_my_place_before(struct weir_my *my, struct weir_my_position *out, struct weir_error *err)
{
    bool ids = false;
    int rc = weir_my_capture_end(my, out, err);
    if (rc || my->mariadb) { /* it says the place of each snapshot */
        return rc;
    }
    rc = weir_my_has_ids(my, &ids, err);
    return rc ? rc : ids ? wait_for_owned(my, err) : take_older(my, out, err);
}

int weir_my_place_of(struct weir_my *my, struct weir_my_position *out, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    struct weir_str file = WEIR_STR(""), at = WEIR_STR("");
    int rc = my->mariadb
                 ? weir_my_ask(my, my->con, WEIR_STR("SHOW STATUS LIKE 'binlog_snapshot_%'"),
                               &result, err)
                 : 0;
    while (rc == 0 && result && (row = weir_my_next(result, &lengths))) {
        struct weir_str name = weir_my_cell(row, lengths, 0);
        if (weir_str_ends(name, WEIR_STR("_file"))) {
            file = weir_my_cell(row, lengths, 1);
        } else if (weir_str_ends(name, WEIR_STR("_position"))) {
            at = weir_my_cell(row, lengths, 1);
        }
    }
    if (file.len) {
        (void)weir_my_position_set(out, file, at);
    }
    mysql_free_result(result);
    return rc;
}

int weir_my_place_begin(struct weir_my *my, struct weir_error *err)
{
    struct weir_my_position *out = &my->capture->position;
    int rc = weir_my_place_before(my, out, err);
    if (rc == 0 && my->mariadb) {
        rc = weir_my_ask(my, my->con, WEIR_MY_BEGIN, NULL, err);
        rc = rc ? rc : weir_my_place_of(my, out, err);
        rc = rc ? rc : weir_my_ask(my, my->con, WEIR_STR("COMMIT"), NULL, err);
    }
    return rc;
}
