#include "eventlog_util.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

/* --- what goes in comes out --------------------------------------------------------------------
 */

static void a_record_comes_back_as_it_went_in(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    struct weir_recovery recovery;
    struct weir_eventlog *log = open_log(dir.path, 0, &recovery);
    assert_int_equal(recovery.next_seq, 1);
    struct weir_record in = {
        .kind = WEIR_RECORD_UNKNOWN_KEY,
        .received_at = -5,
        .request_id = {1, 2, 255},
        .source = WEIR_STR("ios"),
        .method = WEIR_STR("batch"),
        .write_key = WEIR_STR("k\0y"),
        .note = WEIR_STR("no such key"),
        .body = WEIR_STR(""),
    };
    uint64_t seq = 0;
    ASSERT_OK(weir_eventlog_append(log, &in, &seq, &err), err);
    assert_int_equal(seq, 1);
    ASSERT_OK(weir_eventlog_commit(log, &err), err);

    struct weir_eventlog_reader *reader;
    struct weir_record out;
    ASSERT_OK(weir_eventlog_reader_open(dir.path, 1, NULL, NULL, &reader, &err), err);
    ASSERT_OK(weir_eventlog_read(reader, &out, &err), err);
    assert_int_equal(out.seq, 1);
    assert_int_equal(out.kind, WEIR_RECORD_UNKNOWN_KEY);
    assert_int_equal(out.received_at, -5);
    assert_memory_equal(out.request_id, in.request_id, 16);
    assert_true(weir_str_eq(out.source, in.source));
    assert_true(weir_str_eq(out.method, in.method));
    assert_true(weir_str_eq(out.write_key, in.write_key));
    assert_true(weir_str_eq(out.note, in.note));
    assert_int_equal(out.ip.len + out.user_agent.len + out.body.len, 0);
    assert_int_equal(weir_eventlog_read(reader, &out, &err), WEIR_EAGAIN);
    weir_eventlog_reader_close(reader);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

static void records_of_all_sizes_survive_frames_segments_and_reopening(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_recovery recovery;
    struct weir_eventlog *log = open_log(dir.path, 1 << 20, &recovery);
    /* one a commit; a group that is split into frames; records larger than a frame; compressed */
    put_many(log, 1, 50, 40, 1);
    put_many(log, 50, 90, 100 << 10, 40);
    put_many(log, 90, 93, 3 << 20, 1);
    put_many(log, 93, 400, 5000, 60);
    weir_eventlog_close(log);
    log = open_log(dir.path, 1 << 20, &recovery);
    assert_int_equal(recovery.next_seq, 400);
    assert_int_equal(recovery.torn_bytes, 0);
    assert_true(recovery.segments > 3);
    put_many(log, 400, 500, 300, 7);
    struct lost lost = {0};
    uint64_t next;
    assert_int_equal(read_all(dir.path, 1, &lost, &next), 499);
    assert_int_equal(next, 500);
    for (uint64_t from = 2; from < 500; from += 37) {
        assert_int_equal(read_all(dir.path, from, &lost, NULL), 500 - from);
    }
    assert_int_equal(lost.ranges, 0);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

static void what_is_over_the_limits_is_refused_and_the_group_goes_on(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    static char long_agent[70000];
    struct weir_record record = record_of(2, WEIR_STR("{}"));
    uint64_t seq;
    ASSERT_OK(put(log, 1, 100, &err), err);
    size_t pending = weir_eventlog_pending(log);
    record.user_agent = (struct weir_str){long_agent, sizeof long_agent};
    assert_int_equal(weir_eventlog_append(log, &record, &seq, &err), WEIR_ETOOBIG);
    record.user_agent = WEIR_STR("");
    record.body = (struct weir_str){long_agent, (64u << 20)};
    assert_int_equal(weir_eventlog_append(log, &record, &seq, &err), WEIR_ETOOBIG);
    record.body = WEIR_STR("");
    record.kind = (enum weir_record_kind)9;
    assert_int_equal(weir_eventlog_append(log, &record, &seq, &err), WEIR_EINVAL);
    assert_int_equal(weir_eventlog_pending(log), pending);
    ASSERT_OK(put(log, 2, 100, &err), err);
    ASSERT_OK(weir_eventlog_commit(log, &err), err);
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), 2);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

/* --- who sees what, and when -------------------------------------------------------------------
 */

static void nothing_is_seen_before_its_commit(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    struct weir_eventlog_reader *reader;
    struct weir_record record;
    uint64_t durable;
    ASSERT_OK(weir_eventlog_reader_open(dir.path, 1, NULL, NULL, &reader, &err), err);
    for (uint64_t n = 1; n <= 20; n++) {
        ASSERT_OK(put(log, n, 500, &err), err);
        assert_int_equal(weir_eventlog_read(reader, &record, &err), WEIR_EAGAIN);
        assert_int_equal(weir_eventlog_wait(reader, 0), WEIR_EAGAIN);
        ASSERT_OK(weir_eventlog_durable_seq(dir.path, &durable, &err), err);
        assert_int_equal(durable, n);
        ASSERT_OK(weir_eventlog_commit(log, &err), err);
        assert_int_equal(weir_eventlog_pending(log), 0);
        assert_int_equal(weir_eventlog_wait(reader, 0), WEIR_OK);
        ASSERT_OK(weir_eventlog_read(reader, &record, &err), err);
        assert_is_record(&record, n);
    }
    /* closing commits nothing */
    ASSERT_OK(put(log, 21, 500, &err), err);
    weir_eventlog_close(log);
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), 20);
    weir_eventlog_reader_close(reader);
    tempdir_remove(&dir);
}

