#include "load/table.h"

#include <stdlib.h>

#include "event/naming.h"
#include "load/load.h"

enum { ARENA_BYTES = 1 << 30, MAX_EVENT_NAMES = 10000 };

static const struct {
    const char *name;
    enum weir_type type;
} base_columns[WEIR_COL_COUNT] = {
    [WEIR_COL_ID] = {"id", WEIR_TYPE_TEXT},
    [WEIR_COL_ANONYMOUS_ID] = {"anonymous_id", WEIR_TYPE_TEXT},
    [WEIR_COL_USER_ID] = {"user_id", WEIR_TYPE_TEXT},
    [WEIR_COL_EVENT] = {"event", WEIR_TYPE_TEXT},
    [WEIR_COL_EVENT_TEXT] = {"event_text", WEIR_TYPE_TEXT},
    [WEIR_COL_NAME] = {"name", WEIR_TYPE_TEXT},
    [WEIR_COL_CATEGORY] = {"category", WEIR_TYPE_TEXT},
    [WEIR_COL_GROUP_ID] = {"group_id", WEIR_TYPE_TEXT},
    [WEIR_COL_PREVIOUS_ID] = {"previous_id", WEIR_TYPE_TEXT},
    [WEIR_COL_RECEIVED_AT] = {"received_at", WEIR_TYPE_TIMESTAMP},
    [WEIR_COL_SENT_AT] = {"sent_at", WEIR_TYPE_TIMESTAMP},
    [WEIR_COL_TIMESTAMP] = {"timestamp", WEIR_TYPE_TIMESTAMP},
    [WEIR_COL_ORIGINAL_TIMESTAMP] = {"original_timestamp", WEIR_TYPE_TIMESTAMP},
    [WEIR_COL_UUID_TS] = {"uuid_ts", WEIR_TYPE_TIMESTAMP},
};

#define BIT(column) (1u << WEIR_COL_##column)
#define TIMES                                                                                      \
    (BIT(RECEIVED_AT) | BIT(SENT_AT) | BIT(TIMESTAMP) | BIT(ORIGINAL_TIMESTAMP) | BIT(UUID_TS))
#define WHO (BIT(ID) | BIT(ANONYMOUS_ID) | BIT(USER_ID) | TIMES)

static const struct {
    const char *name;
    unsigned columns;
} kinds[WEIR_TABLE_KINDS] = {
    [WEIR_TABLE_TRACKS] = {"tracks", WHO | BIT(EVENT) | BIT(EVENT_TEXT)},
    [WEIR_TABLE_EVENT] = {NULL, WHO | BIT(EVENT) | BIT(EVENT_TEXT)},
    [WEIR_TABLE_IDENTIFIES] = {"identifies", WHO},
    [WEIR_TABLE_USERS] = {"users", BIT(ID) | TIMES},
    [WEIR_TABLE_PAGES] = {"pages", WHO | BIT(NAME) | BIT(CATEGORY)},
    [WEIR_TABLE_SCREENS] = {"screens", WHO | BIT(NAME) | BIT(CATEGORY)},
    [WEIR_TABLE_GROUPS] = {"groups", WHO | BIT(GROUP_ID)},
    [WEIR_TABLE_ACCOUNTS] = {"accounts", BIT(ID) | TIMES},
    [WEIR_TABLE_ALIASES] = {"aliases", WHO | BIT(PREVIOUS_ID)},
    [WEIR_TABLE_SYSTEM] = {NULL, 0},
};

enum weir_type weir_base_type(enum weir_base_column column)
{
    return base_columns[column].type;
}

bool weir_table_is_shaped(const struct weir_table *table)
{
    unsigned found = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        for (int base = 0; base < WEIR_COL_COUNT; base++) {
            bool same = table->columns[i].type == base_columns[base].type &&
                        weir_str_is(table->columns[i].name, base_columns[base].name);
            found |= same ? 1u << base : 0;
        }
    }
    const unsigned all = BIT(ID) | TIMES;
    return !table->view && (found & all) == all;
}

int weir_catalog_init(struct weir_catalog *catalog, const struct weir_load_limits *limits,
                      struct weir_error *err)
{
    (void)err;
    *catalog = (struct weir_catalog){.limits = *limits, .prefix = ""};
    weir_arena_init(&catalog->arena, ARENA_BYTES);
    weir_map_init(&catalog->sources);
    weir_map_init(&catalog->by_name);
    return WEIR_OK;
}

