/* The store itself: its file, its versions, its transactions, its backup. */
#include "state_fixture.h"

#include "io/file.h"
#include "state/db.h"
#include "state/last_run.h"
#include "state/run.h"
#include "state/run_log.h"
#include "state/sealed.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t people(struct weir_state *state)
{
    struct weir_error err;
    int64_t n = -1;
    ASSERT_OK(weir_people_count(state, &n, &err), err);
    return n;
}

static void the_files_are_private(void **state)
{
    struct store *s = *state;
    struct stat st;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    char path[600];
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", s->path, ends[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void what_was_written_is_there_after_reopening(void **state)
{
    struct store *s = *state;
    int version = 0;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    weir_state_close(s->state);
    store_open(s);
    assert_int_equal(people(s->state), 1);
    ASSERT_OK(weir_state_version(s->state, &version, &s->err), s->err);
    assert_true(version >= 1);
}

/* Another process that opens and closes the store must not take away the log of those who go on
 * writing to it: what they write would be gone with them. */
static void others_come_and_go(void **state)
{
    struct store *s = *state;
    struct weir_state *second;
    int status;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    ASSERT_OK(weir_state_open_loose(s->path, &second, &s->err), s->err); /* as the history does */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/proc/self/exe", "test_state", "--come-and-go", s->path, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    store_person(s, "bob", "bob@example.com", WEIR_ROLE_VIEWER);
    /* Seen by who opens the files by their names, as after a kill. */
    pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "test_state", "--count", s->path, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
    weir_state_close(second);
}

/* In a process of its own. */
static int visit(const char *what, const char *path)
{
    struct weir_state *state;
    struct weir_error err;
    if (weir_state_open(path, &state, &err)) {
        return 100;
    }
    int64_t n = people(state);
    weir_state_close(state);
    return strcmp(what, "--count") == 0 ? (int)n : 0;
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* A file that a crash left behind right after it was made: no version yet. */
static void an_older_file_is_brought_up_to_date(void **state)
{
    struct store *s = *state;
    char path[512];
    struct weir_state *old;
    tempdir_path(&s->dir, "old.sqlite", path);
    run_sql(path, "create table migrations (version integer primary key, applied_at integer not "
                  "null) strict");
    ASSERT_OK(weir_state_open(path, &old, &s->err), s->err);
    int version = 0, now = 0;
    ASSERT_OK(weir_state_version(old, &version, &s->err), s->err);
    ASSERT_OK(weir_state_version(s->state, &now, &s->err), s->err);
    assert_int_equal(version, now);
    assert_int_equal(people(old), 0);
    weir_state_close(old);
}

static void a_newer_file_is_left_alone(void **state)
{
    struct store *s = *state;
    weir_state_close(s->state);
    s->state = NULL;
    run_sql(s->path, "insert into migrations values (9999, 1)");
    assert_int_equal(weir_state_open(s->path, &s->state, &s->err), WEIR_EUNSUPPORTED);
    assert_non_null(strstr(s->err.message, "version 9999"));
    assert_null(s->state);
}

/* However much is in it. */
static void who_opens_it_often_does_not_look_over_all_of_it(void **state)
{
    struct store *s = *state;
    static const char zeros[4096];
    weir_state_close(s->state);
    s->state = NULL;
    run_sql(s->path, "create table much as with recursive n(i) as (select 1 union all select i + 1 "
                     "from n where i < 200) select randomblob(3000) as bytes from n");
    FILE *f = fopen(s->path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, -20 * (long)sizeof zeros, SEEK_END), 0);
    assert_int_equal(fwrite(zeros, 1, sizeof zeros, f), sizeof zeros);
    fclose(f);
    assert_int_equal(weir_state_open(s->path, &s->state, &s->err), WEIR_ECORRUPT);
    ASSERT_OK(weir_state_open_briefly(s->path, &s->state, &s->err), s->err);
}

static void a_damaged_file_is_named(void **state)
{
    struct store *s = *state;
    char path[512];
    struct weir_state *none;
    tempdir_path(&s->dir, "bad.sqlite", path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database", f);
    }
    fclose(f);
    assert_int_equal(weir_state_open(path, &none, &s->err), WEIR_ECORRUPT);
    assert_non_null(strstr(s->err.message, "bad.sqlite"));
    assert_non_null(strstr(s->err.message, "backup"));
}

static void a_transaction_is_whole_or_nothing(void **state)
{
    struct store *s = *state;
    struct weir_error *err = &s->err;
    ASSERT_OK(weir_state_begin(s->state, err), *err);
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN); /* a transaction inside */
    assert_int_equal(weir_state_end(s->state, weir_fail(err, WEIR_EINVAL, "no"), err), WEIR_EINVAL);
    assert_int_equal(people(s->state), 0);

    /* An inner failure that was swallowed still takes everything back. */
    ASSERT_OK(weir_state_begin(s->state, err), *err);
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    struct weir_person twice = {.id = S("bob"), .email = S("ada@example.com"), .name = S("B")};
    assert_int_equal(weir_person_add(s->state, &twice, err), WEIR_EEXIST);
    assert_int_equal(weir_state_end(s->state, 0, err), WEIR_EEXIST);
    assert_int_equal(people(s->state), 0);
}

