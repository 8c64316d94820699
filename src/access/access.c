#include "access/access.h"

#include "base/buf.h"

/* --- patterns ------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Goes back to the last star only, so the time is at most pattern × name. */
bool weir_access_matches(struct weir_str pattern, struct weir_str name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, resume = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            resume = n;
        } else if (p < pattern.len && lower(pattern.ptr[p]) == lower(name.ptr[n])) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

static bool is_pattern(struct weir_str s)
{
    return s.len && memchr(s.ptr, '*', s.len);
}

/* <0: b is more specific, >0: a is. */
static int compare_part(struct weir_str a, struct weir_str b)
{
    if (is_pattern(a) != is_pattern(b)) {
        return is_pattern(a) ? -1 : 1;
    }
    return is_pattern(a) ? (a.len > b.len) - (a.len < b.len) : 0;
}

static int compare(const struct weir_grant *a, const struct weir_grant *b)
{
    int by_schema = compare_part(a->schema, b->schema);
    return by_schema ? by_schema : compare_part(a->table, b->table);
}

bool weir_access_means_schema(struct weir_str pattern, struct weir_str schema)
{
    return weir_access_matches(pattern, schema) &&
           !(is_pattern(pattern) && weir_str_eq_nocase(schema, WEIR_STR(WEIR_SCHEMA_BY_NAME)));
}

bool weir_access_on_its_way(struct weir_str table)
{
    struct weir_str begins = WEIR_STR("weir ");
    return table.len > begins.len && weir_str_starts_nocase(table, begins);
}

static bool applies(const struct weir_grant *grant, struct weir_str schema, struct weir_str table)
{
    return !weir_access_on_its_way(table) && weir_access_means_schema(grant->schema, schema) &&
           weir_access_matches(grant->table, table);
}

static bool shows_part(const struct weir_grant *grant)
{
    return grant->rows.len || grant->hidden_count || grant->masked_count;
}

/* Values of any table are in it (its keys, its greatest cursor, what was wrong with a row), and how
 * many rows it has: a pattern means it only in a group that sees all of each. */
static bool mixes_tables(const struct weir_grant *grant, struct weir_str schema,
                         struct weir_str table)
{
    static const char *const mixed[] = {"discards",     "loads",         "source_discards",
                                        "source_state", "verifications", "upload_rejects",
                                        "uploads"};
    bool is = false;
    for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++) {
        is = is || weir_str_eq_nocase(table, weir_str_of(mixed[i]));
    }
    return is && is_pattern(grant->schema) && weir_str_eq_nocase(schema, WEIR_STR("weir"));
}

/* Where the name of what it was made of ends: "orders__items" of "orders". False: nowhere behind
 * `from`. */
static bool find_parent(struct weir_str name, size_t from, struct weir_str *parent)
{
    for (size_t i = from; i + 2 < name.len; i++) {
        if (i && name.ptr[i] == '_' && name.ptr[i + 1] == '_') {
            *parent = (struct weir_str){name.ptr, i};
            return true;
        }
    }
    return false;
}

/* Lists in rows of a table that `part` shows a part of are tables of their own (`nested: tables`),
 * which no condition on theirs is about: a wider pattern does not mean them. One that says the name
 * up to there does. */
static bool opens_list(const struct weir_grant *grant, const struct weir_grant *part,
                       struct weir_str schema, struct weir_str table)
{
    struct weir_str parent = {table.ptr, 0}, own;
    while (find_parent(table, parent.len + 1, &parent)) {
        own = (struct weir_str){grant->table.ptr, parent.len + 2};
        bool names = grant->table.len > own.len &&
                     weir_str_eq_nocase(own, (struct weir_str){table.ptr, own.len});
        if (shows_part(part) && compare(part, grant) > 0 && applies(part, schema, parent) &&
            !names) {
            return true;
        }
    }
    return false;
}

/* What is said of an object holds for its members (`nested: flatten`): "buyer" for
 * "buyer__email". */
static bool among(const struct weir_str *names, size_t count, struct weir_str column)
{
    struct weir_str part = {column.ptr, 0};
    do {
        struct weir_str name = part.len ? part : column;
        for (size_t i = 0; i < count; i++) {
            if (weir_access_matches(names[i], name)) {
                return true;
            }
        }
    } while (find_parent(column, part.len + 1, &part));
    return false;
}

static bool is_narrower(const struct weir_grant *other, const struct weir_grant *grant,
                        struct weir_str schema, struct weir_str table)
{
    return weir_str_eq(other->group, grant->group) && applies(other, schema, table) &&
           compare(other, grant) > 0;
}

static bool any_narrower(const struct weir_access *access, const struct weir_grant *grant,
                         struct weir_str schema, struct weir_str table)
{
    bool any = false;
    for (size_t k = 0; !any && k < access->grant_count; k++) {
        any = is_narrower(&access->grants[k], grant, schema, table);
    }
    return any;
}

/* What it does not show of a table, it does not show as a table of its own (`nested: tables`)
 * either: "items" of deals is deals__items. */
