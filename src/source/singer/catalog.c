/* A tap's catalog: what it has, and what of it is wanted. */
#include <stdio.h>

#include "csv/columns.h"
#include "source/ledger/keep.h"
#include "source/singer/singer.h"

#define MAX_DEPTH 60
#define MAX_ARENA (512u << 20)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a catalog");
}

void weir_singer_catalog_free(struct weir_singer_catalog *c)
{
    weir_json_parser_free(c->parser);
    weir_buf_free(&c->text);
    weir_arena_free(&c->arena);
    *c = (struct weir_singer_catalog){0};
}

/* The metadata of this breadcrumb, [] or ["properties", column]; NULL when there is none. */
static struct weir_data *metadata_of(const struct weir_data *entry, const char *column)
{
    struct weir_data *list = weir_data_get(entry, "metadata");
    for (struct weir_data *m = list ? list->first : NULL; m; m = m->next) {
        struct weir_data *crumb = weir_data_get(m, "breadcrumb");
        bool root = crumb && crumb->type == WEIR_DATA_LIST && crumb->count == 0;
        bool of = crumb && crumb->count == 2 && weir_str_is(crumb->first->text, "properties") &&
                  column && weir_str_is(crumb->first->next->text, column);
        if (column ? of : root) {
            return weir_data_get(m, "metadata");
        }
    }
    return NULL;
}

static struct weir_str method_of(const struct weir_data *entry)
{
    static const char *const names[] = {"replication-method", "forced-replication-method"};
    const struct weir_data *root = metadata_of(entry, NULL);
    struct weir_str method = weir_data_get_text(entry, "replication_method");
    for (size_t i = 0; i < 2; i++) {
        struct weir_str said = weir_data_get_text(root, names[i]);
        method = said.len ? said : method; /* some write it as "" */
    }
    return method;
}

static bool is_incremental(struct weir_str method)
{
    return weir_str_is(method, "INCREMENTAL") || weir_str_is(method, "LOG_BASED");
}

/* Both are texts in the arena with a NUL behind them. */
static void name_entry(struct weir_singer_catalog *c, size_t at)
{
    struct weir_singer_entry *e = &c->entries[at];
    bool unique = e->stream.len > 0;
    for (size_t i = 0; unique && i < c->count; i++) {
        unique = i == at || !weir_str_eq(c->entries[i].stream, e->stream);
    }
    e->name = unique || !e->id.len ? e->stream : e->id;
    e->id = e->id.len ? e->id : e->stream;
}

static int read_entries(struct weir_singer_catalog *c, struct weir_json root,
                        struct weir_error *err)
{
    struct weir_json streams = weir_json_get(root, "streams"), item;
    struct weir_data *list = weir_data_get(c->data, "streams"), *data;
    size_t count = weir_json_count(streams);
    if (weir_json_type(streams) != WEIR_JSON_ARRAY || !list) {
        return weir_fail(err, WEIR_EINVAL, "it has no list `streams`");
    }
    c->entries = weir_arena_calloc(&c->arena, (count + 1) * sizeof *c->entries);
    if (!c->entries) {
        return no_memory(err);
    }
    struct weir_json_iter it = weir_json_begin(streams);
    for (data = list->first; data && weir_json_next(&it, NULL, &item); data = data->next) {
        struct weir_singer_entry *e = &c->entries[c->count];
        struct weir_json key = weir_json_get(item, "key_properties");
        *e = (struct weir_singer_entry){
            .id = weir_arena_dup(&c->arena, weir_json_get_str(item, "tap_stream_id")),
            .stream = weir_arena_dup(&c->arena, weir_json_get_str(item, "stream")),
            .schema = weir_json_get(item, "schema"),
            .key = key,
            .incremental = is_incremental(method_of(data)),
            .data = data};
        if (!e->id.ptr || !e->stream.ptr) {
            return no_memory(err);
        }
        if (e->id.len + e->stream.len == 0) {
            return weir_fail(err, WEIR_EINVAL, "a stream has neither `tap_stream_id` nor `stream`");
        }
        c->count++;
    }
    for (size_t i = 0; i < c->count; i++) {
        name_entry(c, i);
    }
    return 0;
}