static void a_backup_is_a_whole_store(void **state)
{
    struct store *s = *state;
    char path[512];
    struct weir_state *copy;
    struct stat st;
    tempdir_path(&s->dir, "copy.sqlite", path);
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    ASSERT_OK(weir_state_backup(s->state, path, &s->err), s->err);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    store_person(s, "bob", "bob@example.com", WEIR_ROLE_VIEWER); /* later: not in it */
    ASSERT_OK(weir_state_open(path, &copy, &s->err), s->err);
    assert_int_equal(people(copy), 1);
    weir_state_close(copy);
    assert_int_equal(weir_state_backup(s->state, path, &s->err), WEIR_EEXIST);
}

struct writer {
    struct weir_state *state;
    int number;
    int failed;
};

static void *write_people(void *arg)
{
    struct writer *w = arg;
    for (int i = 0; i < 20; i++) {
        char id[WEIR_ID_SIZE], email[64];
        struct weir_error err;
        weir_state_id(id);
        snprintf(email, sizeof email, "p%d-%d@example.com", w->number, i);
        struct weir_person p = {
            .id = weir_str_of(id), .email = weir_str_of(email), .name = S("x"), .created_at = 1};
        w->failed += weir_person_add(w->state, &p, &err) != 0;
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    struct store *s = *state;
    struct writer writers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer){s->state, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, write_people, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].failed, 0);
    }
    assert_int_equal(people(s->state), 80);
}

/* The command line may write while a server has the file open. */
static void two_openers_share_it(void **state)
{
    struct store *s = *state;
    struct weir_state *other;
    ASSERT_OK(weir_state_open(s->path, &other, &s->err), s->err);
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    assert_int_equal(people(other), 1);
    weir_state_close(other);
}

/* --- runs ----------------------------------------------------------------------------------- */

static void add_run(struct weir_state *state, const char *person, const char *sql, int64_t keep)
{
    struct weir_error err;
    struct weir_run run = {.at = 1, .person = weir_str_of(person), .sql = weir_str_of(sql)};
    ASSERT_OK(weir_runs_add(state, &run, 1, keep, &err), err);
}

static size_t runs_of(struct store *s, const char *person, struct weir_run **runs)
{
    struct weir_run_filter filter = {.person = weir_str_of(person), .limit = 100};
    size_t count;
    bool more;
    ASSERT_OK(weir_runs_list(s->state, &filter, &s->arena, runs, &count, &more, &s->err), s->err);
    assert_false(more);
    return count;
}

