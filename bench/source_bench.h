/* What the benchmarks of databases as sources share: a folder with a workspace, a warehouse and a
 * server of its own, and figures. One per process; all of it ends the process when it fails. */
#ifndef WEIR_BENCH_SOURCE_BENCH_H
#define WEIR_BENCH_SOURCE_BENCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

extern struct weir_error bench_err;
extern char bench_dir[]; /* the server may write into it */

void bench_begin(const char *program);
_Noreturn void bench_stop(int code); /* ends the server, removes the folder */
_Noreturn void bench_die(const char *what, const char *why);
void bench_check(int code, const char *what); /* with bench_err */

/* A shell command as a user who is not root: servers refuse to run as root. */
pid_t bench_spawn(const char *command);
void bench_wait(pid_t pid, const char *what);
void bench_server(pid_t pid); /* it is ended with the program */

void bench_write_source(const char *name, const char *text);
void bench_open(void);                            /* the workspace as it is, and a new warehouse */
double bench_sync(const char *source, bool full); /* seconds */
/* Of the rows that the last sync wrote into this table: how long before now their column `at` was,
 * in milliseconds; at most `most` of them. Returns how many. */
size_t bench_lags(const char *schema, const char *table, double *out, size_t most);

void bench_report(const char *name, double value, const char *unit, double reference, double ratio,
                  double goal);
/* The source `big` as a whole, against the same rows thrown away: the best of three rounds each;
 * its processor time, and its memory beyond the engine's own limit. Returns rows/s. */
double bench_load(const char *kind, double rows, double (*throw_away)(void), double goal);

#endif
