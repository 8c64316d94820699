/* Structured logs: one line an entry, text on a terminal, JSON otherwise, to one file descriptor.
 *
 *     weir_log(log, WEIR_LOG_WARN, "segment has a corrupt frame", "segment", name, "offset", text)
 *
 * Keys and values are alternating C strings, ended by NULL (the macro adds it); format numbers with
 * weir_log_num(). A line is one write(2), so lines of several processes and threads never mix.
 * Never log a write key, a token, a password or an event's content.
 * Threads: a struct weir_log may be used from many threads at once. A NULL log discards. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum weir_log_level { WEIR_LOG_DEBUG, WEIR_LOG_INFO, WEIR_LOG_WARN, WEIR_LOG_ERROR };

struct weir_log {
    int fd;
    enum weir_log_level min;
    bool json;
    const char *part; /* "collect", "serve", ...: on every line */
};

void weir_log_write(const struct weir_log *log, enum weir_log_level level, const char *message, ...)
    __attribute__((sentinel));

#define weir_log(log, level, ...) weir_log_write((log), (level), __VA_ARGS__, (char *)0)

struct weir_log_text {
    char text[32];
};
/* weir_log_num(n).text lives to the end of the full expression. */
struct weir_log_text weir_log_num(int64_t value);

/* "debug", "info", "warn", "error"; false for anything else. */
bool weir_log_level_parse(const char *name, enum weir_log_level *out);

#endif
