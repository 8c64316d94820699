/* What changed: read from the slot, without moving it, into the stages of the tables. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/number.h"
#include "source/postgres/capture.h"
#include "source/postgres/value.h"

#define CHANGES_AT_ONCE 1000000    /* the server ends behind the transaction that reaches it */
#define IDLE_BYTES      (4u << 20) /* of log that others wrote: then the slot goes on */
#define IDLE_SECONDS    60
#define AGAIN_BYTES     (1 << 20) /* that the server decodes in each run, though nothing is new */
#define AGAIN_SECONDS   15
#define BYTES_MOST      (192u << 20) /* of a row */

/* A relation as the server numbers it, and where its values go. */
struct relation {
    uint32_t oid;
    size_t stream; /* SIZE_MAX: nobody wants it */
    size_t count;
    struct weir_str *names;
    size_t *columns;                /* of the plan; SIZE_MAX: not wanted */
    size_t *key;                    /* where the columns of the key stand here */
    struct weir_pg_target *targets; /* of the plan's columns; NULL: nothing came yet */
    struct weir_source_changes *changes;
};
struct reading {
    struct weir_pg *pg;
    struct weir_pg_capture *c;
    struct weir_source_follow *f;
    struct relation *relations;
    size_t relation_count, relation_room;
    uint64_t commit; /* of the transaction that is read */
    int64_t at;
    bool passed; /* it is in the tables already */
    uint64_t seen;
    struct weir_buf room, kept;
};

/* --- tables -------------------------------------------------------------------------------------
 */

/* The key that the stream has, if any, must be the one that changes come with. */
static int check_key(const struct weir_source_changes *c, struct weir_error *err)
{
    const struct weir_text_list *said = &c->stream.key;
    bool same = !said->count || said->count == c->key_count;
    for (size_t i = 0; same && i < said->count; i++) {
        bool found = false;
        for (size_t k = 0; k < c->key_count; k++) {
            found = found || weir_str_is(c->plan.columns[c->key[k]].name, said->items[i]);
        }
        same = found;
    }
    return same ? 0
                : weir_fail(err, WEIR_EINVAL,
                            "the `key` of stream \"%s\" must be the table's primary key, or the "
                            "index that is its replica identity",
                            c->stream.name);
}

int weir_pg_capture_columns(void *connection, size_t stream, struct weir_source_changes *out,
                            struct weir_error *err)
{
    struct weir_pg *pg = connection;
    const struct weir_pg_followed *from = &pg->capture->tables[stream];
    struct weir_pg_table *t = weir_arena_calloc(&out->plan.arena, sizeof *t);
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root, member;
    struct weir_buf buf;
    int rc = t && parser ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a table");
    weir_buf_init(&buf, 1u << 20);
    if (rc == 0) {
        *t = (struct weir_pg_table){.schema = from->schema, .name = from->name, .plan = &out->plan};
        out->own = t;
        rc = weir_pg_columns(pg, t, &out->plan, err);
    }
    weir_buf_adds(&buf, from->key.len ? from->key : WEIR_STR("[]"));
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&buf), &root, err);
    if (rc == 0) {
        out->key =
            weir_arena_calloc(&out->plan.arena, (weir_json_count(root) + 1) * sizeof *out->key);
        rc = out->key ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a key");
    }
    struct weir_json_iter it = rc ? (struct weir_json_iter){.end = 0} : weir_json_begin(root);
    while (rc == 0 && weir_json_next(&it, NULL, &member)) {
        struct weir_str name = WEIR_STR("");
        size_t index = SIZE_MAX;
        (void)weir_json_str(member, &name);
        for (size_t i = 0; i < t->column_count; i++) {
            index = weir_str_eq(t->columns[i].name, name) ? t->columns[i].index : index;
        }
        out->key[out->key_count++] = index;
        if (index == SIZE_MAX) {
            rc = weir_fail(err, WEIR_EINVAL,
                           "the column \"" WEIR_STR_FMT "\" says which row of the stream \"%s\" it "
                           "is; it cannot be left out",
                           WEIR_STR_ARG(name), out->stream.name);
        }
    }
    out->soft = out->stream.deletes == WEIR_SOURCE_DELETES_SOFT;
    rc = rc ? rc : check_key(out, err);
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return rc;
}

static struct relation *find_relation(struct reading *r, uint32_t oid)
{
    for (size_t i = r->relation_count; i-- > 0;) {
        if (r->relations[i].oid == oid) {
            return &r->relations[i];
        }
    }
    return NULL;
}