static void an_empty_or_missing_log_is_empty(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    char path[512];
    uint64_t durable = 0;
    struct weir_eventlog_reader *reader;
    struct weir_record record;
    tempdir_path(&dir, "log", path);
    ASSERT_OK(weir_eventlog_durable_seq(path, &durable, &err), err);
    assert_int_equal(durable, 1);
    ASSERT_OK(weir_eventlog_reader_open(path, 1, NULL, NULL, &reader, &err), err);
    assert_int_equal(weir_eventlog_read(reader, &record, &err), WEIR_EAGAIN);
    assert_int_equal(access(path, F_OK), -1); /* reading made nothing */
    /* and the reader finds the log that a writer makes later */
    struct weir_eventlog *log = open_log(path, 0, NULL);
    put_many(log, 1, 3, 100, 1);
    assert_int_equal(weir_eventlog_wait(reader, 10 * WEIR_SECOND), WEIR_OK);
    ASSERT_OK(weir_eventlog_read(reader, &record, &err), err);
    assert_is_record(&record, 1);
    weir_eventlog_reader_close(reader);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

static void a_log_has_one_writer(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    struct weir_eventlog *second = NULL;
    struct weir_eventlog_options options = {.seal_level = -1};
    assert_int_equal(weir_eventlog_open(dir.path, &options, &second, NULL, &err), WEIR_EBUSY);
    assert_non_null(strstr(err.message, "pid"));
    put_many(log, 1, 4, 100, 1);
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), 3);
    weir_eventlog_close(log);
    log = open_log(dir.path, 0, NULL);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

/* --- tailing -----------------------------------------------------------------------------------
 */

struct tail {
    const char *dir;
    uint64_t until;
    uint64_t seen;
    unsigned lost;
};

static void count_lost(const struct weir_eventlog_damage *damage, void *arg)
{
    (void)damage;
    ((struct tail *)arg)->lost++;
}

/* Reads from the start to `until`, waiting for what is not there yet. */
static void *tail_main(void *arg)
{
    struct tail *tail = arg;
    struct weir_eventlog_reader *reader;
    struct weir_record record;
    if (weir_eventlog_reader_open(tail->dir, 1, count_lost, tail, &reader, NULL)) {
        return NULL;
    }
    weir_time deadline = weir_mono() + 60 * WEIR_SECOND;
    while (tail->seen + 1 < tail->until && weir_mono() < deadline) {
        int code = weir_eventlog_read(reader, &record, NULL);
        if (code == WEIR_EAGAIN) {
            if (weir_eventlog_wait(reader, WEIR_SECOND) && weir_mono() > deadline) {
                break;
            }
            continue;
        }
        if (code || record.seq != tail->seen + 1 || !is_body_of(record.seq, record.body)) {
            break;
        }
        tail->seen++;
    }
    weir_eventlog_reader_close(reader);
    return NULL;
}

