#include "eventlog_util.h"

#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "eventlog/format.h"

struct bytes {
    char *data;
    size_t len;
};

static struct bytes load(const char *path)
{
    struct weir_error err = {0};
    struct weir_buf buf;
    weir_buf_init(&buf, 64u << 20);
    ASSERT_OK(weir_file_read(path, &buf, &err), err);
    return (struct bytes){buf.data, buf.len};
}

static void store(const char *path, const char *data, size_t len)
{
    struct weir_error err = {0};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ASSERT_OK(weir_write_all(fd, data, len, path, &err), err);
    close(fd);
}

/* --- torn tails --------------------------------------------------------------------------------
 */

static void a_tail_torn_at_any_byte_is_cut_and_nothing_else(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 10, 100, 1);
    segment_path(dir.path, -1, path);
    struct stat st;
    stat(path, &st);
    size_t good = (size_t)st.st_size;
    put_many(log, 10, 11, 100, 1);
    weir_eventlog_close(log);
    struct bytes whole = load(path);
    for (size_t cut = good; cut < whole.len; cut++) {
        struct weir_recovery recovery;
        store(path, whole.data, cut);
        forget_clean_close(dir.path);
        log = open_log(dir.path, 0, &recovery);
        assert_int_equal(recovery.torn_bytes, cut - good);
        assert_int_equal(recovery.next_seq, 10);
        assert_int_equal(recovery.corrupt_frames, 0);
        if (cut % 16 == 0) { /* and it goes on from there */
            put_many(log, 10, 12, 60, 1);
            struct lost lost = {0};
            assert_int_equal(read_all(dir.path, 1, &lost, NULL), 11);
            assert_int_equal(lost.ranges, 0);
        }
        weir_eventlog_close(log);
    }
    assert_in_range(count_names(dir.path, ".torn"), 1, 8);
    free(whole.data);
    tempdir_remove(&dir);
}

static void garbage_behind_the_last_frame_is_cut_and_kept_beside(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_recovery recovery;
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 5, 100, 1);
    weir_eventlog_close(log);
    segment_path(dir.path, -1, path);
    struct bytes whole = load(path);
    static char garbage[100000];
    memset(garbage, 'W', sizeof garbage);
    memcpy(garbage + 5000, "WFRM", 4);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, garbage, sizeof garbage), sizeof garbage);
    close(fd);
    /* A reader, too, recovers a log that nobody writes. */
    forget_clean_close(dir.path);
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), 4);
    struct stat st;
    stat(path, &st);
    assert_int_equal(st.st_size, whole.len);
    snprintf(path + strlen(path), 32, ".%012zu.torn", whole.len);
    struct bytes torn = load(path);
    assert_int_equal(torn.len, sizeof garbage);
    assert_memory_equal(torn.data, garbage, sizeof garbage);
    log = open_log(dir.path, 0, &recovery);
    assert_int_equal(recovery.torn_bytes, 0);
    assert_int_equal(recovery.next_seq, 5);
    weir_eventlog_close(log);
    free(torn.data);
    free(whole.data);
    tempdir_remove(&dir);
}

static void a_segment_without_header_is_no_segment(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_recovery recovery;
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 5, 100, 1);
    weir_eventlog_close(log);
    for (size_t size = 0; size <= 200; size += 50) {
        char zero[200] = {0};
        store(tempdir_path(&dir, "00000000000000000005.wlog", path), zero, size);
        forget_clean_close(dir.path);
        log = open_log(dir.path, 0, &recovery);
        assert_int_equal(recovery.next_seq, 5);
        assert_int_equal(recovery.segments, 1);
        weir_eventlog_close(log);
        assert_int_equal(count_names(dir.path, ".damaged"), size > 0);
    }
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), 4);
    tempdir_remove(&dir);
}

