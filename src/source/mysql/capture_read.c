/* What changed: read from the log, group by group, into the stages of the tables. */
#include <stdlib.h>
#include <strings.h>

#include "base/hash.h"
#include "source/mysql/capture.h"

#define CHANGES_AT_ONCE 1000000 /* then the round ends, behind the transaction that reaches it */
#define BYTES_MOST      (192u << 20) /* of a row */
#define ARTIFICIAL      0x20         /* flag of events that are not in the file */

struct followed { /* a table while its changes are read */
    struct weir_source_changes *changes;
    struct weir_my_target *targets; /* by the table's columns */
    size_t *columns;                /* of the plan; SIZE_MAX: not wanted */
    size_t *key;                    /* of the table's columns */
    size_t count;
    struct weir_my_map *map; /* what the log says that it is */
    bool named, touched;     /* in this group: by its map, by changes */
};
struct reading {
    struct weir_my *my;
    struct weir_my_capture *c;
    struct weir_source_follow *f;
    struct followed *tables;
    struct weir_my_map *map;        /* that was read last */
    struct weir_my_position begins; /* of the group */
    bool group, transaction;
    bool checksums, described; /* the file's format is known */
    uint64_t seen;
    struct weir_str *before, *after;
    struct weir_buf room;
};

/* --- tables -------------------------------------------------------------------------------------
 */

int weir_my_capture_columns(void *connection, size_t stream, struct weir_source_changes *out,
                            struct weir_error *err)
{
    struct weir_my *my = connection;
    const struct weir_my_followed *from = &my->capture->tables[stream];
    struct weir_my_table *t = weir_arena_calloc(&out->plan.arena, sizeof *t);
    out->key = weir_arena_calloc(&out->plan.arena, (from->key_count + 1) * sizeof *out->key);
    if (!t || !out->key) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table");
    }
    *t = (struct weir_my_table){.name = my->capture->f->streams[stream].name, .plan = &out->plan};
    out->own = t;
    int rc = weir_my_columns(my, t, &out->plan, err);
    bool said = !out->stream.key.count || out->stream.key.count == from->key_count;
    for (size_t k = 0; rc == 0 && k < from->key_count; k++) {
        size_t index = SIZE_MAX;
        for (size_t i = 0; i < t->column_count; i++) {
            index = weir_str_eq(t->columns[i].name, from->key[k]) ? t->columns[i].index : index;
        }
        out->key[out->key_count++] = index;
        if (index == SIZE_MAX) {
            rc = weir_fail(err, WEIR_EINVAL,
                           "the column \"" WEIR_STR_FMT "\" is of the key of the stream \"%s\"; it "
                           "cannot be left out",
                           WEIR_STR_ARG(from->key[k]), out->stream.name);
        }
        bool named = !out->stream.key.count;
        for (size_t i = 0; rc == 0 && i < out->stream.key.count; i++) {
            named = named || weir_str_is(out->plan.columns[index].name, out->stream.key.items[i]);
        }
        said = said && named;
    }
    out->soft = out->stream.deletes == WEIR_SOURCE_DELETES_SOFT;
    return rc || said ? rc
                      : weir_fail(err, WEIR_EINVAL,
                                  "the `key` of stream \"%s\" must be the table's primary key",
                                  out->stream.name);
}

static int make_target(const struct weir_my_column *from, const struct weir_column *to,
                       struct weir_arena *arena, struct weir_my_target *out, struct weir_error *err)
{
    struct weir_str size = from->declared;
    int64_t length = 0;
    *out = (struct weir_my_target){
        .form = from->form,
        .charset = from->utf8     ? WEIR_MY_UTF8
                   : from->latin1 ? WEIR_MY_LATIN1
                                  : WEIR_MY_OTHER_CHARSET,
        .is_unsigned = memmem(from->declared.ptr, from->declared.len, "unsigned", 8) != NULL,
        .type = to->type};
    (void)weir_source_decimal(to->type_name, &out->precision, &out->scale);
    if (weir_str_starts(size, WEIR_STR("binary("))) {
        (void)weir_str_cut(&size, '(');
        (void)weir_str_to_i64(weir_str_cut(&size, ')'), &length);
        out->length = (uint32_t)length;
    }
    if (!weir_my_target_fits(out)) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "the column \"" WEIR_STR_FMT "\" is of another type in the warehouse than "
                         "at the source (" WEIR_STR_FMT "); `weir sync --full` builds the table "
                         "anew",
                         WEIR_STR_ARG(from->name), WEIR_STR_ARG(from->declared));
    }
    bool labels = from->form == WEIR_MY_ENUM || from->form == WEIR_MY_SET;
    return labels ? weir_my_labels(from->declared, arena, &out->labels, &out->label_count, err) : 0;
}

