/* Any bytes as a workbook; as a number format, and as a text with escapes. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/file/xlsx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_row(void *arg, const struct weir_excel_row *row, struct weir_error *err)
{
    size_t *n = arg;
    (void)err;
    for (size_t i = 0; i < row->count; i++) {
        *n += row->values[i].there ? row->values[i].text.len : 0;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/fuzz-xlsx-XXXXXX";
    struct weir_excel x;
    struct weir_error err;
    struct weir_buf out;
    uint64_t errors;
    size_t n = 0;
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    close(fd);
    weir_buf_init(&out, 1u << 20);
    weir_excel_unescape(&out, (struct weir_str){(const char *)data, size});
    double v = (double)weir_excel_kind_of((struct weir_str){(const char *)data, size});
    memcpy(&v, data, size < sizeof v ? size : sizeof v);
    for (int kind = 0; kind <= WEIR_EXCEL_DURATION; kind++) {
        weir_excel_print(&out, v, (enum weir_excel_kind)kind, size & 1);
    }
    weir_buf_free(&out);
    if (weir_excel_open(&x, path, NULL, &err) == 0) {
        for (size_t i = 0; i < x.sheet_count && i < 4; i++) {
            if (weir_excel_rows(&x, i, &errors, on_row, &n, &err)) {
                break;
            }
        }
    }
    weir_excel_close(&x);
    unlink(path);
    return 0;
}
