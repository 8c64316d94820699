/* The slot: made, checked, advanced, given up. */
#include "source/postgres/capture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "source/schedule/watch.h"

#define MAX_CURSOR (16u << 20)

bool weir_pg_capture_on(const void *settings)
{
    return ((const struct weir_pg_settings *)settings)->capture;
}

static void forget_snapshot(struct weir_pg_capture *c)
{
    PQfinish(c->replication); /* a temporary slot goes with it */
    c->replication = NULL;
    c->snapshot[0] = 0;
}

void weir_pg_capture_close(void *connection)
{
    struct weir_pg *pg = connection;
    if (pg->capture) {
        forget_snapshot(pg->capture);
        PQfinish(pg->capture->reader);
        free(pg->capture->message);
        free(pg->capture);
        pg->capture = NULL;
    }
}

/* --- the cursor --------------------------------------------------------------------------------
 */

static struct weir_str write_cursor(struct weir_pg_capture *c)
{
    char lsn[WEIR_PG_LSN_SIZE], commit[WEIR_PG_LSN_SIZE], made[WEIR_PG_LSN_SIZE];
    struct weir_buf out;
    weir_buf_init(&out, MAX_CURSOR);
    struct weir_jw w = weir_jw_on(&out);
    weir_pg_lsn_format(c->lsn, lsn);
    weir_pg_lsn_format(c->commit, commit);
    weir_pg_lsn_format(c->made, made);
    c->kept_at = weir_now() / WEIR_SECOND;
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstr(&w, "system", c->system);
    weir_jw_kstr(&w, "timeline", c->timeline);
    weir_jw_kstrz(&w, "slot", c->slot);
    if (c->lsn) { /* else it is about to be made */
        weir_jw_kstrz(&w, "lsn", lsn);
        weir_jw_kstrz(&w, "commit", commit);
        weir_jw_ki64(&w, "committed", c->committed);
        weir_jw_kstrz(&w, "made", made);
        weir_jw_ki64(&w, "at", c->kept_at);
    }
    weir_jw_kstrz(&w, "kind", c->f->config->connector->name);
    weir_jw_keyz(&w, "connection"); /* by which the slot is dropped when the file is gone */
    weir_jw_raw(&w, c->f->config->connection_text);
    weir_jw_object_end(&w);
    struct weir_str text = weir_arena_dup(&c->f->arena, weir_buf_str(&out));
    weir_buf_free(&out);
    return text;
}

struct position { /* what the cursor says */
    struct weir_str system, timeline, slot;
    bool known; /* the slot was made */
};

static int read_cursor(struct weir_pg_capture *c, struct position *out, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_buf buf;
    struct weir_arena *arena = &c->f->arena;
    *out = (struct position){.known = false};
    weir_buf_init(&buf, MAX_CURSOR);
    weir_buf_adds(&buf, c->f->cursor);
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&buf), &root, err);
    if (rc == 0) {
        out->system = weir_arena_dup(arena, weir_json_get_str(root, "system"));
        out->timeline = weir_arena_dup(arena, weir_json_get_str(root, "timeline"));
        out->slot = weir_arena_dup(arena, weir_json_get_str(root, "slot"));
        out->known = weir_pg_lsn_read(weir_json_get_str(root, "lsn"), &c->lsn) &&
                     weir_pg_lsn_read(weir_json_get_str(root, "commit"), &c->commit);
        (void)weir_json_i64(weir_json_get(root, "at"), &c->kept_at);
        (void)weir_json_i64(weir_json_get(root, "committed"), &c->committed);
        (void)weir_pg_lsn_read(weir_json_get_str(root, "made"), &c->made);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return rc;
}

/* --- the server ---------------------------------------------------------------------------------
 */

struct server {
    bool there, fits, active, lost;
    struct weir_str reason; /* why it is lost; the server tells from version 17 on */
    uint64_t confirmed, now;
    int64_t retained;
};

