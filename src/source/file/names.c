/* Which column of the table each column of a file is. Headers are told apart by what they are, and
 * not by what they become in the warehouse: of "Discount" and "Discount %", which both would be
 * `discount`, each keeps its own whatever its place, and whichever of them a file has. The cursor
 * keeps what they are called: "columns":[["Discount %","discount"],["Discount","discount_2"]], of
 * those alone that are not called as their column; [null,"x"] is one that a table had before. */
#include <stdlib.h>

#include "base/json.h"
#include "base/map.h"
#include "source/file/file.h"

#define MAX_CURSOR (256u << 20)
#define MAX_SAID   4096

struct name { /* of a column */
    struct weir_str text;
    struct known *first; /* what it is called so for, the oldest */
    size_t keys;
    size_t file; /* the one, from 1 on, that has it */
};
struct known {
    struct weir_str key; /* what it is called at the source; ptr NULL: nobody knows */
    struct name *name;
    bool gone;
    struct known *next, *same_key, *same_loose;
};
struct names {
    struct weir_source_plan *plan;
    struct weir_map by_key, by_loose, by_name; /* of `known` the oldest, and `name` */
    struct known *first, **last;
    struct weir_map coming; /* keys of this run */
    struct weir_map apart;  /* what differs in case, blanks or marks, and came in one file */
    struct weir_map of_file;
    struct weir_arena scratch; /* of one file */
    bool anew;                 /* no row of before stays */
    struct weir_buf said;
};

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the names of columns");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters, digits, and signs that mean something: who writes "Order date" in the place of
 * "Order_Date" means the same column. Between digits something is told by each mark, and by a minus
 * before one: Q1.1 is not Q11, nor T-1 T1. */