/* The server tells what a table is before its first change, and when it has become another one. */
static int read_relation(struct reading *r, const struct weir_pg_message *m, struct weir_error *err)
{
    struct relation *to = find_relation(r, m->relation);
    struct weir_arena *arena = &r->f->arena;
    if (!to && r->relation_count == r->relation_room) {
        size_t room = r->relation_room ? 2 * r->relation_room : 64;
        struct relation *more = realloc(r->relations, room * sizeof *more);
        if (!more) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for %zu tables", room);
        }
        r->relations = more;
        r->relation_room = room;
    }
    to = to ? to : &r->relations[r->relation_count++];
    *to = (struct relation){.oid = m->relation, .stream = SIZE_MAX, .count = m->column_count};
    for (size_t i = 0; i < r->f->count; i++) {
        if (r->c->tables[i].oid == m->relation && r->f->streams[i].cursor.ptr &&
            !r->f->streams[i].refused.len) {
            to->stream = i;
        }
    }
    if (to->stream == SIZE_MAX) {
        return 0;
    }
    to->names = weir_arena_calloc(arena, (to->count + 1) * sizeof *to->names);
    for (size_t i = 0; to->names && i < to->count; i++) {
        to->names[i] = weir_arena_dup(arena, m->columns[i]);
        if (!to->names[i].ptr) {
            to->names = NULL;
        }
    }
    return to->names ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a table's columns");
}

static int make_targets(struct relation *to, struct weir_arena *arena, struct weir_error *err)
{
    struct weir_source_changes *c = to->changes;
    const struct weir_pg_table *t = c->own;
    to->targets = weir_arena_calloc(arena, (c->settled.count + 1) * sizeof *to->targets);
    to->columns = weir_arena_calloc(arena, (to->count + 1) * sizeof *to->columns);
    to->key = weir_arena_calloc(arena, (c->key_count + 1) * sizeof *to->key);
    if (!to->targets || !to->columns || !to->key) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table's columns");
    }
    for (size_t i = 0; i < c->settled.count; i++) {
        const struct weir_pg_column *from = weir_pg_column_of(t, i);
        struct weir_pg_target *target = &to->targets[i];
        target->type = c->settled.columns[i].type;
        target->oid = from->oid;
        target->element = from->array ? from->element : 0;
        (void)weir_number_decimal(c->settled.columns[i].type_name, &target->precision,
                                  &target->scale);
    }
    for (size_t i = 0; i < to->count; i++) {
        to->columns[i] = SIZE_MAX;
        for (size_t k = 0; k < t->column_count; k++) {
            if (weir_str_eq(t->columns[k].name, to->names[i])) {
                to->columns[i] = t->columns[k].index;
            }
        }
    }
    for (size_t k = 0; k < c->key_count; k++) {
        to->key[k] = SIZE_MAX;
        for (size_t i = 0; i < to->count; i++) {
            to->key[k] = to->columns[i] == c->key[k] ? i : to->key[k];
        }
        if (to->key[k] == SIZE_MAX) { /* a key of before; the table is another one by now */
            return weir_fail(err, WEIR_EAGAIN, "a table's key changed meanwhile; run it again");
        }
    }
    return 0;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static uint64_t hash_key(const struct relation *to, const struct weir_pg_tuple *t)
{
    uint64_t hash = 1;
    for (size_t k = 0; k < to->changes->key_count; k++) {
        const struct weir_pg_value *v = &t->values[to->key[k]];
        hash = weir_hash64(&v->kind, sizeof v->kind, hash);
        hash = weir_hash64(v->text.ptr, v->text.len, hash);
    }
    return hash;
}

static bool same_key(const struct relation *to, const struct weir_pg_tuple *a,
                     const struct weir_pg_tuple *b)
{
    for (size_t k = 0; k < to->changes->key_count; k++) {
        const struct weir_pg_value *x = &a->values[to->key[k]], *y = &b->values[to->key[k]];
        if (y->kind != WEIR_PG_KEPT && (x->kind != y->kind || !weir_str_eq(x->text, y->text))) {
            return false;
        }
    }
    return true;
}

static bool in_key(const struct weir_source_changes *c, size_t column)
{
    for (size_t k = 0; k < c->key_count; k++) {
        if (c->key[k] == column) {
            return true;
        }
    }
    return c->key_count == 0;
}

