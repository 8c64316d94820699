#include "base/json_write.h"
#include "load/build.h"

enum { VALUE_BYTES = 256 << 20 };

static bool open_system(struct weir_catalog *catalog, struct weir_system_table *out,
                        const char *name, const char *const *columns, const enum weir_type *types,
                        size_t count)
{
    struct weir_load_table *table =
        weir_catalog_open(catalog, WEIR_STR("weir"), weir_str_of(name), WEIR_TABLE_SYSTEM);
    for (size_t i = 0; table && i < count; i++) {
        struct weir_load_column *column = weir_table_find(table, weir_str_of(columns[i]));
        column = column ? column : weir_table_add(catalog, table, weir_str_of(columns[i]));
        if (!column) {
            return false;
        }
        column->pinned = true;
        column->type = types[i];
        out->columns[i] = column;
    }
    out->table = table;
    return table != NULL;
}

static const char *const discard_columns[] = {"received_at", "source", "table_name", "column_name",
                                              "message_id",  "reason", "value",      "seq",
                                              "event_index", "uuid_ts"};
static const enum weir_type discard_types[] = {
    WEIR_TYPE_TIMESTAMP, WEIR_TYPE_TEXT, WEIR_TYPE_TEXT, WEIR_TYPE_TEXT, WEIR_TYPE_TEXT,
    WEIR_TYPE_TEXT,      WEIR_TYPE_TEXT, WEIR_TYPE_INT,  WEIR_TYPE_INT,  WEIR_TYPE_TIMESTAMP};
static const char *const name_columns[] = {"schema_name", "table_name", "column_name", "original"};
static const enum weir_type name_types[] = {WEIR_TYPE_TEXT, WEIR_TYPE_TEXT, WEIR_TYPE_TEXT,
                                            WEIR_TYPE_TEXT};

bool weir_system_tables(struct weir_catalog *catalog)
{
    return (catalog->discards.table ||
            open_system(catalog, &catalog->discards, "discards", discard_columns, discard_types,
                        sizeof discard_types / sizeof discard_types[0])) &&
           (catalog->names.table ||
            open_system(catalog, &catalog->names, "names", name_columns, name_types,
                        sizeof name_types / sizeof name_types[0]));
}

/* Writes a row of a system table; texts are cleaned and copied. A value without text is NULL. */
static void add_system_row(struct weir_builder *b, const struct weir_system_table *system,
                           const struct weir_value *values, size_t count)
{
    struct weir_rows *rows = weir_load_batch_rows(b->batch, system->table);
    uint32_t row;
    struct weir_chunk *chunk = rows ? weir_rows_add(rows, &b->batch->pool, &row) : NULL;
    if (!chunk) {
        b->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct weir_value value = values[i];
        if (value.type == WEIR_TYPE_TEXT) {
            if (!value.s.ptr) {
                continue;
            }
            struct weir_buf clean;
            weir_buf_init(&clean, VALUE_BYTES);
            if (!weir_utf8_valid(value.s)) {
                weir_text_clean(value.s, &clean);
                value.s = weir_buf_str(&clean);
            }
            value.s = weir_pool_dup(&b->batch->pool, value.s);
            weir_buf_free(&clean);
        } else if (value.i == INT64_MIN) {
            continue;
        }
        struct weir_cells *cells =
            weir_rows_cells(chunk, &b->batch->pool, system->columns[i], row, &value);
        if (!cells || !weir_cells_set(cells, &b->batch->pool, row, &value)) {
            b->no_memory = true;
            return;
        }
    }
}

void weir_builder_discard(struct weir_builder *b, const struct weir_discard *d)
{
    const struct weir_record *record = b->record;
    if (b->learn) {
        return;
    }
    const struct weir_value values[] = {
        {.type = WEIR_TYPE_TIMESTAMP, .i = record->received_at},
        weir_value_of_text(record->source),
        weir_value_of_text(d->table),
        weir_value_of_text(d->column),
        weir_value_of_text(d->message_id),
        weir_value_of_text(d->reason),
        weir_value_of_text(d->value),
        {.type = WEIR_TYPE_INT, .i = (int64_t)record->seq},
        {.type = WEIR_TYPE_INT, .i = d->index < 0 ? INT64_MIN : d->index},
        {.type = WEIR_TYPE_TIMESTAMP, .i = b->now},
    };
    add_system_row(b, &b->catalog->discards, values, sizeof values / sizeof values[0]);
    b->batch->discards++;
}

void weir_builder_name(struct weir_builder *b, const struct weir_load_table *table,
                       struct weir_str column, struct weir_str original)
{
    const struct weir_value values[] = {weir_value_of_text(table->schema),
                                        weir_value_of_text(table->label),
                                        weir_value_of_text(column), weir_value_of_text(original)};
    add_system_row(b, &b->catalog->names, values, 4);
}

void weir_builder_discard_json(struct weir_builder *b, struct weir_discard *d,
                               struct weir_json value)
{
    struct weir_buf text;
    weir_buf_init(&text, VALUE_BYTES);
    struct weir_str string;
    if (weir_json_str(value, &string)) {
        d->value = string;
    } else {
        weir_json_print(value, &text);
        d->value = weir_buf_str(&text);
    }
    weir_builder_discard(b, d);
    weir_buf_free(&text);
}
