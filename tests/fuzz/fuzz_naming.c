/* Any text becomes a name that needs no quoting rules: [a-z0-9_]+, at most WEIR_NAME_MAX long, the
 * same each time. */
#include <stdlib.h>

#include "event/naming.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void only_name_characters(struct weir_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_str text = {(const char *)data, size};
    struct weir_buf snake;
    struct weir_buf name;
    struct weir_buf again;
    weir_buf_init(&snake, 2 * size + 1);
    weir_buf_init(&name, WEIR_NAME_MAX + 1);
    weir_buf_init(&again, WEIR_NAME_MAX + 1);
    weir_name_snake(text, &snake);
    weir_name_make(text, "event_", &name);
    weir_name_make(text, "event_", &again);
    only_name_characters(weir_buf_str(&snake));
    only_name_characters(weir_buf_str(&name));
    bool fits = snake.len > 0 && snake.len <= WEIR_NAME_MAX;
    if (snake.failed || name.failed || name.len == 0 || name.len > WEIR_NAME_MAX ||
        !weir_str_eq(weir_buf_str(&name), weir_buf_str(&again)) ||
        fits != weir_str_eq(weir_buf_str(&name), weir_buf_str(&snake))) {
        abort();
    }
    weir_buf_free(&snake);
    weir_buf_free(&name);
    weir_buf_free(&again);
    return 0;
}