static void free_source(struct weir_load_source *source)
{
    weir_paths_free(&source->context);
    weir_map_free(&source->events);
}

void weir_catalog_free(struct weir_catalog *catalog)
{
    for (size_t i = 0; i < catalog->sources.count; i++) {
        free_source(catalog->sources.entries[i].value);
    }
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        struct weir_load_table *table = catalog->tables[i];
        free(table->columns);
        free(table->by_context);
        free(table->by_path);
        weir_map_free(&table->by_name);
        weir_paths_free(&table->paths);
    }
    free(catalog->tables);
    weir_map_free(&catalog->sources);
    weir_map_free(&catalog->by_name);
    weir_arena_free(&catalog->arena);
    *catalog = (struct weir_catalog){0};
}

/* --- tables and columns ------------------------------------------------------------------------
 */

struct weir_str weir_table_key(struct weir_str schema, struct weir_str name,
                               char out[WEIR_TABLE_KEY])
{
    size_t n = 0;
    const struct weir_str parts[] = {schema, WEIR_STR("."), name};
    for (int i = 0; i < 3; i++) {
        size_t len = parts[i].len < WEIR_TABLE_KEY - 1 - n ? parts[i].len : WEIR_TABLE_KEY - 1 - n;
        memcpy(out + n, parts[i].ptr, len);
        n += len;
    }
    return (struct weir_str){out, n};
}

static struct weir_load_table *new_table(struct weir_catalog *catalog, struct weir_str schema,
                                         struct weir_str name)
{
    if (catalog->table_count == catalog->table_cap) {
        uint32_t cap = catalog->table_cap ? catalog->table_cap * 2 : 64;
        struct weir_load_table **tables = realloc(catalog->tables, cap * sizeof *tables);
        if (!tables) {
            return NULL;
        }
        catalog->tables = tables;
        catalog->table_cap = cap;
    }
    struct weir_load_table *table = weir_arena_calloc(&catalog->arena, sizeof *table);
    if (!table) {
        return NULL;
    }
    weir_map_init(&table->by_name);
    table->schema = weir_arena_dup(&catalog->arena, schema);
    table->label = weir_arena_dup(&catalog->arena, name);
    table->name = weir_str_of(
        weir_arena_printf(&catalog->arena, "%s" WEIR_STR_FMT, catalog->prefix, WEIR_STR_ARG(name)));
    table->kind = WEIR_TABLE_SYSTEM;
    table->index = catalog->table_count;
    char key[WEIR_TABLE_KEY];
    if (!table->schema.ptr || !table->name.ptr ||
        weir_map_put(&catalog->by_name, weir_table_key(schema, name, key), table)) {
        return NULL;
    }
    catalog->tables[catalog->table_count++] = table;
    return table;
}

struct weir_load_column *weir_table_find(const struct weir_load_table *table, struct weir_str name)
{
    return weir_map_get(&table->by_name, name);
}

bool weir_table_may_grow(const struct weir_catalog *catalog, const struct weir_load_table *table)
{
    return table->column_count < catalog->limits.columns &&
           catalog->column_count < catalog->limits.all_columns;
}

struct weir_load_column *weir_table_add(struct weir_catalog *catalog, struct weir_load_table *table,
                                        struct weir_str name)
{
    if (table->column_count == table->column_cap) {
        uint32_t cap = table->column_cap ? table->column_cap * 2 : 32;
        struct weir_load_column **columns = realloc(table->columns, cap * sizeof *columns);
        if (!columns) {
            return NULL;
        }
        table->columns = columns;
        table->column_cap = cap;
    }
    struct weir_load_column *column = weir_arena_calloc(&catalog->arena, sizeof *column);
    if (!column) {
        return NULL;
    }
    column->name = weir_arena_dup(&catalog->arena, name);
    column->index = table->column_count;
    column->type = column->kept_type = column->stored = WEIR_TYPE_NONE;
    if (!column->name.ptr || weir_map_put(&table->by_name, name, column)) {
        return NULL;
    }
    table->columns[table->column_count++] = column;
    catalog->column_count++;
    return column;
}