static void of_each_person_the_newest_runs_stay(void **state)
{
    struct store *s = *state;
    struct weir_run *runs;
    char sql[16];
    add_run(s->state, "bob", "his", 3);
    for (int i = 0; i < 10; i++) {
        snprintf(sql, sizeof sql, "run %d", i);
        add_run(s->state, "ada", sql, 3);
    }
    assert_int_equal(runs_of(s, "ada", &runs), 3);
    assert_true(weir_str_is(runs[0].sql, "run 9") && weir_str_is(runs[2].sql, "run 7"));
    assert_int_equal(runs_of(s, "bob", &runs), 1);
    assert_int_equal(runs_of(s, "", &runs), 0);
}

static void a_removed_person_leaves_no_runs(void **state)
{
    struct store *s = *state;
    struct weir_run *runs;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    store_person(s, "bob", "bob@example.com", WEIR_ROLE_EDITOR);
    add_run(s->state, "bob", "his", 3);
    ASSERT_OK(weir_person_remove(s->state, S("bob"), &s->err), s->err);
    assert_int_equal(runs_of(s, "bob", &runs), 0);
}

/* A statement of any size is kept in part, at a character's border. */
static void a_large_statement_is_cut(void **state)
{
    struct store *s = *state;
    struct weir_run *runs;
    char *sql = malloc(300001);
    for (size_t i = 0; i < 300000; i += 3) {
        memcpy(sql + i, "\xe2\x82\xac", 3);
    }
    sql[300000] = 0;
    add_run(s->state, "ada", sql, 3);
    assert_int_equal(runs_of(s, "ada", &runs), 1);
    assert_int_equal(runs[0].sql.len, WEIR_RUN_MAX_SQL - WEIR_RUN_MAX_SQL % 3);
    free(sql);
}

struct noter {
    struct weir_state *state;
    atomic_bool stop, failed;
    struct weir_error err;
};

static void *note_runs(void *arg)
{
    struct noter *n = arg;
    struct weir_run run = {.at = 1, .person = S("ada"), .sql = S("select 1")};
    while (!atomic_load(&n->stop) && !atomic_load(&n->failed)) {
        atomic_store(&n->failed, weir_runs_add(n->state, &run, 1, 60, &n->err) != 0);
    }
    return NULL;
}

/* Runs are written all the time, through a connection of their own. */
static void a_backup_ends_while_runs_are_written(void **state)
{
    struct store *s = *state;
    struct noter noter = {0};
    char path[512];
    pthread_t thread;
    tempdir_path(&s->dir, "copy.sqlite", path);
    ASSERT_OK(weir_state_open_loose(s->path, &noter.state, &s->err), s->err);
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    assert_int_equal(pthread_create(&thread, NULL, note_runs, &noter), 0);
    struct weir_run *runs;
    while (!atomic_load(&noter.failed) && runs_of(s, "ada", &runs) < 50) {
        weir_arena_reset(&s->arena);
    }
    int rc = weir_state_backup(s->state, path, &s->err);
    atomic_store(&noter.stop, true);
    pthread_join(thread, NULL);
    ASSERT_OK(rc, s->err);
    ASSERT_OK(atomic_load(&noter.failed) ? noter.err.code : 0, noter.err);
    weir_state_close(noter.state);
    weir_state_close(s->state);
    ASSERT_OK(weir_state_open(path, &s->state, &s->err), s->err);
    assert_int_equal(people(s->state), 1);
}

static struct weir_state_mark mark_of(struct store *s)
{
    struct weir_state_mark mark;
    ASSERT_OK(weir_state_mark(s->state, &mark, &s->err), s->err);
    return mark;
}

static int name_all(struct weir_state *state, const char *name, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "update people set name = ?");
    weir_db_textz(&q, name);
    return weir_db_run(&q, NULL, err);
}

