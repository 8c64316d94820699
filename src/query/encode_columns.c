/* The columnar stream (docs/format/columns.md): typed buffers that a browser reads in place. */
#include <endian.h>

#include "base/json_write.h"
#include "query/encode.h"

#define FRAME_BYTES (1u << 20) /* a frame of rows ends when it is about this large */

enum buffer { BUFFER_BITS = 1, BUFFER_INT32, BUFFER_INT64, BUFFER_FLOAT64, BUFFER_TEXT };

static size_t padding(size_t len)
{
    return -len & 7;
}

static void pad(struct weir_buf *out, size_t len, char with)
{
    for (size_t n = padding(len); n > 0; n--) {
        weir_buf_addc(out, with);
    }
}

static void add_u32(struct weir_buf *out, uint32_t value)
{
    value = htole32(value);
    weir_buf_add(out, &value, sizeof value);
}

static void frame_head(struct weir_buf *out, size_t len, enum weir_columns_frame kind)
{
    const char rest[4] = {(char)kind};
    add_u32(out, (uint32_t)len);
    weir_buf_add(out, rest, sizeof rest);
}

void weir_columns_frame(struct weir_buf *out, enum weir_columns_frame kind, struct weir_str json)
{
    frame_head(out, json.len + padding(json.len), kind);
    weir_buf_adds(out, json);
    pad(out, json.len, ' ');
}

static void columns_begin(struct weir_encoder *e)
{
    struct weir_buf *json = &e->scratch;
    weir_buf_reset(json);
    weir_buf_addz(json, "{\"format\":\"weir-columns\",\"version\":1,\"columns\":");
    weir_encode_column_list(json, e->columns, e->column_count);
    weir_buf_addc(json, '}');
    weir_columns_frame(e->out, WEIR_COLUMNS_HEAD, weir_buf_str(json));
}

static void columns_end(struct weir_encoder *e, const struct weir_query_summary *summary)
{
    weir_buf_reset(&e->scratch);
    weir_buf_addf(&e->scratch, "{\"rows\":%llu,\"truncated\":%s,\"elapsed_ms\":%.3f}",
                  (unsigned long long)summary->rows, summary->truncated ? "true" : "false",
                  (double)summary->elapsed / 1000);
    weir_columns_frame(e->out, WEIR_COLUMNS_END, weir_buf_str(&e->scratch));
}

/* --- rows ----------------------------------------------------------------------------------- */

/* Rows of a vector, and what of them is written for NULL: nothing that the engine left there. */
struct slice {
    const struct weir_vector *vector;
    size_t from, count;
};

static bool is_text(const struct weir_vector *v)
{
    return v->type == WEIR_TYPE_TEXT || v->type == WEIR_TYPE_JSON || v->type == WEIR_TYPE_OTHER;
}

/* Bytes that a row takes at most, without what a frame and its columns take once. */
static size_t row_bytes(const struct weir_batch *batch, size_t row)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->column_count; i++) {
        const struct weir_vector *v = &batch->columns[i];
        bytes += 9 + (is_text(v) && weir_vector_valid(v, row) ? v->strs[row].len : 0);
    }
    return bytes;
}

static size_t rows_that_fit(const struct weir_batch *batch, size_t from, size_t most, size_t room)
{
    size_t bytes = 16 + batch->column_count * 40;
    size_t count = 0;
    for (; count < most; count++) {
        bytes += row_bytes(batch, from + count);
        if (bytes > room || (bytes > FRAME_BYTES && count > 0)) {
            break;
        }
    }
    return count;
}

/* A bit a row, from the lowest on, in whole words. */
static void add_bits(struct weir_buf *out, const struct slice *s, bool values)
{
    for (size_t at = 0; at < s->count; at += 64) {
        uint64_t word = 0;
        for (size_t i = at; i < s->count && i < at + 64; i++) {
            size_t row = s->from + i;
            bool valid = weir_vector_valid(s->vector, row);
            word |= (uint64_t)(valid && (!values || s->vector->bools[row])) << (i - at);
        }
        word = htole64(word);
        weir_buf_add(out, &word, sizeof word);
    }
}