static int look(struct weir_pg *pg, struct server *out, struct weir_error *err)
{
    struct weir_pg_capture *c = pg->capture;
    const char *const values[] = {c->slot};
    PGresult *r = NULL;
    int rc = weir_pg_ask(
        pg, pg->con,
        "SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), CASE "
        /* The control file has the new one only after the next checkpoint. */
        "WHEN NOT pg_catalog.pg_is_in_recovery() THEN ('x' || pg_catalog.left("
        "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), "
        "8))::bit(32)::int::text END, "
        "pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('wal_level'), CASE WHEN NOT "
        "pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_flush_lsn()::text END, "
        "s.slot_name IS NOT NULL, s.plugin = 'pgoutput' AND s.database = "
        "pg_catalog.current_database(), s.active, s.wal_status = 'lost' OR s.restart_lsn IS NULL, "
        "s.confirmed_flush_lsn::text, CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN "
        "pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), s.restart_lsn)::bigint "
        "END, pg_catalog.to_jsonb(s)->>'invalidation_reason' FROM (VALUES (1)) AS one LEFT JOIN "
        "pg_catalog.pg_replication_slots s ON s.slot_name = "
        "$1",
        values, 1, &r, err);
    if (rc) {
        return rc;
    }
    c->system = weir_arena_dup(&c->f->arena, weir_pg_cell(r, 0, 0));
    c->timeline = weir_arena_dup(&c->f->arena, weir_pg_cell(r, 0, 1));
    out->there = *PQgetvalue(r, 0, 5) == 't';
    out->fits = *PQgetvalue(r, 0, 6) == 't';
    out->active = *PQgetvalue(r, 0, 7) == 't';
    out->lost = *PQgetvalue(r, 0, 8) == 't';
    (void)weir_pg_lsn_read(weir_pg_cell(r, 0, 9), &out->confirmed);
    (void)weir_str_to_i64(weir_pg_cell(r, 0, 10), &out->retained);
    c->retained = out->retained;
    out->reason = weir_arena_dup(&c->f->arena, weir_pg_cell(r, 0, 11));
    if (*PQgetvalue(r, 0, 2) == 't') {
        rc = weir_fail(err, WEIR_EUNSUPPORTED,
                       "this server is a standby; changes are captured from its primary");
    } else if (strcmp(PQgetvalue(r, 0, 3), "logical") != 0) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the server's wal_level is %s; capture needs `wal_level = logical` in "
                       "postgresql.conf, and a restart",
                       PQgetvalue(r, 0, 3));
    } else if (PQserverVersion(pg->con) < 140000) {
        rc = weir_fail(err, WEIR_EUNSUPPORTED, "capture needs PostgreSQL 14 or later");
    } else if (!weir_pg_lsn_read(weir_pg_cell(r, 0, 4), &out->now)) {
        rc = weir_fail(err, WEIR_ECORRUPT, "the server does not say where its log is");
    }
    PQclear(r);
    return rc;
}

static int drop_slot(struct weir_pg *pg, struct weir_error *err)
{
    const char *const values[] = {pg->capture->slot};
    return weir_pg_ask(pg, pg->con, "SELECT pg_catalog.pg_drop_replication_slot($1)", values, 1,
                       NULL, err);
}

/* Where the server left the timeline `of`, and began another one; 0: it never was on it. */
static int left_timeline(struct weir_pg *pg, struct weir_str of, uint64_t *at,
                         struct weir_error *err)
{
    PGconn *con = NULL;
    PGresult *r = NULL;
    char sql[64];
    *at = 0;
    snprintf(sql, sizeof sql, "TIMELINE_HISTORY %.20s", pg->capture->timeline.ptr);
    int rc = weir_pg_connect_as(pg, true, &con, err);
    rc = rc ? rc : weir_pg_ask(pg, con, sql, NULL, -1, &r, err);
    struct weir_str rest = rc || PQntuples(r) != 1 || PQnfields(r) < 2 ? (struct weir_str){NULL, 0}
                                                                       : weir_pg_cell(r, 0, 1);
    while (rest.ptr && *at == 0) { /* "1\t0/3000158\tno recovery target specified" */
        struct weir_str line = weir_str_cut(&rest, '\n');
        struct weir_str timeline = weir_str_cut(&line, '\t');
        if (weir_str_eq(timeline, of) && !weir_pg_lsn_read(weir_str_cut(&line, '\t'), at)) {
            *at = 0;
        }
    }
    PQclear(r);
    PQfinish(con);
    return rc ? weir_error_prefix(err, rc,
                                  "a standby took over, or a backup was restored, and the server "
                                  "cannot be asked where it left timeline " WEIR_STR_FMT,
                                  WEIR_STR_ARG(of))
              : 0;
}