static void readers_in_other_threads_follow_the_writer(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    enum { N = 6000 };
    struct tail tails[2] = {{dir.path, N, 0, 0}, {dir.path, N, 0, 0}};
    pthread_t threads[2];
    struct weir_error err = {0};
    struct weir_eventlog *log = NULL;
    /* small segments, and the sealer at work: the readers stand in files that are renamed over */
    struct weir_eventlog_options options = {
        .segment_bytes = 200000, .keep_free_bytes = 1, .seal_level = 1};
    ASSERT_OK(weir_eventlog_open(dir.path, &options, &log, NULL, &err), err);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, tail_main, &tails[i]), 0);
    }
    for (uint64_t n = 1; n < N; n += 20) {
        put_many(log, n, n + 20 < N ? n + 20 : N, 50 + n % 900, 1 + n % 20);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(tails[i].seen, N - 1);
        assert_int_equal(tails[i].lost, 0);
    }
    weir_eventlog_close(log);
    assert_int_equal(read_all(dir.path, 1, NULL, NULL), N - 1);
    tempdir_remove(&dir);
}

static void a_reader_in_another_process_follows_the_writer(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    enum { N = 3000 };
    pid_t child = fork();
    if (child == 0) {
        struct tail tail = {dir.path, N, 0, 0};
        tail_main(&tail);
        _exit(tail.seen == N - 1 && !tail.lost ? 0 : 1);
    }
    struct weir_eventlog *log = open_log(dir.path, 100000, NULL);
    put_many(log, 1, N, 700, 3);
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

struct sleeper {
    struct weir_eventlog_reader *reader;
    atomic_bool asleep;
    weir_time woke_at;
    weir_time cpu;
};

static weir_time thread_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (weir_time)t.tv_sec * WEIR_SECOND + t.tv_nsec / 1000;
}

static void *sleeper_main(void *arg)
{
    struct sleeper *sleeper = arg;
    weir_time before = thread_cpu();
    atomic_store(&sleeper->asleep, true);
    if (weir_eventlog_wait(sleeper->reader, 30 * WEIR_SECOND) == WEIR_OK) {
        sleeper->woke_at = weir_mono();
    }
    sleeper->cpu = thread_cpu() - before;
    return NULL;
}

static void a_waiting_reader_wakes_at_once_and_costs_nothing(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    struct weir_error err = {0};
    struct weir_eventlog *log = open_log(dir.path, 0, NULL);
    weir_time best = WEIR_SECOND;
    for (uint64_t n = 1; n <= 20; n++) {
        struct sleeper sleeper = {0};
        pthread_t thread;
        ASSERT_OK(weir_eventlog_reader_open(dir.path, n, NULL, NULL, &sleeper.reader, &err), err);
        assert_int_equal(pthread_create(&thread, NULL, sleeper_main, &sleeper), 0);
        while (!atomic_load(&sleeper.asleep)) {
            sched_yield();
        }
        put_many(log, n, n + 1, 100, 1);
        weir_time committed = weir_mono();
        pthread_join(thread, NULL);
        assert_true(sleeper.woke_at != 0);
        assert_true(sleeper.cpu < WEIR_SECOND / 50);
        weir_time took = sleeper.woke_at - committed;
        best = took < best ? took : best;
        weir_eventlog_reader_close(sleeper.reader);
    }
    /* the best of twenty, so that a busy machine does not fail it; polling would be far over */
    assert_true(best < 1000);
    weir_eventlog_close(log);
    tempdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_went_in),
        cmocka_unit_test(records_of_all_sizes_survive_frames_segments_and_reopening),
        cmocka_unit_test(what_is_over_the_limits_is_refused_and_the_group_goes_on),
        cmocka_unit_test(nothing_is_seen_before_its_commit),
        cmocka_unit_test(an_empty_or_missing_log_is_empty),
        cmocka_unit_test(a_log_has_one_writer),
        cmocka_unit_test(readers_in_other_threads_follow_the_writer),
        cmocka_unit_test(a_reader_in_another_process_follows_the_writer),
        cmocka_unit_test(a_waiting_reader_wakes_at_once_and_costs_nothing),
    };
    return cmocka_run_group_tests_name("eventlog", tests, NULL, NULL);
}