static void a_mark_is_another_one_after_every_commit(void **state)
{
    struct store *s = *state;
    struct weir_state *other;
    store_person(s, "ann", "ann@example.com", WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_state_open(s->path, &other, &s->err), s->err);
    struct weir_state_mark first = mark_of(s);
    assert_true(weir_state_mark_same(first, mark_of(s)));
    ASSERT_OK(name_all(s->state, "Ann", &s->err), s->err);
    struct weir_state_mark own = mark_of(s);
    assert_false(weir_state_mark_same(first, own));
    assert_true(weir_state_mark_same(own, mark_of(s)));
    ASSERT_OK(name_all(other, "Ann B.", &s->err), s->err);
    struct weir_state_mark others = mark_of(s);
    assert_false(weir_state_mark_same(own, others));
    assert_true(weir_state_mark_same(others, mark_of(s)));
    weir_state_close(other);
}

/* The same text inside itself, and again afterwards with other values. */
static void a_statement_that_stays_prepared_begins_anew_each_time(void **state)
{
    struct store *s = *state;
    static const char sql[] = "select ?1 union all select 'last'";
    for (int i = 0; i < 3; i++) {
        struct weir_db outer = weir_db_on(s->state, sql);
        weir_db_textz(&outer, i ? "b" : "a");
        assert_true(weir_db_row(&outer));
        struct weir_db inner = weir_db_on(s->state, sql);
        assert_true(weir_db_row(&inner)); /* nothing is bound */
        assert_string_equal(weir_db_str(&inner, 0, &s->arena).ptr, "");
        ASSERT_OK(weir_db_end(&inner, &s->err), s->err);
        assert_string_equal(weir_db_str(&outer, 0, &s->arena).ptr, i ? "b" : "a");
        ASSERT_OK(weir_db_end(&outer, &s->err), s->err); /* before its last row */
    }
    struct weir_db wrong = weir_db_on(s->state, "select nothing from nowhere");
    assert_false(weir_db_row(&wrong));
    assert_int_not_equal(weir_db_end(&wrong, &s->err), 0);
}

static void a_secret_is_sealed_and_its_box_is_no_others(void **state)
{
    struct store *s = *state;
    char folder[512];
    struct weir_str value;
    struct weir_sealed *list;
    size_t count;
    tempdir_path(&s->dir, "secrets", folder);
    ASSERT_OK(weir_sealed_set(s->state, folder, S("a"), S("first"), &s->err), s->err);
    ASSERT_OK(weir_sealed_set(s->state, folder, S("a.b"), S("second"), &s->err), s->err);
    ASSERT_OK(weir_sealed_get(s->state, folder, S("a"), &s->arena, &value, &s->err), s->err);
    assert_string_equal(value.ptr, "first");
    ASSERT_OK(weir_sealed_list(s->state, &s->arena, &list, &count, &s->err), s->err);
    assert_int_equal(count, 2);
    ASSERT_OK(weir_db_script(s->state,
                             "update sealed set box = (select box from sealed where name = 'a') "
                             "where name = 'a.b'",
                             &s->err),
              s->err);
    assert_int_equal(weir_sealed_get(s->state, folder, S("a.b"), &s->arena, &value, &s->err),
                     WEIR_ECORRUPT);
    assert_int_equal(weir_sealed_set(s->state, folder, S("a b"), S("x"), &s->err), WEIR_EINVAL);
    assert_int_equal(weir_sealed_set(s->state, folder, S("b"), S(""), &s->err), WEIR_EINVAL);
    ASSERT_OK(weir_sealed_remove(s->state, S("a"), &s->err), s->err);
    assert_int_equal(weir_sealed_get(s->state, folder, S("a"), &s->arena, &value, &s->err),
                     WEIR_ENOENT);
    ASSERT_OK(weir_tree_remove(folder, &s->err), s->err);
    ASSERT_OK(weir_sealed_set(s->state, folder, S("c"), S("new key"), &s->err), s->err);
    assert_int_equal(weir_sealed_get(s->state, folder, S("a.b"), &s->arena, &value, &s->err),
                     WEIR_ECORRUPT);
}