static struct weir_str loose(struct weir_arena *arena, struct weir_str key)
{
    char *out = weir_arena_alloc(arena, key.len * 2 + 1); /* a mark more for each */
    size_t n = 0;
    bool minus = false, gap = false;
    for (size_t i = 0; out && i < key.len; i++) {
        char c = key.ptr[i];
        if ((unsigned char)c <= ' ' || strchr("_-.,:;*'\"()[]", c)) {
            minus = c == '-';
            gap = true;
            continue;
        }
        if (gap && is_digit(c) && n && is_digit(out[n - 1])) {
            out[n++] = '.';
        } else if (minus && is_digit(c)) {
            out[n++] = '-';
        }
        out[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        minus = gap = false;
    }
    return n || !out ? (struct weir_str){out, n} : key;
}

/* --- what is known ------------------------------------------------------------------------------
 */

static void chain(struct known **at, struct known *k, bool by_key)
{
    while (*at) {
        at = by_key ? &(*at)->same_key : &(*at)->same_loose;
    }
    *at = k;
}

static int add_to(struct weir_map *map, struct weir_str text, struct known *k, bool by_key)
{
    struct known *head = weir_map_get(map, text);
    chain(&head, k, by_key);
    return weir_map_put(map, text, head);
}

static struct name *name_of(struct names *n, struct weir_str text)
{
    struct name *name = weir_map_get(&n->by_name, text);
    if (!name && (name = weir_arena_calloc(&n->plan->arena, sizeof *name)) != NULL) {
        name->text = weir_arena_dup(&n->plan->arena, text);
        name = name->text.ptr && weir_map_put(&n->by_name, text, name) == 0 ? name : NULL;
    }
    return name;
}

/* key ptr NULL: nobody knows it. */
static int add_known(struct names *n, struct weir_str key, struct name *name,
                     struct weir_error *err)
{
    struct weir_arena *arena = &n->plan->arena;
    struct known *k = weir_arena_calloc(arena, sizeof *k);
    struct weir_str like = key.ptr ? loose(&n->scratch, key) : key;
    if (!name || !k || (key.ptr && !like.ptr)) {
        return no_memory(err);
    }
    k->key = key.ptr ? weir_arena_dup(arena, key) : key;
    k->name = name;
    name->first = name->first ? name->first : k;
    name->keys++;
    *n->last = k;
    n->last = &k->next;
    return key.ptr && (!k->key.ptr || add_to(&n->by_key, key, k, true) ||
                       add_to(&n->by_loose, like, k, false))
               ? no_memory(err)
               : 0;
}

/* The column is another one's from now on. */
static void forget(struct names *n, struct name *name)
{
    for (struct known *k = n->first; k; k = k->next) {
        k->gone = k->gone || k->name == name;
    }
    name->first = NULL;
    name->keys = 0;
}

static int read_known(struct names *n, struct weir_json list, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(list);
    struct weir_json pair, item;
    int rc = 0;
    while (rc == 0 && weir_json_next(&it, NULL, &pair)) {
        struct weir_json_iter in = weir_json_begin(pair);
        struct weir_str key = {NULL, 0}, name;
        bool two = weir_json_next(&in, NULL, &item) &&
                   (weir_json_str(item, &key) || weir_json_type(item) == WEIR_JSON_NULL) &&
                   weir_json_next(&in, NULL, &item) && weir_json_str(item, &name);
        rc = two ? add_known(n, key, name_of(n, name), err)
                 : weir_fail(err, WEIR_ECORRUPT,
                             "a cursor of weir.source_state is damaged; sync with --full");
    }
    return rc;
}

/* What the cursor does not name is called as its column; an older cursor names none. */
static int read_all(struct names *n, struct weir_error *err)
{
    const struct weir_table *t = n->plan->there;
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_buf text;
    struct weir_json root;
    weir_buf_init(&text, MAX_CURSOR);
    weir_buf_adds(&text, n->plan->last.len ? n->plan->last : WEIR_STR("{}"));
    int rc = parser ? weir_buf_check(&text, "a cursor", err) : no_memory(err);
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    bool old = rc == 0 && !weir_json_exists(weir_json_get(root, "columns"));
    rc = rc ? rc : read_known(n, weir_json_get(root, "columns"), err);
    for (size_t i = 0; rc == 0 && t && i < t->column_count; i++) {
        struct weir_str name = t->columns[i].name;
        if (!weir_source_column_reserved(name) && !weir_map_get(&n->by_name, name)) {
            rc = add_known(n, old ? (struct weir_str){NULL, 0} : name, name_of(n, name), err);
        }
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    return rc;
}

/* What comes in this run, in any file. */
static int look_ahead(struct names *n, const struct weir_file_stream *files, struct weir_error *err)
{
    bool well = true;
    for (size_t i = 0; well && i < files->count; i++) {
        const struct weir_file *file = &files->files[i];
        weir_map_clear(&n->of_file);
        weir_arena_reset(&n->scratch);
        for (size_t k = 0; well && k < file->column_count; k++) {
            struct weir_str key = file->own[k].original, like = loose(&n->scratch, key);
            struct weir_str *other = like.ptr ? weir_map_get(&n->of_file, like) : NULL;
            well = like.ptr && weir_map_put(&n->coming, key, n) == 0 &&
                   weir_map_put(&n->of_file, like, &file->own[k].original) == 0 &&
                   (!other || weir_str_eq(*other, key) || weir_map_put(&n->apart, like, n) == 0);
        }
    }
    return well ? 0 : no_memory(err);
}

/* --- one file -----------------------------------------------------------------------------------
 */

static void say(struct names *n, struct weir_str name, struct weir_str key, struct weir_str old)
{
    if (n->said.len < MAX_SAID - 2500) {
        weir_buf_addf(&n->said,
                      "%scolumn " WEIR_STR_FMT " is what the source calls \"" WEIR_STR_FMT
                      "\", and called \"" WEIR_STR_FMT "\"",
                      n->said.len ? "; " : "", WEIR_STR_ARG(name), WEIR_STR_ARG(key),
                      WEIR_STR_ARG(old));
    }
}

/* `only_first`: where two names of one column come together, the older one keeps it. */
static struct name *find_exact(const struct names *n, struct weir_str key, size_t file,
                               bool only_first)
{
    for (struct known *k = weir_map_get(&n->by_key, key); k; k = k->same_key) {
        if (!k->gone && k->name->file != file && (!only_first || k->name->first == k)) {
            return k->name;
        }
    }
    return NULL;
}

/* The one column that is called nearly so, unless such names were seen to be of two. */
static struct known *find_loose(const struct names *n, struct weir_str like, size_t file)
{
    struct known *found = NULL;
    if (weir_map_get(&n->apart, like)) {
        return NULL;
    }
    for (struct known *k = weir_map_get(&n->by_loose, like); k; k = k->same_loose) {
        if (!k->gone && found && k->name != found->name) {
            return NULL;
        }
        found = found || k->gone ? found : k;
    }
    return found && found->name->file != file ? found : NULL;
}

/* May another name at the source have the column, because nothing of its own comes or stays? */
static bool is_left(const struct names *n, const struct name *name)
{
    bool left = n->anew;
    for (const struct known *k = n->first; left && k; k = k->next) {
        left = k->gone || k->name != name || !weir_map_get(&n->coming, k->key);
    }
    return left;
}

/* By what the reader calls it, which may have made names differ itself. */
static int make_name(struct names *n, const struct weir_file *file, size_t at, size_t number,
                     struct name **out, struct weir_error *err)
{
    struct weir_arena *arena = &n->plan->arena;
    struct weir_str key = file->own[at].original;
    struct weir_str called = file->originals ? file->originals[at] : key;
    struct weir_str base = weir_csv_plain_name(arena, called, at), text = base;
    struct name *name = NULL;
    for (unsigned i = 2; text.ptr; i++) {
        name = weir_map_get(&n->by_name, text);
        bool known = name && name->first && name->first->key.ptr;
        if (!name || (name->file != number && !known)) {
            break;
        }
        if (i == 2 && name->file != number && is_left(n, name)) {
            say(n, text, key, name->first->key);
            break;
        }
        text = weir_str_of(weir_arena_printf(arena, WEIR_STR_FMT "_%u", WEIR_STR_ARG(base), i));
    }
    *out = text.ptr ? name_of(n, text) : NULL;
    if (*out && (*out)->first) {
        forget(n, *out);
    }
    return add_known(n, key, *out, err);
}

static int name_left(struct names *n, const struct weir_file *file, size_t at, size_t number,
                     struct name **out, struct weir_error *err)
{
    struct weir_str key = file->own[at].original, like = loose(&n->scratch, key);
    struct known *near = like.ptr ? find_loose(n, like, number) : NULL;
    if (!like.ptr) {
        return no_memory(err);
    }
    if (near) {
        say(n, near->name->text, key, near->key);
        *out = near->name;
        return add_known(n, key, near->name, err);
    }
    return make_name(n, file, at, number, out, err);
}

/* Has the table, or another file, a column of this name and type? */
static bool is_there(const struct weir_source_plan *plan, struct weir_str name, enum weir_type type)
{
    bool is = false;
    for (size_t i = 0; plan->there && i < plan->there->column_count; i++) {
        const struct weir_column *c = &plan->there->columns[i];
        is = is || (c->type == type && weir_str_eq(c->name, name));
    }
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct weir_source_column *c = &plan->columns[i];
        is = is || (c->type == type && weir_str_eq(c->name, name));
    }
    return is;
}

static int add_columns(struct names *n, struct weir_file *file, struct name *const *names,
                       struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < file->column_count; i++) {
        struct weir_source_column *c = &file->own[i];
        c->name = names[i]->text;
        if (c->wide && is_there(n->plan, c->name, WEIR_TYPE_DOUBLE)) {
            c->type = WEIR_TYPE_TEXT;
        }
        if (file->only_no && file->only_no[i] && is_there(n->plan, c->name, WEIR_TYPE_BOOL)) {
            file->formats[i] = WEIR_GUESS_BOOL;
            c->type = WEIR_TYPE_BOOL;
            c->guess = WEIR_STR("yes or no");
        }
        if (file->likely) {
            weir_file_csv_fit(file, i, n->plan->there);
        }
        rc = weir_file_add_column(file, i, c, n->plan, err);
    }
    return rc;
}

