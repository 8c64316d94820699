/* Records that can be told apart, and ways to write and read many of them. */
#ifndef WEIR_TEST_EVENTLOG_UTIL_H
#define WEIR_TEST_EVENTLOG_UTIL_H

#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "eventlog/eventlog.h"
#include "io/file.h"
#include "tempdir.h"

/* The body of record `n`: its number, then filler to `size` bytes that depends on the number. */
static inline struct weir_str body_of(uint64_t n, size_t size, char *to)
{
    size_t used = (size_t)snprintf(to, 64, "{\"n\":%llu,\"x\":\"", (unsigned long long)n);
    uint64_t state = n * 0x9E3779B97F4A7C15u + 1;
    while (used + 2 < size) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        to[used++] = (char)('a' + (state >> 60));
    }
    to[used++] = '"';
    to[used++] = '}';
    return (struct weir_str){to, used};
}

static inline struct weir_record record_of(uint64_t n, struct weir_str body)
{
    struct weir_record record = {
        .kind = WEIR_RECORD_CALL,
        .received_at = (weir_time)n * WEIR_SECOND,
        .source = WEIR_STR("web"),
        .method = WEIR_STR("track"),
        .ip = WEIR_STR("203.0.113.7"),
        .user_agent = WEIR_STR("Mozilla/5.0"),
        .body = body,
    };
    memcpy(record.request_id, &n, sizeof n);
    return record;
}

static inline uint64_t number_of(const struct weir_record *record)
{
    uint64_t n;
    memcpy(&n, record->request_id, sizeof n);
    return n;
}

/* Appends record n (its number is its seq, when all goes well) with a body of `size` bytes. */
static inline int put(struct weir_eventlog *log, uint64_t n, size_t size, struct weir_error *err)
{
    static char body[4u << 20]; /* one thread writes */
    struct weir_record record = record_of(n, body_of(n, size, body));
    uint64_t seq;
    return weir_eventlog_append(log, &record, &seq, err);
}

/* Records [first, end), one commit for every `group`. */
static inline void put_many(struct weir_eventlog *log, uint64_t first, uint64_t end, size_t size,
                            uint64_t group)
{
    struct weir_error err = {0};
    for (uint64_t n = first; n < end; n++) {
        ASSERT_OK(put(log, n, size, &err), err);
        if ((n - first) % group == group - 1 || n + 1 == end) {
            ASSERT_OK(weir_eventlog_commit(log, &err), err);
        }
    }
}

/* Is this body_of(n, ...)? */
static inline bool is_body_of(uint64_t n, struct weir_str body)
{
    char *want = malloc(body.len + 64);
    bool same = want && weir_str_eq(body_of(n, body.len, want), body);
    free(want);
    return same;
}

static inline void assert_is_record(const struct weir_record *record, uint64_t n)
{
    assert_int_equal(record->seq, n);
    assert_int_equal(number_of(record), n);
    assert_true(is_body_of(n, record->body));
    assert_int_equal(record->received_at, (weir_time)n * WEIR_SECOND);
    assert_true(weir_str_is(record->source, "web"));
    assert_true(weir_str_is(record->user_agent, "Mozilla/5.0"));
}

struct lost {
    uint64_t records;
    unsigned ranges;
    uint64_t first; /* of the last range */
    uint64_t count;
};

static inline void on_lost(const struct weir_eventlog_damage *damage, void *arg)
{
    struct lost *lost = arg;
    lost->records += damage->count;
    lost->ranges++;
    lost->first = damage->first;
    lost->count = damage->count;
}

/* Reads everything durable from `from` on; records must be those of put(). Returns how many, and
 * *next is one past the last. What is missing must have been reported. */
static inline uint64_t read_all(const char *dir, uint64_t from, struct lost *lost, uint64_t *next)
{
    struct weir_error err = {0};
    struct weir_eventlog_reader *reader;
    struct weir_record record;
    struct lost unused = {0};
    lost = lost ? lost : &unused;
    uint64_t count = 0;
    uint64_t expect = from;
    int code;
    ASSERT_OK(weir_eventlog_reader_open(dir, from, on_lost, lost, &reader, &err), err);
    while ((code = weir_eventlog_read(reader, &record, &err)) == WEIR_OK) {
        assert_true(record.seq >= expect);
        if (record.seq > expect) {
            assert_int_equal(lost->first + lost->count, record.seq);
        }
        assert_is_record(&record, record.seq);
        expect = record.seq + 1;
        count++;
    }
    assert_int_equal(code, WEIR_EAGAIN);
    weir_eventlog_reader_close(reader);
    if (next) {
        *next = expect;
    }
    return count;
}

static inline struct weir_eventlog *open_log(const char *dir, uint64_t segment_bytes,
                                             struct weir_recovery *recovery)
{
    struct weir_error err = {0};
    struct weir_eventlog *log = NULL;
    struct weir_eventlog_options options = {
        .segment_bytes = segment_bytes, .keep_free_bytes = 1, .seal_level = -1};
    ASSERT_OK(weir_eventlog_open(dir, &options, &log, recovery, &err), err);
    return log;
}

/* Path of the i-th segment (from the end when negative). */
static inline void segment_path(const char *dir, int i, char out[512])
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);
    int seen = 0;
    int total = 0;
    for (int k = 0; k < n; k++) {
        size_t len = strlen(names[k]->d_name);
        total += len == 25 && strcmp(names[k]->d_name + 20, ".wlog") == 0;
    }
    out[0] = '\0';
    for (int k = 0; k < n; k++) {
        size_t len = strlen(names[k]->d_name);
        if (len == 25 && strcmp(names[k]->d_name + 20, ".wlog") == 0) {
            if (seen++ == (i < 0 ? total + i : i)) {
                snprintf(out, 512, "%.400s/%s", dir, names[k]->d_name);
            }
        }
        free(names[k]);
    }
    free(names);
}

static inline unsigned count_names(const char *dir, const char *suffix)
{
    struct dirent **names;
    unsigned count = 0;
    int n = scandir(dir, &names, NULL, alphasort);
    for (int k = 0; k < n; k++) {
        size_t len = strlen(names[k]->d_name);
        size_t want = strlen(suffix);
        count += len >= want && strcmp(names[k]->d_name + len - want, suffix) == 0;
        free(names[k]);
    }
    free(names);
    return count;
}

/* As a crash leaves it: without the word of a clean close. */
static inline void forget_clean_close(const char *dir)
{
    char path[512];
    snprintf(path, sizeof path, "%.400s/head", dir);
    unlink(path);
}

#endif