static const char *explain_lost(struct weir_str reason)
{
    return weir_str_is(reason, "idle_timeout")
               ? "the server gave up the slot, as nobody read from it for "
                 "idle_replication_slot_timeout: let the source run more often, or raise it"
           : weir_str_is(reason, "wal_level_insufficient")
               ? "the server gave up the slot, as its wal_level was less than logical for a while"
           : weir_str_is(reason, "rows_removed")
               ? "the server gave up the slot, as rows of its catalog that it needs were removed"
               : "the server gave up the slot's log (max_slot_wal_keep_size)";
}

static int fail_lost(const struct weir_pg *pg, const char *why, struct weir_error *err)
{
    return weir_fail(err, WEIR_ECORRUPT,
                     "%s (slot \"%s\"): changes may be missing, and nothing was loaded; `weir "
                     "sync %s --full` reads all tables anew and goes on from there",
                     why, pg->capture->slot, pg->config->name);
}

/* Each of these would lose changes without a word. */
static int check_position(struct weir_pg *pg, const struct position *p, const struct server *s,
                          struct weir_error *err)
{
    const struct weir_pg_capture *c = pg->capture;
    char at[WEIR_PG_LSN_SIZE], other[WEIR_PG_LSN_SIZE];
    const char *why = NULL;
    char text[256];
    uint64_t left = 0;
    bool same = weir_str_eq(p->timeline, c->timeline); /* else a standby may have taken over */
    int rc =
        same || !weir_str_eq(p->system, c->system) ? 0 : left_timeline(pg, p->timeline, &left, err);
    if (rc) {
        return rc;
    }
    weir_pg_lsn_format(c->lsn, at);
    weir_pg_lsn_format(s->confirmed, other);
    if (!weir_str_eq(p->system, c->system)) {
        why = "this is another server than the one that was followed";
    } else if (!same && left < c->lsn) {
        why = "the server is on another timeline, without all that was read (a standby took over, "
              "or a backup was restored)";
    } else if (!weir_str_is(p->slot, c->slot)) {
        why = "`slot` names another slot than the one that was followed";
    } else if (!s->there) {
        why = same
                  ? "the replication slot is gone"
                  : "a standby took over that has no such slot (from PostgreSQL 17 on it keeps one "
                    "by sync_replication_slots)";
    } else if (!s->fits) {
        why = "the replication slot is of another plugin or database";
    } else if (s->lost) {
        why = explain_lost(s->reason);
    } else if (s->confirmed > c->lsn) {
        snprintf(text, sizeof text,
                 "the slot is at %s, and the tables are at %s: somebody else read from it, or made "
                 "it anew",
                 other, at);
        why = text;
    } else if (c->lsn > s->now) {
        why = "the server's log ends before what was read of it (a backup was restored)";
    }
    return why ? fail_lost(pg, why, err) : 0;
}

/* From version 17 on the server lets nobody read past those standbys, not even us who wait for
 * none, and says so to nobody. */