static void a_segment_of_a_later_weir_is_refused_and_not_touched(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_error err = {0};
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 5, 100, 1);
    weir_eventlog_close(log);
    segment_path(dir.path, 0, path);
    struct bytes whole = load(path);
    whole.data[8] = 2;
    uint64_t sum = weir_hash64(whole.data, 120, 0);
    memcpy(whole.data + 120, &sum, sizeof sum);
    store(path, whole.data, whole.len);
    assert_int_equal(weir_eventlog_open(dir.path, NULL, &log, NULL, &err), WEIR_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "format 2"));
    struct bytes after = load(path);
    assert_int_equal(after.len, whole.len);
    assert_memory_equal(after.data, whole.data, whole.len);
    free(after.data);
    free(whole.data);
    tempdir_remove(&dir);
}

/* --- damage in the middle ----------------------------------------------------------------------
 */

static void a_flipped_bit_costs_one_frame_wherever_it_is(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    size_t begin = 0;
    size_t end = 0;
    struct stat st;
    for (uint64_t n = 1; n < 10; n++) {
        put_many(log, n, n + 1, 100, 1);
        segment_path(dir.path, -1, path);
        stat(path, &st);
        begin = n == 4 ? (size_t)st.st_size : begin;
        end = n == 5 ? (size_t)st.st_size : end;
    }
    weir_eventlog_close(log);
    struct bytes whole = load(path);
    for (size_t at = begin; at < end; at++) {
        whole.data[at] ^= (char)(1 << at % 8);
        store(path, whole.data, whole.len);
        struct lost lost = {0};
        if (at % 10 == 0) { /* recovery leaves damage in the middle where it is */
            struct weir_recovery recovery;
            forget_clean_close(dir.path);
            log = open_log(dir.path, 0, &recovery);
            assert_int_equal(recovery.corrupt_frames, 1);
            assert_int_equal(recovery.torn_bytes, 0);
            assert_int_equal(recovery.next_seq, 10);
            weir_eventlog_close(log);
        }
        assert_int_equal(read_all(dir.path, 1, &lost, NULL), 8);
        assert_int_equal(lost.ranges, 1);
        assert_int_equal(lost.first, 5);
        assert_int_equal(lost.count, 1);
        /* who begins behind the damage does not hear of it */
        lost = (struct lost){0};
        assert_int_equal(read_all(dir.path, 6, &lost, NULL), 4);
        assert_int_equal(lost.ranges, 0);
        whole.data[at] ^= (char)(1 << at % 8);
    }
    free(whole.data);
    tempdir_remove(&dir);
}

static void a_damaged_segment_header_costs_nothing(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 10, 100, 3);
    weir_eventlog_close(log);
    segment_path(dir.path, -1, path);
    struct bytes whole = load(path);
    memset(whole.data, 0xA5, WEIR_SEGMENT_HEADER);
    store(path, whole.data, whole.len);
    struct lost lost = {0};
    assert_int_equal(read_all(dir.path, 1, &lost, NULL), 9);
    assert_int_equal(lost.ranges, 0);
    /* but nothing is appended to it any more */
    struct weir_recovery recovery;
    log = open_log(dir.path, 0, &recovery);
    assert_int_equal(recovery.next_seq, 10);
    put_many(log, 10, 12, 100, 1);
    assert_int_equal(read_all(dir.path, 1, &lost, NULL), 11);
    weir_eventlog_close(log);
    free(whole.data);
    tempdir_remove(&dir);
}

static void a_segment_cut_short_loses_its_end_and_the_next_is_read(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_eventlog *log = open_log(dir.path, 4096, NULL);
    put_many(log, 1, 100, 300, 1); /* about ten records a segment */
    weir_eventlog_close(log);
    segment_path(dir.path, 2, path);
    struct bytes whole = load(path);
    uint64_t first = strtoull(strrchr(path, '/') + 1, NULL, 10);
    char next[512];
    segment_path(dir.path, 3, next);
    uint64_t end = strtoull(strrchr(next, '/') + 1, NULL, 10);
    for (size_t keep = 0; keep < whole.len; keep += 97) {
        store(path, whole.data, keep);
        struct lost lost = {0};
        uint64_t count = read_all(dir.path, 1, &lost, NULL);
        assert_int_equal(count + lost.records, 99);
        assert_true(lost.records >= 1 && lost.records <= end - first);
        assert_int_equal(lost.first + lost.count, end);
    }
    free(whole.data);
    tempdir_remove(&dir);
}