static void the_last_run_of_a_source_is_kept(void **state)
{
    struct store *s = *state;
    struct weir_last_run first = {.began = 1, .ended = 2, .failures = 3, .partly = true, .well = 1},
                         second = {.began = 4, .ended = 5, .gone = "b, c"}, found;
    ASSERT_OK(weir_last_run_get(s->state, S("shop"), "sync", &found, &s->err), s->err);
    assert_true(found.began == 0 && found.ended == 0 && found.failures == 0);
    ASSERT_OK(weir_last_run_put(s->state, S("shop"), "verify", &first, &s->err), s->err);
    ASSERT_OK(weir_last_run_put(s->state, S("shop"), "sync", &first, &s->err), s->err);
    ASSERT_OK(weir_last_run_put(s->state, S("shop"), "sync", &second, &s->err), s->err);
    ASSERT_OK(weir_last_run_get(s->state, S("shop"), "sync", &found, &s->err), s->err);
    assert_true(found.began == 4 && found.ended == 5 && found.failures == 0);
    assert_string_equal(found.gone, "b, c");
    ASSERT_OK(weir_last_run_get(s->state, S("shop"), "verify", &found, &s->err), s->err);
    assert_int_equal(found.failures, 3);
    assert_true(found.partly);
    assert_int_equal(found.well, 1);
    ASSERT_OK(weir_last_run_put(s->state, S("bank"), "verify", &first, &s->err), s->err);
    ASSERT_OK(weir_last_run_keep(s->state, "verify", S("[\"shop\",\"x\"]"), &s->err), s->err);
    ASSERT_OK(weir_last_run_get(s->state, S("bank"), "verify", &found, &s->err), s->err);
    assert_int_equal(found.began, 0);
    ASSERT_OK(weir_last_run_get(s->state, S("shop"), "verify", &found, &s->err), s->err);
    assert_int_equal(found.began, 1);
    ASSERT_OK(weir_last_run_keep(s->state, "verify", S("[]"), &s->err), s->err);
    ASSERT_OK(weir_last_run_get(s->state, S("shop"), "sync", &found, &s->err), s->err);
    assert_int_equal(found.began, 4);
    ASSERT_OK(weir_last_run_remove(s->state, S("shop"), &s->err), s->err);
    ASSERT_OK(weir_last_run_get(s->state, S("shop"), "verify", &found, &s->err), s->err);
    assert_int_equal(found.began, 0);
}

static void of_what_runs_said_the_latest_of_each_sort_stay(void **state)
{
    struct store *s = *state;
    struct weir_run_log found, all[2 * WEIR_RUN_LOGS];
    size_t count = 0;
    for (int i = 0; i < 100; i++) { /* one of four failed; another source beside it */
        char run[8], log[32];
        snprintf(run, sizeof run, "r%02d", i);
        snprintf(log, sizeof log, "[\"it was %d\"]", i);
        struct weir_run_log one = {.run = weir_str_of(run),
                                   .source = weir_str_of(i % 2 ? "shop" : "other"),
                                   .told = S("{}"),
                                   .log = weir_str_of(log),
                                   .ended_at = i,
                                   .failed = i % 4 < 2};
        ASSERT_OK(weir_run_log_put(s->state, &one, &s->err), s->err);
    }
    ASSERT_OK(weir_run_logs_list(s->state, S("shop"), &s->arena, all, &count, &s->err), s->err);
    assert_int_equal(count, 2 * WEIR_RUN_LOGS);
    assert_true(weir_str_is(all[0].run, "r99") && !all[0].failed);
    assert_true(weir_str_is(all[1].run, "r97") && all[1].failed);
    assert_true(weir_str_is(all[count - 1].run, "r21"));
    ASSERT_OK(weir_run_log_get(s->state, S("r21"), &s->arena, &found, &s->err), s->err);
    assert_true(weir_str_is(found.log, "[\"it was 21\"]") && weir_str_is(found.source, "shop"));
    assert_int_equal(weir_run_log_get(s->state, S("r19"), &s->arena, &found, &s->err), WEIR_ENOENT);
    ASSERT_OK(weir_run_logs_remove(s->state, S("shop"), &s->err), s->err);
    ASSERT_OK(weir_run_logs_list(s->state, S("shop"), &s->arena, all, &count, &s->err), s->err);
    assert_int_equal(count, 0);
    ASSERT_OK(weir_run_logs_list(s->state, S("other"), &s->arena, all, &count, &s->err), s->err);
    assert_int_equal(count, 2 * WEIR_RUN_LOGS);
}