int weir_pg_capture_standbys(struct weir_pg *pg, PGconn *waits, struct weir_error *err)
{
    struct weir_pg_capture *c = pg->capture;
    struct weir_source_progress *progress = c->f->run->progress;
    struct weir_error ignored;
    PGconn *con = NULL;
    PGresult *r = NULL;
    char number[24];
    const char *const values[] = {number};
    weir_time asked = pg->asked, heard = pg->heard;
    snprintf(number, sizeof number, "%d", PQbackendPID(waits));
    pg->patient = false;
    int rc =
        PQserverVersion(waits) < 170000 ? WEIR_EUNSUPPORTED : weir_pg_connect(pg, &con, &ignored);
    rc = rc ? rc
            : weir_pg_ask(pg, con,
                          "SELECT pg_catalog.current_setting('synchronized_standby_slots') FROM "
                          "pg_catalog.pg_stat_activity WHERE pid = $1::int AND wait_event = "
                          "'WaitForStandbyConfirmation'",
                          values, 1, &r, &ignored);
    bool waited = rc == 0 && PQntuples(r) == 1;
    weir_time time = weir_mono() - asked;
    rc = 0;
    if (waited && time > pg->settings->timeout) {
        rc = weir_fail(err, WEIR_ETIMEDOUT,
                       "the server lets nobody read changes that the standbys of "
                       "synchronized_standby_slots (%.200s) do not have yet, and they have not had "
                       "them for %lld s (`timeout`); start them, or take those that are gone out "
                       "of that setting",
                       PQgetvalue(r, 0, 0), (long long)(time / WEIR_SECOND));
    } else if (waited && progress && !c->told_standbys) {
        c->told_standbys = true;
        weir_source_watch_say(progress->watch,
                              "waits for the standbys of synchronized_standby_slots (%.200s)",
                              PQgetvalue(r, 0, 0));
    }
    PQclear(r);
    PQfinish(con);
    pg->patient = true;
    pg->asked = asked;
    pg->heard = heard;
    pg->looked = weir_mono();
    return rc;
}

/* The server's disk is not ours to fill. */
static int guard(struct weir_pg *pg, const struct server *s, struct weir_error *err)
{
    uint64_t most = pg->settings->max_slot;
    if (!s->there || s->lost || s->retained < 0 || (uint64_t)s->retained <= most) {
        return 0;
    }
    struct weir_error why;
    int rc = drop_slot(pg, &why);
    return weir_fail(
        err, WEIR_ETOOBIG,
        "the slot \"%s\" kept %lld MB of the server's log, more than `max_slot`; it %s, "
        "so that the server's disk does not fill; `weir sync %s --full` begins anew",
        pg->capture->slot, (long long)(s->retained >> 20),
        rc ? "could not be dropped: do it now" : "was dropped", pg->config->name);
}

/* --- snapshots ----------------------------------------------------------------------------------
 */

/* A slot's first position and the snapshot of it: all that is committed before is seen there, and
 * nothing else. */
static int make_slot(struct weir_pg *pg, bool temporary, struct weir_error *err)
{
    struct weir_pg_capture *c = pg->capture;
    struct weir_buf sql;
    PGresult *r = NULL;
    char name[80];
    /* The server may not have seen yet that a killed run is gone: its name is another one. */
    snprintf(name, sizeof name, "%.40s_load_%s", c->slot, c->f->id + 8);
    weir_buf_init(&sql, 1024);
    weir_buf_addz(&sql, "CREATE_REPLICATION_SLOT ");
    weir_sql_ident(&sql, weir_str_of(temporary ? name : c->slot));
    bool standbys = !temporary && PQserverVersion(pg->con) >= 170000; /* keep it, if they want */
    weir_buf_addf(&sql, "%s LOGICAL pgoutput %s", temporary ? " TEMPORARY" : "",
                  standbys ? "(SNAPSHOT 'export', FAILOVER true)" : "EXPORT_SNAPSHOT");
    int rc = weir_pg_connect_as(pg, true, &c->replication, err);
    pg->patient = true; /* it waits for transactions that are open */
    rc = rc ? rc : weir_pg_ask(pg, c->replication, weir_buf_cstr(&sql), NULL, -1, &r, err);
    pg->patient = false;
    if (rc == 0 && (PQntuples(r) != 1 || PQnfields(r) < 3 ||
                    !weir_pg_lsn_read(weir_pg_cell(r, 0, 1), &c->from))) {
        rc = weir_fail(err, WEIR_ECORRUPT, "the server made a slot and does not say where it is");
    }
    if (rc == 0) {
        snprintf(c->snapshot, sizeof c->snapshot, "%s", PQgetvalue(r, 0, 2));
    }
    PQclear(r);
    weir_buf_free(&sql);
    return rc;
}

