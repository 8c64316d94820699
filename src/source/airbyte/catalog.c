/* What an Airbyte source has, and how it is to be read. */
#include "source/airbyte/airbyte.h"

#define MAX_DEPTH 60
#define MAX_ARENA (256u << 20)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a catalog");
}

void weir_airbyte_catalog_free(struct weir_airbyte_catalog *c)
{
    weir_json_parser_free(c->parser);
    weir_buf_free(&c->text);
    weir_arena_free(&c->arena);
    *c = (struct weir_airbyte_catalog){0};
}

static bool has_mode(struct weir_json stream, const char *mode)
{
    struct weir_json item;
    struct weir_str name;
    struct weir_json_iter it = weir_json_begin(weir_json_get(stream, "supported_sync_modes"));
    while (weir_json_next(&it, NULL, &item)) {
        if (weir_json_str(item, &name) && weir_str_is(name, mode)) {
            return true;
        }
    }
    return false;
}

/* Paths of one step are columns; with a longer one among them there is no key. */
static bool has_key(struct weir_json key)
{
    struct weir_json_iter it = weir_json_begin(key);
    struct weir_json path;
    bool all = weir_json_count(key) > 0;
    while (all && weir_json_next(&it, NULL, &path)) {
        all = weir_json_type(path) != WEIR_JSON_ARRAY || weir_json_count(path) == 1;
    }
    return all;
}

static int read_entry(struct weir_airbyte_catalog *c, struct weir_json stream,
                      struct weir_error *err)
{
    struct weir_airbyte_entry *e = &c->entries[c->count];
    bool defined = false;
    (void)weir_json_bool(weir_json_get(stream, "source_defined_cursor"), &defined);
    struct weir_json cursor = weir_json_get(stream, "default_cursor_field");
    struct weir_json key = weir_json_get(stream, "source_defined_primary_key");
    *e = (struct weir_airbyte_entry){
        .own = weir_arena_dup(&c->arena, weir_json_get_str(stream, "name")),
        .space = weir_arena_dup(&c->arena, weir_json_get_str(stream, "namespace")),
        .stream = stream,
        .incremental = has_mode(stream, "incremental") && (defined || weir_json_count(cursor) > 0),
        .keyed = has_key(key)};
    if (!e->own.ptr || !e->space.ptr) {
        return no_memory(err);
    }
    c->count += e->own.len > 0;
    return e->own.len ? 0 : weir_fail(err, WEIR_EINVAL, "a stream of the catalog has no name");
}

int weir_airbyte_catalog_read(struct weir_airbyte_catalog *c, struct weir_str text,
                              struct weir_error *err)
{
    struct weir_json root, item;
    struct weir_json_repairs ignored;
    *c = (struct weir_airbyte_catalog){.parser = weir_json_parser_new(MAX_DEPTH)};
    weir_buf_init(&c->text, text.len + 64);
    weir_arena_init(&c->arena, MAX_ARENA);
    weir_buf_adds(&c->text, text);
    int rc = c->parser ? weir_buf_check(&c->text, "a catalog", err) : no_memory(err);
    rc = rc ? rc : weir_json_parse_lenient(c->parser, weir_buf_str(&c->text), &root, &ignored, err);
    struct weir_json streams = rc ? (struct weir_json){0} : weir_json_get(root, "streams");
    c->entries = weir_arena_calloc(&c->arena, (weir_json_count(streams) + 1) * sizeof *c->entries);
    rc = rc ? rc : c->entries ? 0 : no_memory(err);
    struct weir_json_iter it = weir_json_begin(streams);
    while (rc == 0 && weir_json_next(&it, NULL, &item)) {
        rc = read_entry(c, item, err);
    }
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        struct weir_airbyte_entry *e = &c->entries[i];
        e->name = e->own;
        for (size_t k = 0; k < c->count; k++) {
            if (k != i && weir_str_eq(c->entries[k].own, e->own) && e->space.len) {
                e->name =
                    weir_str_of(weir_arena_printf(&c->arena, "%s.%s", e->space.ptr, e->own.ptr));
            }
        }
        rc = e->name.ptr ? 0 : no_memory(err);
    }
    return rc;
}