/* Numbers that the reader of JSON made texts of are numbers for the tap again. */
static void mend_numbers(struct weir_data *data)
{
    static const char *const names[] = {"maximum", "minimum", "exclusiveMaximum",
                                        "exclusiveMinimum"};
    for (struct weir_data *m = data->first; m; m = m->next) {
        for (size_t i = 0; i < 4 && m->type == WEIR_DATA_TEXT; i++) {
            if (weir_str_is(m->key, names[i]) && m->text.len > 18) {
                m->type = WEIR_DATA_NUMBER;
            }
        }
        mend_numbers(m);
    }
}

int weir_singer_catalog_read(struct weir_singer_catalog *c, struct weir_str text,
                             struct weir_error *err)
{
    struct weir_json root;
    struct weir_json_repairs repairs = {0};
    *c = (struct weir_singer_catalog){.parser = weir_json_parser_new(MAX_DEPTH)};
    weir_buf_init(&c->text, text.len + 64);
    weir_arena_init(&c->arena, MAX_ARENA);
    weir_buf_adds(&c->text, text);
    int rc = c->parser ? weir_buf_check(&c->text, "a catalog", err) : no_memory(err);
    rc = rc ? rc : weir_json_parse_lenient(c->parser, weir_buf_str(&c->text), &root, &repairs, err);
    rc = rc ? rc : weir_data_from_json(&c->arena, root, &c->data, err);
    if (rc == 0 && repairs.big_numbers) {
        mend_numbers(c->data);
    }
    return rc ? rc : read_entries(c, root, err);
}

const struct weir_singer_entry *weir_singer_find(const struct weir_singer_catalog *c,
                                                 struct weir_str name)
{
    for (size_t i = 0; i < c->count; i++) {
        if (weir_str_eq(c->entries[i].name, name)) {
            return &c->entries[i];
        }
    }
    for (size_t i = 0; i < c->count; i++) {
        if (weir_str_eq(c->entries[i].id, name) || weir_str_eq(c->entries[i].stream, name)) {
            return &c->entries[i];
        }
    }
    return NULL;
}

/* --- selecting ----------------------------------------------------------------------------------
 */

static struct weir_data *truth(struct weir_arena *arena, bool is)
{
    struct weir_data *data = weir_data_new(arena, WEIR_DATA_BOOL);
    if (data) {
        data->truth = is;
    }
    return data;
}

static bool set(struct weir_arena *arena, struct weir_data *object, const char *key,
                struct weir_data *value)
{
    return object && value && weir_data_set(arena, object, weir_str_of(key), value);
}

/* Made when it is not there. */
static struct weir_data *need_metadata(struct weir_arena *arena, struct weir_data *entry,
                                       const char *column)
{
    struct weir_data *found = metadata_of(entry, column);
    struct weir_data *list = weir_data_get(entry, "metadata");
    if (found) {
        return found;
    }
    if (!list) {
        list = weir_data_new(arena, WEIR_DATA_LIST);
        if (!set(arena, entry, "metadata", list)) {
            return NULL;
        }
        list = weir_data_get(entry, "metadata");
    }
    struct weir_data *m = weir_data_new(arena, WEIR_DATA_OBJECT);
    struct weir_data *crumb = weir_data_new(arena, WEIR_DATA_LIST);
    found = weir_data_new(arena, WEIR_DATA_OBJECT);
    if (!m || !crumb || !found) {
        return NULL;
    }
    if (column) {
        struct weir_data *first = weir_data_text(arena, WEIR_STR("properties"));
        struct weir_data *second = weir_data_text(arena, weir_str_of(column));
        if (!first || !second) {
            return NULL;
        }
        weir_data_add(crumb, first);
        weir_data_add(crumb, second);
    }
    if (!set(arena, m, "breadcrumb", crumb) || !set(arena, m, "metadata", found)) {
        return NULL;
    }
    weir_data_add(list, m);
    return metadata_of(entry, column);
}

