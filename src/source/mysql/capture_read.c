/* What changed: read from the log, group by group, into the stages of the tables. */
#include <stdio.h>
#include <stdlib.h>

#include "source/mysql/capture.h"
#include "source/mysql/capture_rows.h"
#include "source/schedule/watch.h"

#define CHANGES_AT_ONCE 1000000 /* then the round ends, behind the transaction that reaches it */
#define ARTIFICIAL      0x20    /* flag of events that are not in the file */

struct reading {
    struct weir_my *my;
    struct weir_my_capture *c;
    struct weir_source_follow *f;
    struct weir_my_rows *tables;
    struct weir_my_map *map;        /* that was read last */
    struct weir_my_position begins; /* of the group */
    uint32_t domain, server;        /* its id */
    uint64_t number;                /* 0: it has none */
    struct weir_my_range id;        /* MySQL's; first 0: it has none */
    bool anonymous;
    bool known; /* of another server, and read there: the tables have it */
    bool group, transaction;
    bool prepares; /* its rows count when it is committed (XA) */
    bool again;    /* they are read again, as it is */
    char xid[sizeof((struct weir_my_prepared *)0)->xid];
    bool checksums, described; /* the file's format is known */
    struct weir_my_images images;
};

/* --- tables -------------------------------------------------------------------------------------
 */

/* The table is to be loaded anew: the changes do not tell what became of its rows. */
static int alter(struct reading *r, size_t stream, enum weir_my_why why, struct weir_str verb,
                 struct weir_error *err)
{
    struct weir_my *my = r->my;
    struct weir_my_altered *more = realloc(my->altered, (my->altered_count + 1) * sizeof *more);
    my->altered = more ? more : my->altered;
    char *name = more ? strdup(r->f->streams[stream].name.ptr) : NULL;
    if (!name) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table");
    }
    struct weir_my_altered *a = &my->altered[my->altered_count++];
    *a = (struct weir_my_altered){.name = name, .why = why, .at = r->begins};
    snprintf(a->verb, sizeof a->verb, WEIR_STR_FMT, WEIR_STR_ARG(verb));
    r->f->again = true;
    return 0;
}

static bool is_followed(const struct reading *r, size_t i)
{
    return !r->known && !r->prepares && r->f->streams[i].cursor.ptr &&
           !r->f->streams[i].refused.len &&
           !weir_my_position_less(&r->begins, &r->c->tables[i].from);
}

static int change_rows(struct reading *r, const struct weir_my_event *event, struct weir_error *err)
{
    struct weir_my_change change;
    size_t i = 0;
    int rc = weir_my_change_read(event, &change, err);
    while (i < r->f->count && !(r->tables[i].named && r->tables[i].map->number == change.number)) {
        i++;
    }
    if (rc || i == r->f->count) { /* a table that is not followed */
        return rc;
    }
    if (!change.whole) {
        return weir_fail(err, WEIR_EINVAL,
                         "a change of \"" WEIR_STR_FMT "\" has not all columns: binlog_row_image "
                         "was not FULL when it was made; set it, and `weir sync %s --full` reads "
                         "all tables anew",
                         WEIR_STR_ARG(r->f->streams[i].name), r->my->config->name);
    }
    struct weir_my_rows *to = &r->tables[i];
    rc = weir_source_follow_table(r->f, i, &to->changes, err);
    rc = rc || to->targets ? rc : weir_my_rows_open(to, &r->f->arena, err);
    if (rc == 0 && (change.count != to->count || to->map->count != to->count)) {
        r->f->again = true; /* altered behind the end of this round */
        return 0;
    }
    to->touched = true;
    return rc ? rc : weir_my_rows_put(to, &r->images, &change, err);
}

/* One statement may change many tables: all are named before. */
static int name_table(struct reading *r, struct weir_str body, struct weir_error *err)
{
    int rc = weir_my_map_read(body, r->map, err);
    for (size_t i = 0; rc == 0 && i < r->f->count; i++) {
        struct weir_my_rows *to = &r->tables[i];
        if (weir_str_is(r->map->schema, r->my->settings->database) &&
            weir_str_eq(r->map->table, r->f->streams[i].name) && is_followed(r, i)) {
            to->map = to->map ? to->map : malloc(sizeof *to->map);
            if (!to->map) {
                return weir_fail(err, WEIR_ENOMEM, "no memory for a table");
            }
            *to->map = *r->map;
            to->named = true;
        }
    }
    return rc;
}