const struct weir_airbyte_entry *weir_airbyte_find(const struct weir_airbyte_catalog *c,
                                                   struct weir_str name)
{
    for (size_t i = 0; c && i < c->count; i++) {
        if (weir_str_eq(c->entries[i].name, name)) {
            return &c->entries[i];
        }
    }
    return NULL;
}

const struct weir_airbyte_entry *weir_airbyte_find_own(const struct weir_airbyte_catalog *c,
                                                       struct weir_str own, struct weir_str space)
{
    const struct weir_airbyte_entry *near = NULL;
    for (size_t i = 0; c && i < c->count; i++) {
        if (weir_str_eq(c->entries[i].own, own)) {
            if (weir_str_eq(c->entries[i].space, space)) {
                return &c->entries[i];
            }
            near = near || space.len ? near : &c->entries[i];
        }
    }
    return near; /* a source that leaves the namespace out */
}

bool weir_airbyte_is_incremental(const struct weir_airbyte_entry *e,
                                 const struct weir_feed_wanted *w)
{
    bool whole = w && w->stream.mode_said && w->stream.mode == WEIR_SOURCE_REPLACE;
    return !whole &&
           (e->incremental || (w && *w->stream.cursor && has_mode(e->stream, "incremental")));
}

/* "a" or, of one that is not a column of the first level, "a.b". */
static void print_cursor(struct weir_jw *w, const struct weir_airbyte_entry *e,
                         const struct weir_feed_wanted *wanted)
{
    weir_jw_keyz(w, "cursor_field");
    if (*wanted->stream.cursor) {
        weir_jw_array(w);
        weir_jw_strz(w, wanted->stream.cursor);
        weir_jw_array_end(w);
        return;
    }
    struct weir_buf text;
    struct weir_json field = weir_json_get(e->stream, "default_cursor_field");
    weir_buf_init(&text, 65536);
    weir_json_print(field, &text);
    weir_jw_raw(w, weir_json_type(field) == WEIR_JSON_ARRAY && weir_buf_ok(&text)
                       ? weir_buf_str(&text)
                       : WEIR_STR("[]"));
    weir_buf_free(&text);
}

static int print_stream(struct weir_jw *w, const struct weir_airbyte_entry *e,
                        const struct weir_feed_wanted *wanted, int64_t sync, struct weir_error *err)
{
    struct weir_buf text;
    bool incremental = weir_airbyte_is_incremental(e, wanted);
    int64_t before = weir_feed_generation(wanted->cursor);
    bool begins = wanted->anew || !incremental || before == 0;
    weir_buf_init(&text, 64u << 20);
    weir_json_print(e->stream, &text);
    weir_jw_object(w);
    weir_jw_keyz(w, "stream");
    weir_jw_raw(w, weir_buf_str(&text));
    weir_jw_kstrz(w, "sync_mode", incremental ? "incremental" : "full_refresh");
    weir_jw_kstrz(w, "destination_sync_mode",
                  !incremental ? "overwrite"
                  : e->keyed   ? "append_dedup"
                               : "append");
    print_cursor(w, e, wanted);
    weir_buf_reset(&text);
    weir_json_print(weir_json_get(e->stream, "source_defined_primary_key"), &text);
    weir_jw_keyz(w, "primary_key");
    weir_jw_raw(w, e->keyed ? weir_buf_str(&text) : WEIR_STR("[]"));
    weir_jw_ki64(w, "generation_id", begins ? sync : before);
    weir_jw_ki64(w, "minimum_generation_id", begins ? sync : 0);
    weir_jw_ki64(w, "sync_id", sync);
    weir_jw_object_end(w);
    int rc = weir_buf_check(&text, "a catalog", err);
    weir_buf_free(&text);
    return rc;
}

int weir_airbyte_configure(const struct weir_airbyte_catalog *c, const struct weir_feed *feed,
                           int64_t sync, struct weir_buf *out, struct weir_error *err)
{
    struct weir_jw w = weir_jw_on(out);
    int rc = 0;
    weir_jw_object(&w);
    weir_jw_keyz(&w, "streams");
    weir_jw_array(&w);
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        const struct weir_feed_wanted *wanted = weir_feed_find_wanted(feed, c->entries[i].name);
        rc = wanted ? print_stream(&w, &c->entries[i], wanted, sync, err) : 0;
    }
    weir_jw_array_end(&w);
    weir_jw_object_end(&w);
    return rc ? rc : weir_buf_check(out, "a catalog", err);
}