static void a_frame_forged_inside_a_body_is_never_read(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_error err = {0};
    uint64_t seq;
    /* a true frame of another log, with the seq that will be missing here */
    tempdir_path(&dir, "theirs", path);
    struct weir_eventlog *log = open_log(path, 0, NULL);
    put_many(log, 1, 4, 100, 3);
    weir_eventlog_close(log);
    char segment[512];
    segment_path(path, 0, segment);
    struct bytes forged = load(segment);
    tempdir_path(&dir, "ours", path);
    log = open_log(path, 0, NULL);
    struct weir_str body = {forged.data + WEIR_SEGMENT_HEADER, forged.len - WEIR_SEGMENT_HEADER};
    struct weir_record record = record_of(1, body);
    ASSERT_OK(weir_eventlog_append(log, &record, &seq, &err), err);
    ASSERT_OK(weir_eventlog_commit(log, &err), err);
    weir_eventlog_close(log);
    log = open_log(path, 0, NULL);
    put_many(log, 2, 5, 100, 1);
    weir_eventlog_close(log);
    /* now the reader must look for the next frame from inside that body on */
    segment_path(path, 0, segment);
    struct bytes ours = load(segment);
    ours.data[WEIR_SEGMENT_HEADER] ^= 1;
    store(segment, ours.data, ours.len);
    struct lost lost = {0};
    struct weir_eventlog_reader *reader;
    ASSERT_OK(weir_eventlog_reader_open(path, 1, on_lost, &lost, &reader, &err), err);
    for (uint64_t n = 2; n < 5; n++) {
        ASSERT_OK(weir_eventlog_read(reader, &record, &err), err);
        assert_is_record(&record, n);
    }
    assert_int_equal(lost.records, 1);
    weir_eventlog_reader_close(reader);
    free(forged.data);
    free(ours.data);
    tempdir_remove(&dir);
}

static void seqs_that_were_published_are_not_given_out_again(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_recovery recovery;
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 20, 100, 1);
    weir_eventlog_close(log);
    segment_path(dir.path, 0, path);
    assert_int_equal(truncate(path, 900), 0);
    log = open_log(dir.path, 0, &recovery);
    assert_int_equal(recovery.next_seq, 20);
    put_many(log, 20, 25, 100, 1);
    struct lost lost = {0};
    uint64_t count = read_all(dir.path, 1, &lost, NULL);
    assert_int_equal(count + lost.records, 24);
    assert_int_equal(lost.first + lost.count, 20);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

/* --- the head ----------------------------------------------------------------------------------
 */

static void a_head_that_is_lost_or_garbage_is_made_again(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_error err = {0};
    struct weir_eventlog *log = open_log(dir.path, 4096, NULL);
    put_many(log, 1, 60, 200, 1);
    weir_eventlog_close(log);
    tempdir_path(&dir, "head", path);
    struct bytes head = load(path);
    for (size_t at = 0; at < 96; at++) {
        head.data[at] ^= 0x55;
        store(path, head.data, at % 3 ? head.len : at * 10);
        head.data[at] ^= 0x55;
        uint64_t durable;
        ASSERT_OK(weir_eventlog_durable_seq(dir.path, &durable, &err), err);
        assert_int_equal(durable, 60);
        assert_int_equal(read_all(dir.path, 1, NULL, NULL), 59);
    }
    free(head.data);
    tempdir_remove(&dir);
}