/* --- statements ---------------------------------------------------------------------------------
 */

static bool any_followed(const struct reading *r)
{
    for (size_t i = 0; i < r->f->count; i++) {
        if (is_followed(r, i)) {
            return true;
        }
    }
    return false;
}

/* Such statements may come without end, and one load of all tables a run is enough: the next run
 * begins with this one. */
static bool is_left(struct reading *r)
{
    struct weir_my *my = r->my;
    for (size_t k = 0; k < my->altered_count; k++) {
        if (my->altered[k].why == WEIR_MY_MAY_CHANGE) {
            weir_source_watch_say(weir_source_watch_of(r->f->run->progress),
                                  "the log has one more statement that may have changed any table; "
                                  "what is behind it comes with the next run");
            my->until = r->begins;
            r->f->again = true;
            return true;
        }
    }
    return false;
}

static int other_statement(struct reading *r, const struct weir_my_query *q, struct weir_error *err)
{
    struct weir_str verb;
    enum weir_my_reach reach = weir_my_query_reach(q, r->my->settings->database, &verb);
    struct weir_str first = {q->statement.ptr, q->statement.len < 8 ? q->statement.len : 8};
    bool any = reach == WEIR_MY_ANYTHING;
    bool undone = weir_str_eq_nocase(first, WEIR_STR("ROLLBACK")); /* also to a savepoint */
    int rc = 0;
    if (any && any_followed(r) && is_left(r)) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < r->f->count; i++) {
        bool names = reach == WEIR_MY_NAMED &&
                     weir_my_query_names(q, r->my->settings->database, r->f->streams[i].name);
        enum weir_my_why why = any ? WEIR_MY_MAY_CHANGE : names ? WEIR_MY_NAMES : WEIR_MY_UNDONE;
        if (is_followed(r, i) && (any || names || (undone && r->tables[i].touched))) {
            rc = alter(r, i, why, verb, err);
        }
    }
    return rc;
}

/* --- transactions of two phases -----------------------------------------------------------------
 */

static bool in_group(unsigned kind)
{
    return kind == WEIR_MY_QUERY || kind == WEIR_MY_XID || kind == WEIR_MY_LOAD_QUERY ||
           kind == WEIR_MY_TABLE_MAP || (kind >= WEIR_MY_WRITE_1 && kind <= WEIR_MY_DELETE_1) ||
           (kind >= WEIR_MY_WRITE_2 && kind <= WEIR_MY_GTID_ANONYMOUS) ||
           (kind >= WEIR_MY_XA_PREPARE && kind <= WEIR_MY_PAYLOAD) || kind == WEIR_MY_GTID_TAGGED ||
           kind == WEIR_MY_GTID_MARIADB;
}

static bool is_id(unsigned kind)
{
    return kind == WEIR_MY_GTID_MYSQL || kind == WEIR_MY_GTID_ANONYMOUS ||
           kind == WEIR_MY_GTID_TAGGED || kind == WEIR_MY_GTID_MARIADB;
}

static int group_event(struct reading *r, const struct weir_my_event *e, struct weir_error *err);

/* Where nobody knows which rows are committed: all that is followed is loaded anew. */
static int alter_all(struct reading *r, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->f->count; i++) {
        rc = is_followed(r, i) ? alter(r, i, WEIR_MY_XA, WEIR_STR(""), err) : 0;
    }
    return rc;
}

static int fail_elsewhere(struct weir_error *err)
{
    return weir_fail(err, WEIR_ECORRUPT,
                     "the log has another transaction (XA) where one was prepared");
}

static int keep_xid(struct reading *r, struct weir_str xid, struct weir_error *err)
{
    if (xid.len >= sizeof r->xid) {
        return weir_fail(err, WEIR_ECORRUPT, "the name of a transaction (XA) is too long");
    }
    memmove(r->xid, xid.ptr, xid.len);
    r->xid[xid.len] = '\0';
    return 0;
}

