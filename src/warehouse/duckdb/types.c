#include "warehouse/duckdb/duck.h"

static const struct {
    duckdb_type id;
    const char *name;
    enum weir_type as; /* WEIR_TYPE_OTHER: as text */
    bool direct;       /* converted here; otherwise cast to VARCHAR by the engine */
} types[] = {
    {DUCKDB_TYPE_BOOLEAN, "BOOLEAN", WEIR_TYPE_BOOL, true},
    {DUCKDB_TYPE_TINYINT, "TINYINT", WEIR_TYPE_INT, true},
    {DUCKDB_TYPE_SMALLINT, "SMALLINT", WEIR_TYPE_INT, true},
    {DUCKDB_TYPE_INTEGER, "INTEGER", WEIR_TYPE_INT, true},
    {DUCKDB_TYPE_BIGINT, "BIGINT", WEIR_TYPE_INT, true},
    {DUCKDB_TYPE_UTINYINT, "UTINYINT", WEIR_TYPE_INT, true},
    {DUCKDB_TYPE_USMALLINT, "USMALLINT", WEIR_TYPE_INT, true},
    {DUCKDB_TYPE_UINTEGER, "UINTEGER", WEIR_TYPE_INT, true},
    {DUCKDB_TYPE_UBIGINT, "UBIGINT", WEIR_TYPE_OTHER, true},
    {DUCKDB_TYPE_HUGEINT, "HUGEINT", WEIR_TYPE_OTHER, true},
    {DUCKDB_TYPE_UHUGEINT, "UHUGEINT", WEIR_TYPE_OTHER, true},
    {DUCKDB_TYPE_FLOAT, "FLOAT", WEIR_TYPE_DOUBLE, true},
    {DUCKDB_TYPE_DOUBLE, "DOUBLE", WEIR_TYPE_DOUBLE, true},
    {DUCKDB_TYPE_DECIMAL, "DECIMAL", WEIR_TYPE_OTHER, true},
    {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP", WEIR_TYPE_TIMESTAMP, true},
    {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE", WEIR_TYPE_TIMESTAMP, true},
    {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_DATE, "DATE", WEIR_TYPE_DATE, true},
    {DUCKDB_TYPE_TIME, "TIME", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_TIME_NS, "TIME_NS", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_TIME_TZ, "TIME WITH TIME ZONE", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_INTERVAL, "INTERVAL", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_VARCHAR, "VARCHAR", WEIR_TYPE_TEXT, true},
    {DUCKDB_TYPE_UUID, "UUID", WEIR_TYPE_OTHER, true},
    {DUCKDB_TYPE_ENUM, "ENUM", WEIR_TYPE_OTHER, true},
    {DUCKDB_TYPE_BLOB, "BLOB", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_BIT, "BIT", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_BIGNUM, "BIGNUM", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_SQLNULL, "\"NULL\"", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_LIST, "LIST", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_ARRAY, "ARRAY", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_STRUCT, "STRUCT", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_MAP, "MAP", WEIR_TYPE_OTHER, false},
    {DUCKDB_TYPE_UNION, "UNION", WEIR_TYPE_OTHER, false},
};
#define TYPE_COUNT (sizeof types / sizeof types[0])

const char *weir_duck_sql_type(enum weir_type type)
{
    switch (type) {
    case WEIR_TYPE_BOOL:
        return "BOOLEAN";
    case WEIR_TYPE_INT:
        return "BIGINT";
    case WEIR_TYPE_DOUBLE:
        return "DOUBLE";
    case WEIR_TYPE_TIMESTAMP:
        return "TIMESTAMP";
    case WEIR_TYPE_DATE:
        return "DATE";
    case WEIR_TYPE_JSON:
        return "JSON";
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_OTHER:
        break;
    }
    return "VARCHAR";
}

duckdb_logical_type weir_duck_logical_type(enum weir_type type)
{
    static const duckdb_type ids[] = {
        [WEIR_TYPE_BOOL] = DUCKDB_TYPE_BOOLEAN,        [WEIR_TYPE_INT] = DUCKDB_TYPE_BIGINT,
        [WEIR_TYPE_DOUBLE] = DUCKDB_TYPE_DOUBLE,       [WEIR_TYPE_DATE] = DUCKDB_TYPE_DATE,
        [WEIR_TYPE_TIMESTAMP] = DUCKDB_TYPE_TIMESTAMP, [WEIR_TYPE_TEXT] = DUCKDB_TYPE_VARCHAR,
        [WEIR_TYPE_JSON] = DUCKDB_TYPE_VARCHAR,        [WEIR_TYPE_OTHER] = DUCKDB_TYPE_VARCHAR};
    duckdb_logical_type logical = duckdb_create_logical_type(ids[type]);
    if (type == WEIR_TYPE_JSON) {
        /* Without the alias every value would be cast, that is parsed, once more. */
        duckdb_logical_type_set_alias(logical, "JSON");
    }
    return logical;
}

enum weir_type weir_duck_type_of_name(struct weir_str type_name)
{
    if (weir_str_is(type_name, "JSON")) {
        return WEIR_TYPE_JSON;
    }
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (weir_str_is(type_name, types[i].name)) {
            return types[i].as;
        }
    }
    return WEIR_TYPE_OTHER;
}

static bool has_alias(duckdb_logical_type type, const char *alias)
{
    char *text = duckdb_logical_type_get_alias(type);
    bool same = text && strcmp(text, alias) == 0;
    duckdb_free(text);
    return same;
}

bool weir_duck_type_of(duckdb_logical_type type, enum weir_type *out)
{
    duckdb_type id = duckdb_get_type_id(type);
    *out = WEIR_TYPE_OTHER;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (types[i].id == id) {
            *out = types[i].as;
            if (*out == WEIR_TYPE_TEXT && has_alias(type, "JSON")) {
                *out = WEIR_TYPE_JSON;
            }
            return types[i].direct;
        }
    }
    return false;
}