static int open_table(struct reading *r, struct followed *to, struct weir_error *err)
{
    struct weir_source_changes *c = to->changes;
    const struct weir_my_table *t = c->own;
    struct weir_arena *arena = &r->f->arena;
    int rc = 0;
    to->count = t->column_count;
    to->targets = weir_arena_calloc(arena, (to->count + 1) * sizeof *to->targets);
    to->columns = weir_arena_calloc(arena, (to->count + 1) * sizeof *to->columns);
    to->key = weir_arena_calloc(arena, (c->key_count + 1) * sizeof *to->key);
    if (!to->targets || !to->columns || !to->key) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table's columns");
    }
    for (size_t i = 0; rc == 0 && i < to->count; i++) {
        size_t at = to->columns[i] = t->columns[i].index;
        rc = at == SIZE_MAX ? 0
                            : make_target(&t->columns[i], &c->settled.columns[at], arena,
                                          &to->targets[i], err);
        for (size_t k = 0; k < c->key_count; k++) {
            to->key[k] = c->key[k] == at ? i : to->key[k];
        }
    }
    return rc;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static uint64_t hash_key(const struct followed *to, const struct weir_str *values)
{
    uint64_t hash = 1;
    for (size_t k = 0; k < to->changes->key_count; k++) {
        const struct weir_str *v = &values[to->key[k]];
        hash = weir_hash64(&v->len, sizeof v->len, hash);
        hash = weir_hash64(v->ptr, v->len, hash);
    }
    return hash;
}

static bool same_key(const struct followed *to, const struct weir_str *a, const struct weir_str *b)
{
    for (size_t k = 0; k < to->changes->key_count; k++) {
        if (!weir_str_eq(a[to->key[k]], b[to->key[k]])) {
            return false;
        }
    }
    return true;
}

static int set_value(struct reading *r, struct followed *to, size_t i, struct weir_str bytes,
                     const char **why, struct weir_error *err)
{
    struct weir_source_rows *rows = &to->changes->rows;
    size_t at = to->columns[i];
    struct weir_my_value v;
    int rc = weir_my_value_read(to->map->types[i], to->map->metas[i], bytes, &to->targets[i],
                                &r->room, &v, why, err);
    if (rc || *why) {
        return rc;
    }
    switch (v.got) {
    case WEIR_MY_GOT_TEXT:
        return weir_source_rows_text(rows, at, v.text, err);
    case WEIR_MY_GOT_DOUBLE:
        weir_source_rows_double(rows, at, v.number);
        return 0;
    case WEIR_MY_GOT_INT:
        if (to->targets[i].type == WEIR_TYPE_BOOL) {
            weir_source_rows_bool(rows, at, v.whole != 0);
        } else {
            weir_source_rows_int(rows, at, v.whole);
        }
        return 0;
    default:
        return 0;
    }
}

static bool in_key(const struct followed *to, size_t i)
{
    for (size_t k = 0; k < to->changes->key_count; k++) {
        if (to->key[k] == i) {
            return true;
        }
    }
    return false;
}

/* Of the key alone or all. *why: it cannot be loaded, because of `column`. */
static int set_row(struct reading *r, struct followed *to, const struct weir_str *values, bool key,
                   struct weir_str *column, const char **why, struct weir_error *err)
{
    size_t bytes = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < to->count; i++) {
        const char *reason = NULL;
        bool mine = in_key(to, i);
        if (to->columns[i] == SIZE_MAX || !values[i].ptr || (key && !mine)) {
            continue;
        }
        bytes += values[i].len * 2;
        if (bytes > BYTES_MOST) {
            reason = "the row has more than 192 MB";
        } else {
            rc = set_value(r, to, i, values[i], &reason, err);
        }
        const struct weir_vector *v = &to->changes->rows.vectors[to->columns[i]];
        if (rc == 0 && !reason && mine && !weir_vector_valid(v, to->changes->rows.count)) {
            return weir_fail(err, WEIR_EUNSUPPORTED,
                             "a key of \"%s\" has the date 0000-00-00, which stands for none; load "
                             "it without `capture`",
                             to->changes->stream.name);
        }
        if (reason) {
            *why = reason;
            *column = to->changes->settled.columns[to->columns[i]].name;
        }
    }
    return rc;
}

static int end_gone(struct reading *r, struct followed *to, const struct weir_str *values,
                    struct weir_error *err)
{
    struct weir_str column;
    const char *why = NULL;
    int rc = set_row(r, to, values, true, &column, &why, err);
    if (rc == 0 && why) { /* so it was never in the table */
        weir_source_rows_forget(&to->changes->rows);
        return 0;
    }
    return rc ? rc : weir_source_changes_gone(to->changes, hash_key(to, values), err);
}

