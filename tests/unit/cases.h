/* Data files under tests/cases: one case a line (.tsv) or a JSON array of cases. */
#ifndef WEIR_TEST_CASES_H
#define WEIR_TEST_CASES_H

#include <stdlib.h>

#include "base/buf.h"
#include "io/file.h"

#ifndef WEIR_CASES
#define WEIR_CASES "tests/cases"
#endif

/* The file's text; the caller frees. Fails the test when it cannot be read. */
static inline struct weir_buf cases_read(const char *name)
{
    struct weir_error why;
    struct weir_buf text;
    char *file = weir_path_join(WEIR_CASES, name);
    assert_non_null(file);
    weir_buf_init(&text, 16u << 20);
    ASSERT_OK(weir_file_read(file, &text, &why), why);
    free(file);
    return text;
}

/* The next line that is neither empty nor a comment, split at tabs into `columns` (missing ones are
 * empty); false at the end. */
static inline bool cases_next(struct weir_str *rest, struct weir_str *columns, size_t count)
{
    while (rest->ptr) {
        struct weir_str line = weir_str_cut(rest, '\n');
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            columns[i] = line.ptr ? weir_str_cut(&line, '\t') : (struct weir_str){"", 0};
        }
        return true;
    }
    return false;
}

#endif
