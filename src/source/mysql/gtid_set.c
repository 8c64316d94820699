#include "source/mysql/gtid_set.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "source/mysql/binlog_bytes.h"

/* --- sets ---------------------------------------------------------------------------------------
 */

void weir_my_set_free(struct weir_my_gtid_set *set)
{
    free(set->ranges);
    *set = (struct weir_my_gtid_set){0};
}

static int order(const struct weir_my_range *a, const struct weir_my_range *b)
{
    int servers = memcmp(a->server, b->server, sizeof a->server);
    return servers ? servers : strcmp(a->tag, b->tag);
}

static int make_room(struct weir_my_gtid_set *set, struct weir_error *err)
{
    if (set->count < set->room) {
        return 0;
    }
    if (set->count == WEIR_MY_SET_RANGES) {
        return weir_fail(err, WEIR_ETOOBIG, "transactions' ids have more than %d ranges",
                         WEIR_MY_SET_RANGES);
    }
    size_t room = set->room ? set->room * 2 : 8;
    struct weir_my_range *more = realloc(set->ranges, room * sizeof *more);
    if (!more) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for transactions' ids");
    }
    set->ranges = more;
    set->room = room;
    return 0;
}

int weir_my_set_add(struct weir_my_gtid_set *set, const struct weir_my_range *range,
                    struct weir_error *err)
{
    struct weir_my_range *at = set->ranges, *end = set->count ? at + set->count : at;
    while (at < end &&
           (order(at, range) < 0 || (order(at, range) == 0 && at->last < range->first - 1))) {
        at++;
    }
    if (at < end && order(at, range) == 0 && at->first - 1 <= range->last) { /* they touch */
        at->first = at->first < range->first ? at->first : range->first;
        at->last = at->last > range->last ? at->last : range->last;
        struct weir_my_range *next = at + 1;
        while (next < end && order(next, at) == 0 && next->first - 1 <= at->last) {
            at->last = at->last > next->last ? at->last : next->last;
            next++;
        }
        memmove(at + 1, next, (size_t)(end - next) * sizeof *at);
        set->count -= (size_t)(next - at - 1);
        return 0;
    }
    size_t index = at ? (size_t)(at - set->ranges) : 0;
    int rc = make_room(set, err);
    if (rc == 0) {
        at = set->ranges + index;
        memmove(at + 1, at, (set->count - index) * sizeof *at);
        *at = *range;
        set->count++;
    }
    return rc;
}

bool weir_my_set_has(const struct weir_my_gtid_set *set, const struct weir_my_range *range)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct weir_my_range *r = &set->ranges[i];
        if (order(r, range) == 0 && r->first <= range->first && r->last >= range->last) {
            return true;
        }
    }
    return false;
}

bool weir_my_set_has_all(const struct weir_my_gtid_set *set, const struct weir_my_gtid_set *of)
{
    for (size_t i = 0; i < of->count; i++) {
        if (!weir_my_set_has(set, &of->ranges[i])) {
            return false;
        }
    }
    return true;
}

bool weir_my_set_meets(const struct weir_my_gtid_set *a, const struct weir_my_gtid_set *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            const struct weir_my_range *x = &a->ranges[i], *y = &b->ranges[k];
            if (order(x, y) == 0 && x->first <= y->last && y->first <= x->last) {
                return true;
            }
        }
    }
    return false;
}

/* --- as text ------------------------------------------------------------------------------------
 */

static bool parse_server(struct weir_str text, unsigned char out[16])
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = tolower((unsigned char)text.ptr[i]);
        if (c == '-') {
            continue;
        }
        if (!isxdigit(c) || digits == 32) {
            return false;
        }
        unsigned value = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        out[digits / 2] = (unsigned char)(digits % 2 ? out[digits / 2] | value : value << 4);
        digits++;
    }
    return digits == 32;
}

static bool is_number(uint64_t n)
{
    return n >= 1 && n < INT64_MAX;
}

static bool is_range(const struct weir_my_range *r)
{
    return is_number(r->first) && is_number(r->last) && r->first <= r->last;
}

/* As MySQL has them: a digit does not begin one, or it would be a number in a text. */
static bool set_tag(struct weir_my_range *r, struct weir_str tag)
{
    if (tag.len && isdigit((unsigned char)*tag.ptr)) {
        return false;
    }
    for (size_t i = 0; i < tag.len; i++) {
        if (!isalnum((unsigned char)tag.ptr[i]) && tag.ptr[i] != '_') {
            return false;
        }
    }
    if (tag.len >= sizeof r->tag) {
        return false;
    }
    memset(r->tag, 0, sizeof r->tag);
    memcpy(r->tag, tag.ptr, tag.len);
    return true;
}

int weir_my_set_parse(struct weir_my_gtid_set *set, struct weir_str text, struct weir_error *err)
{
    int rc = 0;
    while (rc == 0 && text.len) {
        struct weir_str one = weir_str_trim(weir_str_cut(&text, ','));
        struct weir_my_range r = {.tag = ""};
        bool good = parse_server(weir_str_cut(&one, ':'), r.server) && one.len;
        while (rc == 0 && good && one.len) {
            struct weir_str part = weir_str_trim(weir_str_cut(&one, ':'));
            if (part.len && !isdigit((unsigned char)*part.ptr)) {
                good = set_tag(&r, part) && one.len;
                continue;
            }
            struct weir_str first = weir_str_cut(&part, '-');
            int64_t from = 0, to = 0;
            good = weir_str_to_i64(first, &from) && from > 0 &&
                   (part.len ? weir_str_to_i64(part, &to) && to > 0 : (to = from) > 0);
            r.first = (uint64_t)from;
            r.last = (uint64_t)to;
            good = good && is_range(&r);
            rc = good ? weir_my_set_add(set, &r, err) : 0;
        }
        rc = rc || good ? rc : weir_fail(err, WEIR_ECORRUPT, "these are no transactions' ids");
    }
    return rc;
}

