/* "did you mean": the known word that is nearest to a mistyped one.
 *
 *     struct weir_closest c = weir_closest_to(typed);
 *     for each known word: weir_closest_consider(&c, word);
 *     if (c.best) ...
 *
 * Distance is Damerau-Levenshtein (restricted): one insertion, deletion, change or swap of
 * neighbours costs 1, a dash for an underscore nothing. Words too far away never become `best`. */
#ifndef WEIR_BASE_CLOSEST_H
#define WEIR_BASE_CLOSEST_H

#include "base/str.h"

struct weir_closest {
    struct weir_str word;
    const char *best; /* NULL: nothing near; otherwise the candidate's own pointer */
    unsigned distance;
};

struct weir_closest weir_closest_to(struct weir_str word);
void weir_closest_consider(struct weir_closest *c, const char *candidate);

#endif