static void a_run_that_did_not_end_is_found(void **state)
{
    struct store *s = *state;
    struct weir_run_log found, all[2 * WEIR_RUN_LOGS];
    size_t count;
    static const char *const runs[] = {"r1", "r2", "r3"};
    for (int i = 0; i < 3; i++) {
        struct weir_run_log one = {.run = weir_str_of(runs[i]),
                                   .source = S("shop"),
                                   .told = S("{\"began\":true}"),
                                   .log = S("[]"),
                                   .ended_at = i};
        ASSERT_OK(weir_run_log_begin(s->state, &one, &s->err), s->err);
        one.told = S("{}");
        if (i == 1) {
            ASSERT_OK(weir_run_log_put(s->state, &one, &s->err), s->err);
        }
    }
    ASSERT_OK(weir_run_logs_list(s->state, S("shop"), &s->arena, all, &count, &s->err), s->err);
    assert_int_equal(count, 1);
    assert_true(weir_str_is(all[0].run, "r2") && weir_str_is(all[0].told, "{}"));
    ASSERT_OK(weir_run_log_begun(s->state, &s->arena, &found, &s->err), s->err);
    assert_true(weir_str_is(found.run, "r1") && weir_str_is(found.told, "{\"began\":true}"));
    ASSERT_OK(weir_run_log_drop(s->state, S("r1"), &s->err), s->err);
    ASSERT_OK(weir_run_log_begun(s->state, &s->arena, &found, &s->err), s->err);
    assert_true(weir_str_is(found.run, "r3") && found.ended_at == 2);
    ASSERT_OK(weir_run_log_put(s->state,
                               &(struct weir_run_log){.run = S("r3"),
                                                      .source = S("shop"),
                                                      .told = S("{}"),
                                                      .log = S("[]"),
                                                      .failed = true},
                               &s->err),
              s->err);
    ASSERT_OK(weir_run_log_begun(s->state, &s->arena, &found, &s->err), s->err);
    assert_null(found.run.ptr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(int argc, char **argv)
{
    if (argc == 3) {
        return visit(argv[1], argv[2]);
    }
    const struct CMUnitTest tests[] = {
        TEST(a_mark_is_another_one_after_every_commit),
        TEST(a_statement_that_stays_prepared_begins_anew_each_time),
        TEST(the_files_are_private),
        TEST(others_come_and_go),
        TEST(what_was_written_is_there_after_reopening),
        TEST(an_older_file_is_brought_up_to_date),
        TEST(a_newer_file_is_left_alone),
        TEST(who_opens_it_often_does_not_look_over_all_of_it),
        TEST(a_damaged_file_is_named),
        TEST(a_transaction_is_whole_or_nothing),
        TEST(a_backup_is_a_whole_store),
        TEST(threads_share_it),
        TEST(two_openers_share_it),
        TEST(of_each_person_the_newest_runs_stay),
        TEST(a_removed_person_leaves_no_runs),
        TEST(a_large_statement_is_cut),
        TEST(a_backup_ends_while_runs_are_written),
        TEST(a_secret_is_sealed_and_its_box_is_no_others),
        TEST(the_last_run_of_a_source_is_kept),
        TEST(of_what_runs_said_the_latest_of_each_sort_stay),
        TEST(a_run_that_did_not_end_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