/* Gives the table the columns of its kind; those that the warehouse has keep their place. */
static bool shape_table(struct weir_catalog *catalog, struct weir_load_table *table,
                        enum weir_table_kind kind)
{
    table->kind = kind;
    for (int i = 0; i < WEIR_COL_COUNT; i++) {
        if (!(kinds[kind].columns >> i & 1)) {
            continue;
        }
        struct weir_str name = weir_str_of(base_columns[i].name);
        struct weir_load_column *column = weir_table_find(table, name);
        column = column ? column : weir_table_add(catalog, table, name);
        if (!column) {
            return false;
        }
        column->pinned = true;
        column->type = base_columns[i].type;
        table->base[i] = column;
    }
    return true;
}

/* Paths remembered a table: some keys share a column, and some are over the cap. */
static uint32_t paths_of(const struct weir_catalog *catalog)
{
    enum { LEAST = 20000 };
    uint32_t paths = catalog->limits.columns * 4;
    return paths < LEAST ? LEAST : paths;
}

struct weir_load_table *weir_catalog_open(struct weir_catalog *catalog, struct weir_str schema,
                                          struct weir_str name, enum weir_table_kind kind)
{
    char key[WEIR_TABLE_KEY];
    struct weir_load_table *table =
        weir_map_get(&catalog->by_name, weir_table_key(schema, name, key));
    if (!table) {
        table = new_table(catalog, schema, name);
        if (!table) {
            return NULL;
        }
        table->is_new = true;
    }
    struct weir_error err;
    bool shaped = table->paths.slots != NULL;
    return shaped || (!weir_paths_init(&table->paths, "", paths_of(catalog), &err) &&
                      shape_table(catalog, table, kind))
               ? table
               : NULL;
}

static int read_table(struct weir_catalog *catalog, const struct weir_table *from,
                      struct weir_error *err)
{
    struct weir_load_table *table = new_table(catalog, from->schema, from->name);
    for (size_t i = 0; table && i < from->column_count; i++) {
        struct weir_load_column *column = weir_table_add(catalog, table, from->columns[i].name);
        if (!column) {
            table = NULL;
            break;
        }
        column->type = column->stored = from->columns[i].type;
        column->foreign = column->type == WEIR_TYPE_OTHER || column->type == WEIR_TYPE_DATE;
    }
    if (!table) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of tables");
    }
    table->exists = true;
    return WEIR_OK;
}

int weir_catalog_read(struct weir_catalog *catalog, struct weir_session *session,
                      struct weir_error *err)
{
    struct weir_arena arena;
    weir_arena_init(&arena, ARENA_BYTES);
    struct weir_table *tables;
    size_t count;
    int code = weir_session_describe(session, &arena, &tables, &count, err);
    for (size_t i = 0; !code && i < count; i++) {
        code = read_table(catalog, &tables[i], err);
    }
    weir_arena_free(&arena);
    return code;
}

/* --- a replay's --------------------------------------------------------------------------------
 */

static void store_types(struct weir_load_table *table, const struct weir_table *from)
{
    for (size_t i = 0; i < from->column_count; i++) {
        struct weir_load_column *column = weir_table_find(table, from->columns[i].name);
        if (column) {
            column->stored = from->columns[i].type;
        }
    }
}

int weir_catalog_read_live(struct weir_catalog *catalog, struct weir_session *session, bool tables,
                           struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_table *found;
    size_t count;
    weir_arena_init(&arena, ARENA_BYTES);
    int code = weir_session_describe(session, &arena, &found, &count, err);
    for (size_t i = 0; !code && i < count; i++) {
        if (weir_str_is(found[i].schema, "weir") || !(found[i].view || tables)) {
            continue;
        }
        code = read_table(catalog, &found[i], err);
        if (!code) {
            struct weir_load_table *table = catalog->tables[catalog->table_count - 1];
            table->exists = false;
            table->view = found[i].view;
            table->live = !found[i].view;
            for (uint32_t c = 0; c < table->column_count; c++) {
                table->columns[c]->type = WEIR_TYPE_NONE;
            }
        }
    }
    weir_arena_free(&arena);
    return code;
}

void weir_catalog_keep(struct weir_catalog *catalog)
{
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        struct weir_load_table *table = catalog->tables[i];
        for (uint32_t c = 0; c < table->column_count; c++) {
            table->columns[c]->kept_type = table->columns[c]->type;
            table->columns[c]->kept_unsafe_ints = table->columns[c]->unsafe_ints;
        }
    }
}