/* The group that prepared it, from there to its end. */
static int read_group_again(struct reading *r, const struct weir_my_position *at,
                            struct weir_error *err)
{
    MYSQL *con = NULL;
    struct weir_str bytes;
    struct weir_my_event e;
    int groups = 0;
    int rc = weir_my_log_open(r->my, at->file, at->at, &con, err);
    while (rc == 0 && r->again && !r->f->again) {
        rc = weir_my_log_next(r->my, con, &bytes, err);
        if (rc == 0 && !bytes.ptr) {
            rc = weir_fail(err, WEIR_EAGAIN,
                           "the server's log ended within a transaction; try again");
        }
        rc = rc ? rc : weir_my_event_read(bytes, &r->checksums, &e, err);
        if (rc) {
            break;
        }
        r->described = r->described || e.kind == WEIR_MY_FORMAT;
        groups += is_id(e.kind);
        if (groups > 1) {
            rc = fail_elsewhere(err);
        } else if (in_group(e.kind) && !is_id(e.kind)) {
            rc = group_event(r, &e, err);
        }
    }
    weir_my_log_close(con);
    return rc;
}

/* As if its rows stood here. */
static int commit_prepared(struct reading *r, const struct weir_my_position *at,
                           struct weir_str xid, struct weir_error *err)
{
    struct reading in = *r;
    in.again = in.group = in.transaction = true;
    in.prepares = in.checksums = in.described = false;
    int rc = keep_xid(&in, xid, err);
    rc = rc ? rc : read_group_again(&in, at, err);
    r->images = in.images;
    /* The server says that the file is there no more. */
    return rc == WEIR_EINVAL && !in.described ? alter_all(r, err) : rc;
}

static int xa_statement(struct reading *r, struct weir_str statement, bool *ends,
                        struct weir_error *err)
{
    struct weir_my_position at;
    struct weir_str xid = statement;
    (void)weir_str_cut(&xid, ' ');
    struct weir_str verb = weir_str_cut(&xid, ' ');
    bool begins = weir_str_is(verb, "START"), commits = weir_str_is(verb, "COMMIT");
    if (r->again) {
        return weir_str_is(verb, "END") && !weir_str_is(xid, r->xid) ? fail_elsewhere(err) : 0;
    }
    if (begins || weir_str_is(verb, "END")) {
        r->transaction = r->prepares = true;
        return keep_xid(r, xid, err);
    }
    *ends = commits || weir_str_is(verb, "ROLLBACK") || !r->transaction;
    bool found = weir_my_xa_take(r->c, xid, &at);
    return !commits || r->known ? 0 : found ? commit_prepared(r, &at, xid, err) : alter_all(r, err);
}

/* The end of the group that prepares one, or, in one phase, commits it at once. */
static int end_prepare(struct reading *r, const struct weir_my_event *e, struct weir_error *err)
{
    bool one_phase = e->body.len && *e->body.ptr;
    r->prepares = false;
    if (!one_phase) {
        return weir_my_xa_add(r->c, weir_str_of(r->xid), &r->begins, err);
    }
    return r->known ? 0 : commit_prepared(r, &r->begins, weir_str_of(r->xid), err);
}

static int query(struct reading *r, const struct weir_my_event *e, bool *ends,
                 struct weir_error *err)
{
    struct weir_my_query q;
    int rc = weir_my_query_read(e, &q, err);
    *ends = false;
    if (rc) {
        return rc;
    }
    if (weir_str_is(q.statement, "BEGIN")) {
        r->transaction = true;
        return 0;
    }
    if (weir_str_starts(q.statement, WEIR_STR("XA "))) {
        return xa_statement(r, q.statement, ends, err);
    }
    *ends = !r->transaction || weir_str_is(q.statement, "COMMIT") ||
            weir_str_is(q.statement, "ROLLBACK");
    return other_statement(r, &q, err);
}

/* --- events -------------------------------------------------------------------------------------
 */

static int check_file(struct reading *r, const struct weir_my_event *e, struct weir_error *err)
{
    struct weir_my_capture *c = r->c;
    if (!c->born) {
        c->born = e->at;
    }
    return c->born == e->at
               ? 0
               : weir_fail(err, WEIR_ECORRUPT,
                           "the file %s of the server's log is another one than the one that was "
                           "read (it was reset, or a backup was restored): changes may be missing, "
                           "and nothing was loaded; `weir sync %s --full` reads all tables anew",
                           c->position.file, r->my->config->name);
}

static void end_group(struct reading *r, uint64_t ends)
{
    if (ends) {
        r->c->position.at = ends;
    }
    if (ends && r->number) {
        weir_my_gtids_add(&r->c->gtids, r->domain, r->server, r->number);
    }
    if (ends && r->id.first) {
        weir_my_gtids_add_range(&r->c->gtids, &r->id);
    }
    if (ends && r->anonymous) {
        weir_my_gtids_forget(&r->c->gtids);
    }
    r->number = r->id.first = 0;
    r->anonymous = r->known = r->prepares = false;
    r->group = r->transaction = false;
    r->xid[0] = '\0';
    for (size_t i = 0; i < r->f->count; i++) {
        r->tables[i].touched = r->tables[i].named = false;
    }
}

