#include "eventlog_util.h"

#include <poll.h>
#include <stdatomic.h>

#include "eventlog/seal.h"
#include "eventlog/segments.h"

struct sums {
    unsigned segments;
    unsigned sealed;
    unsigned damaged;
    uint64_t records;
    uint64_t bytes;
    uint64_t raw_bytes;
    weir_time first_at;
    weir_time last_at;
    struct lost lost;
};

static int add_segment(const struct weir_eventlog_segment *s, void *arg)
{
    struct sums *sums = arg;
    sums->first_at = sums->segments ? sums->first_at : s->first_at;
    sums->last_at = s->last_at;
    sums->segments++;
    sums->sealed += s->sealed;
    sums->damaged += s->damaged_frames > 0;
    sums->records += s->records;
    sums->bytes += s->bytes;
    sums->raw_bytes += s->raw_bytes;
    return 0;
}

static void add_lost(const struct weir_eventlog_damage *damage, void *arg)
{
    on_lost(damage, &((struct sums *)arg)->lost);
}

static struct sums sums_of(const char *dir, bool deep)
{
    struct weir_error err = {0};
    struct sums sums = {0};
    ASSERT_OK(weir_eventlog_each_segment(dir, deep, add_segment, add_lost, &sums, &err), err);
    return sums;
}

static int seal(const char *dir, int i)
{
    struct weir_error err = {0};
    struct weir_segments list = {0};
    static const atomic_bool stop;
    ASSERT_OK(weir_segments_list(&list, dir, &err), err);
    int code = weir_segment_seal(dir, list.first[i], list.first[i + 1], 9, &stop, &err);
    weir_segments_free(&list);
    return code;
}

/* --- sealing -----------------------------------------------------------------------------------
 */

