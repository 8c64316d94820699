#include "load/put.h"

#include "base/json_write.h"

enum { SCRATCH_BYTES = 256 << 20 };

/* --- cells -------------------------------------------------------------------------------------
 */

struct target { /* the row being written */
    struct weir_load_table *table;
    struct weir_chunk *chunk;
    uint32_t row;
    bool upsert;
    struct weir_str message_id;
    uint32_t event_index;
};

/* Two keys of one event on one column: the last wins, the other is kept in weir.discards. */
static void report_collision(struct weir_builder *b, const struct target *to,
                             const struct weir_cells *cells, const struct weir_load_column *column,
                             const void *writer, const struct weir_value *value)
{
    struct weir_value old;
    if (to->upsert || !weir_cells_get(cells, to->row, &old)) {
        return;
    }
    struct weir_buf texts[2];
    for (int i = 0; i < 2; i++) {
        weir_buf_init(&texts[i], SCRATCH_BYTES);
        weir_value_text(i ? value : &old, &texts[i]);
    }
    if (!weir_str_eq(weir_buf_str(&texts[0]), weir_buf_str(&texts[1]))) {
        weir_builder_discard(b, &(struct weir_discard){.table = to->table->label,
                                                       .column = column->name,
                                                       .message_id = to->message_id,
                                                       .value = weir_buf_str(&texts[0]),
                                                       .reason = writer == cells->writer
                                                                     ? WEIR_STR("duplicate_key")
                                                                     : WEIR_STR("name_collision"),
                                                       .index = to->event_index});
    }
    weir_buf_free(&texts[0]);
    weir_buf_free(&texts[1]);
}

static void put_slow(struct weir_builder *b, const struct target *to,
                     struct weir_load_column *column, const void *writer,
                     const struct weir_value *value)
{
    struct weir_cells *cells =
        column->index < to->chunk->cells_count ? to->chunk->cells[column->index] : NULL;
    if (b->learn) {
        weir_column_widen(column, value);
        return;
    }
    if (cells && cells->cap && cells->stamp == b->stamp) {
        report_collision(b, to, cells, column, writer, value);
    }
    cells = weir_rows_cells(to->chunk, &b->batch->pool, column, to->row, value);
    if (!cells || !weir_cells_set(cells, &b->batch->pool, to->row, value)) {
        b->no_memory = true;
        return;
    }
    cells->stamp = b->stamp;
    cells->writer = writer;
}

static inline void put(struct weir_builder *b, const struct target *to,
                       struct weir_load_column *column, const void *writer,
                       const struct weir_value *value)
{
    struct weir_cells *cells =
        column->index < to->chunk->cells_count ? to->chunk->cells[column->index] : NULL;
    if (cells && cells->type == value->type && to->row < cells->cap && cells->stamp != b->stamp &&
        (value->type != WEIR_TYPE_INT || weir_int_is_safe(value->i))) {
        cells->stamp = b->stamp;
        cells->writer = writer;
        weir_cells_put(cells, to->row, value);
        return;
    }
    put_slow(b, to, column, writer, value);
}

static void put_text(struct weir_builder *b, const struct target *to, enum weir_base_column base,
                     struct weir_str text)
{
    if (text.ptr && to->table->base[base]) {
        struct weir_value value = weir_value_of_text(text);
        put(b, to, to->table->base[base], NULL, &value);
    }
}

static void put_time(struct weir_builder *b, const struct target *to, enum weir_base_column base,
                     weir_time when)
{
    if (when != WEIR_TIME_NONE && to->table->base[base]) {
        struct weir_value value = {.type = WEIR_TYPE_TIMESTAMP, .i = when};
        put(b, to, to->table->base[base], NULL, &value);
    }
}

/* --- columns -----------------------------------------------------------------------------------
 */

#define OVER_CAP UINT32_MAX

