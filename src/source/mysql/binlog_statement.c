/* Statements in the log. A log of rows has some, too: those of DDL, and what begins and ends a
 * transaction. Any other was logged so by a session of its own (binlog_format STATEMENT or MIXED).
 */
#include <string.h>
#include <strings.h>

#include "source/mysql/binlog_bytes.h"

int weir_my_query_read(const struct weir_my_event *e, struct weir_my_query *out,
                       struct weir_error *err)
{
    struct weir_str body = e->body, ignored;
    uint64_t skipped, database_len, status_len;
    bool read =
        weir_my_take_number(&body, 8, &skipped) && weir_my_take_number(&body, 1, &database_len) &&
        weir_my_take_number(&body, 2, &skipped) && weir_my_take_number(&body, 2, &status_len) &&
        weir_my_take(&body, e->kind == WEIR_MY_LOAD_QUERY ? 13 : 0, &ignored) &&
        weir_my_take(&body, status_len, &out->status) &&
        weir_my_take(&body, database_len, &out->database) &&
        weir_my_take_number(&body, 1, &skipped);
    out->statement = body;
    return read ? 0 : weir_my_damaged(err, "a statement");
}

/* --- names --------------------------------------------------------------------------------------
 * Looked for wherever they may stand, in a text or a comment too. Only what surely is of another
 * database is none.
 */

static bool is_in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_quote(char c)
{
    return c == '`' || c == '"';
}

static bool has_quote(struct weir_str s)
{
    return memchr(s.ptr, '`', s.len) || memchr(s.ptr, '"', s.len);
}

static bool is_beyond_ascii(struct weir_str s)
{
    size_t n = 0;
    while (n < s.len && (unsigned char)s.ptr[n] < 0x80) {
        n++;
    }
    return n < s.len;
}

struct searched { /* a statement, in the character set of whoever sent it */
    struct weir_str text;
    bool utf8; /* else a letter beyond ASCII may be anything, a blank too */
};

static bool in_word(const struct searched *s, char c)
{
    return is_in_word(c) && (s->utf8 || (unsigned char)c < 0x80);
}

/* In another case, too. Letters beyond ASCII that may have cases are any such letters; those of
 * East Asia are themselves. */
static bool is_same(const char *text, struct weir_str name)
{
    bool cased = false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char x = (unsigned char)text[i], y = (unsigned char)name.ptr[i];
        if (x < 0x80 || y < 0x80) {
            if (strncasecmp(text + i, name.ptr + i, 1) != 0) {
                return false;
            }
            continue;
        }
        cased = y >= 0xc0 ? y < 0xe3 || y == 0xea || y > 0xed : cased;
        if (x != y && !(cased && (x >= 0xc0) == (y >= 0xc0))) {
            return false;
        }
    }
    return true;
}

/* As in a comment that is none to the server: "!50000orders". */
static bool is_behind_version(struct weir_str text, size_t at)
{
    size_t n = at;
    while (n && text.ptr[n - 1] >= '0' && text.ptr[n - 1] <= '9') {
        n--;
    }
    return n < at && n && text.ptr[n - 1] == '!';
}

static bool is_word_at(const struct searched *s, size_t at, struct weir_str name)
{
    if (!name.len || at > s->text.len || name.len > s->text.len - at ||
        !is_same(s->text.ptr + at, name)) {
        return false;
    }
    const char *first = s->text.ptr + at, *behind = first + name.len;
    bool begins =
        !at || !in_word(s, *first) || !in_word(s, first[-1]) || is_behind_version(s->text, at);
    return begins &&
           (at + name.len == s->text.len || !in_word(s, behind[-1]) || !in_word(s, *behind));
}

/* Or is it not to be known? */
static bool has_word(const struct searched *s, struct weir_str name)
{
    bool found = (has_quote(name) && has_quote(s->text)) || (!s->utf8 && is_beyond_ascii(name));
    for (size_t i = 0; !found && i + name.len <= s->text.len; i++) {
        found = is_word_at(s, i, name);
    }
    return found;
}

/* Where what stands before the name ends. Only blanks may be between: behind a line's end, a point
 * may be a comment's. */
static size_t before(const struct searched *s, size_t at)
{
    at -= at && is_quote(s->text.ptr[at - 1]);
    while (at && is_blank(s->text.ptr[at - 1])) {
        at--;
    }
    return at;
}

static bool is_behind_point(const struct searched *s, size_t at)
{
    at = before(s, at);
    return at && s->text.ptr[at - 1] == '.';
}