static int name_file(struct names *n, struct weir_file *file, size_t number, struct weir_error *err)
{
    struct name **names = calloc(file->column_count + 1, sizeof *names);
    int rc = names ? 0 : no_memory(err);
    weir_arena_reset(&n->scratch);
    for (int pass = 0; rc == 0 && pass < 3; pass++) {
        for (size_t i = 0; rc == 0 && i < file->column_count; i++) {
            if (names[i]) {
                continue;
            }
            if (pass < 2) {
                names[i] = find_exact(n, file->own[i].original, number, pass == 0);
            } else {
                rc = name_left(n, file, i, number, &names[i], err);
            }
            if (names[i]) {
                names[i]->file = number;
            }
        }
    }
    rc = rc ? rc : add_columns(n, file, names, err);
    free(names);
    return rc;
}

/* --- all of them --------------------------------------------------------------------------------
 */

static int keep(struct names *n, struct weir_error *err)
{
    struct weir_buf out;
    struct weir_str *cursor = &n->plan->cursor;
    weir_buf_init(&out, MAX_CURSOR);
    weir_buf_add(&out, cursor->ptr, cursor->len ? cursor->len - 1 : 0); /* its brace */
    weir_buf_addz(&out, ",\"columns\":");
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_array(&w);
    for (const struct known *k = n->first; k; k = k->next) {
        if (k->gone || (k->key.ptr && weir_str_eq(k->key, k->name->text) && k->name->keys == 1)) {
            continue;
        }
        weir_jw_array(&w);
        if (k->key.ptr) {
            weir_jw_str(&w, k->key);
        } else {
            weir_jw_null(&w);
        }
        weir_jw_str(&w, k->name->text);
        weir_jw_array_end(&w);
    }
    weir_jw_array_end(&w);
    weir_buf_addc(&out, '}');
    return weir_source_plan_keep(n->plan, &out, cursor, err);
}

