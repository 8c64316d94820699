/* How wide text is on a terminal: East Asian wide characters and emoji take two columns, combining
 * marks none (Unicode 15, UAX #11; ranges merged where the difference is not seen in data). */
#include "query/encode.h"

struct range {
    uint32_t from, to;
};

static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},
    {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},
    {0x267f, 0x267f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},   {0x26aa, 0x26ab},
    {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},   {0x26d4, 0x26d4},
    {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},   {0x26fa, 0x26fa},
    {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},
    {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},   {0x2757, 0x2757},
    {0x2795, 0x2797},   {0x27b0, 0x27b0},   {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},
    {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
    {0x3400, 0x4dbf},   {0x4e00, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6b},   {0xff01, 0xff60},
    {0xffe0, 0xffe6},   {0x16fe0, 0x18cd5}, {0x1aff0, 0x1b2fb}, {0x1f004, 0x1f004},
    {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f1e6, 0x1f265},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f90c, 0x1f9ff},
    {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};
static const struct range none[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489},   {0x0591, 0x05bd},   {0x05bf, 0x05bf}, {0x05c1, 0x05c2},
    {0x0610, 0x061a}, {0x064b, 0x065f},   {0x0670, 0x0670},   {0x06d6, 0x06dc}, {0x06df, 0x06e4},
    {0x0900, 0x0902}, {0x093c, 0x093c},   {0x0941, 0x0948},   {0x094d, 0x094d}, {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},   {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff}, {0x200b, 0x200f},
    {0x202a, 0x202e}, {0x2060, 0x2064},   {0x20d0, 0x20f0},   {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef},
};

static bool in(const struct range *ranges, size_t count, uint32_t c)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > ranges[middle].to) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && c >= ranges[low].from;
}

/* The next character's bytes; bytes that are no UTF-8 stand alone. */
static size_t next(struct weir_str s, uint32_t *c)
{
    unsigned char first = (unsigned char)s.ptr[0];
    size_t n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (n == 0 || n > s.len || weir_utf8_valid_prefix((struct weir_str){s.ptr, n}) != n) {
        *c = 0xfffd;
        return 1;
    }
    *c = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        *c = *c << 6 | ((unsigned char)s.ptr[i] & 0x3f);
    }
    return n;
}

/* Control characters would let a value move the cursor or rewrite what stands above it, and the
 * direction marks turn the line around; both are shown, not obeyed. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static const char *shown(uint32_t c)
{
    return c == '\n' ? "⏎" : c == '\t' ? "→" : "·";
}

static unsigned width_of(uint32_t c)
{
    if (c < 0x300) {
        return 1;
    }
    if (is_control(c)) {
        return 1;
    }
    if (in(none, sizeof none / sizeof none[0], c)) {
        return 0;
    }
    return in(wide, sizeof wide / sizeof wide[0], c) ? 2 : 1;
}

unsigned weir_text_width(struct weir_str text)
{
    unsigned width = 0;
    while (text.len) {
        uint32_t c;
        size_t n = next(text, &c);
        width += width_of(c);
        text.ptr += n;
        text.len -= n;
    }
    return width;
}

unsigned weir_text_fit(struct weir_buf *out, struct weir_str text, unsigned width)
{
    unsigned used = 0;
    bool cut = weir_text_width(text) > width;
    unsigned room = cut && width ? width - 1 : width;
    while (text.len) {
        uint32_t c;
        size_t n = next(text, &c);
        unsigned w = width_of(c);
        if (used + w > room) {
            break;
        }
        used += w;
        if (is_control(c)) {
            weir_buf_addz(out, shown(c));
        } else if (c == 0xfffd) {
            weir_buf_addz(out, "\xEF\xBF\xBD");
        } else {
            weir_buf_add(out, text.ptr, n);
        }
        text.ptr += n;
        text.len -= n;
    }
    if (cut && width) {
        weir_buf_addz(out, "…");
        used++;
    }
    return used;
}