/* So it is a database, or the table of a column. */
static bool is_before_point(const struct searched *s, size_t at)
{
    at += at < s->text.len && is_quote(s->text.ptr[at]);
    while (at < s->text.len && is_blank(s->text.ptr[at])) {
        at++;
    }
    return at < s->text.len && s->text.ptr[at] == '.';
}

/* Does another database's name stand before the point? */
static bool is_elsewhere(const struct searched *s, size_t at, struct weir_str database)
{
    const char *text = s->text.ptr;
    if (!is_behind_point(s, at)) {
        return false;
    }
    size_t point = before(s, at) - 1;
    for (at = point; at && is_blank(text[at - 1]);) {
        at--;
    }
    bool named = at && is_quote(text[at - 1]);
    at -= named;
    /* Behind a blank it may be a word of the language: "TRUNCATE TABLE .orders". */
    for (size_t n = at; !named && at == point && n && in_word(s, text[n - 1]); n--) {
        named = text[n - 1] < '0' || text[n - 1] > '9'; /* else a comment's version */
    }
    bool unclear = has_quote(database) || (!s->utf8 && is_beyond_ascii(database));
    return named && !unclear && (at < database.len || !is_word_at(s, at - database.len, database));
}

bool weir_my_query_names(const struct weir_my_query *q, const char *database, struct weir_str table)
{
    struct searched s = {q->statement, weir_utf8_valid(q->statement)};
    struct weir_str own = weir_str_of(database);
    bool here = !q->database.len || (q->database.len == own.len && is_same(q->database.ptr, own));
    if (!here && !has_word(&s, own)) {
        return false;
    }
    if ((has_quote(table) && has_quote(s.text)) || (!s.utf8 && is_beyond_ascii(table))) {
        return true;
    }
    bool found = false;
    for (size_t i = 0; !found && i + table.len <= s.text.len; i++) {
        found = is_word_at(&s, i, table) && !is_elsewhere(&s, i, own) &&
                (is_behind_point(&s, i) || !is_before_point(&s, i + table.len));
    }
    return found;
}

/* --- which databases ----------------------------------------------------------------------------
 */

#define Q_DATABASES                                                                                \
    12 /* of MySQL: those of all tables that it locks, by triggers and functions too */
#define MANY 254

/* Of Query_log_event; those that are not of a length alone have it before them. */
static bool skip_status(struct weir_str *status, unsigned char code)
{
    static const unsigned char sizes[Q_DATABASES] = {
        [0] = 4, [1] = 8, [3] = 4, [4] = 6, [7] = 2, [8] = 2, [9] = 8, [10] = 4};
    struct weir_str ignored;
    uint64_t len = code < Q_DATABASES ? sizes[code] : 0;
    int texts = code == 11 ? 2 : code == 2 || code == 5 || code == 6 ? 1 : 0;
    if (!texts && !len) {
        return false;
    }
    for (int i = 0; i < texts; i++) {
        if (!weir_my_take_number(status, 1, &len) || !weir_my_take(status, len, &ignored)) {
            return false;
        }
    }
    return weir_my_take(status, texts ? code == 2 : len, &ignored);
}

static bool reaches(const struct weir_my_query *q, const char *database)
{
    struct weir_str status = q->status;
    uint64_t code = 0, count = MANY;
    while (weir_my_take_number(&status, 1, &code) && code != Q_DATABASES) {
        if (!skip_status(&status, (unsigned char)code)) {
            return true;
        }
    }
    if (code != Q_DATABASES || !weir_my_take_number(&status, 1, &count) || count >= MANY) {
        return true;
    }
    for (; count; count--) {
        const char *end = memchr(status.ptr, 0, status.len);
        size_t len = end ? (size_t)(end - status.ptr) : 0;
        if (!len || (len == strlen(database) && strncasecmp(status.ptr, database, len) == 0)) {
            return true;
        }
        status.ptr += len + 1;
        status.len -= len + 1;
    }
    return false;
}

/* --- what it is ---------------------------------------------------------------------------------
 */

static bool starts(struct weir_str s, const char *with)
{
    return weir_str_starts(s, weir_str_of(with));
}

static void skip(struct weir_str *s, size_t n)
{
    n = n < s->len ? n : s->len;
    s->ptr += n;
    s->len -= n;
}

static void skip_past(struct weir_str *s, const char *end)
{
    while (s->len && !starts(*s, end)) {
        skip(s, 1);
    }
    skip(s, strlen(end));
}