static bool fits_int32(const struct slice *s)
{
    for (size_t row = s->from; row < s->from + s->count; row++) {
        int64_t n = s->vector->ints[row];
        if (weir_vector_valid(s->vector, row) && (n < INT32_MIN || n > INT32_MAX)) {
            return false;
        }
    }
    return true;
}

static void add_int32(struct weir_buf *out, const struct slice *s)
{
    for (size_t row = s->from; row < s->from + s->count; row++) {
        bool valid = weir_vector_valid(s->vector, row);
        add_u32(out, valid ? (uint32_t)(int32_t)s->vector->ints[row] : 0);
    }
    pad(out, s->count * 4, 0);
}

static void add_64(struct weir_buf *out, const struct slice *s)
{
    for (size_t row = s->from; row < s->from + s->count; row++) {
        uint64_t bits = 0;
        if (weir_vector_valid(s->vector, row)) {
            const void *value = s->vector->type == WEIR_TYPE_DOUBLE
                                    ? (const void *)&s->vector->doubles[row]
                                    : (const void *)&s->vector->ints[row];
            memcpy(&bits, value, sizeof bits);
        }
        bits = htole64(bits);
        weir_buf_add(out, &bits, sizeof bits);
    }
}

/* Where each text ends, before it where the first begins; then the bytes. */
static void add_text(struct weir_buf *out, const struct slice *s)
{
    size_t bytes = 0;
    add_u32(out, 0);
    for (size_t row = s->from; row < s->from + s->count; row++) {
        bytes += weir_vector_valid(s->vector, row) ? s->vector->strs[row].len : 0;
        add_u32(out, (uint32_t)bytes);
    }
    pad(out, (s->count + 1) * 4, 0);
    for (size_t row = s->from; row < s->from + s->count; row++) {
        if (weir_vector_valid(s->vector, row)) {
            weir_buf_adds(out, s->vector->strs[row]);
        }
    }
    pad(out, bytes, 0);
}

static enum buffer buffer_of(const struct slice *s)
{
    switch (s->vector->type) {
    case WEIR_TYPE_BOOL:
        return BUFFER_BITS;
    case WEIR_TYPE_DOUBLE:
        return BUFFER_FLOAT64;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIMESTAMP:
        return fits_int32(s) ? BUFFER_INT32 : BUFFER_INT64;
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
    case WEIR_TYPE_OTHER:
        break;
    }
    return BUFFER_TEXT;
}

static void add_column(struct weir_buf *out, const struct slice *s)
{
    enum buffer buffer = buffer_of(s);
    const char head[8] = {(char)buffer, s->vector->valid ? 1 : 0};
    weir_buf_add(out, head, sizeof head);
    if (s->vector->valid) {
        add_bits(out, s, false);
    }
    switch (buffer) {
    case BUFFER_BITS:
        add_bits(out, s, true);
        return;
    case BUFFER_INT32:
        add_int32(out, s);
        return;
    case BUFFER_INT64:
    case BUFFER_FLOAT64:
        add_64(out, s);
        return;
    case BUFFER_TEXT:
        add_text(out, s);
    }
}

static size_t columns_rows(struct weir_encoder *e, const struct weir_batch *batch, size_t from,
                           size_t most, size_t room)
{
    size_t count = rows_that_fit(batch, from, most, room);
    if (count == 0) {
        return 0;
    }
    size_t at = e->out->len;
    frame_head(e->out, 0, WEIR_COLUMNS_ROWS);
    add_u32(e->out, (uint32_t)count);
    add_u32(e->out, (uint32_t)batch->column_count);
    for (size_t i = 0; i < batch->column_count; i++) {
        struct slice s = {&batch->columns[i], from, count};
        add_column(e->out, &s);
    }
    if (weir_buf_ok(e->out)) {
        uint32_t len = htole32((uint32_t)(e->out->len - at - 8));
        memcpy(e->out->data + at, &len, sizeof len);
    }
    return count;
}

const struct weir_encoding weir_encoding_columns = {
    .begin = columns_begin, .rows = columns_rows, .end = columns_end};
