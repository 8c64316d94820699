#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json_write.h"

#define LINE_MAX_BYTES  4096
#define PART_MAX_BYTES  64
#define VALUE_MAX_BYTES 512 /* six times that, escaped, still fits a line beside the head */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct weir_str cut(const char *text, size_t max)
{
    return weir_utf8_cut(weir_str_of(text ? text : ""), max);
}

/* Milliseconds are enough for people; the order of lines is the order of writes. */
static void add_time(struct weir_buf *line)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char text[32];
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    weir_buf_add(line, text, n);
    weir_buf_addf(line, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* Text that cannot be mistaken for another line or another key is written bare. */
static bool is_bare(struct weir_str s, bool blanks)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < ' ' || c == 0x7F || (!blanks && (c == ' ' || c == '"' || c == '='))) {
            return false;
        }
    }
    return s.len > 0 && weir_utf8_valid(s);
}

static void add_text(struct weir_buf *line, struct weir_str s, bool blanks)
{
    if (is_bare(s, blanks)) {
        weir_buf_adds(line, s);
    } else {
        weir_json_quote(line, s);
    }
}

static void add_head(struct weir_buf *line, const struct weir_log *log, enum weir_log_level level,
                     const char *message)
{
    if (log->json) {
        weir_buf_addz(line, "{\"time\":\"");
        add_time(line);
        weir_buf_addf(line, "\",\"level\":\"%s\",\"part\":", level_names[level]);
        weir_json_quote(line, cut(log->part, PART_MAX_BYTES));
        weir_buf_addz(line, ",\"message\":");
        weir_json_quote(line, cut(message, VALUE_MAX_BYTES));
        return;
    }
    add_time(line);
    weir_buf_addf(line, " %-5s ", level_names[level]);
    if (log->part && *log->part) {
        weir_buf_adds(line, cut(log->part, PART_MAX_BYTES));
        weir_buf_addz(line, ": ");
    }
    add_text(line, cut(message, VALUE_MAX_BYTES), true);
}

static void add_pair(struct weir_buf *line, bool json, const char *key, const char *value)
{
    if (json) {
        weir_buf_addc(line, ',');
        weir_json_quote(line, cut(key, PART_MAX_BYTES));
        weir_buf_addc(line, ':');
        weir_json_quote(line, cut(value, VALUE_MAX_BYTES));
    } else {
        weir_buf_addc(line, ' ');
        add_text(line, cut(key, PART_MAX_BYTES), false);
        weir_buf_addc(line, '=');
        add_text(line, cut(value, VALUE_MAX_BYTES), false);
    }
}

void weir_log_write(const struct weir_log *log, enum weir_log_level level, const char *message, ...)
{
    if (!log || level < log->min || log->fd < 0) {
        return;
    }
    /* A buffer on the stack whose maximum is its size never allocates: logging must work when
     * memory ran out. */
    char bytes[LINE_MAX_BYTES + WEIR_BUF_PADDING];
    static const char cut_mark[] = ",\"cut\":true";
    struct weir_buf line = {.data = bytes, .cap = LINE_MAX_BYTES, .max = LINE_MAX_BYTES - 32};
    add_head(&line, log, level, message);
    va_list args;
    va_start(args, message);
    for (const char *key; (key = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        size_t before = line.len;
        add_pair(&line, log->json, key, value);
        if (!weir_buf_ok(&line)) {
            line.len = before;
            line.failed = false;
            line.max = LINE_MAX_BYTES;
            weir_buf_addz(&line, log->json ? cut_mark : " ...");
            break;
        }
    }
    va_end(args);
    line.max = LINE_MAX_BYTES;
    weir_buf_addz(&line, log->json ? "}\n" : "\n");
    /* A log that cannot be written has nobody to tell. */
    ssize_t put;
    do {
        put = write(log->fd, line.data, line.len);
    } while (put < 0 && errno == EINTR);
}

struct weir_log_text weir_log_num(int64_t value)
{
    struct weir_log_text out;
    snprintf(out.text, sizeof out.text, "%lld", (long long)value);
    return out;
}

bool weir_log_level_parse(const char *name, enum weir_log_level *out)
{
    for (size_t i = 0; name && i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum weir_log_level)i;
            return true;
        }
    }
    return false;
}
