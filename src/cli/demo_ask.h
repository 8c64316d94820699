/* Asking the server what the demo asks. Only src/cli includes this. */
#ifndef WEIR_CLI_DEMO_ASK_H
#define WEIR_CLI_DEMO_ASK_H

#include <signal.h>
#include <stdint.h>

#include "base/error.h"
#include "demo/answer.h"

struct weir_demo_asker {
    const char *socket; /* of `weir serve`; NULL is refused */
    struct weir_demo_style style;
};

/* Every question with its SQL, its answer and its reading, to stdout. Ends early with
 * WEIR_ECANCELED when *stop becomes true. */
int weir_demo_ask_all(const struct weir_demo_asker *asker, const volatile sig_atomic_t *stop,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* Counts the rows of all event tables and compares: every event that was acknowledged is a row or
 * was left out as a duplicate. `acknowledged` is 0 when it is not known (events were there before):
 * then only rows are compared with what the loader counted. Prints one line. */
int weir_demo_books(const struct weir_demo_asker *asker, uint64_t acknowledged,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* "1,234,567" */
const char *weir_demo_grouped(uint64_t value, char out[32]);

#endif