/* What the warehouse calls the properties, in their order. */
static struct weir_column *names_of(struct weir_arena *arena, const struct weir_data *properties,
                                    struct weir_error *err)
{
    size_t n = 0, count = properties ? properties->count : 0;
    struct weir_str *originals = weir_arena_calloc(arena, (count + 1) * sizeof *originals);
    struct weir_column *named = weir_arena_calloc(arena, (count + 1) * sizeof *named);
    for (const struct weir_data *p = properties ? properties->first : NULL; originals && p;
         p = p->next) {
        originals[n++] = p->key;
    }
    return originals && named && weir_csv_name_columns(arena, originals, count, named, err) == 0
               ? named
               : NULL;
}

static bool select_property(struct weir_arena *arena, struct weir_data *entry, struct weir_data *p,
                            bool wanted)
{
    const char *key = weir_arena_dup(arena, p->key).ptr;
    struct weir_data *m = key ? need_metadata(arena, entry, key) : NULL;
    struct weir_str inclusion = weir_data_get_text(m, "inclusion");
    struct weir_data *said = weir_data_get(m, "selected");
    bool refused = weir_str_is(inclusion, "unsupported") ||
                   (said && said->type == WEIR_DATA_BOOL && !said->truth);
    bool is = weir_str_is(inclusion, "automatic") || (wanted && !refused);
    /* Old taps look into the schema itself. */
    return m && set(arena, m, "selected", truth(arena, is)) &&
           (p->type != WEIR_DATA_OBJECT || set(arena, p, "selected", truth(arena, is)));
}

/* Does the tap say how it is read, or by what? */
static bool says_how(const struct weir_data *entry, const struct weir_data *root)
{
    return method_of(entry).len || weir_data_get_text(root, "replication-key").len ||
           weir_data_get_text(entry, "replication_key").len;
}

/* How it is to be read, where the source's file says so, or nobody does: taps of databases refuse
 * streams without a method. */
static bool set_method(struct weir_arena *arena, struct weir_data *entry, struct weir_data *root,
                       const struct weir_source_stream *stream, const char *cursor)
{
    struct weir_data *method = NULL;
    if (weir_data_get_text(root, "forced-replication-method").len) {
        return true; /* it knows no other way */
    }
    if (cursor) {
        struct weir_data *key = weir_data_text(arena, weir_str_of(cursor));
        method = weir_data_text(arena, WEIR_STR("INCREMENTAL"));
        if (!set(arena, root, "replication-key", key) ||
            !set(arena, entry, "replication_key", weir_data_text(arena, weir_str_of(cursor)))) {
            return false;
        }
    } else if ((stream->mode_said && stream->mode == WEIR_SOURCE_REPLACE) ||
               !says_how(entry, root)) {
        method = weir_data_text(arena, WEIR_STR("FULL_TABLE"));
    } else {
        return true;
    }
    return method && set(arena, root, "replication-method", method) &&
           set(arena, entry, "replication_method", weir_data_text(arena, method->text));
}