/* Sets the row's values, of the key alone or all. What was not sent is listed in r->kept. */
static int set_row(struct reading *r, const struct relation *to, const struct weir_pg_tuple *t,
                   bool key, struct weir_error *err)
{
    struct weir_source_changes *c = to->changes;
    size_t bytes = 0;
    int rc = 0;
    weir_buf_reset(&r->kept);
    for (size_t i = 0; rc == 0 && i < t->count; i++) {
        const struct weir_pg_value *v = &t->values[i];
        size_t at = to->columns[i];
        const char *reason = NULL;
        if (at == SIZE_MAX || v->kind == WEIR_PG_NULL || (key && !in_key(c, at))) {
            continue;
        }
        if (v->kind == WEIR_PG_KEPT) {
            weir_buf_addf(&r->kept, r->kept.len ? "%zu," : ",%zu,", at);
            c->kept[at] = true;
            continue;
        }
        bytes += v->text.len;
        if (bytes > BYTES_MOST) {
            reason = "the row has more than 192 MB";
        } else {
            rc = weir_pg_value_put(&c->rows, at, &to->targets[at], v->text, &r->room, &reason, err);
        }
        rc = rc || !reason ? rc : weir_source_rows_flaw(&c->rows, at, v->text, reason, err);
    }
    return rc ? rc : weir_buf_check(&r->kept, "a row", err);
}

/* The key is gone; of a bag, the row. *staged: it may be in the table; NULL: nobody asks. */
static int end_gone(struct reading *r, const struct relation *to, const struct weir_pg_tuple *t,
                    bool *staged, struct weir_error *err)
{
    for (size_t k = 0; k < to->changes->key_count; k++) {
        if (t->values[to->key[k]].kind == WEIR_PG_NULL) {
            return weir_fail(
                err, WEIR_ECORRUPT,
                "a change of \"%s\" does not say of which row: the table had another "
                "replica identity meanwhile; nothing was loaded; `weir sync %s --full` "
                "reads all anew",
                to->changes->stream.name, r->f->config->name);
        }
    }
    int rc = set_row(r, to, t, true, err);
    bool flawed = weir_source_rows_flawed(&to->changes->rows);
    if (staged) {
        *staged = !flawed;
    }
    if (rc == 0 && flawed) { /* so it was never in the table */
        weir_source_rows_forget(&to->changes->rows);
        return 0;
    }
    return rc ? rc : weir_source_changes_gone(to->changes, hash_key(to, t), err);
}

/* What was not sent of it is known to nobody. */
static int set_aside(const struct relation *to, const struct weir_pg_tuple *t,
                     struct weir_error *err)
{
    struct weir_source_rows *rows = &to->changes->rows;
    const struct weir_str nothing = {NULL, 0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->count; i++) {
        if (t->values[i].kind == WEIR_PG_KEPT && to->columns[i] != SIZE_MAX) {
            rc = weir_source_rows_flaw(
                rows, to->columns[i], nothing,
                "a large value did not change, and the row that it was in is not there", err);
        }
    }
    return rc ? rc : weir_source_rows_set_aside(rows, err);
}

/* `moved`: the row was another one, which is gone just now. `unknown`: that was never in the table,
 * so the values that were not sent are nowhere. */
static int put(struct reading *r, const struct relation *to, const struct weir_pg_tuple *t,
               bool moved, bool unknown, struct weir_error *err)
{
    struct weir_source_changes *c = to->changes;
    int rc = set_row(r, to, t, false, err);
    if (rc == 0 && (weir_source_rows_flawed(&c->rows) || (unknown && r->kept.len))) {
        rc = set_aside(to, t, err);
        return rc || c->key_count == 0 ? rc : end_gone(r, to, t, NULL, err);
    }
    return rc ? rc
              : weir_source_changes_put(c, hash_key(to, t), weir_buf_str(&r->kept), moved, err);
}

