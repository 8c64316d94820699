/* Where a snapshot is in the log: what begins before is in it, or comes again.
 *
 * A transaction is written into the log, waits for the disk, and for a replica where the server is
 * told so (semi-synchronous), and only then can be seen. So the log's end says nothing of a
 * snapshot that is begun behind it, until what was being committed then is committed. */
#include <ctype.h>
#include <inttypes.h>
#include <poll.h>

#include "base/hash.h"
#include "source/mysql/capture.h"

#define SLICE_MS   20
#define AGE_LEAST  WEIR_SECOND        /* of an end of the log, where nothing else tells */
#define AGE_MOST   (10 * WEIR_SECOND) /* then another one is asked for */
#define OWNED_MOST (16u << 20)
#define STALE_TIME                                                                                 \
    (WEIR_SECOND / 8) /* InnoDB shows what it remembers, when asked again within 0.1 s */
#define STALE_MOST 10 /* such answers */

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

static int fail_unseen(const struct weir_my *my, const char *why, struct weir_error *err)
{
    return weir_fail(err, WEIR_ETIMEDOUT,
                     "transactions that may be in the log cannot be seen since %lld s (`timeout`): "
                     "they wait for a replica (semi-synchronous), or %s",
                     (long long)(my->settings->timeout / WEIR_SECOND), why);
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
            rc = fail_unseen(my, "a session holds their ids (gtid_owned)", err);
        }
    }
    weir_my_set_free(&before);
    weir_my_set_free(&now);
    return rc;
}

/* --- without ids --------------------------------------------------------------------------------
 */

/* Transactions that may be in the log and not be seen yet, a line each: those of InnoDB's that
 * changed something. Not one that waits for a lock or is undone, nor one whose session does
 * nothing, as it is committed within a statement; but one that was prepared (XA) may be committed
 * by any session. What InnoDB shows may be remembered from when others asked, so our own question
 * has to be among it; else *fresh is false. */
static int ask_writers(struct weir_my *my, struct weir_buf *out, bool *fresh,
                       struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    struct weir_buf sql;
    weir_buf_init(&sql, 4096);
    weir_buf_addf(
        &sql,
        "SELECT t.trx_mysql_thread_id = CONNECTION_ID(), concat(t.trx_id, ' ', "
        "t.trx_rows_modified) FROM information_schema.INNODB_TRX AS t LEFT JOIN "
        "information_schema.PROCESSLIST AS p ON p.ID = t.trx_mysql_thread_id WHERE "
        "t.trx_mysql_thread_id = CONNECTION_ID() AND t.trx_query LIKE '%%%016" PRIx64 "%%' OR "
        "t.trx_rows_modified > 0 AND t.trx_state NOT IN ('LOCK WAIT', 'ROLLING BACK') AND "
        "(p.COMMAND <> 'Sleep' OR p.ID IS NULL AND EXISTS (SELECT 1 FROM "
        "information_schema.PROCESSLIST AS x WHERE x.INFO LIKE '%%XA %%' AND x.ID <> "
        "CONNECTION_ID()))",
        weir_random_u64());
    weir_buf_reset(out);
    *fresh = false;
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    while (rc == 0 && (row = weir_my_next(result, &lengths))) {
        if (weir_str_is(weir_my_cell(row, lengths, 0), "1")) {
            *fresh = true;
        } else {
            weir_buf_adds(out, weir_my_cell(row, lengths, 1));
            weir_buf_addc(out, '\n');
        }
    }
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc ? rc : weir_buf_check(out, "transactions", err);
}

static bool has_line(struct weir_str text, struct weir_str line)
{
    while (text.len) {
        if (weir_str_eq(weir_str_cut(&text, '\n'), line)) {
            return true;
        }
    }
    return false;
}

/* Those of `before` that are there still, and changed nothing since: one that did was not prepared
 * to be committed. */
static void keep_same(struct weir_buf *before, struct weir_buf *now)
{
    struct weir_str text = weir_buf_str(before), there = weir_buf_str(now);
    struct weir_buf kept;
    weir_buf_init(&kept, OWNED_MOST);
    while (text.len) {
        struct weir_str line = weir_str_cut(&text, '\n');
        if (has_line(there, line)) {
            weir_buf_adds(&kept, line);
            weir_buf_addc(&kept, '\n');
        }
    }
    weir_buf_reset(before);
    weir_buf_adds(before, weir_buf_str(&kept));
    weir_buf_free(&kept);
}

/* *told false: who asks may not see the others' transactions (PROCESS), or the server does not show
 * them in time. */
static int wait_for_writers(struct weir_my *my, bool *told, struct weir_error *err)
{
    struct weir_buf before, now;
    weir_time until = weir_mono() + my->settings->timeout;
    bool fresh = false, known = false, refused = false;
    int stale = 0;
    weir_buf_init(&before, OWNED_MOST);
    weir_buf_init(&now, OWNED_MOST);
    int rc = weir_my_ask(my, my->con, WEIR_MY_BEGIN, NULL, err); /* it is among them then */
    while (rc == 0 && stale < STALE_MOST && (!known || before.len)) {
        rc = ask_writers(my, &now, &fresh, err);
        refused = !my->broken && (rc == WEIR_EPERM || rc == WEIR_EINVAL);
        if (rc) {
            break;
        }
        stale = fresh ? 0 : stale + 1;
        if (fresh && known) {
            keep_same(&before, &now);
        } else if (fresh) {
            weir_buf_adds(&before, weir_buf_str(&now));
            known = true;
        }
        if (before.len && weir_mono() > until) {
            rc = fail_unseen(my, "a statement that changed something computes", err);
        } else if (before.len || !known) {
            rc = pause_for(my, weir_mono() + STALE_TIME, err);
        }
    }
    *told = known && !before.len;
    weir_buf_free(&before);
    weir_buf_free(&now);
    return rc && !refused ? rc : weir_my_ask(my, my->con, WEIR_STR("ROLLBACK"), NULL, err);
}

/* Nothing says what is being committed: an end of the log that is older. */
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

/* MariaDB says it: of a transaction that is before it, all is in the snapshot, and in each later
 * one, but for what XA commits, which is in the log before. */
static int place_of_snapshot(struct weir_my *my, struct weir_my_position *out,
                             struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    struct weir_str file = WEIR_STR(""), at = WEIR_STR("");
    int rc = weir_my_ask(my, my->con, WEIR_MY_BEGIN, NULL, err);
    rc = rc ? rc
            : weir_my_ask(my, my->con, WEIR_STR("SHOW STATUS LIKE 'binlog_snapshot_%'"), &result,
                          err);
    while (rc == 0 && (row = weir_my_next(result, &lengths))) {
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
    return rc ? rc : weir_my_ask(my, my->con, WEIR_STR("COMMIT"), NULL, err);
}

int weir_my_place_before(struct weir_my *my, struct weir_my_position *out, struct weir_error *err)
{
    bool ids = false, xa = true, told = false;
    int rc = weir_my_capture_end(my, out, err);
    rc = rc || !my->mariadb ? rc : place_of_snapshot(my, out, err);
    rc = rc || !my->mariadb ? rc : weir_my_commits_xa(my, &xa, err);
    rc = rc || my->mariadb ? rc : weir_my_has_ids(my, &ids, err);
    if (rc || !xa || ids) {
        return rc || !ids ? rc : wait_for_owned(my, err);
    }
    rc = wait_for_writers(my, &told, err);
    return rc || told ? rc : take_older(my, out, err);
}
