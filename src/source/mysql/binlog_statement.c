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

bool weir_my_query_names(struct weir_str statement, struct weir_str table)
{
    for (size_t i = 0; i + table.len <= statement.len; i++) {
        if (strncasecmp(statement.ptr + i, table.ptr, table.len) == 0) {
            return true;
        }
    }
    return memchr(table.ptr, '`', table.len) && memchr(statement.ptr, '`', statement.len);
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

static bool is_in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

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
    static const char *const named[] = {"ALTER",    "BEGIN",     "CREATE", "DROP",     "IMPORT",
                                        "INSTALL",  "RENAME",    "REPAIR", "ROLLBACK", "START",
                                        "TRUNCATE", "UNINSTALL", "XA",     NULL};
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
        bool all = (is(what, "DATABASE") || is(what, "SCHEMA")) &&
                   weir_my_query_names(rest, weir_str_of(database));
        return all ? WEIR_MY_ANYTHING : reach;
    }
    return reach;
}