int weir_file_name_columns(struct weir_file_stream *files, const struct weir_source_stream *stream,
                           struct weir_source_plan *plan, struct weir_error *err)
{
    struct names n = {.plan = plan,
                      .last = &n.first,
                      .anew = stream->mode == WEIR_SOURCE_REPLACE && !plan->partial};
    struct weir_map *const maps[] = {&n.by_key, &n.by_loose, &n.by_name,
                                     &n.coming, &n.apart,    &n.of_file};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        weir_map_init(maps[i]);
    }
    weir_buf_init(&n.said, MAX_SAID);
    weir_arena_init(&n.scratch, WEIR_SOURCE_PLAN_MEMORY);
    int rc = read_all(&n, err);
    rc = rc ? rc : look_ahead(&n, files, err);
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        rc = name_file(&n, &files->files[i], i + 1, err);
    }
    rc = rc || !plan->cursor.len ? rc : keep(&n, err);
    rc = rc || !n.said.len ? rc : weir_file_say(plan, weir_buf_str(&n.said), err);
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        weir_map_free(maps[i]);
    }
    weir_buf_free(&n.said);
    weir_arena_free(&n.scratch);
    return rc;
}

int weir_file_room(struct weir_file *file, size_t count, struct weir_arena *arena,
                   struct weir_error *err)
{
    file->column_count = count;
    file->columns = weir_arena_calloc(arena, (count + 1) * sizeof *file->columns);
    file->own = weir_arena_calloc(arena, (count + 1) * sizeof *file->own);
    return file->columns && file->own
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
}