static struct weir_load_column *resolve(struct weir_builder *b, const struct target *to,
                                        const struct weir_leaf *leaf, bool context)
{
    struct weir_load_table *table = to->table;
    struct weir_paths *paths = context ? &b->source->context : &table->paths;
    struct weir_str name = weir_path_column(paths, leaf->path);
    char text[WEIR_NAME_MAX + 2];
    bool reserved = !context && weir_name_is_reserved(table->kind, name);
    if (reserved) {
        text[0] = '_';
        memcpy(text + 1, name.ptr, name.len);
        name = (struct weir_str){text, name.len < WEIR_NAME_MAX ? name.len + 1 : WEIR_NAME_MAX};
    }
    struct weir_load_column *column = weir_table_find(table, name);
    if (column || !weir_table_may_grow(b->catalog, table)) {
        return column;
    }
    column = weir_table_add(b->catalog, table, name);
    if (!column) {
        b->no_memory = true;
        return NULL;
    }
    if (reserved || leaf->path->odd || leaf->path->name.len > WEIR_NAME_MAX) {
        struct weir_buf original;
        weir_buf_init(&original, SCRATCH_BYTES);
        weir_path_print(leaf->path, &original);
        weir_builder_name(b, table, column->name, weir_buf_str(&original));
        weir_buf_free(&original);
    }
    return column;
}

/* NULL: over the cap. */
static struct weir_load_column *column_of(struct weir_builder *b, const struct target *to,
                                          const struct weir_leaf *leaf, bool context)
{
    struct weir_load_table *table = to->table;
    uint32_t **map = context ? &table->by_context : &table->by_path;
    uint32_t *cap = context ? &table->context_cap : &table->path_cap;
    uint32_t id = leaf->path->id;
    if (id < *cap && (*map)[id]) {
        return (*map)[id] == OVER_CAP ? NULL : table->columns[(*map)[id] - 1];
    }
    struct weir_load_column *column = resolve(b, to, leaf, context);
    if (!weir_grow(map, cap, id + 1, sizeof **map)) {
        b->no_memory = true;
        return NULL;
    }
    (*map)[id] = column ? column->index + 1 : OVER_CAP;
    return column;
}

static void add_overflow(struct weir_builder *b, const struct weir_leaf *leaf)
{
    struct weir_buf *out = &b->overflow;
    struct weir_buf text;
    weir_buf_init(&text, SCRATCH_BYTES);
    weir_path_print(leaf->path, &text);
    if (out->len) {
        weir_buf_addc(out, ',');
    }
    weir_json_quote(out, weir_buf_str(&text));
    weir_buf_addc(out, ':');
    if (leaf->value.type == WEIR_TYPE_TEXT) {
        weir_json_quote(out, leaf->value.s);
    } else if (leaf->value.type == WEIR_TYPE_TIMESTAMP) {
        weir_json_quote(out, leaf->value.text);
    } else {
        weir_value_text(&leaf->value, out);
    }
    weir_buf_free(&text);
}

static void put_leaves(struct weir_builder *b, const struct target *to, uint32_t from, uint32_t end,
                       bool context)
{
    for (uint32_t i = from; i < end; i++) {
        const struct weir_leaf *leaf = &b->leaves[i];
        struct weir_load_column *column = column_of(b, to, leaf, context);
        if (!column) {
            add_overflow(b, leaf);
        } else if (column->foreign) {
            struct weir_buf text;
            weir_buf_init(&text, SCRATCH_BYTES);
            weir_value_text(&leaf->value, &text);
            weir_builder_discard(b, &(struct weir_discard){.table = to->table->label,
                                                           .column = column->name,
                                                           .message_id = to->message_id,
                                                           .value = weir_buf_str(&text),
                                                           .reason = WEIR_STR("column_type"),
                                                           .index = to->event_index});
            weir_buf_free(&text);
        } else {
            put(b, to, column, leaf->path, &leaf->value);
        }
    }
}

static void discard_overflow(struct weir_builder *b, const struct target *to,
                             struct weir_buf *members)
{
    if (!members->len) {
        return;
    }
    struct weir_buf object;
    weir_buf_init(&object, SCRATCH_BYTES);
    weir_buf_addc(&object, '{');
    weir_buf_adds(&object, weir_buf_str(members));
    weir_buf_addc(&object, '}');
    weir_builder_discard(b, &(struct weir_discard){.table = to->table->label,
                                                   .message_id = to->message_id,
                                                   .value = weir_buf_str(&object),
                                                   .reason = WEIR_STR("too_many_columns"),
                                                   .index = to->event_index});
    weir_buf_free(&object);
    weir_buf_reset(members);
}

