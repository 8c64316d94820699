/* Any bytes as COPY's binary format: rows, rejects or an error, and every text within its bytes.
 *
 * Input: the types of the columns (a byte each, up to 255), then messages, each behind two bytes of
 * its length. */
#include <stdlib.h>

#include "source/postgres/copy.h"

#define DIGITS_18 999999999999999999

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int see_rows(struct weir_source_sink *sink, struct weir_str part,
                    const struct weir_batch *batch, struct weir_error *err)
{
    (void)part;
    (void)err;
    for (size_t i = 0; i < sink->column_count; i++) {
        const struct weir_vector *v = &batch->columns[i];
        for (size_t row = 0; v->type >= WEIR_TYPE_TEXT && row < batch->rows; row++) {
            if (weir_vector_valid(v, row) &&
                (v->scaled ? llabs(v->ints[row]) > DIGITS_18 : !weir_utf8_valid(v->strs[row]))) {
                abort();
            }
        }
    }
    return 0;
}

static int see_reject(struct weir_source_sink *sink, const struct weir_source_reject *what,
                      struct weir_error *err)
{
    (void)sink;
    (void)err;
    if (!what->column.len || !what->text.ptr || !weir_utf8_valid(what->row) || !what->reason) {
        abort();
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_column columns[8] = {0};
    unsigned scales[8] = {0};
    struct weir_source_sink sink = {
        .columns = columns, .takes_scaled = true, .rows = see_rows, .reject = see_reject};
    struct weir_source_rows rows;
    struct weir_pg_copy copy;
    struct weir_error err;
    while (size && *data != 255 && sink.column_count < 8) {
        scales[sink.column_count] = *data / 8;
        columns[sink.column_count].name = WEIR_STR("c");
        columns[sink.column_count++].type = *data % (WEIR_TYPE_OTHER + 1);
        data++;
        size--;
    }
    if (size < 2 || weir_source_rows_open(&rows, &sink, WEIR_STR(""), &err)) {
        return 0;
    }
    for (size_t i = 0; i < sink.column_count; i++) {
        if (columns[i].type == WEIR_TYPE_OTHER && scales[i] % 2 && scales[i] <= 18) {
            (void)weir_source_rows_scaled(&rows, i, scales[i]);
        }
    }
    data++;
    size--;
    weir_pg_copy_init(&copy, &rows, scales);
    int rc = 0;
    while (rc == 0 && size > 2) {
        size_t len = (size_t)data[0] << 8 | data[1];
        len = len < size - 2 ? len : size - 2;
        char *message = malloc(len + 1); /* of its own, so that a read behind it is seen */
        if (!message) {
            abort();
        }
        memcpy(message, data + 2, len);
        message = realloc(message, len ? len : 1);
        rc = weir_pg_copy_message(&copy, (struct weir_str){message, len}, &err);
        free(message);
        data += 2 + len;
        size -= 2 + len;
    }
    if (rc == 0 && weir_source_rows_flush(&rows, &err)) {
        abort();
    }
    weir_pg_copy_free(&copy);
    weir_source_rows_free(&rows);
    return 0;
}