/* What is kept before the slot is made says that one of this name is ours. */
static int begin_anew(struct weir_pg *pg, bool ours, const struct server *s, struct weir_error *err)
{
    struct weir_pg_capture *c = pg->capture;
    struct weir_source_follow *f = c->f;
    if (s->there && !ours) {
        return weir_fail(err, WEIR_EEXIST,
                         "the server has a slot \"%s\" already; when nobody else reads from it, "
                         "`weir sync %s --full` takes its place; else name another one by `slot`",
                         c->slot, pg->config->name);
    }
    if (s->active) {
        return weir_fail(err, WEIR_EBUSY, "somebody reads from the slot \"%s\" now; try later",
                         c->slot);
    }
    c->lsn = 0;
    int rc = weir_source_follow_forget(f, err);
    rc = rc ? rc : weir_source_follow_save(f, write_cursor(c), err);
    rc = rc || !s->there ? rc : drop_slot(pg, err);
    rc = rc ? rc : make_slot(pg, false, err);
    if (rc == 0) {
        c->lsn = c->confirmed = c->made = c->from;
        c->commit = 0;
        c->committed = 0;
        rc = weir_source_follow_save(f, write_cursor(c), err);
    }
    return rc;
}

static int ready_tables(struct weir_pg *pg, bool begins, struct weir_error *err)
{
    struct weir_source_follow *f = pg->capture->f;
    for (size_t i = 0; begins && i < f->count; i++) {
        f->streams[i].cursor = (struct weir_str){NULL, 0};
    }
    bool altered = false;
    int rc = weir_pg_capture_tables(pg, err);
    rc = rc || begins ? rc : weir_source_follow_forget(f, err);
    rc = rc ? rc : weir_pg_capture_publish(pg, &altered, err);
    return rc || !altered ? rc : weir_pg_capture_tables(pg, err);
}

/* One that is made anew tells of nothing before it, and the server reads no log of then with it. */
static int ask_published(struct weir_pg *pg, bool *there, struct weir_error *err)
{
    const char *const values[] = {pg->capture->publication};
    PGresult *r = NULL;
    int rc = weir_pg_ask(pg, pg->con,
                         "SELECT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = $1)",
                         values, 1, &r, err);
    *there = rc == 0 && *PQgetvalue(r, 0, 0) == 't';
    PQclear(r);
    if (rc == 0 && !*there) {
        weir_source_watch_say(weir_source_watch_of(pg->capture->f->run->progress),
                              "the publication \"%s\" is gone: all tables are loaded anew",
                              pg->capture->publication);
    }
    return rc;
}