static bool hides_list(const struct weir_access *access, const struct weir_grant *grant,
                       struct weir_str schema, struct weir_str table)
{
    struct weir_str parent = {table.ptr, 0};
    while ((grant->hidden_count || grant->masked_count) &&
           find_parent(table, parent.len + 1, &parent)) {
        struct weir_str list = {parent.ptr + parent.len + 2, table.len - parent.len - 2};
        if (applies(grant, schema, parent) && weir_grant_column(grant, list) != WEIR_COLUMN_SHOWN &&
            !any_narrower(access, grant, schema, parent)) {
            return true;
        }
    }
    return false;
}

/* Does a more specific grant of the same group stand before this one, or what that is about? */
static bool outdone(const struct weir_access *access, size_t i, struct weir_str schema,
                    struct weir_str table)
{
    const struct weir_grant *grant = &access->grants[i];
    bool mixed = mixes_tables(grant, schema, table);
    if (hides_list(access, grant, schema, table)) {
        return true;
    }
    for (size_t k = 0; k < access->grant_count; k++) {
        const struct weir_grant *other = &access->grants[k];
        if (is_narrower(other, grant, schema, table) ||
            (weir_str_eq(other->group, grant->group) &&
             ((mixed && shows_part(other)) || opens_list(grant, other, schema, table)))) {
            return true;
        }
    }
    return false;
}

size_t weir_access_applying(const struct weir_access *access, struct weir_str schema,
                            struct weir_str table, const struct weir_grant **out, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < access->grant_count; i++) {
        if (applies(&access->grants[i], schema, table) && !outdone(access, i, schema, table)) {
            if (count < max) {
                out[count] = &access->grants[i];
            }
            count++;
        }
    }
    return count;
}

bool weir_access_sees(const struct weir_access *access, struct weir_str schema,
                      struct weir_str table)
{
    return access->unrestricted || weir_access_applying(access, schema, table, NULL, 0) > 0;
}

/* --- columns -------------------------------------------------------------------------------- */

enum weir_column_access weir_grant_column(const struct weir_grant *grant, struct weir_str column)
{
    if (among(grant->hidden, grant->hidden_count, column)) {
        return WEIR_COLUMN_HIDDEN;
    }
    return among(grant->masked, grant->masked_count, column) ? WEIR_COLUMN_MASKED
                                                             : WEIR_COLUMN_SHOWN;
}

enum weir_column_access weir_access_column(const struct weir_access *access, struct weir_str schema,
                                           struct weir_str table, struct weir_str column)
{
    enum weir_column_access best = WEIR_COLUMN_HIDDEN;
    if (access->unrestricted) {
        return WEIR_COLUMN_SHOWN;
    }
    for (size_t i = 0; i < access->grant_count && best != WEIR_COLUMN_SHOWN; i++) {
        if (applies(&access->grants[i], schema, table) && !outdone(access, i, schema, table)) {
            enum weir_column_access here = weir_grant_column(&access->grants[i], column);
            best = here < best ? here : best;
        }
    }
    return best;
}

const struct weir_attribute *weir_access_attribute(const struct weir_access *access,
                                                   struct weir_str name)
{
    for (size_t i = 0; i < access->attribute_count; i++) {
        if (weir_str_eq(access->attributes[i].name, name)) {
            return &access->attributes[i];
        }
    }
    return NULL;
}

bool weir_access_all_rows(const struct weir_access *access, struct weir_str schema,
                          struct weir_str table)
{
    bool shown = access->unrestricted;
    for (size_t i = 0; i < access->grant_count && !shown; i++) {
        shown = access->grants[i].rows.len == 0 && applies(&access->grants[i], schema, table) &&
                !outdone(access, i, schema, table);
    }
    return shown;
}

static bool is_all(const struct weir_grant *g)
{
    return weir_str_is(g->schema, "*") && weir_str_is(g->table, "*") && g->rows.len == 0 &&
           g->hidden_count == 0 && g->masked_count == 0;
}

bool weir_access_shows_all(const struct weir_access *access)
{
    bool shown = access->unrestricted;
    for (size_t i = 0; !shown && i < access->grant_count; i++) {
        shown = is_all(&access->grants[i]);
        for (size_t k = 0; shown && k < access->grant_count; k++) {
            shown = k == i || !weir_str_eq(access->grants[k].group, access->grants[i].group);
        }
    }
    return shown;
}

/* --- the fingerprint ------------------------------------------------------------------------ */

/* Lengths go before bytes, so that no two descriptions have the same text. */
static void add_text(struct weir_buf *out, struct weir_str s)
{
    uint64_t len = s.len;
    weir_buf_add(out, &len, sizeof len);
    weir_buf_adds(out, s);
}

static void add_list(struct weir_buf *out, const struct weir_str *items, size_t count)
{
    uint64_t n = count;
    weir_buf_add(out, &n, sizeof n);
    for (size_t i = 0; i < count; i++) {
        add_text(out, items[i]);
    }
}

static void add_attribute(struct weir_buf *out, const struct weir_attribute *a)
{
    int64_t kind = a->kind, boolean = a->boolean;
    add_text(out, a->name);
    weir_buf_add(out, &kind, sizeof kind);
    weir_buf_add(out, &boolean, sizeof boolean);
    weir_buf_add(out, &a->integer, sizeof a->integer);
    weir_buf_add(out, &a->number, sizeof a->number);
    add_text(out, a->text);
    add_list(out, a->items, a->item_count);
}

