#include "source/rows.h"

#define ROWS_AT_ONCE  8192
#define LEAST_ROWS    64
#define CELLS_AT_ONCE (1u << 20)
#define BYTES_AT_ONCE (16u << 20)
#define BYTES_MOST    (256u << 20)

static size_t size_of(enum weir_type type)
{
    return type == WEIR_TYPE_BOOL   ? sizeof(bool)
           : type >= WEIR_TYPE_TEXT ? sizeof(struct weir_str)
                                    : sizeof(int64_t);
}

int weir_source_rows_open(struct weir_source_rows *r, struct weir_source_sink *sink,
                          struct weir_str part, struct weir_error *err)
{
    size_t columns = sink->column_count, most = CELLS_AT_ONCE / (columns ? columns : 1);
    *r = (struct weir_source_rows){.sink = sink, .part = part};
    r->most = most < LEAST_ROWS ? LEAST_ROWS : most > ROWS_AT_ONCE ? ROWS_AT_ONCE : most;
    weir_arena_init(&r->own, 512u << 20);
    weir_arena_init(&r->texts, BYTES_MOST);
    r->vectors = weir_arena_calloc(&r->own, (columns + 1) * sizeof *r->vectors);
    for (size_t i = 0; r->vectors && i < columns; i++) {
        struct weir_vector *v = &r->vectors[i];
        v->type = sink->columns[i].type;
        v->valid = weir_arena_calloc(&r->own, (r->most + 63) / 64 * sizeof *v->valid);
        v->ints = weir_arena_calloc(&r->own, r->most * size_of(v->type));
        if (!v->valid || !v->ints) {
            r->vectors = NULL;
        }
    }
    return r->vectors ? 0
                      : weir_fail(err, WEIR_ENOMEM, "no memory for rows of %zu columns", columns);
}

void weir_source_rows_free(struct weir_source_rows *r)
{
    weir_arena_free(&r->own);
    weir_arena_free(&r->texts);
}

static void set_valid(struct weir_source_rows *r, size_t column)
{
    r->vectors[column].valid[r->count / 64] |= 1ull << (r->count % 64);
}

void weir_source_rows_bool(struct weir_source_rows *r, size_t column, bool value)
{
    r->vectors[column].bools[r->count] = value;
    set_valid(r, column);
}

void weir_source_rows_int(struct weir_source_rows *r, size_t column, int64_t value)
{
    r->vectors[column].ints[r->count] = value;
    set_valid(r, column);
}

void weir_source_rows_double(struct weir_source_rows *r, size_t column, double value)
{
    r->vectors[column].doubles[r->count] = value;
    set_valid(r, column);
}

int weir_source_rows_text(struct weir_source_rows *r, size_t column, struct weir_str text,
                          struct weir_error *err)
{
    struct weir_str *to = &r->vectors[column].strs[r->count];
    *to = weir_arena_dup(&r->texts, text);
    set_valid(r, column);
    return to->ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the texts of a row");
}

void weir_source_rows_forget(struct weir_source_rows *r)
{
    for (size_t i = 0; i < r->sink->column_count; i++) {
        r->vectors[i].valid[r->count / 64] &= ~(1ull << (r->count % 64));
    }
}

int weir_source_rows_flush(struct weir_source_rows *r, struct weir_error *err)
{
    struct weir_batch batch = {r->count, r->sink->column_count, r->vectors};
    int rc = r->count ? r->sink->rows(r->sink, r->part, &batch, err) : 0;
    r->count = 0;
    weir_arena_reset(&r->texts);
    for (size_t i = 0; i < r->sink->column_count; i++) {
        memset(r->vectors[i].valid, 0, (r->most + 63) / 64 * sizeof(uint64_t));
    }
    return rc;
}

int weir_source_rows_end(struct weir_source_rows *r, struct weir_error *err)
{
    r->count++;
    return r->count == r->most || r->texts.used > BYTES_AT_ONCE ? weir_source_rows_flush(r, err)
                                                                : 0;
}
