#include "demo/line.h"

#include "demo/when.h"

void weir_demo_put_int(struct demo_line *line, int64_t value)
{
    char text[24];
    char *at = text + sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) {
        *--at = '-';
    }
    weir_demo_put(line, at, (size_t)(text + sizeof text - at));
}

void weir_demo_put_cents(struct demo_line *line, int64_t cents)
{
    weir_demo_put_int(line, cents / 100);
    char part[3] = {'.', (char)('0' + cents / 10 % 10), (char)('0' + cents % 10)};
    weir_demo_put(line, part, 3);
}

void weir_demo_put_time(struct demo_line *line, int64_t at)
{
    char text[24];
    weir_demo_when_print(at, text);
    weir_demo_put(line, text, sizeof text);
}

void weir_demo_put_uuid(struct demo_line *line, uint64_t a, uint64_t b, bool upper)
{
    const char *hex = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    a = (a & ~(uint64_t)0xF000) | 0x4000;
    b = (b & ~((uint64_t)3 << 62)) | (uint64_t)1 << 63;
    char text[36];
    int shift = 60;
    uint64_t word = a;
    for (int i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            text[i] = '-';
            continue;
        }
        text[i] = hex[word >> shift & 15];
        shift -= 4;
        if (shift < 0) {
            shift = 60;
            word = b;
        }
    }
    weir_demo_put(line, text, sizeof text);
}

void weir_demo_put_code(struct demo_line *line, const char *prefix, uint64_t bits)
{
    static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789";
    char text[10];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = set[bits >> (5 * i) & 31];
    }
    weir_demo_putz(line, prefix);
    weir_demo_put(line, text, sizeof text);
}
