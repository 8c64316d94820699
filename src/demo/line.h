/* One event's text while it is written: a fixed buffer that cuts, never overruns. Everything that
 * is put here comes from our own tables and needs no escaping. */
#ifndef WEIR_DEMO_LINE_H
#define WEIR_DEMO_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct demo_line {
    size_t len;
    bool full;
    char data[6144];
};

static inline void weir_demo_put(struct demo_line *line, const char *bytes, size_t n)
{
    if (n > sizeof line->data - line->len) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->len, bytes, n);
    line->len += n;
}
#define DEMO_PUT(line, literal) weir_demo_put((line), (literal), sizeof(literal) - 1)

static inline void weir_demo_putz(struct demo_line *line, const char *text)
{
    weir_demo_put(line, text, strlen(text));
}
void weir_demo_put_int(struct demo_line *line, int64_t value);
void weir_demo_put_cents(struct demo_line *line, int64_t cents); /* 1250 gives 12.50 */
void weir_demo_put_time(struct demo_line *line, int64_t at);
/* 8-4-4-4-12 digits of two words, marked as version 4. */
void weir_demo_put_uuid(struct demo_line *line, uint64_t a, uint64_t b, bool upper);
/* "usr_" and ten letters or digits. */
void weir_demo_put_code(struct demo_line *line, const char *prefix, uint64_t bits);

#endif
