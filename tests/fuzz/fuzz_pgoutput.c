/* Any bytes as messages of pgoutput, and as the values in them: an error, or what lies within the
 * bytes; a value is set as its column's type has it, or rejected, and arrays are JSON.
 *
 * Input: what it is (a byte: a message, cells, a value, a position), for a value its types (two
 * bytes), then the bytes. */
#include <stdlib.h>

#include "base/json.h"
#include "source/postgres/oid.h"
#include "source/postgres/pgoutput.h"
#include "source/postgres/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct weir_str text, const char *from, size_t size)
{
    if (text.len && (text.ptr < from || text.ptr + text.len > from + size)) {
        abort();
    }
}

static void see_tuple(const struct weir_pg_tuple *t, const char *from, size_t size)
{
    for (size_t i = 0; i < t->count; i++) {
        within(t->values[i].text, from, size);
    }
}

static void see_message(struct weir_str bytes)
{
    struct weir_pg_message *m = calloc(1, sizeof *m);
    struct weir_error err;
    if (!m) {
        abort();
    }
    if (weir_pg_message_read(m, bytes, &err) == 0) {
        if (m->kind == 'I' || m->kind == 'U') {
            see_tuple(&m->after, bytes.ptr, bytes.len);
        }
        if (m->old) {
            see_tuple(&m->before, bytes.ptr, bytes.len);
        }
        for (size_t i = 0; m->kind == 'R' && i < m->column_count; i++) {
            within(m->columns[i], bytes.ptr, bytes.len);
        }
    }
    free(m);
}

static void see_cells(struct weir_str bytes)
{
    struct weir_pg_cells cells = {.begun = bytes.len % 2};
    struct weir_error err;
    struct weir_str out;
    if (weir_pg_cells_read(&cells, bytes, &out, &err) == 0 && out.ptr) {
        within(out, bytes.ptr, bytes.len);
    }
}

static void see_lsn(struct weir_str bytes)
{
    uint64_t lsn, again;
    char text[WEIR_PG_LSN_SIZE];
    if (weir_pg_lsn_read(bytes, &lsn)) {
        weir_pg_lsn_format(lsn, text);
        if (!weir_pg_lsn_read(weir_str_of(text), &again) || again != lsn) {
            abort();
        }
    }
}

static int see_rows(struct weir_source_sink *sink, struct weir_str part,
                    const struct weir_batch *batch, struct weir_error *err)
{
    (void)sink;
    (void)part;
    (void)err;
    const struct weir_vector *v = &batch->columns[0];
    if (v->type >= WEIR_TYPE_TEXT && weir_vector_valid(v, 0) && !weir_utf8_valid(v->strs[0])) {
        abort();
    }
    return 0;
}

static void see_value(uint8_t type, uint8_t element, struct weir_str bytes)
{
    static const uint32_t elements[] = {0,
                                        WEIR_PG_BOOL,
                                        WEIR_PG_INT4,
                                        WEIR_PG_TEXT,
                                        WEIR_PG_TIMESTAMP,
                                        WEIR_PG_TIMESTAMPTZ,
                                        WEIR_PG_FLOAT8,
                                        WEIR_PG_BPCHAR};
    struct weir_column column = {.name = WEIR_STR("c"), .type = type % (WEIR_TYPE_OTHER + 1)};
    struct weir_source_sink sink = {.columns = &column, .column_count = 1, .rows = see_rows};
    struct weir_pg_target target = {.type = column.type,
                                    .precision = 12,
                                    .scale = type / 8 % 7,
                                    .element = elements[element % 8]};
    struct weir_source_rows rows;
    struct weir_buf room;
    struct weir_error err;
    const char *why = NULL;
    weir_buf_init(&room, 1u << 24);
    if (weir_source_rows_open(&rows, &sink, WEIR_STR(""), &err)) {
        abort();
    }
    if (weir_pg_value_put(&rows, 0, &target, bytes, &room, &why, &err) == 0 && !why &&
        target.element && target.type == WEIR_TYPE_JSON) {
        struct weir_json_parser *parser = weir_json_parser_new(16);
        struct weir_json root;
        bool plain = true; /* numbers and truths are taken as the server writes them */
        plain = target.element == WEIR_PG_TEXT || target.element == WEIR_PG_TIMESTAMP ||
                target.element == WEIR_PG_TIMESTAMPTZ || target.element == WEIR_PG_BPCHAR;
        if (parser && plain && weir_json_parse(parser, weir_buf_str(&room), &root, &err)) {
            abort();
        }
        weir_json_parser_free(parser);
    }
    if (weir_source_rows_end(&rows, &err) || weir_source_rows_flush(&rows, &err)) {
        abort();
    }
    weir_source_rows_free(&rows);
    weir_buf_free(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    char *bytes = malloc(size - 3 ? size - 3 : 1); /* of its own: a read behind it is seen */
    if (!bytes) {
        abort();
    }
    memcpy(bytes, data + 3, size - 3);
    struct weir_str text = {bytes, size - 3};
    switch (data[0] % 4) {
    case 0:
        see_message(text);
        break;
    case 1:
        see_cells(text);
        break;
    case 2:
        see_value(data[1], data[2], text);
        break;
    default:
        see_lsn(text);
    }
    free(bytes);
    return 0;
}