int weir_catalog_restore(struct weir_catalog *catalog, struct weir_session *session,
                         struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_table *found;
    size_t count;
    weir_arena_init(&arena, ARENA_BYTES);
    int code = weir_session_describe(session, &arena, &found, &count, err);
    for (uint32_t i = 0; !code && i < catalog->table_count; i++) {
        struct weir_load_table *table = catalog->tables[i];
        table->exists = false;
        for (uint32_t c = 0; c < table->column_count; c++) {
            struct weir_load_column *column = table->columns[c];
            column->stored = WEIR_TYPE_NONE;
            if (!column->pinned) {
                column->type = column->kept_type;
                column->unsafe_ints = column->kept_unsafe_ints;
            }
        }
    }
    /* What is made is like what is live, or wider: it counts, so it comes second. */
    for (int made = 0; made < 2; made++) {
        for (size_t i = 0; !code && i < count; i++) {
            struct weir_str name = found[i].name;
            if (weir_str_starts(name, weir_str_of(catalog->prefix)) != made) {
                continue;
            }
            size_t skip = made ? strlen(catalog->prefix) : 0;
            name = (struct weir_str){name.ptr + skip, name.len - skip};
            char key[WEIR_TABLE_KEY];
            struct weir_load_table *table =
                weir_map_get(&catalog->by_name, weir_table_key(found[i].schema, name, key));
            if (table && (made || table->live)) {
                table->exists = made;
                store_types(table, &found[i]);
            }
        }
    }
    weir_arena_free(&arena);
    return code;
}

/* --- sources -----------------------------------------------------------------------------------
 */

/* Schemas that are the engine's or weir's own. */
static bool is_taken(struct weir_str name)
{
    static const char *const taken[] = {"weir",       "usage", "main",  "information_schema",
                                        "pg_catalog", "temp",  "system"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (weir_str_is(name, taken[i])) {
            return true;
        }
    }
    return false;
}

void weir_load_schema(struct weir_str source, struct weir_buf *out)
{
    struct weir_buf name;
    weir_buf_init(&name, 1024);
    weir_name_make(source, "source", &name);
    weir_buf_addz(out, is_taken(weir_buf_str(&name)) ? "_" : "");
    weir_buf_adds(out, weir_buf_str(&name));
    weir_buf_free(&name);
}

struct weir_load_source *weir_catalog_source(struct weir_catalog *catalog, struct weir_str name)
{
    struct weir_load_source *source = weir_map_get(&catalog->sources, name);
    if (source) {
        return source;
    }
    source = weir_arena_calloc(&catalog->arena, sizeof *source);
    if (!source) {
        return NULL;
    }
    source->name = weir_arena_dup(&catalog->arena, name);
    struct weir_buf schema;
    weir_buf_init(&schema, 1024);
    weir_load_schema(name, &schema);
    source->schema = weir_arena_dup(&catalog->arena, weir_buf_str(&schema));
    weir_buf_free(&schema);
    weir_map_init(&source->events);
    struct weir_error err;
    source->other = weir_arena_calloc(&catalog->arena, sizeof *source->other);
    bool ok = source->name.ptr && source->schema.ptr && source->other &&
              !weir_paths_init(&source->context, "context", paths_of(catalog), &err);
    if (!ok || weir_map_put(&catalog->sources, name, source)) {
        free_source(source);
        return NULL;
    }
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        if (weir_str_eq(catalog->tables[i]->schema, source->schema)) {
            source->schema_exists = true;
            source->table_count++;
        }
    }
    return source;
}

struct weir_load_table *weir_catalog_table(struct weir_catalog *catalog,
                                           struct weir_load_source *source,
                                           enum weir_table_kind kind)
{
    if (!source->tables[kind]) {
        source->tables[kind] =
            weir_catalog_open(catalog, source->schema, weir_str_of(kinds[kind].name), kind);
    }
    return source->tables[kind];
}

bool weir_table_is_fixed(struct weir_str name)
{
    for (int kind = 0; kind < WEIR_TABLE_KINDS; kind++) {
        if (kinds[kind].name && weir_str_is(name, kinds[kind].name)) {
            return true;
        }
    }
    return false;
}