static int next_file(struct reading *r, struct weir_str body, struct weir_error *err)
{
    struct weir_my_position *p = &r->c->position;
    struct weir_str file;
    uint64_t at;
    int rc = weir_my_rotate_read(body, &file, &at, err);
    if (rc == 0 && r->group) { /* the server crashed in it, so it was not committed */
        for (size_t i = 0; rc == 0 && i < r->f->count; i++) {
            rc = r->tables[i].touched ? alter(r, i, WEIR_MY_CRASHED, WEIR_STR(""), err) : 0;
        }
        end_group(r, 0);
    }
    if (rc == 0 && !weir_str_is(file, p->file)) {
        rc = file.len < sizeof p->file
                 ? 0
                 : weir_fail(err, WEIR_ECORRUPT, "the name of a file of the log is too long");
        if (rc == 0) {
            memcpy(p->file, file.ptr, file.len);
            p->file[file.len] = '\0';
            p->at = 4;
            r->c->born = 0;
        }
    }
    return rc;
}

/* Events in it have no place of their own in the file. */
static int payload(struct reading *r, const struct weir_my_event *whole, struct weir_error *err)
{
    struct weir_my_payload *p;
    struct weir_my_event e;
    struct weir_str bytes;
    bool none = false;
    int rc = weir_my_payload_open(whole->body, &p, err);
    while (rc == 0) {
        rc = weir_my_payload_next(p, &bytes, err);
        if (rc || !bytes.ptr) {
            break;
        }
        if (r->my->stop && atomic_load(r->my->stop)) {
            rc = weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed");
            break;
        }
        rc = weir_my_event_read(bytes, &none, &e, err);
        e.begins = whole->begins;
        e.ends = whole->ends;
        if (rc == 0 && e.kind == WEIR_MY_PAYLOAD) {
            rc = weir_fail(err, WEIR_ECORRUPT, "a compressed transaction is in another one");
        }
        rc = rc || !in_group(e.kind) ? rc : group_event(r, &e, err);
    }
    weir_my_payload_close(p);
    return rc;
}

static int group_event(struct reading *r, const struct weir_my_event *e, struct weir_error *err)
{
    bool ends = e->kind == WEIR_MY_XID, again = r->again;
    int rc = 0;
    if (!r->group) {
        r->group = true;
        r->begins = r->c->position;
        r->begins.at = e->begins;
    }
    switch (e->kind) {
    case WEIR_MY_XID:
        break;
    case WEIR_MY_GTID_MYSQL:
    case WEIR_MY_GTID_TAGGED:
        rc = weir_my_range_read(e, &r->id, err);
        r->known = rc == 0 && !r->c->gtids.unknown && weir_my_set_has(&r->c->gtids.set, &r->id);
        break;
    case WEIR_MY_GTID_ANONYMOUS:
        r->anonymous = true;
        break;
    case WEIR_MY_GTID_MARIADB:
        r->transaction = weir_my_gtid_opens(e->body);
        r->prepares = weir_my_gtid_prepares(e->body);
        r->server = e->server;
        rc = weir_my_gtid_read(e->body, &r->domain, &r->number, err);
        break;
    case WEIR_MY_QUERY:
    case WEIR_MY_LOAD_QUERY:
        rc = query(r, e, &ends, err);
        break;
    case WEIR_MY_TABLE_MAP:
        rc = name_table(r, e->body, err);
        break;
    case WEIR_MY_PAYLOAD:
        if (!r->known) {
            return payload(r, e, err); /* whose events end the group */
        }
        ends = true;
        break;
    case WEIR_MY_XA_PREPARE:
        ends = true;
        rc = r->again ? 0 : end_prepare(r, e, err);
        r->again = false;
        break;
    case WEIR_MY_PARTIAL_UPDATE:
        rc = r->known
                 ? 0
                 : weir_fail(err, WEIR_EUNSUPPORTED,
                             "the log has partial updates, which capture does not follow; `weir "
                             "sync %s --full` reads all tables anew",
                             r->my->config->name);
        break;
    default:
        rc = change_rows(r, e, err);
    }
    if (rc == 0 && ends && !again) {
        end_group(r, e->ends);
    }
    return rc;
}

