/* Numbers and their digits. */
#ifndef WEIR_BASE_NUMBER_H
#define WEIR_BASE_NUMBER_H

#include <stdbool.h>

#include "base/str.h"

/* --- of floating point: the fewest digits that are the number and no other one, as JavaScript,
 * PostgreSQL and MySQL write them. In json.cc, as C's own printf() does not know how many that
 * are: trying took a microsecond a value --- */

#define WEIR_NUMBER_DIGITS 17 /* at most */

/* Of a finite value without its sign: "15" with *point 1 is 1.5, with -1 it is 0.015. Zero is "0"
 * with 1. Returns how many; NUL-terminated. */
int weir_number_digits(double value, char digits[WEIR_NUMBER_DIGITS + 1], int *point);
/* The double that has the float's digits: 0.1f is 0.1, and not 0.10000000149011612. What is not
 * finite stays. */
double weir_number_widen(float value);

/* --- of decimals --- */
/* Is it "DECIMAL(P,S)", with 0 <= S <= P <= 38? */
bool weir_number_decimal(struct weir_str type_name, unsigned *precision, unsigned *scale);
/* The digits of a text, whatever stands between them: "-1.50" is -150; of more than 128 bits the
 * lowest, so that sums of such are exact in them, too. */
__int128 weir_number_scaled(struct weir_str text);

#endif
