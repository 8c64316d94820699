/* Checkpoints beside transactions: what the loader counts on (src/load/checkpoint.h). */
#include <poll.h>
#include <stdatomic.h>

#include "warehouse.h"

enum { TABLES = 6, ROWS = 300 };

static void *checkpoint_once(void *arg)
{
    atomic_bool *done = arg;
    struct weir_error why;
    int rc = weir_session_checkpoint(reader, &why);
    atomic_store(done, true);
    return rc ? arg : NULL;
}

/* Commits that ended while a checkpoint of many rows ran: the engine then has a second log. */
static unsigned commits_beside(const char *sql)
{
    atomic_bool done = false;
    pthread_t thread;
    unsigned commits = 0;
    char second_log[160];
    snprintf(second_log, sizeof second_log, "%s.wal.checkpoint", path);
    for (int i = 0; i < 4; i++) { /* each too small to be compressed before the checkpoint */
        ASSERT_OK(weir_session_exec(owner,
                                    "INSERT INTO big SELECT i, hash(i)::VARCHAR || '-' || hash(-i),"
                                    "sha256(i::VARCHAR), hash(i + 1) || 'a', hash(i + 2) || 'b' "
                                    "FROM range(60000) r(i)",
                                    &err),
                  err);
    }
    assert_int_equal(pthread_create(&thread, NULL, checkpoint_once, &done), 0);
    while (!atomic_load(&done)) {
        ASSERT_OK(weir_session_exec(owner, sql, &err), err);
        commits += access(second_log, F_OK) == 0;
    }
    void *failed;
    assert_int_equal(pthread_join(thread, &failed), 0);
    return failed ? 0 : commits;
}

/* The checkpoint takes many times as long as a commit of one row; who has to wait for its end
 * commits once or twice. */
static void inserts_commit_while_a_checkpoint_runs(void **state)
{
    (void)state;
    unsigned commits = 0;
    weir_session_free(reader);
    ASSERT_OK(weir_session_new(warehouse, WEIR_SESSION_OWNER, &reader, &err), err);
    ASSERT_OK(
        weir_session_exec(owner,
                          "CREATE TABLE big(i BIGINT, s VARCHAR, t VARCHAR, u VARCHAR, v VARCHAR);"
                          "CREATE TABLE small(i BIGINT)",
                          &err),
        err);
    for (int try = 0; try < 4 && commits < 4; try++) {
        commits = commits_beside("INSERT INTO small VALUES (1)");
    }
    assert_true(commits >= 4);
}

/* --- killed between the two ----------------------------------------------------------------------
 */

static void *checkpoint_for_ever(void *arg)
{
    struct weir_error why;
    struct weir_session *session = arg;
    while (weir_session_checkpoint(session, &why) != WEIR_EFATAL) { /* refused is fine */
    }
    return NULL;
}

static int append_number(const char *table, int64_t number)
{
    static int64_t values[ROWS];
    static const struct weir_column columns[] = {{S("i"), WEIR_TYPE_INT, S("")}};
    struct weir_vector v[] = {{.type = WEIR_TYPE_INT, .ints = values}};
    struct weir_batch batch = {ROWS, 1, v};
    for (int i = 0; i < ROWS; i++) {
        values[i] = number;
    }
    return weir_session_append(owner, S("main"), weir_str_of(table), columns, &batch, 1, &err);
}

static int commit_number(int64_t number)
{
    char table[8], sql[128];
    int rc = weir_session_begin(owner, &err);
    for (int t = 0; t < TABLES && rc == 0; t++) {
        snprintf(table, sizeof table, "t%d", t);
        rc = append_number(table, number);
    }
    if (rc == 0 && number % 8 == 0) { /* these wait for the checkpoint's end */
        rc = weir_session_exec(owner, "UPDATE merged SET i = i + 1", &err);
    }
    snprintf(sql, sizeof sql, "INSERT INTO state SELECT %lld", (long long)number);
    rc = rc ? rc : weir_session_exec(owner, sql, &err);
    return rc ? rc : weir_session_commit(owner, &err);
}

/* Says through `out` what is committed, until it is killed. */
static int commit_for_ever(int out, int64_t number)
{
    pthread_t thread;
    struct weir_session *session;
    open_all();
    int rc = weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, &err);
    rc = rc ? rc : pthread_create(&thread, NULL, checkpoint_for_ever, session);
    while (rc == 0) {
        rc = commit_number(++number);
        rc = rc ? rc : write(out, &number, sizeof number) != sizeof number;
    }
    return rc;
}

/* The child is killed after it said `count` times that it has committed. */
static int64_t run_and_kill(int64_t number, int count)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        _exit(commit_for_ever(fds[1], number));
    }
    close(fds[1]);
    for (int i = 0; i < count; i++) {
        struct pollfd readable = {.fd = fds[0], .events = POLLIN};
        assert_int_equal(poll(&readable, 1, 60000), 1);
        assert_int_equal(read(fds[0], &number, sizeof number), sizeof number);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(fds[0], &number, sizeof number) == sizeof number) {
    }
    close(fds[0]);
    return number;
}

static void what_was_committed_beside_a_checkpoint_survives_a_kill(void **state)
{
    (void)state;
    char sql[128];
    int64_t said = 0;
    for (int t = 0; t < TABLES; t++) {
        snprintf(sql, sizeof sql, "CREATE TABLE t%d(i BIGINT)", t);
        ASSERT_OK(weir_session_exec(owner, sql, &err), err);
    }
    ASSERT_OK(weir_session_exec(owner,
                                "CREATE TABLE state(i BIGINT); INSERT INTO state VALUES (0);"
                                "CREATE TABLE merged AS SELECT 0 AS i",
                                &err),
              err);
    for (int round = 0; round < 6; round++) {
        close_all();
        said = run_and_kill(said, 3 + round * 5);
        open_all();
        int64_t kept = strtoll(ask(owner, "SELECT max(i) FROM state", NULL, 0), NULL, 10);
        assert_true(kept == said || kept == said + 1);
        said = kept;
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%lld|%lld", (long long)kept, (long long)kept * ROWS);
        for (int t = 0; t < TABLES; t++) {
            snprintf(sql, sizeof sql, "SELECT count(DISTINCT i), count(*) FROM t%d", t);
            assert_string_equal(ask(owner, sql, NULL, 0), wanted);
        }
        snprintf(wanted, sizeof wanted, "%lld", (long long)kept / 8);
        assert_string_equal(ask(owner, "SELECT i FROM merged", NULL, 0), wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(inserts_commit_while_a_checkpoint_runs, make, unmake),
        cmocka_unit_test_setup_teardown(what_was_committed_beside_a_checkpoint_survives_a_kill,
                                        make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