static bool keeps_any(const struct relation *to, const struct weir_pg_tuple *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->values[i].kind == WEIR_PG_KEPT && to->columns[i] != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

static int update(struct reading *r, const struct relation *to, struct weir_pg_message *m,
                  struct weir_error *err)
{
    bool bag = to->changes->key_count == 0;
    if (!m->old) {
        return bag ? weir_fail(err, WEIR_ECORRUPT, "a changed row came without what it was")
                   : put(r, to, &m->after, false, false, err);
    }
    for (size_t i = 0; i < m->after.count; i++) { /* a large value of the key, or of the row */
        struct weir_pg_value *v = &m->after.values[i];
        bool key = to->columns[i] != SIZE_MAX && in_key(to->changes, to->columns[i]);
        if (v->kind == WEIR_PG_KEPT && i < m->before.count && (m->old == 'O' || key)) {
            *v = m->before.values[i];
        }
    }
    bool moved = !bag && !same_key(to, &m->before, &m->after);
    bool kept = moved && keeps_any(to, &m->after);
    int rc = kept ? weir_source_changes_moves(to->changes, hash_key(to, &m->before), err) : 0;
    bool staged = true;
    rc = rc || !(bag || moved) ? rc : end_gone(r, to, &m->before, &staged, err);
    return rc ? rc : put(r, to, &m->after, kept && staged, !staged, err);
}

static int change(struct reading *r, struct weir_pg_message *m, struct weir_error *err)
{
    struct relation *to = find_relation(r, m->relation);
    if (!to) {
        return weir_fail(err, WEIR_ECORRUPT,
                         "the server sent a change of a table that it did not name");
    }
    if (r->passed || to->stream == SIZE_MAX || r->commit < r->c->tables[to->stream].from) {
        return 0;
    }
    int rc = weir_source_follow_table(r->f, to->stream, &to->changes, err);
    rc = rc || to->targets ? rc : make_targets(to, &r->f->arena, err);
    bool fits = rc || ((m->kind == 'D' || m->after.count == to->count) &&
                       (!m->old || m->before.count == to->count));
    if (rc || !fits) {
        return rc ? rc : weir_fail(err, WEIR_ECORRUPT, "the server sent a row of other columns");
    }
    return m->kind == 'I'   ? put(r, to, &m->after, false, false, err)
           : m->kind == 'U' ? update(r, to, m, err)
                            : end_gone(r, to, &m->before, NULL, err);
}

static int message(struct reading *r, struct weir_str bytes, struct weir_error *err)
{
    struct weir_pg_message *m = r->c->message;
    int rc = weir_pg_message_read(m, bytes, err);
    r->seen++;
    if (rc) {
        return rc;
    }
    switch (m->kind) {
    case 'B':
        r->commit = m->commit;
        r->at = m->at;
        r->passed = m->commit <= r->c->commit;
        return 0;
    case 'C':
        if (!r->passed) {
            r->c->commit = r->commit;
            r->c->committed = r->at;
        }
        r->c->lsn = m->end > r->c->lsn ? m->end : r->c->lsn;
        return 0;
    case 'R':
        return read_relation(r, m, err);
    case 'I':
    case 'U':
    case 'D':
        return change(r, m, err);
    default:
        return 0;
    }
}

/* --- the slot -----------------------------------------------------------------------------------
 */

static int drain(struct reading *r, PGconn *con, struct weir_error *err)
{
    struct weir_pg_cells cells = {.begun = false};
    char *bytes = NULL;
    int n = 0, rc = 0;
    while (rc == 0 && n != -1) {
        n = PQgetCopyData(con, &bytes, 1);
        if (n > 0) {
            struct weir_str one;
            r->pg->patient = false;
            r->pg->heard = weir_mono();
            rc = weir_pg_cells_read(&cells, (struct weir_str){bytes, (size_t)n}, &one, err);
            rc = rc || !one.ptr ? rc : message(r, one, err);
            PQfreemem(bytes);
        } else if (n == 0) {
            rc = weir_pg_wait(r->pg, con, NULL, err);
        } else if (n == -2) {
            rc = weir_pg_fail(con, NULL, "reading changes", err);
        }
    }
    PGresult *end = rc ? NULL : PQgetResult(con);
    if (rc == 0 && PQresultStatus(end) != PGRES_COMMAND_OK) {
        const char *state = PQresultErrorField(end, PG_DIAG_SQLSTATE);
        rc = weir_pg_fail(con, end, "reading changes", err);
        rc = state && strcmp(state, "42704") == 0
                 ? weir_fail(err, WEIR_ECORRUPT,
                             "the publication \"%s\" is younger than what was read last: somebody "
                             "dropped it, and changes may be missing; `weir sync %s --full` reads "
                             "all tables anew and goes on from there",
                             r->c->publication, r->pg->config->name)
                 : rc;
    } else if (rc == 0 && !cells.ended) {
        rc = weir_fail(err, WEIR_ECORRUPT, "the server's changes end without their end's mark");
    }
    while (end) {
        PQclear(end);
        end = PQgetResult(con);
    }
    return rc;
}

/* Up to where the log is on the server's disk. Where others write it, and our tables do not change,
 * a mark of our own says that we have seen it: or the slot would keep all of that. */
static int find_end(struct weir_pg_capture *c, struct weir_pg *pg, uint64_t *end, uint64_t *mark,
                    struct weir_error *err)
{
    PGresult *r = NULL;
    const char *now = "SELECT pg_catalog.pg_current_wal_flush_lsn()";
    int rc = weir_pg_ask(pg, pg->con, now, NULL, 0, &r, err);
    *mark = *end = 0;
    (void)(rc || weir_pg_lsn_read(weir_pg_cell(r, 0, 0), end));
    PQclear(r);
    r = NULL;
    int64_t seconds = weir_now() / WEIR_SECOND - c->kept_at;
    bool idle = *end >= c->lsn + IDLE_BYTES || (*end >= c->lsn + 1024 && seconds >= IDLE_SECONDS) ||
                (*end > c->lsn && c->retained > AGAIN_BYTES && seconds >= AGAIN_SECONDS);
    if (rc || !idle) {
        return rc;
    }
    rc = weir_pg_ask(pg, pg->con, "SELECT pg_catalog.pg_logical_emit_message(true, 'weir', '')",
                     NULL, 0, &r, err);
    (void)(rc || weir_pg_lsn_read(weir_pg_cell(r, 0, 0), mark));
    PQclear(r);
    r = NULL;
    rc = rc ? rc : weir_pg_ask(pg, pg->con, now, NULL, 0, &r, err);
    (void)(rc || weir_pg_lsn_read(weir_pg_cell(r, 0, 0), end));
    PQclear(r);
    *mark = *end >= *mark ? *mark : 0;
    return rc;
}

static int start(struct weir_pg *pg, uint64_t end, struct weir_error *err)
{
    struct weir_pg_capture *c = pg->capture;
    char lsn[WEIR_PG_LSN_SIZE];
    struct weir_buf sql, publication;
    weir_buf_init(&sql, 8192);
    weir_buf_init(&publication, 1024);
    weir_pg_lsn_format(end, lsn);
    weir_sql_ident(&publication, weir_str_of(c->publication));
    weir_buf_addz(&sql, "COPY (SELECT data FROM pg_catalog.pg_logical_slot_peek_binary_changes(");
    weir_sql_text(&sql, weir_str_of(c->slot));
    weir_buf_addf(&sql, ", '%s'::pg_lsn, %d, 'proto_version', '1', 'publication_names', ", lsn,
                  CHANGES_AT_ONCE);
    weir_sql_text(&sql, weir_buf_str(&publication));
    weir_buf_addz(&sql, ")) TO STDOUT (FORMAT binary)");
    int rc = c->reader ? 0 : weir_pg_connect(pg, &c->reader, err);
    rc = rc || !weir_pg_is_bytes(c->reader)
             ? rc
             : weir_pg_ask(pg, c->reader, "SET " WEIR_PG_AS_BYTES, NULL, 0, NULL, err);
    pg->patient = true; /* it decodes before it sends */
    rc = rc ? rc : weir_pg_ask(pg, c->reader, weir_buf_cstr(&sql), NULL, 0, NULL, err);
    weir_buf_free(&sql);
    weir_buf_free(&publication);
    return rc;
}

int weir_pg_capture_read(void *connection, struct weir_source_follow *f, struct weir_error *err)
{
    struct weir_pg *pg = connection;
    struct weir_pg_capture *c = pg->capture;
    struct reading r = {.pg = pg, .c = c, .f = f};
    uint64_t end, mark, before = c->lsn;
    bool same = true;
    int rc = find_end(c, pg, &end, &mark, err);
    if (rc || end <= c->lsn) {
        return rc;
    }
    c->message = c->message ? c->message : calloc(1, sizeof *c->message);
    weir_buf_init(&r.room, 512u << 20);
    weir_buf_init(&r.kept, 1u << 20);
    rc = c->message ? start(pg, end, err) : weir_fail(err, WEIR_ENOMEM, "no memory for changes");
    rc = rc ? rc : drain(&r, c->reader, err);
    pg->patient = false;
    rc = rc || !r.seen ? rc : weir_pg_capture_same(pg, &same, err);
    f->more = r.seen >= CHANGES_AT_ONCE;
    f->again = !same;
    c->lsn = !f->more && mark > c->lsn ? mark : c->lsn;
    f->moved = c->lsn > before;
    f->cursor = rc ? f->cursor : weir_pg_capture_cursor(pg);
    free(r.relations);
    weir_buf_free(&r.room);
    weir_buf_free(&r.kept);
    return rc;
}