static int one_event(struct reading *r, struct weir_str bytes, struct weir_error *err)
{
    struct weir_my_event e;
    int rc = weir_my_event_read(bytes, &r->checksums, &e, err);
    if (rc) {
        return rc;
    }
    if (e.kind >= WEIR_MY_COMPRESSED_FIRST && e.kind <= WEIR_MY_COMPRESSED_LAST) {
        return weir_fail(
            err, WEIR_EUNSUPPORTED,
            "the log has compressed events (log_bin_compress), which capture does not "
            "read; `weir sync %s --full` reads all tables anew and goes on behind them",
            r->my->config->name);
    }
    if (e.kind == WEIR_MY_INCIDENT) {
        return weir_fail(err, WEIR_ECORRUPT,
                         "the server says that changes are missing in its log; `weir sync %s "
                         "--full` reads all tables anew",
                         r->my->config->name);
    }
    if (e.kind == WEIR_MY_FORMAT) {
        r->described = true;
        return check_file(r, &e, err);
    }
    if (e.kind == WEIR_MY_ROTATE) { /* the first says what was asked for */
        return r->described ? next_file(r, e.body, err) : 0;
    }
    if (in_group(e.kind)) {
        return group_event(r, &e, err);
    }
    if (e.kind == WEIR_MY_PREVIOUS_GTIDS && r->c->gtids.unknown && !r->group) {
        /* The file begins, and all before it was read. */
        rc = weir_my_gtids_read(&r->c->gtids, e.body, err);
    }
    if (!r->group && e.ends > r->c->position.at && !(e.flags & ARTIFICIAL)) {
        r->c->position.at = e.ends;
    }
    return rc;
}

/* --- the round ----------------------------------------------------------------------------------
 */

static int drain(struct reading *r, const struct weir_my_position *end, struct weir_error *err)
{
    MYSQL *con = NULL;
    struct weir_str bytes = WEIR_STR("");
    int rc = weir_my_log_open(r->my, r->c->position.file, r->c->position.at, &con, err);
    while (rc == 0 && !r->f->again &&
           (!r->described || r->group || weir_my_position_less(&r->c->position, end))) {
        rc = weir_my_log_next(r->my, con, &bytes, err);
        if (rc || !bytes.ptr) {
            break;
        }
        rc = one_event(r, bytes, err);
        r->f->more = rc == 0 && !r->group && r->images.seen >= CHANGES_AT_ONCE;
        if (r->f->more) {
            break;
        }
    }
    if (rc == 0 && r->group && !r->f->again) {
        rc = weir_fail(err, WEIR_EAGAIN, "the server's log ended within a transaction; try again");
    }
    weir_my_log_close(con);
    return rc;
}

int weir_my_capture_read(void *connection, struct weir_source_follow *f, struct weir_error *err)
{
    struct weir_my *my = connection;
    struct weir_my_capture *c = my->capture;
    struct reading r = {.my = my, .c = c, .f = f};
    struct weir_my_position end, before = c->position;
    uint64_t born = c->born;
    bool same = true, known = true;
    int rc = weir_my_capture_end(my, &end, err);
    if (my->until.at && weir_my_position_less(&my->until, &end)) {
        end = my->until;
    }
    if (rc == 0 && !weir_my_position_less(&c->position, &end)) {
        rc = weir_my_capture_knows_file(my, &known, err);
        if (rc || known) {
            return rc;
        }
    }
    weir_buf_init(&r.images.room, 512u << 20);
    r.map = calloc(1, sizeof *r.map);
    r.images.before = calloc(WEIR_MY_MAX_COLUMNS, sizeof *r.images.before);
    r.images.after = calloc(WEIR_MY_MAX_COLUMNS, sizeof *r.images.after);
    r.tables = calloc(f->count + 1, sizeof *r.tables);
    rc = r.map && r.images.before && r.images.after && r.tables
             ? drain(&r, &end, err)
             : weir_fail(err, WEIR_ENOMEM, "no memory for changes");
    rc = rc || !r.images.seen || f->again ? rc : weir_my_capture_same(my, &same, err);
    f->again = f->again || !same;
    f->moved = weir_my_position_less(&before, &c->position) || (!born && c->born);
    f->cursor = rc ? f->cursor : weir_my_capture_cursor(c);
    weir_buf_free(&r.images.room);
    free(r.map);
    free(r.images.before);
    free(r.images.after);
    for (size_t i = 0; r.tables && i < f->count; i++) {
        free(r.tables[i].map);
    }
    free(r.tables);
    return rc;
}