/* Finds the table, or makes it while the source may have more. */
static bool fill_event(struct weir_catalog *catalog, struct weir_load_source *source,
                       struct weir_str event, struct weir_event_table *out)
{
    struct weir_buf name;
    weir_buf_init(&name, 4 * WEIR_NAME_MAX);
    weir_name_make(event, "event", &name);
    bool ok = weir_buf_ok(&name) && name.len <= WEIR_NAME_MAX;
    if (ok) {
        memcpy(out->slug_text, name.data, name.len);
        out->slug = (struct weir_str){out->slug_text, name.len};
        out->odd = name.len == WEIR_NAME_MAX || weir_table_is_fixed(out->slug) ||
                   (name.len == 13 && weir_str_starts(out->slug, WEIR_STR("event")));
        if (weir_table_is_fixed(out->slug)) {
            weir_buf_reset(&name);
            weir_buf_addc(&name, '_');
            weir_buf_adds(&name, out->slug);
        }
        char key[WEIR_TABLE_KEY];
        out->table = weir_map_get(&catalog->by_name,
                                  weir_table_key(source->schema, weir_buf_str(&name), key));
        bool may = out->table || (source->table_count < catalog->limits.tables &&
                                  catalog->column_count < catalog->limits.all_columns);
        source->table_count += may && !out->table;
        if (may) {
            out->table =
                weir_catalog_open(catalog, source->schema, weir_buf_str(&name), WEIR_TABLE_EVENT);
            ok = out->table != NULL;
        }
    }
    weir_buf_free(&name);
    return ok;
}

struct weir_event_table *weir_catalog_event(struct weir_catalog *catalog,
                                            struct weir_load_source *source, struct weir_str event)
{
    struct weir_event_table *out = weir_map_get(&source->events, event);
    if (out) {
        return out;
    }
    /* Event names are whatever a client sends: past a number they are no longer remembered. */
    bool remember = source->events.count < MAX_EVENT_NAMES && event.len <= 1024;
    out = remember ? weir_arena_calloc(&catalog->arena, sizeof *out) : source->other;
    if (!out || !fill_event(catalog, source, event, out)) {
        return NULL;
    }
    /* One that is over the cap may find its table made in the warehouse later: look again. */
    if (remember && out->table && weir_map_put(&source->events, event, out)) {
        return NULL;
    }
    return out;
}

bool weir_name_is_reserved(enum weir_table_kind kind, struct weir_str name)
{
    /* users and accounts name their columns as identifies and groups do. */
    unsigned mask = kinds[kind].columns;
    mask |= kind == WEIR_TABLE_USERS ? WHO : kind == WEIR_TABLE_ACCOUNTS ? WHO | BIT(GROUP_ID) : 0;
    mask &= ~(BIT(NAME) | BIT(CATEGORY)); /* a page's name may come either way */
    for (int i = 0; i < WEIR_COL_COUNT; i++) {
        if ((mask >> i & 1) && weir_str_is(name, base_columns[i].name)) {
            return true;
        }
    }
    return weir_str_is(name, "context") || weir_str_starts(name, WEIR_STR("context_"));
}

static void trim(struct weir_paths *paths, const char *prefix)
{
    uint32_t max = paths->max;
    struct weir_error err;
    weir_paths_free(paths);
    if (weir_paths_init(paths, prefix, max, &err)) {
        paths->max = 0; /* no memory: every path is unknown until it is tried again */
    }
}

static bool is_crowded(const struct weir_paths *paths)
{
    return paths->count > paths->max / 4 * 3;
}

void weir_catalog_trim_context(struct weir_catalog *catalog, struct weir_load_source *source)
{
    if (!is_crowded(&source->context)) {
        return;
    }
    trim(&source->context, "context");
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        struct weir_load_table *table = catalog->tables[i];
        if (weir_str_eq(table->schema, source->schema) && table->by_context) {
            memset(table->by_context, 0, table->context_cap * sizeof *table->by_context);
        }
    }
}

void weir_table_trim_paths(struct weir_load_table *table, struct weir_load_table *other)
{
    if (!is_crowded(&table->paths)) {
        return;
    }
    trim(&table->paths, "");
    struct weir_load_table *const users[] = {table, other};
    for (int i = 0; i < 2; i++) {
        if (users[i] && users[i]->by_path) {
            memset(users[i]->by_path, 0, users[i]->path_cap * sizeof *users[i]->by_path);
        }
    }
}