/* A nested type as the engine spells it. Takes and destroys `child`. */
static void child_name(duckdb_logical_type child, struct weir_buf *out)
{
    weir_duck_type_name(child, out);
    duckdb_destroy_logical_type(&child);
}

static void member_name(char *name, struct weir_buf *out)
{
    weir_sql_ident(out, weir_str_of(name ? name : ""));
    weir_buf_addc(out, ' ');
    duckdb_free(name);
}

static void members(duckdb_logical_type type, duckdb_type id, struct weir_buf *out)
{
    bool is_union = id == DUCKDB_TYPE_UNION;
    weir_buf_addz(out, is_union ? "UNION(" : "STRUCT(");
    idx_t count =
        is_union ? duckdb_union_type_member_count(type) : duckdb_struct_type_child_count(type);
    for (idx_t i = 0; i < count; i++) {
        weir_buf_addz(out, i ? ", " : "");
        member_name(is_union ? duckdb_union_type_member_name(type, i)
                             : duckdb_struct_type_child_name(type, i),
                    out);
        child_name(is_union ? duckdb_union_type_member_type(type, i)
                            : duckdb_struct_type_child_type(type, i),
                   out);
    }
    weir_buf_addc(out, ')');
}

static void simple_name(duckdb_logical_type type, duckdb_type id, struct weir_buf *out)
{
    char *alias = duckdb_logical_type_get_alias(type);
    const char *name = alias ? alias : "UNKNOWN";
    for (size_t i = 0; !alias && i < TYPE_COUNT; i++) {
        if (types[i].id == id) {
            name = types[i].name;
        }
    }
    weir_buf_addz(out, name);
    duckdb_free(alias);
}

void weir_duck_type_name(duckdb_logical_type type, struct weir_buf *out)
{
    duckdb_type id = duckdb_get_type_id(type);
    switch (id) {
    case DUCKDB_TYPE_DECIMAL:
        weir_buf_addf(out, "DECIMAL(%u,%u)", duckdb_decimal_width(type),
                      duckdb_decimal_scale(type));
        return;
    case DUCKDB_TYPE_LIST:
        child_name(duckdb_list_type_child_type(type), out);
        weir_buf_addz(out, "[]");
        return;
    case DUCKDB_TYPE_ARRAY:
        child_name(duckdb_array_type_child_type(type), out);
        weir_buf_addf(out, "[%llu]", (unsigned long long)duckdb_array_type_array_size(type));
        return;
    case DUCKDB_TYPE_MAP:
        weir_buf_addz(out, "MAP(");
        child_name(duckdb_map_type_key_type(type), out);
        weir_buf_addz(out, ", ");
        child_name(duckdb_map_type_value_type(type), out);
        weir_buf_addc(out, ')');
        return;
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_UNION:
        members(type, id, out);
        return;
    default:
        simple_name(type, id, out);
    }
}
