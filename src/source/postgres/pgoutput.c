#include "source/postgres/pgoutput.h"

#include <stdio.h>

#include "base/hash.h"

struct reader {
    const char *at;
    size_t left;
    bool damaged; /* sticky: what was read since is 0 or empty */
};

static struct weir_str take(struct reader *r, size_t n)
{
    struct weir_str out = {r->at, n};
    if (r->damaged || n > r->left) {
        r->damaged = true;
        return WEIR_STR("");
    }
    r->at += n;
    r->left -= n;
    return out;
}

static uint64_t take_number(struct reader *r, size_t n)
{
    struct weir_str bytes = take(r, n);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | (unsigned char)bytes.ptr[i];
    }
    return value;
}

static struct weir_str take_text(struct reader *r) /* up to its NUL */
{
    const char *end = r->damaged || !r->left ? NULL : memchr(r->at, 0, r->left);
    struct weir_str out = take(r, end ? (size_t)(end - r->at) : r->left + 1);
    (void)take(r, 1);
    return out;
}

static int damaged(struct weir_error *err, const char *what)
{
    return weir_fail(err, WEIR_ECORRUPT, "the server sent a damaged change: %s", what);
}

static int read_tuple(struct reader *r, struct weir_pg_tuple *t, struct weir_error *err)
{
    t->count = take_number(r, 2);
    if (t->count > WEIR_PG_MAX_COLUMNS) {
        return damaged(err, "a row of too many columns");
    }
    for (size_t i = 0; i < t->count && !r->damaged; i++) {
        struct weir_pg_value *v = &t->values[i];
        char kind = (char)take_number(r, 1);
        v->kind = kind == 'n' ? WEIR_PG_NULL : kind == 'u' ? WEIR_PG_KEPT : WEIR_PG_SENT;
        v->text = WEIR_STR("");
        if (kind == 't') {
            v->text = take(r, take_number(r, 4));
        } else if (v->kind == WEIR_PG_SENT) {
            return weir_fail(err, WEIR_EUNSUPPORTED, "the server sent a value that is no text");
        }
    }
    return r->damaged ? damaged(err, "a row ends in its middle") : 0;
}

static int read_relation(struct weir_pg_message *m, struct reader *r, struct weir_error *err)
{
    m->relation = (uint32_t)take_number(r, 4);
    (void)take_text(r); /* schema, name: the number says which it is */
    (void)take_text(r);
    (void)take_number(r, 1); /* replica identity */
    m->column_count = take_number(r, 2);
    if (m->column_count > WEIR_PG_MAX_COLUMNS) {
        return damaged(err, "a table of too many columns");
    }
    for (size_t i = 0; i < m->column_count && !r->damaged; i++) {
        (void)take_number(r, 1); /* part of the key? */
        m->columns[i] = take_text(r);
        (void)take_number(r, 4); /* type, modifier */
        (void)take_number(r, 4);
    }
    return r->damaged ? damaged(err, "a table's description") : 0;
}

static int read_change(struct weir_pg_message *m, struct reader *r, struct weir_error *err)
{
    m->relation = (uint32_t)take_number(r, 4);
    m->old = 0;
    char part = (char)take_number(r, 1);
    int rc = 0;
    if (part == 'K' || part == 'O') {
        m->old = part;
        rc = read_tuple(r, &m->before, err);
        part = m->kind == 'D' || rc ? 'N' : (char)take_number(r, 1);
    } else if (m->kind == 'D') {
        return damaged(err, "a deleted row without its key");
    }
    if (rc || m->kind == 'D') {
        return rc;
    }
    return part == 'N' ? read_tuple(r, &m->after, err) : damaged(err, "a row's beginning");
}

int weir_pg_message_read(struct weir_pg_message *m, struct weir_str bytes, struct weir_error *err)
{
    struct reader r = {bytes.ptr, bytes.len, false};
    int rc = 0;
    m->kind = (char)take_number(&r, 1);
    switch (m->kind) {
    case 'B':
        m->commit = take_number(&r, 8);
        m->at = (int64_t)take_number(&r, 8);
        (void)take(&r, 4); /* transaction */
        break;
    case 'C':
        (void)take(&r, 9); /* flags, position of the commit */
        m->end = take_number(&r, 8);
        (void)take(&r, 8);
        break;
    case 'R':
        rc = read_relation(m, &r, err);
        break;
    case 'I':
    case 'U':
    case 'D':
        rc = read_change(m, &r, err);
        break;
    case 'O':
    case 'T': /* the catalog tells of it, too */
    case 'Y':
    case 'M':
        m->kind = 0;
        return 0;
    default:
        return r.damaged ? damaged(err, "it is empty")
                         : weir_fail(err, WEIR_EUNSUPPORTED,
                                     "the server sent a change of a kind that weir does not know");
    }
    return rc ? rc : r.damaged || r.left ? damaged(err, "its length") : 0;
}

int weir_pg_cells_read(struct weir_pg_cells *c, struct weir_str message, struct weir_str *out,
                       struct weir_error *err)
{
    static const char signature[] = "PGCOPY\n\377\r\n"; /* and its NUL */
    struct reader r = {message.ptr, message.len, false};
    *out = (struct weir_str){NULL, 0};
    if (!c->begun) {
        struct weir_str head = take(&r, sizeof signature);
        (void)take_number(&r, 4);
        (void)take(&r, take_number(&r, 4));
        if (r.damaged || memcmp(head.ptr, signature, sizeof signature) != 0) {
            return damaged(err, "the rows' header");
        }
        c->begun = true;
    }
    if (r.left == 0) {
        return 0;
    }
    uint64_t fields = take_number(&r, 2);
    if (fields == 0xffff && !c->ended) {
        c->ended = true;
    } else {
        *out = take(&r, take_number(&r, 4));
        r.damaged = r.damaged || fields != 1 || c->ended;
    }
    return r.damaged || r.left ? damaged(err, "a row's length") : 0;
}

bool weir_pg_lsn_read(struct weir_str text, uint64_t *out)
{
    uint64_t value = 0, half = 0;
    size_t digits = 0, slashes = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int digit = weir_hex_digit(c);
        if (c == '/' && digits && !slashes) {
            slashes++;
            value = half << 32;
            half = digits = 0;
        } else if (digit < 0 || ++digits > 8) {
            return false;
        } else {
            half = half << 4 | (unsigned)digit;
        }
    }
    *out = value | half;
    return digits && slashes;
}

void weir_pg_lsn_format(uint64_t lsn, char out[WEIR_PG_LSN_SIZE])
{
    snprintf(out, WEIR_PG_LSN_SIZE, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
}