/* Off the beginning: blanks, comments, brackets. Comments with a mark are none to the server. */
static void skip_blanks(struct weir_str *s)
{
    for (;;) {
        if (starts(*s, "/*!") || starts(*s, "/*M!")) {
            skip_past(s, "!");
            while (s->len && *s->ptr >= '0' && *s->ptr <= '9') {
                skip(s, 1);
            }
        } else if (starts(*s, "/*")) {
            skip(s, 2);
            skip_past(s, "*/");
        } else if (starts(*s, "*/")) {
            skip(s, 2);
        } else if (starts(*s, "#") || starts(*s, "--")) {
            skip_past(s, "\n");
        } else if (s->len && memchr(" \t\r\n\f\v(;", *s->ptr, 8)) {
            skip(s, 1);
        } else {
            return;
        }
    }
}

static struct weir_str take_word(struct weir_str *s)
{
    size_t n = 0;
    skip_blanks(s);
    while (n < s->len && is_in_word(s->ptr[n])) {
        n++;
    }
    struct weir_str word = {s->ptr, n};
    skip(s, n);
    return word;
}

/* Wherever it stands, in a text or a comment too. */
static struct weir_str find_word(struct weir_str *s)
{
    while (s->len && !is_in_word(*s->ptr)) {
        skip(s, 1);
    }
    return take_word(s);
}

static bool is(struct weir_str word, const char *name)
{
    return word.len == strlen(name) && strncasecmp(word.ptr, name, word.len) == 0;
}

static bool is_one_of(struct weir_str word, const char *const *names)
{
    while (*names && !is(word, *names)) {
        names++;
    }
    return *names;
}

/* CREATE TABLE … SELECT may call functions, which change what they like. Rather once too often. */
static bool selects(struct weir_str rest)
{
    static const char *const between[] = {"OR", "REPLACE", "TEMPORARY", NULL};
    static const char *const limits[] = {"LESS", "IN", NULL}; /* of a partition */
    struct weir_str word = take_word(&rest);
    while (is_one_of(word, between)) {
        word = take_word(&rest);
    }
    bool found = false, values = false, table = is(word, "TABLE");
    while (table && !found && rest.len) {
        word = find_word(&rest);
        found = is(word, "SELECT") || (values && !is_one_of(word, limits));
        values = is(word, "VALUES");
    }
    return found;
}

/* SET STATEMENT name = value, … FOR statement, of MariaDB. */
static bool take_settings(struct weir_str *rest)
{
    struct weir_str word = WEIR_STR("x");
    while (rest->len && !is(word, "FOR")) {
        word = find_word(rest);
    }
    return is(word, "FOR");
}

static enum weir_my_reach reach_of(struct weir_str statement, struct weir_str *verb)
{
    static const char *const nothing[] = {"ANALYZE", "CHECK",     "CHECKSUM", "COMMIT",
                                          "FLUSH",   "GRANT",     "OPTIMIZE", "RELEASE",
                                          "REVOKE",  "SAVEPOINT", NULL};
    static const char *const named[] = {"ALTER",     "BEGIN",  "CREATE",   "DROP",  "INSTALL",
                                        "RENAME",    "REPAIR", "ROLLBACK", "START", "TRUNCATE",
                                        "UNINSTALL", "XA",     NULL};
    static const char *const accounts[] = {"PASSWORD", "DEFAULT", "ROLE", NULL};
    struct weir_str rest = statement, word = take_word(&rest);
    *verb = word;
    if (is(word, "SET")) {
        word = take_word(&rest);
        if (is(word, "STATEMENT") && take_settings(&rest)) {
            return reach_of(rest, verb);
        }
        return is_one_of(word, accounts) ? WEIR_MY_NOTHING : WEIR_MY_ANYTHING;
    }
    if (!word.len && !rest.len) {
        return WEIR_MY_NOTHING;
    }
    bool fills = is(word, "CREATE") && selects(rest);
    return is_one_of(word, nothing)           ? WEIR_MY_NOTHING
           : is_one_of(word, named) && !fills ? WEIR_MY_NAMED
                                              : WEIR_MY_ANYTHING;
}

enum weir_my_reach weir_my_query_reach(const struct weir_my_query *q, const char *database,
                                       struct weir_str *verb)
{
    enum weir_my_reach reach = reach_of(q->statement, verb);
    struct weir_str rest = q->statement;
    if (reach == WEIR_MY_ANYTHING && !reaches(q, database)) {
        return WEIR_MY_NAMED;
    }
    if (reach == WEIR_MY_NAMED && is(take_word(&rest), "DROP")) {
        struct weir_str what = take_word(&rest);
        struct searched s = {rest, weir_utf8_valid(q->statement)};
        bool all =
            (is(what, "DATABASE") || is(what, "SCHEMA")) && has_word(&s, weir_str_of(database));
        return all ? WEIR_MY_ANYTHING : reach;
    }
    return reach;
}