static void add_grants(struct weir_buf *text, const struct weir_access *access)
{
    for (size_t i = 0; i < access->grant_count; i++) {
        const struct weir_grant *g = &access->grants[i];
        add_text(text, g->group);
        add_text(text, g->schema);
        add_text(text, g->table);
        add_text(text, g->rows);
        add_list(text, g->hidden, g->hidden_count);
        add_list(text, g->masked, g->masked_count);
    }
}

static bool holds_nocase(struct weir_str text, struct weir_str word)
{
    for (size_t i = 0; i + word.len <= text.len; i++) {
        if (weir_str_eq_nocase((struct weir_str){text.ptr + i, word.len}, word)) {
            return true;
        }
    }
    return false;
}

static bool in_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool holds_word(struct weir_str text, struct weir_str word)
{
    for (size_t i = 0; i + word.len <= text.len; i++) {
        bool begins = i == 0 || !in_word(text.ptr[i - 1]);
        bool ends = i + word.len == text.len || !in_word(text.ptr[i + word.len]);
        if (begins && ends && weir_str_eq_nocase((struct weir_str){text.ptr + i, word.len}, word)) {
            return true;
        }
    }
    return false;
}

bool weir_access_may_read(struct weir_str condition, struct weir_str name)
{
    return holds_word(condition, WEIR_STR("user")) && holds_word(condition, name);
}

/* Is its name anywhere in a condition? More than those that are read, never less. */
static bool may_be_read(const struct weir_access *access, const struct weir_attribute *attribute)
{
    for (size_t i = 0; i < access->grant_count; i++) {
        if (holds_nocase(access->grants[i].rows, attribute->name)) {
            return true;
        }
    }
    return false;
}

/* `all`: every attribute, else those that a condition may read. */
static int hash(const struct weir_access *access, bool all, struct weir_hash128 *out,
                struct weir_error *err)
{
    struct weir_buf text;
    uint64_t counts[] = {access->unrestricted, all ? access->attribute_count : 0,
                         access->grant_count};
    weir_buf_init(&text, 256u << 20);
    weir_buf_add(&text, counts, sizeof counts);
    for (size_t i = 0; i < access->attribute_count; i++) {
        if (all || may_be_read(access, &access->attributes[i])) {
            add_attribute(&text, &access->attributes[i]);
        }
    }
    add_grants(&text, access);
    int rc = weir_buf_check(&text, "the description of what a person may see", err);
    if (rc == 0) {
        *out = weir_hash128(text.data, text.len);
    }
    weir_buf_free(&text);
    return rc;
}

int weir_access_seal(struct weir_access *access, struct weir_error *err)
{
    int rc = hash(access, true, &access->fingerprint, err);
    return rc ? rc : hash(access, false, &access->rules, err);
}

/* --- copying -------------------------------------------------------------------------------- */

static bool copy_text(struct weir_arena *arena, struct weir_str *s)
{
    if (s->ptr) {
        *s = weir_arena_dup(arena, *s);
        return s->ptr;
    }
    return true;
}

static bool copy_list(struct weir_arena *arena, const struct weir_str **items, size_t count)
{
    if (count == 0) {
        *items = NULL;
        return true;
    }
    struct weir_str *copy = weir_arena_alloc(arena, count * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = (*items)[i];
        if (!copy_text(arena, &copy[i])) {
            return false;
        }
    }
    *items = copy;
    return copy;
}

static bool copy_attributes(struct weir_arena *arena, struct weir_access *access)
{
    size_t count = access->attribute_count;
    struct weir_attribute *copy = weir_arena_calloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = access->attributes[i];
        if (!copy_text(arena, &copy[i].name) || !copy_text(arena, &copy[i].text) ||
            !copy_list(arena, &copy[i].items, copy[i].item_count)) {
            return false;
        }
    }
    access->attributes = copy;
    return copy;
}

static bool copy_grants(struct weir_arena *arena, struct weir_access *access)
{
    size_t count = access->grant_count;
    struct weir_grant *copy = weir_arena_calloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = access->grants[i];
        if (!copy_text(arena, &copy[i].group) || !copy_text(arena, &copy[i].schema) ||
            !copy_text(arena, &copy[i].table) || !copy_text(arena, &copy[i].rows) ||
            !copy_list(arena, &copy[i].hidden, copy[i].hidden_count) ||
            !copy_list(arena, &copy[i].masked, copy[i].masked_count)) {
            return false;
        }
    }
    access->grants = copy;
    return copy;
}

struct weir_access *weir_access_copy(const struct weir_access *access, struct weir_arena *arena)
{
    struct weir_access *copy = weir_arena_alloc(arena, sizeof *copy);
    if (!copy) {
        return NULL;
    }
    *copy = *access;
    return copy_text(arena, &copy->email) && copy_attributes(arena, copy) &&
                   copy_grants(arena, copy)
               ? copy
               : NULL;
}