static void a_head_that_vanishes_under_a_writer_comes_back(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_error err = {0};
    struct weir_record record;
    struct weir_eventlog_reader *reader;
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 3, 100, 1);
    ASSERT_OK(weir_eventlog_reader_open(dir.path, 3, NULL, NULL, &reader, &err), err);
    unlink(tempdir_path(&dir, "head", path));
    weir_time deadline = weir_mono() + 20 * WEIR_SECOND;
    while (access(path, F_OK) && weir_mono() < deadline) {
        (void)weir_eventlog_has_room(log); /* as a collector asks for every request */
        poll(NULL, 0, 5);
    }
    put_many(log, 3, 5, 100, 1);
    /* a reader that slept on the old one finds the new one */
    assert_int_equal(weir_eventlog_wait(reader, 20 * WEIR_SECOND), WEIR_OK);
    ASSERT_OK(weir_eventlog_read(reader, &record, &err), err);
    assert_is_record(&record, 3);
    weir_eventlog_reader_close(reader);
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), 4);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

/* --- disks that fail ---------------------------------------------------------------------------
 */

static void a_full_disk_refuses_and_recovers_by_itself(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    if (mount("tmpfs", dir.path, "tmpfs", 0, "size=3m")) {
        tempdir_remove(&dir);
        print_message("not tested: only root can mount a small disk\n");
        return;
    }
    char ballast[512];
    tempdir_path(&dir, "ballast", ballast);
    struct weir_eventlog *log = open_log(dir.path, 1 << 20, NULL);
    uint64_t next = 1;
    unsigned refused = 0;
    for (int round = 0; round < 400; round++) {
        /* groups that end in the middle of the room there is; not compressed, as they are small */
        uint64_t n = next;
        while (n < next + 8 && !put(log, n, 3000 + (size_t)round * 17, &err)) {
            n++;
        }
        bool guarded = n < next + 8; /* that one is answered 503, those before it go on */
        int code = weir_eventlog_commit(log, &err);
        if (code) {
            assert_int_equal(code, WEIR_ENOSPC);
            assert_int_equal(weir_eventlog_next_seq(log), next);
        } else {
            next = n;
        }
        refused += code || guarded;
    }
    assert_true(refused > 100 && next > 100);
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), next - 1);
    /* room again: the oldest segment goes */
    char path[512];
    segment_path(dir.path, 0, path);
    unlink(path);
    segment_path(dir.path, 0, path);
    uint64_t first = strtoull(strrchr(path, '/') + 1, NULL, 10);
    weir_time deadline = weir_mono() + 20 * WEIR_SECOND;
    while (!weir_eventlog_has_room(log) && weir_mono() < deadline) {
        poll(NULL, 0, 5);
    }
    put_many(log, next, next + 20, 3000, 4);
    assert_int_equal(read_all(dir.path, first, NULL, NULL), next + 20 - first);
    weir_eventlog_close(log);
    umount(dir.path);
    tempdir_remove(&dir);
}