static int put(struct reading *r, struct followed *to, const struct weir_str *values,
               struct weir_error *err)
{
    struct weir_str column = WEIR_STR("");
    const char *why = NULL;
    int rc = set_row(r, to, values, false, &column, &why, err);
    if (rc == 0 && why) {
        rc = weir_source_changes_reject(to->changes, column, why, err);
        return rc ? rc : end_gone(r, to, values, err);
    }
    return rc ? rc
              : weir_source_changes_put(to->changes, hash_key(to, values), WEIR_STR(""), false,
                                        err);
}

static int put_rows(struct reading *r, struct followed *to, struct weir_my_change *change,
                    struct weir_error *err)
{
    int rc = 0;
    while (rc == 0 && change->rest.len) {
        rc = weir_my_image_read(to->map, &change->rest, r->before, err);
        r->seen++;
        if (rc == 0 && change->kind == 'I') {
            rc = put(r, to, r->before, err);
        } else if (rc == 0 && change->kind == 'D') {
            rc = end_gone(r, to, r->before, err);
        } else if (rc == 0) {
            rc = weir_my_image_read(to->map, &change->rest, r->after, err);
            rc = rc || same_key(to, r->before, r->after) ? rc : end_gone(r, to, r->before, err);
            rc = rc ? rc : put(r, to, r->after, err);
        }
    }
    return rc;
}

/* The table is to be loaded anew: the changes do not tell what became of its rows. */
static int alter(struct reading *r, size_t stream, struct weir_error *err)
{
    struct weir_my *my = r->my;
    char **more = realloc(my->altered, (my->altered_count + 1) * sizeof *more);
    my->altered = more ? more : my->altered;
    char *name = more ? strdup(r->f->streams[stream].name.ptr) : NULL;
    if (!name) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table");
    }
    my->altered[my->altered_count++] = name;
    r->f->again = true;
    return 0;
}

static bool is_followed(const struct reading *r, size_t i)
{
    return r->f->streams[i].cursor.ptr && !r->f->streams[i].refused.len &&
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
    struct followed *to = &r->tables[i];
    rc = weir_source_follow_table(r->f, i, &to->changes, err);
    rc = rc || to->targets ? rc : open_table(r, to, err);
    if (rc == 0 && (change.count != to->count || to->map->count != to->count)) {
        r->f->again = true; /* altered behind the end of this round */
        return 0;
    }
    to->touched = true;
    return rc ? rc : put_rows(r, to, &change, err);
}