void weir_my_set_print(const struct weir_my_gtid_set *set, struct weir_buf *out)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct weir_my_range *r = &set->ranges[i], *before = i ? r - 1 : NULL;
        bool same = before && memcmp(before->server, r->server, sizeof r->server) == 0;
        if (!same) {
            weir_buf_addz(out, i ? "," : "");
            for (size_t k = 0; k < sizeof r->server; k++) {
                weir_buf_addf(out, "%s%02x", k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "",
                              r->server[k]);
            }
        }
        if (*r->tag && !(same && strcmp(before->tag, r->tag) == 0)) {
            weir_buf_addf(out, ":%s", r->tag);
        }
        weir_buf_addf(out, ":%" PRIu64, r->first);
        if (r->last != r->first) {
            weir_buf_addf(out, "-%" PRIu64, r->last);
        }
    }
}

/* --- as bytes -----------------------------------------------------------------------------------
 */

/* MySQL's serialization of numbers: as many bytes more as the first one's lowest bits are 1. */
static bool take_serial(struct weir_str *s, uint64_t *out)
{
    unsigned more = 0;
    if (!s->len) {
        return false;
    }
    while (more < 8 && (unsigned char)*s->ptr >> more & 1) {
        more++;
    }
    if (more == 8) {
        struct weir_str first;
        return weir_my_take(s, 1, &first) && weir_my_take_number(s, 8, out);
    }
    bool there = weir_my_take_number(s, more + 1, out);
    *out >>= more + 1;
    return there;
}

static bool take_serial_tag(struct weir_str *s, struct weir_my_range *r)
{
    uint64_t len;
    struct weir_str tag;
    return take_serial(s, &len) && len <= s->len && weir_my_take(s, len, &tag) && set_tag(r, tag);
}

/* With tags, which came later, the number of servers has a mark in its first and its last byte. */
int weir_my_set_read(struct weir_my_gtid_set *set, struct weir_str body, struct weir_error *err)
{
    uint64_t servers, ranges, end;
    struct weir_str id;
    bool read = weir_my_take_number(&body, 8, &servers);
    bool tagged = servers >> 56 == 1;
    servers = tagged ? servers >> 8 & 0xffffffffffffull : servers;
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && read && i < servers; i++) {
        struct weir_my_range r = {.tag = ""};
        read = weir_my_take(&body, sizeof r.server, &id);
        if (read) {
            memcpy(r.server, id.ptr, sizeof r.server);
        }
        read = read && (!tagged || take_serial_tag(&body, &r)) &&
               weir_my_take_number(&body, 8, &ranges);
        for (uint64_t k = 0; rc == 0 && read && k < ranges; k++) {
            read = weir_my_take_number(&body, 8, &r.first) && weir_my_take_number(&body, 8, &end);
            r.last = end - 1;
            read = read && is_range(&r);
            rc = read ? weir_my_set_add(set, &r, err) : 0;
        }
    }
    return rc || read ? rc : weir_my_damaged(err, "the ids of its transactions");
}

/* Fields behind their numbers: 0 flags, 1 the server, 2 the number, 3 the tag, and what follows. */
static bool read_tagged(struct weir_str body, struct weir_my_range *out)
{
    uint64_t ignored, field = 0, value = 0;
    bool read = take_serial(&body, &ignored) && take_serial(&body, &ignored) &&
                take_serial(&body, &ignored);
    unsigned seen = 0;
    while (read && (seen & 14) != 14 && field <= 3) {
        read = take_serial(&body, &field);
        if (read && field == 1) {
            for (size_t i = 0; read && i < sizeof out->server; i++) {
                read = take_serial(&body, &value) && value <= 255;
                out->server[i] = (unsigned char)value;
            }
        } else if (read && field == 3) {
            read = take_serial_tag(&body, out);
        } else if (read && field < 3) {
            read = take_serial(&body, &value);
            out->first = field == 2 ? value >> 1 : out->first; /* its lowest bit is the sign */
        }
        seen |= field <= 3 ? 1u << field : 0;
    }
    return read && (seen & 6) == 6;
}

int weir_my_range_read(const struct weir_my_event *event, struct weir_my_range *out,
                       struct weir_error *err)
{
    struct weir_str body = event->body, id;
    uint64_t flags;
    bool read;
    *out = (struct weir_my_range){.tag = ""};
    if (event->kind == WEIR_MY_GTID_TAGGED) {
        read = read_tagged(body, out);
    } else {
        read = weir_my_take_number(&body, 1, &flags) && weir_my_take(&body, 16, &id) &&
               weir_my_take_number(&body, 8, &out->first);
        if (read) {
            memcpy(out->server, id.ptr, sizeof out->server);
        }
    }
    out->last = out->first;
    return read && is_range(out) ? 0 : weir_my_damaged(err, "a transaction's id");
}