static int select_entry(struct weir_singer_catalog *c, struct weir_singer_entry *e,
                        const struct weir_feed *feed, struct weir_error *err)
{
    struct weir_arena *arena = &c->arena;
    const struct weir_feed_wanted *w = weir_feed_find_wanted(feed, e->name);
    bool wanted = weir_feed_wants(feed, e->name) && w;
    struct weir_data *root = need_metadata(arena, e->data, NULL);
    struct weir_data *schema = weir_data_get(e->data, "schema");
    struct weir_data *properties = weir_data_get(schema, "properties");
    if (!root || !set(arena, root, "selected", truth(arena, wanted)) ||
        !set(arena, e->data, "selected", truth(arena, wanted)) ||
        (schema && !set(arena, schema, "selected", truth(arena, wanted)))) {
        return no_memory(err);
    }
    schema = weir_data_get(e->data, "schema");
    properties = weir_data_get(schema, "properties");
    struct weir_column *named = wanted ? names_of(arena, properties, err) : NULL;
    if (!wanted) {
        return 0;
    }
    if (!named) {
        return no_memory(err);
    }
    const char *cursor = NULL;
    size_t i = 0;
    for (struct weir_data *p = properties ? properties->first : NULL; p; p = p->next, i++) {
        if (weir_str_is(named[i].name, w->stream.cursor) || weir_str_is(p->key, w->stream.cursor)) {
            cursor = weir_arena_dup(arena, p->key).ptr;
        }
        if (!select_property(arena, e->data, p,
                             !weir_text_list_has(&w->stream.exclude, named[i].name) &&
                                 !weir_text_list_has(&w->stream.exclude, p->key))) {
            return no_memory(err);
        }
    }
    if (*w->stream.cursor && !cursor) {
        return weir_fail(err, WEIR_EINVAL,
                         "the cursor \"%s\" of stream \"%s\" is no column of it; `weir source "
                         "discover` shows the columns",
                         w->stream.cursor, w->stream.name);
    }
    root = metadata_of(e->data, NULL);
    if (cursor && w->stream.mode == WEIR_SOURCE_APPEND &&
        weir_str_is(weir_data_get_text(root, "forced-replication-method"), "FULL_TABLE")) {
        return weir_fail(
            err, WEIR_EINVAL,
            "stream \"%s\": the tap reads all of it in each run (FULL_TABLE), whatever "
            "it is asked for, so `append` would add all rows again; say `mode: merge` "
            "with a key, or `replace`",
            w->stream.name);
    }
    e->incremental = e->incremental || cursor;
    bool said =
        says_how(e->data, root) || (w->stream.mode_said && w->stream.mode == WEIR_SOURCE_REPLACE);
    bool set = set_method(arena, e->data, root, &w->stream, cursor);
    /* Where nobody said so, the tap may go on from its bookmarks all the same. */
    e->whole = said && weir_str_is(method_of(e->data), "FULL_TABLE");
    return set ? 0 : no_memory(err);
}

int weir_singer_select(struct weir_singer_catalog *c, const struct weir_feed *feed,
                       struct weir_buf *out, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        rc = select_entry(c, &c->entries[i], feed, err);
    }
    struct weir_jw w = weir_jw_on(out);
    weir_data_print(c->data, &w);
    return rc ? rc : weir_buf_check(out, "a catalog", err);
}

/* --- state --------------------------------------------------------------------------------------
 */

int weir_singer_state(const struct weir_singer_catalog *c, struct weir_feed *feed,
                      struct weir_buf *out, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    struct weir_arena arena;
    struct weir_buf text;
    struct weir_json root;
    struct weir_data *state = NULL;
    weir_arena_init(&arena, MAX_ARENA);
    weir_buf_init(&text, 256u << 20);
    weir_buf_adds(&text, feed->state);
    int rc = parser ? weir_buf_check(&text, "a tap's state", err) : no_memory(err);
    rc = rc || !text.len ? rc : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    rc = rc || !text.len ? rc : weir_data_from_json(&arena, root, &state, err);
    struct weir_data *bookmarks = weir_data_get(state, "bookmarks");
    for (size_t i = 0; rc == 0 && state && i < feed->wanted_count; i++) {
        const struct weir_feed_wanted *w = &feed->wanted[i];
        const struct weir_singer_entry *e =
            c ? weir_singer_find(c, weir_str_of(w->stream.name)) : NULL;
        const char *id = e ? e->id.ptr : w->stream.name;
        bool begins = w->anew || (w->stream.mode_said && w->stream.mode == WEIR_SOURCE_REPLACE);
        /* Its table is made of what comes: of nothing, where the tap passes over what it read. */
        bool replaced = !w->stream.mode_said && weir_source_made_replaces(w->cursor);
        if ((begins || replaced) && bookmarks && w->cursor.len) {
            weir_data_unset(bookmarks, id);
        } else if (begins && w->cursor.len) {
            state = NULL;
            rc = weir_feed_forget(feed, err);
        } else if (begins && bookmarks) {
            weir_data_unset(bookmarks, id);
        }
    }
    if (rc == 0 && state) {
        struct weir_jw w = weir_jw_on(out);
        weir_data_print(state, &w);
        rc = weir_buf_check(out, "a tap's state", err);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    weir_arena_free(&arena);
    return rc;
}
