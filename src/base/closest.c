#include "base/closest.h"

#define LONGEST 64 /* nobody names a flag or a setting longer than that */

struct weir_closest weir_closest_to(struct weir_str word)
{
    /* A third of the letters may be wrong: more, and the suggestion is a guess. */
    unsigned limit = (unsigned)(word.len / 3 + 1);
    return (struct weir_closest){word, NULL, word.len < 2 ? 1 : limit + (limit < 2)};
}

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c + 32);
    }
    return c == '-' ? '_' : c;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned distance(struct weir_str a, struct weir_str b)
{
    unsigned rows[3][LONGEST + 1];
    for (unsigned j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned change = fold(a.ptr[i - 1]) != fold(b.ptr[j - 1]);
            now[j] = least(least(before[j] + 1, now[j - 1] + 1), before[j - 1] + change);
            if (i > 1 && j > 1 && fold(a.ptr[i - 1]) == fold(b.ptr[j - 2]) &&
                fold(a.ptr[i - 2]) == fold(b.ptr[j - 1])) {
                now[j] = least(now[j], earlier[j - 2] + 1);
            }
        }
    }
    return rows[a.len % 3][b.len];
}

void weir_closest_consider(struct weir_closest *c, const char *candidate)
{
    struct weir_str known = weir_str_of(candidate);
    if (c->word.len == 0 || c->word.len > LONGEST || known.len > LONGEST) {
        return;
    }
    unsigned d = distance(c->word, known);
    if (d < c->distance) {
        c->distance = d;
        c->best = candidate;
    }
}