static void a_write_that_fails_abandons_the_segment(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    /* A file size limit is a failure that is not "disk full". In a child: it cannot be undone. */
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {20000, 20000};
        struct weir_eventlog_options options = {.keep_free_bytes = 1, .seal_level = -1};
        struct weir_eventlog *log;
        uint64_t n = 1;
        unsigned failed = 0;
        signal(SIGXFSZ, SIG_IGN);
        int code = setrlimit(RLIMIT_FSIZE, &limit) ||
                   weir_eventlog_open(dir.path, &options, &log, NULL, NULL);
        while (!code && n < 200) {
            code = put(log, n, 900, NULL) || put(log, n + 1, 900, NULL);
            if (weir_eventlog_commit(log, NULL)) {
                failed++;
            } else {
                n += 2;
            }
        }
        _exit(code || failed < 5 ? 1 : 0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct lost lost = {0};
    assert_int_equal(read_all(dir.path, 1, &lost, NULL), 200);
    assert_int_equal(lost.ranges, 0);
    tempdir_remove(&dir);
}

static void a_segment_that_is_removed_under_the_writer_is_not_acknowledged(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    char path[512];
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    put_many(log, 1, 5, 100, 1);
    segment_path(dir.path, 0, path);
    unlink(path);
    ASSERT_OK(put(log, 5, 100, &err), err);
    assert_int_equal(weir_eventlog_commit(log, &err), WEIR_EIO);
    put_many(log, 5, 8, 100, 1);
    assert_int_equal(read_all(dir.path, 5, NULL, NULL), 3);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

/* --- kill -9 -----------------------------------------------------------------------------------
 */

/* Commits groups of records for ever, and says the next seq after each commit. */
static void write_until_killed(const char *dir, int ack, unsigned seed)
{
    struct weir_eventlog_options options = {
        .segment_bytes = 300000, .keep_free_bytes = 1, .seal_level = 1};
    struct weir_eventlog *log;
    struct weir_recovery recovery;
    if (weir_eventlog_open(dir, &options, &log, &recovery, NULL)) {
        _exit(1);
    }
    for (uint64_t n = recovery.next_seq;;) {
        unsigned group = 1 + rand_r(&seed) % 12;
        for (unsigned i = 0; i < group; i++, n++) {
            size_t size = rand_r(&seed) % 50 ? 60 + rand_r(&seed) % 2000 : 200000;
            if (put(log, n, size, NULL)) {
                _exit(2);
            }
        }
        if (weir_eventlog_commit(log, NULL) || write(ack, &n, sizeof n) != sizeof n) {
            _exit(3);
        }
    }
}

static void kill_nine_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    uint64_t acknowledged = 1;
    for (unsigned round = 0; round < 40; round++) {
        int fds[2];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
            write_until_killed(dir.path, fds[1], seed + round);
        }
        close(fds[1]);
        /* some commits, then at any moment of the next ones */
        uint64_t next;
        for (unsigned i = rand_r(&seed) % 12; i && read(fds[0], &next, sizeof next) > 0; i--) {
            acknowledged = next;
        }
        struct timespec moment = {0, rand_r(&seed) % 3000000};
        ppoll(NULL, 0, &moment, NULL);
        kill(child, SIGKILL);
        while (read(fds[0], &next, sizeof next) == sizeof next) {
            acknowledged = next;
        }
        close(fds[0]);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        struct lost lost = {0};
        uint64_t end;
        /* every other round the next writer is the one who recovers */
        if (round % 2) {
            uint64_t count = read_all(dir.path, 1, &lost, &end);
            assert_true(end >= acknowledged);
            assert_int_equal(count, end - 1);
            assert_int_equal(lost.ranges, 0);
        }
    }
    assert_true(acknowledged > 100);
    tempdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tail_torn_at_any_byte_is_cut_and_nothing_else),
        cmocka_unit_test(garbage_behind_the_last_frame_is_cut_and_kept_beside),
        cmocka_unit_test(a_segment_without_header_is_no_segment),
        cmocka_unit_test(a_segment_of_a_later_weir_is_refused_and_not_touched),
        cmocka_unit_test(a_flipped_bit_costs_one_frame_wherever_it_is),
        cmocka_unit_test(a_damaged_segment_header_costs_nothing),
        cmocka_unit_test(a_segment_cut_short_loses_its_end_and_the_next_is_read),
        cmocka_unit_test(a_frame_forged_inside_a_body_is_never_read),
        cmocka_unit_test(seqs_that_were_published_are_not_given_out_again),
        cmocka_unit_test(a_head_that_is_lost_or_garbage_is_made_again),
        cmocka_unit_test(a_head_that_vanishes_under_a_writer_comes_back),
        cmocka_unit_test(a_full_disk_refuses_and_recovers_by_itself),
        cmocka_unit_test(a_write_that_fails_abandons_the_segment),
        cmocka_unit_test(a_segment_that_is_removed_under_the_writer_is_not_acknowledged),
        cmocka_unit_test(kill_nine_loses_nothing_that_was_acknowledged),
    };
    return cmocka_run_group_tests_name("eventlog damage", tests, NULL, NULL);
}