/* One statement may change many tables: all are named before. */
static int name_table(struct reading *r, struct weir_str body, struct weir_error *err)
{
    int rc = weir_my_map_read(body, r->map, err);
    for (size_t i = 0; rc == 0 && i < r->f->count; i++) {
        struct followed *to = &r->tables[i];
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

static bool begins_with(struct weir_str s, const char *word)
{
    size_t n = strlen(word);
    return s.len >= n && strncasecmp(s.ptr, word, n) == 0;
}

/* Does it name the table? Rather once too often: then it is loaded anew. */
static bool names(struct weir_str statement, struct weir_str table)
{
    for (size_t i = 0; i + table.len <= statement.len; i++) {
        if (strncasecmp(statement.ptr + i, table.ptr, table.len) == 0) {
            return true;
        }
    }
    return memchr(table.ptr, '`', table.len) && memchr(statement.ptr, '`', statement.len);
}

static int other_statement(struct reading *r, struct weir_str statement, struct weir_error *err)
{
    static const char *const harmless[] = {"GRANT", "REVOKE", "ANALYZE", "FLUSH", "SET "};
    int rc = 0;
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        if (begins_with(statement, harmless[i])) {
            return 0;
        }
    }
    bool database =
        begins_with(statement, "DROP DATABASE") || begins_with(statement, "DROP SCHEMA");
    for (size_t i = 0; rc == 0 && i < r->f->count; i++) {
        bool undone = begins_with(statement, "ROLLBACK") && r->tables[i].touched;
        if (is_followed(r, i) &&
            (undone || (database && names(statement, weir_str_of(r->my->settings->database))) ||
             names(statement, r->f->streams[i].name))) {
            rc = alter(r, i, err);
        }
    }
    return rc;
}

static int query(struct reading *r, struct weir_str body, bool *ends, struct weir_error *err)
{
    struct weir_str database, statement;
    int rc = weir_my_query_read(body, &database, &statement, err);
    *ends = false;
    if (rc) {
        return rc;
    }
    if (weir_str_is(statement, "BEGIN")) {
        r->transaction = true;
        return 0;
    }
    if (begins_with(statement, "XA ")) {
        return weir_fail(
            err, WEIR_EUNSUPPORTED,
            "the log has a transaction of two phases (XA), which capture does not "
            "follow; `weir sync %s --full` reads all tables anew and goes on behind it",
            r->my->config->name);
    }
    *ends =
        !r->transaction || weir_str_is(statement, "COMMIT") || weir_str_is(statement, "ROLLBACK");
    return weir_str_is(statement, "COMMIT") || begins_with(statement, "SAVEPOINT")
               ? 0
               : other_statement(r, statement, err);
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
    r->group = r->transaction = false;
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
            rc = r->tables[i].touched ? alter(r, i, err) : 0;
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

static int group_event(struct reading *r, const struct weir_my_event *e, struct weir_error *err)
{
    bool ends = e->kind == WEIR_MY_XID;
    int rc = 0;
    if (!r->group) {
        r->group = true;
        r->begins = r->c->position;
        r->begins.at = e->begins;
    }
    switch (e->kind) {
    case WEIR_MY_XID:
    case WEIR_MY_GTID_MYSQL:
    case WEIR_MY_GTID_ANONYMOUS:
        break;
    case WEIR_MY_GTID_MARIADB:
        r->transaction = weir_my_gtid_opens(e->body);
        break;
    case WEIR_MY_QUERY:
        rc = query(r, e->body, &ends, err);
        break;
    case WEIR_MY_TABLE_MAP:
        rc = name_table(r, e->body, err);
        break;
    case WEIR_MY_XA_PREPARE:
    case WEIR_MY_PARTIAL_UPDATE:
    case WEIR_MY_PAYLOAD:
        rc = weir_fail(err, WEIR_EUNSUPPORTED,
                       "the log has events of a kind that capture does not follow (%u: XA, "
                       "compressed, or partial); `weir sync %s --full` reads all tables anew",
                       e->kind, r->my->config->name);
        break;
    default:
        rc = change_rows(r, e, err);
    }
    if (rc == 0 && ends) {
        end_group(r, e->ends);
    }
    return rc;
}

static bool in_group(unsigned kind)
{
    return kind == WEIR_MY_QUERY || kind == WEIR_MY_XID || kind == WEIR_MY_TABLE_MAP ||
           (kind >= WEIR_MY_WRITE_1 && kind <= WEIR_MY_DELETE_1) ||
           (kind >= WEIR_MY_WRITE_2 && kind <= WEIR_MY_GTID_ANONYMOUS) ||
           (kind >= WEIR_MY_XA_PREPARE && kind <= WEIR_MY_PAYLOAD) || kind == WEIR_MY_GTID_MARIADB;
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
    if (!r->group && e.ends > r->c->position.at && !(e.flags & ARTIFICIAL)) {
        r->c->position.at = e.ends;
    }
    return 0;
}

/* --- the round ----------------------------------------------------------------------------------
 */

static int drain(struct reading *r, const struct weir_my_position *end, struct weir_error *err)
{
    MYSQL *con = NULL;
    struct weir_str bytes = WEIR_STR("");
    int rc = weir_my_log_open(r->my, r->c->position.file, r->c->position.at, &con, err);
    while (rc == 0 && !r->f->again && (r->group || weir_my_position_less(&r->c->position, end))) {
        rc = weir_my_log_next(r->my, con, &bytes, err);
        if (rc || !bytes.ptr) {
            break;
        }
        rc = one_event(r, bytes, err);
        r->f->more = rc == 0 && !r->group && r->seen >= CHANGES_AT_ONCE;
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
    bool same = true;
    int rc = weir_my_capture_end(my, &end, err);
    if (rc || !weir_my_position_less(&c->position, &end)) {
        return rc;
    }
    weir_buf_init(&r.room, 512u << 20);
    r.map = calloc(1, sizeof *r.map);
    r.before = calloc(WEIR_MY_MAX_COLUMNS, sizeof *r.before);
    r.after = calloc(WEIR_MY_MAX_COLUMNS, sizeof *r.after);
    r.tables = calloc(f->count + 1, sizeof *r.tables);
    rc = r.map && r.before && r.after && r.tables
             ? drain(&r, &end, err)
             : weir_fail(err, WEIR_ENOMEM, "no memory for changes");
    rc = rc || !r.seen || f->again ? rc : weir_my_capture_same(my, &same, err);
    f->again = f->again || !same;
    f->moved = weir_my_position_less(&before, &c->position);
    f->cursor = rc ? f->cursor : weir_my_capture_cursor(c);
    weir_buf_free(&r.room);
    free(r.map);
    free(r.before);
    free(r.after);
    for (size_t i = 0; r.tables && i < f->count; i++) {
        free(r.tables[i].map);
    }
    free(r.tables);
    return rc;
}