int weir_pg_capture_open(void *connection, struct weir_source_follow *f, struct weir_error *err)
{
    struct weir_pg *pg = connection;
    struct position p = {.known = false};
    struct server s = {.there = false};
    weir_pg_capture_close(pg);
    pg->stop = f->run->progress ? &f->run->progress->stop : NULL;
    struct weir_pg_capture *c = pg->capture = calloc(1, sizeof *c);
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a slot");
    }
    c->f = f;
    weir_pg_capture_names(pg->config, c->slot, c->publication);
    bool ours = f->cursor.ptr || f->run->full;
    int rc = weir_pg_ready(pg, err);
    rc = rc ? rc : look(pg, &s, err);
    rc = rc || !f->cursor.ptr ? rc : read_cursor(c, &p, err);
    bool begins = f->run->full || !p.known;
    if (rc == 0 && !begins) {
        rc = check_position(pg, &p, &s, err);
        rc = rc ? rc : guard(pg, &s, err);
        c->confirmed = s.confirmed;
        bool published = true, recalled = true;
        rc = rc ? rc : ask_published(pg, &published, err);
        begins = !published;
        rc = rc || begins ? rc : weir_pg_capture_recall(pg, s.confirmed, &recalled, err);
        rc = rc || recalled ? rc
                            : fail_lost(pg,
                                        "the server's log is another one than the one that was "
                                        "read (a backup was restored)",
                                        err);
    }
    rc = rc ? rc : ready_tables(pg, begins, err);
    rc = rc || !begins ? rc : begin_anew(pg, ours, &s, err);
    bool anew = false, changed = false;
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        anew = anew || f->streams[i].anew;
        changed = changed || f->streams[i].changed.len;
    }
    if (rc == 0 && !begins) {
        rc = changed ? weir_source_follow_save(f, write_cursor(c), err) : 0;
        rc = rc ? rc : weir_pg_capture_confirm(pg, err);
        rc = rc || !anew ? rc : make_slot(pg, true, err);
    }
    return rc;
}

/* A slot is made by the protocol of replication, by whoever may use that. */
static int try_slot(struct weir_pg *pg, bool there, struct weir_error *err)
{
    PGconn *con = NULL;
    PGresult *r = NULL;
    int rc = weir_pg_connect_as(pg, true, &con, err);
    PQfinish(con);
    rc = rc ? rc
            : weir_pg_ask(pg, pg->con,
                          "SELECT pg_catalog.current_setting('max_replication_slots'), (SELECT "
                          "count(*) FROM pg_catalog.pg_replication_slots) >= "
                          "pg_catalog.current_setting('max_replication_slots')::int",
                          NULL, 0, &r, err);
    if (rc == 0 && !there && *PQgetvalue(r, 0, 1) == 't') {
        rc = weir_fail(err, WEIR_EINVAL,
                       "all replication slots of the server are in use (%s); raise "
                       "max_replication_slots (capture takes one slot, and another one while it "
                       "loads a table), or drop one that nobody reads",
                       PQgetvalue(r, 0, 0));
    }
    PQclear(r);
    return rc;
}

int weir_pg_capture_try(void *connection, struct weir_source_follow *f, bool some,
                        struct weir_error *err)
{
    struct weir_pg *pg = connection;
    struct server s = {.there = false};
    struct weir_pg_capture *c = pg->capture = calloc(1, sizeof *c);
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a slot");
    }
    c->f = f;
    weir_pg_capture_names(pg->config, c->slot, c->publication);
    int rc = look(pg, &s, err);
    rc = rc ? rc : weir_pg_capture_tables(pg, err);
    rc = rc ? rc : weir_pg_capture_may_publish(pg, some, err);
    return rc ? rc : try_slot(pg, s.there, err);
}

int weir_pg_capture_loaded(void *connection, struct weir_error *err)
{
    struct weir_pg *pg = connection;
    forget_snapshot(pg->capture);
    return weir_pg_ready(pg, err);
}

int weir_pg_capture_confirm(void *connection, struct weir_error *err)
{
    struct weir_pg *pg = connection;
    struct weir_pg_capture *c = pg->capture;
    char lsn[WEIR_PG_LSN_SIZE];
    const char *const values[] = {c->slot, lsn};
    if (c->lsn <= c->confirmed) {
        return 0;
    }
    weir_pg_lsn_format(c->lsn, lsn);
    pg->patient = true;
    int rc =
        weir_pg_ask(pg, pg->con, "SELECT pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn)",
                    values, 2, NULL, err);
    pg->patient = false;
    c->confirmed = rc ? c->confirmed : c->lsn;
    return rc;
}

struct weir_str weir_pg_capture_cursor(struct weir_pg *pg)
{
    return write_cursor(pg->capture);
}