/* Opens the row: a new one, or the batch's row of this key. */
static bool open_row(struct weir_builder *b, struct target *to, struct weir_str key)
{
    if (b->learn) {
        to->chunk = &b->nothing;
        return true;
    }
    struct weir_rows *rows = weir_load_batch_rows(b->batch, to->table);
    struct weir_map *keys = key.ptr && rows ? weir_load_batch_keys(b->batch, to->table) : NULL;
    uintptr_t place = keys ? (uintptr_t)weir_map_get(keys, key) : 0;
    to->upsert = key.ptr != NULL;
    if (place) {
        to->chunk = rows->chunks[(place - 1) / WEIR_CHUNK_ROWS];
        to->row = (uint32_t)((place - 1) % WEIR_CHUNK_ROWS);
        return true;
    }
    b->batch->cells += to->table->column_count;
    to->chunk = rows ? weir_rows_add(rows, &b->batch->pool, &to->row) : NULL;
    if (!to->chunk ||
        (key.ptr && (!keys || weir_map_put(keys, key, (void *)(uintptr_t)rows->rows)))) {
        b->no_memory = true;
        return false;
    }
    return true;
}

static void discard_row(struct weir_builder *b, const struct weir_load_table *table,
                        const struct weir_event *event)
{
    struct weir_discard discard = {.table = table->label,
                                   .message_id = event->message_id,
                                   .reason = WEIR_STR("no_memory"),
                                   .index = event->index};
    weir_builder_discard_json(b, &discard, event->root);
    weir_buf_reset(&b->lost);
}

void weir_builder_put_row(struct weir_builder *b, struct weir_load_table *table,
                          const struct weir_kept *kept, struct weir_str key, bool own)
{
    const struct weir_event *event = kept->event;
    struct target to = {
        .table = table, .message_id = event->message_id, .event_index = event->index};
    if (table && table->closed) {
        discard_row(b, table, event);
        return;
    }
    if (!table || !open_row(b, &to, key)) {
        b->no_memory = true;
        return;
    }
    put_text(b, &to, WEIR_COL_ID, key.ptr ? key : kept->id);
    if (!key.ptr) {
        put_text(b, &to, WEIR_COL_ANONYMOUS_ID, kept->anonymous_id);
        put_text(b, &to, WEIR_COL_USER_ID, kept->user_id);
    }
    put_time(b, &to, WEIR_COL_RECEIVED_AT, b->record->received_at);
    put_time(b, &to, WEIR_COL_SENT_AT, event->sent_at);
    put_time(b, &to, WEIR_COL_TIMESTAMP, event->timestamp);
    put_time(b, &to, WEIR_COL_ORIGINAL_TIMESTAMP, event->original_timestamp);
    put_time(b, &to, WEIR_COL_UUID_TS, b->now);
    switch (table->kind) {
    case WEIR_TABLE_TRACKS:
    case WEIR_TABLE_EVENT:
        put_text(b, &to, WEIR_COL_EVENT, kept->slug);
        put_text(b, &to, WEIR_COL_EVENT_TEXT, kept->text);
        break;
    case WEIR_TABLE_PAGES:
    case WEIR_TABLE_SCREENS:
        put_text(b, &to, WEIR_COL_NAME, kept->text);
        put_text(b, &to, WEIR_COL_CATEGORY, kept->slug);
        break;
    case WEIR_TABLE_GROUPS:
        put_text(b, &to, WEIR_COL_GROUP_ID, kept->text);
        break;
    case WEIR_TABLE_ALIASES:
        put_text(b, &to, WEIR_COL_PREVIOUS_ID, kept->text);
        break;
    default:
        break;
    }
    put_leaves(b, &to, 0, b->context_count, true);
    if (own) {
        put_leaves(b, &to, b->context_count, b->leaf_count, false);
    }
    if (key.ptr) {
        weir_buf_reset(&b->overflow); /* said already, by the table of all calls */
        weir_buf_reset(&b->lost);
    }
    discard_overflow(b, &to, &b->overflow);
    if (own) {
        discard_overflow(b, &to, &b->lost);
    }
}