static void a_sealed_segment_reads_as_the_original(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_eventlog *log = open_log(dir.path, 1 << 20, NULL);
    put_many(log, 1, 3000, 400, 3);
    put_many(log, 3000, 3003, 3 << 20, 1);
    put_many(log, 3003, 3100, 400, 3);
    struct sums before = sums_of(dir.path, false);
    assert_true(before.segments >= 4);
    for (unsigned i = 0; i + 1 < before.segments; i++) {
        assert_int_equal(seal(dir.path, (int)i), WEIR_OK);
        assert_int_equal(seal(dir.path, (int)i), WEIR_EEXIST);
        struct lost lost = {0};
        assert_int_equal(read_all(dir.path, 1, &lost, NULL), 3099);
        assert_int_equal(lost.ranges, 0);
    }
    for (int deep = 0; deep < 2; deep++) { /* what the header says is what is there */
        struct sums after = sums_of(dir.path, deep);
        assert_int_equal(after.segments, before.segments);
        assert_int_equal(after.sealed, before.segments - 1);
        assert_int_equal(after.records, 3099);
        assert_int_equal(after.raw_bytes, before.raw_bytes);
        assert_int_equal(after.first_at, before.first_at);
        assert_int_equal(after.last_at, before.last_at);
        assert_true(after.bytes < before.bytes * 2 / 3);
    }
    for (uint64_t from = 1; from < 3100; from += 311) {
        assert_int_equal(read_all(dir.path, from, NULL, NULL), 3100 - from);
    }
    assert_int_equal(count_names(dir.path, ".tmp"), 0);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

static void a_reader_goes_on_in_the_file_that_was_sealed_under_it(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    struct weir_record record;
    struct weir_eventlog_reader *reader;
    struct weir_eventlog *log = open_log(dir.path, 100000, NULL);
    put_many(log, 1, 500, 900, 1);
    ASSERT_OK(weir_eventlog_reader_open(dir.path, 1, NULL, NULL, &reader, &err), err);
    for (uint64_t n = 1; n < 500; n++) {
        if (n == 50) {
            for (int i = 0; i < 3; i++) {
                assert_int_equal(seal(dir.path, i), WEIR_OK);
            }
        }
        ASSERT_OK(weir_eventlog_read(reader, &record, &err), err);
        assert_is_record(&record, n);
    }
    weir_eventlog_reader_close(reader);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

static void the_writer_seals_what_is_full_by_itself(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    struct weir_eventlog *log = NULL;
    struct weir_eventlog_options options = {.segment_bytes = 50000, .keep_free_bytes = 1};
    /* left unsealed by one writer, sealed by the next */
    log = open_log(dir.path, 50000, NULL);
    put_many(log, 1, 200, 900, 1);
    weir_eventlog_close(log);
    assert_int_equal(sums_of(dir.path, false).sealed, 0);
    ASSERT_OK(weir_eventlog_open(dir.path, &options, &log, NULL, &err), err);
    put_many(log, 200, 400, 900, 1);
    weir_time deadline = weir_mono() + 60 * WEIR_SECOND;
    struct sums sums;
    while (sums = sums_of(dir.path, false), sums.sealed + 1 < sums.segments) {
        assert_true(weir_mono() < deadline);
        poll(NULL, 0, 5);
    }
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), 399);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

static void flip(const char *path, off_t at)
{
    char c;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 4;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void a_damaged_segment_is_left_as_evidence(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_eventlog *log = open_log(dir.path, 20000, NULL);
    put_many(log, 1, 100, 900, 1);
    segment_path(dir.path, 1, path);
    flip(path, 2000);
    struct stat before;
    struct stat after;
    stat(path, &before);
    assert_int_equal(seal(dir.path, 1), WEIR_ECORRUPT);
    stat(path, &after);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(count_names(dir.path, ".tmp"), 0);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

static void stopping_leaves_no_litter(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    static const atomic_bool stop = true;
    struct weir_eventlog *log = open_log(dir.path, 20000, NULL);
    put_many(log, 1, 100, 900, 1);
    struct weir_segments list = {0};
    ASSERT_OK(weir_segments_list(&list, dir.path, &err), err);
    assert_int_equal(weir_segment_seal(dir.path, 1, list.first[1], 3, &stop, &err), WEIR_ECANCELED);
    assert_int_equal(count_names(dir.path, ".tmp"), 0);
    weir_segments_free(&list);
    weir_eventlog_close(log);
    /* and what a killed sealer left goes at the next start */
    char path[512];
    snprintf(path, sizeof path, "%s/00000000000000000001.wlog.tmp", dir.path);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    log = open_log(dir.path, 20000, NULL);
    assert_int_equal(count_names(dir.path, ".tmp"), 0);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

/* --- verifying ---------------------------------------------------------------------------------
 */

static void verifying_finds_a_flip_of_any_byte_and_changes_nothing(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 6, 100, 2);
    weir_eventlog_close(log);
    assert_int_equal(sums_of(dir.path, true).lost.ranges, 0);
    segment_path(dir.path, 0, path);
    struct stat st;
    stat(path, &st);
    for (off_t at = 0; at < st.st_size; at++) {
        flip(path, at);
        struct sums sums = sums_of(dir.path, true);
        assert_int_equal(sums.damaged, 1);
        assert_true(sums.lost.ranges >= 1);
        assert_true(sums.lost.records <= 2);
        if (at % 50 == 0) { /* a writer that was killed: nobody vouches for the end */
            char head[512];
            forget_clean_close(dir.path);
            sums = sums_of(dir.path, true);
            assert_true(sums.lost.ranges >= 1);
            assert_int_equal(access(tempdir_path(&dir, "head", head), F_OK), -1);
        }
        flip(path, at);
    }
    assert_int_equal(count_names(dir.path, ".torn"), 0);
    assert_int_equal(sums_of(dir.path, true).lost.ranges, 0);
    tempdir_remove(&dir);
}

static void a_missing_segment_is_a_known_range(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    char next[512];
    struct weir_eventlog *log = open_log(dir.path, 10000, NULL);
    put_many(log, 1, 100, 900, 1);
    weir_eventlog_close(log);
    segment_path(dir.path, 2, path);
    segment_path(dir.path, 3, next);
    uint64_t first = strtoull(strrchr(path, '/') + 1, NULL, 10);
    uint64_t end = strtoull(strrchr(next, '/') + 1, NULL, 10);
    unlink(path);
    struct lost lost = {0};
    assert_int_equal(read_all(dir.path, 1, &lost, NULL), 99 - (end - first));
    assert_int_equal(lost.first, first);
    assert_int_equal(lost.records, end - first);
    struct sums sums = sums_of(dir.path, true);
    assert_int_equal(sums.lost.first, first);
    assert_int_equal(sums.lost.records, end - first);
    tempdir_remove(&dir);
}

/* --- retention ---------------------------------------------------------------------------------
 */

static void expiring_removes_whole_old_segments_from_the_old_end(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    unsigned removed = 9;
    char path[512];
    ASSERT_OK(weir_eventlog_expire(tempdir_path(&dir, "none", path), weir_now(), &removed, &err),
              err);
    assert_int_equal(removed, 0);
    struct weir_eventlog *log = open_log(dir.path, 10000, NULL);
    put_many(log, 1, 100, 900, 1); /* record n was received at second n */
    assert_int_equal(seal(dir.path, 0), WEIR_OK);
    segment_path(dir.path, 2, path);
    uint64_t third = strtoull(strrchr(path, '/') + 1, NULL, 10);
    /* the first record of the third segment is the oldest to keep */
    struct weir_eventlog_reader *standing;
    struct weir_record record;
    ASSERT_OK(weir_eventlog_reader_open(dir.path, 1, NULL, NULL, &standing, &err), err);
    ASSERT_OK(weir_eventlog_read(standing, &record, &err), err);
    ASSERT_OK(weir_eventlog_expire(dir.path, (weir_time)third * WEIR_SECOND, &removed, &err), err);
    assert_int_equal(removed, 2);
    struct lost lost = {0};
    struct weir_eventlog_reader *reader;
    ASSERT_OK(weir_eventlog_reader_open(dir.path, 1, on_lost, &lost, &reader, &err), err);
    ASSERT_OK(weir_eventlog_read(reader, &record, &err), err);
    assert_is_record(&record, third); /* what expired is not damage */
    assert_int_equal(lost.ranges, 0);
    weir_eventlog_reader_close(reader);
    /* a reader that stood in a removed segment finishes it, and goes on behind */
    uint64_t last = 1;
    while (weir_eventlog_read(standing, &record, &err) == WEIR_OK) {
        assert_true(record.seq > last);
        assert_is_record(&record, record.seq);
        last = record.seq;
    }
    assert_int_equal(last, 99);
    weir_eventlog_reader_close(standing);
    /* never the one that is written */
    ASSERT_OK(weir_eventlog_expire(dir.path, WEIR_TIME_MAX, &removed, &err), err);
    assert_int_equal(sums_of(dir.path, false).segments, 1);
    put_many(log, 100, 105, 900, 1);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_segment_reads_as_the_original),
        cmocka_unit_test(a_reader_goes_on_in_the_file_that_was_sealed_under_it),
        cmocka_unit_test(the_writer_seals_what_is_full_by_itself),
        cmocka_unit_test(a_damaged_segment_is_left_as_evidence),
        cmocka_unit_test(stopping_leaves_no_litter),
        cmocka_unit_test(verifying_finds_a_flip_of_any_byte_and_changes_nothing),
        cmocka_unit_test(a_missing_segment_is_a_known_range),
        cmocka_unit_test(expiring_removes_whole_old_segments_from_the_old_end),
    };
    return cmocka_run_group_tests_name("eventlog upkeep", tests, NULL, NULL);
}
