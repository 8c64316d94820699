#include "warehouse/duckdb/catalog.h"

#include <stdlib.h>

#include "warehouse/duckdb/stored.h"

#define MAX_CATALOG (512u << 20)
#define MAX_NAME    4096

void weir_duck_catalog_init(struct duck_catalog *catalog)
{
    *catalog = (struct duck_catalog){0};
    weir_arena_init(&catalog->arena, MAX_CATALOG);
    weir_map_init(&catalog->by_name);
    weir_map_init(&catalog->stored);
    weir_map_init(&catalog->macros);
}

void weir_duck_catalog_free(struct duck_catalog *catalog)
{
    weir_arena_free(&catalog->arena);
    weir_map_free(&catalog->by_name);
    weir_map_free(&catalog->stored);
    weir_map_free(&catalog->macros);
}

/* The key of schema and name in `room`; false when they are longer than any name. */
static bool key_of(struct weir_str schema, struct weir_str name, char room[MAX_NAME],
                   struct weir_str *key)
{
    if (schema.len >= MAX_NAME / 2 || name.len >= MAX_NAME / 2) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < schema.len + 1 + name.len; i++) {
        char c = i < schema.len    ? schema.ptr[i]
                 : i == schema.len ? '\0'
                                   : name.ptr[i - schema.len - 1];
        room[n++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    *key = (struct weir_str){room, n};
    return true;
}

const struct duck_relation *weir_duck_catalog_find(const struct duck_catalog *catalog,
                                                   struct weir_str schema, struct weir_str name)
{
    char room[MAX_NAME];
    struct weir_str key;
    return key_of(schema, name, room, &key) ? weir_map_get(&catalog->by_name, key) : NULL;
}

const struct duck_relation *weir_duck_catalog_stored(const struct duck_catalog *catalog,
                                                     const struct duck_relation *view, bool text)
{
    char room[WEIR_NAME_KEY];
    struct weir_str key = weir_duck_stored_key(view->schema, view->name, text, room);
    return key.ptr ? weir_map_get(&catalog->stored, key) : NULL;
}

bool weir_duck_catalog_macro(const struct duck_catalog *catalog, struct weir_str name)
{
    char room[MAX_NAME];
    struct weir_str key;
    return key_of(WEIR_STR(""), name, room, &key) && weir_map_get(&catalog->macros, key);
}

/* --- reading -------------------------------------------------------------------------------- */

typedef int (*row_fn)(struct duck_catalog *catalog, const struct weir_batch *batch, size_t row);

static int each_row(struct duck_session *s, const char *sql, struct duck_catalog *catalog,
                    row_fn take, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    int rc = weir_duck_query(&s->base, sql, NULL, 0, &result, err);
    while (rc == 0 && (rc = weir_duck_result_next(result, &batch, err)) == 0 && batch.rows) {
        for (size_t i = 0; rc == 0 && i < batch.rows; i++) {
            rc = take(catalog, &batch, i);
        }
        if (rc) {
            weir_fail(err, rc, "no memory for the catalog");
        }
    }
    if (result) {
        weir_duck_result_free(result);
    }
    return rc;
}

static int take_database(struct duck_catalog *catalog, const struct weir_batch *batch, size_t row)
{
    catalog->database = weir_arena_dup(&catalog->arena, batch->columns[0].strs[row]);
    return catalog->database.ptr ? 0 : WEIR_ENOMEM;
}

static int take_view(struct duck_catalog *catalog, const struct weir_batch *batch, size_t row)
{
    char room[MAX_NAME];
    struct weir_str key;
    if (!key_of(batch->columns[0].strs[row], batch->columns[1].strs[row], room, &key)) {
        return 0;
    }
    struct duck_relation *view = weir_map_get(&catalog->by_name, key);
    view = view ? view : weir_map_get(&catalog->stored, key);
    if (view) {
        view->definition = weir_arena_dup(&catalog->arena, batch->columns[2].strs[row]);
    }
    return view && !view->definition.ptr ? WEIR_ENOMEM : 0;
}

static int take_macro(struct duck_catalog *catalog, const struct weir_batch *batch, size_t row)
{
    char room[MAX_NAME];
    struct weir_str key;
    if (!key_of(WEIR_STR(""), batch->columns[0].strs[row], room, &key)) {
        return 0;
    }
    return weir_map_put(&catalog->macros, key, catalog);
}

static int read_relations(struct duck_session *s, struct duck_catalog *catalog,
                          struct weir_error *err)
{
    struct weir_table *tables;
    size_t count;
    char room[MAX_NAME];
    struct weir_str key;
    int rc = weir_duck_describe(&s->base, &catalog->arena, &tables, &count, err);
    if (rc) {
        return rc;
    }
    catalog->relations =
        weir_arena_calloc(&catalog->arena, (count + 1) * sizeof *catalog->relations);
    size_t hidden = count; /* what is stored goes to the end, and is not counted */
    for (size_t i = 0; catalog->relations && i < count; i++) {
        bool stored = weir_str_is(tables[i].schema, WEIR_STORED_SCHEMA);
        struct duck_relation *r =
            &catalog->relations[stored ? --hidden : catalog->relation_count++];
        *r = (struct duck_relation){.schema = tables[i].schema,
                                    .name = tables[i].name,
                                    .view = tables[i].view,
                                    .columns = tables[i].columns,
                                    .column_count = tables[i].column_count};
        if (key_of(r->schema, r->name, room, &key) &&
            weir_map_put(stored ? &catalog->stored : &catalog->by_name, key, r)) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for the catalog");
        }
    }
    return catalog->relations ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the catalog");
}

int weir_duck_catalog_read(struct duck_session *s, struct duck_catalog *catalog,
                           struct weir_error *err)
{
    weir_arena_reset(&catalog->arena);
    weir_map_clear(&catalog->by_name);
    weir_map_clear(&catalog->stored);
    weir_map_clear(&catalog->macros);
    catalog->relation_count = 0;
    int rc = each_row(s, "SELECT current_database()", catalog, take_database, err);
    rc = rc ? rc : read_relations(s, catalog, err);
    rc = rc ? rc
            : each_row(s,
                       "SELECT schema_name, view_name, sql FROM duckdb_views() "
                       "WHERE NOT internal AND database_name = current_database()",
                       catalog, take_view, err);
    return rc ? rc
              : each_row(s,
                         "SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal",
                         catalog, take_macro, err);
}
