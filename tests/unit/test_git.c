#include "test.h"

#include <pthread.h>
#include <sys/stat.h>

#include "git_cli.h"
#include "tempdir.h"
#include "workspace/document.h"

static struct tempdir top;
static char dir[512];
static struct weir_git *git;
static struct weir_error err;
static const struct weir_author ada = {"Ada <x>", "ada@example.com"};

static int make(void **state)
{
    (void)state;
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("HOME", "/nonexistent", 1);
    top = tempdir_make();
    tempdir_path(&top, "w", dir);
    err = (struct weir_error){0};
    return weir_git_init(dir, &git, &err);
}

static int unmake(void **state)
{
    (void)state;
    weir_git_close(git);
    tempdir_remove(&top);
    return 0;
}

static void put(const char *path, const char *text)
{
    ASSERT_OK(weir_files_write(dir, path, weir_str_of(text), &err), err);
}

static const char *commit_one(const char *path, const char *text, const char *message)
{
    static char version[WEIR_VERSION_SIZE];
    struct weir_file file = {path, text ? weir_str_of(text) : WEIR_STR(""), !text};
    ASSERT_OK(weir_git_lock(git, WEIR_SECOND, &err), err);
    ASSERT_OK(weir_git_commit(git, &file, 1, &ada, message, version, &err), err);
    return version;
}

static void a_commit_holds_what_it_was_given_and_nothing_else(void **state)
{
    (void)state;
    put("a.txt", "one\n");
    commit_one("a.txt", "one\n", "Make a");
    assert_string_equal(shell(dir, "git status --porcelain"), "");
    /* Somebody has staged one file, edited another and left a third untracked. */
    put("b.txt", "staged\n");
    put("c.txt", "untracked\n");
    shell(dir, "git add b.txt && echo edited >> a.txt");
    put("reports/r/report.yml", "id: x\n");
    commit_one("reports/r/report.yml", "id: x\n", "Save r");
    assert_string_equal(shell(dir, "git show --stat --format=%an,%ae,%cn,%s HEAD | head -3"),
                        "Ada x,ada@example.com,weir,Save r\n\n reports/r/report.yml | 1 +");
    assert_string_equal(shell(dir, "git status --porcelain"), " M a.txt\nA  b.txt\n?? c.txt");
    assert_string_equal(shell(dir, "git fsck --strict && git diff --cached --name-only"), "b.txt");
    /* Nothing changed: no commit. */
    char before[64];
    snprintf(before, sizeof before, "%s", shell(dir, "git rev-parse HEAD"));
    assert_string_equal(commit_one("reports/r/report.yml", "id: x\n", "Again"), before);
    /* The last file of a folder takes the folder with it. */
    ASSERT_OK(weir_files_remove(dir, "reports/r/report.yml", &err), err);
    commit_one("reports/r/report.yml", NULL, "Delete r");
    assert_string_equal(shell(dir, "git ls-tree --name-only HEAD"), "a.txt");
    assert_string_equal(shell(dir, "git status --porcelain"), " M a.txt\nA  b.txt\n?? c.txt");
}

static void whoever_saves_has_a_name_in_git(void **state)
{
    (void)state;
    static const struct weir_author odd[] = {
        {"\"\"", "q@example.com"}, {" . ", "<>"}, {NULL, NULL}};
    static const char *const shown[] = {"q@example.com,q@example.com", "unknown,unknown",
                                        "unknown,unknown"};
    for (size_t i = 0; i < 3; i++) {
        char version[WEIR_VERSION_SIZE], text[8];
        snprintf(text, sizeof text, "%zu\n", i);
        struct weir_file file = {"a.txt", weir_str_of(text), false};
        put("a.txt", text);
        ASSERT_OK(weir_git_lock(git, WEIR_SECOND, &err), err);
        ASSERT_OK(weir_git_commit(git, &file, 1, &odd[i], "Save", version, &err), err);
        weir_git_unlock(git);
        assert_string_equal(shell(dir, "git show -s --format=%an,%ae HEAD"), shown[i]);
    }
}

static void it_waits_for_the_lock_of_others(void **state)
{
    (void)state;
    commit_one("a.txt", "one\n", "Make a");
    shell(dir, "touch .git/index.lock");
    assert_int_equal(weir_git_lock(git, 20000, &err), WEIR_EBUSY);
    assert_non_null(strstr(err.message, "index.lock"));
    shell(dir, "rm .git/index.lock");
    ASSERT_OK(weir_git_lock(git, 0, &err), err);
    shell_status(dir, "git commit --allow-empty -m x && git add .", false);
    weir_git_unlock(git);
    shell(dir, "git commit --allow-empty -m x && git add .");
}

static void it_leaves_a_merge_under_way_alone(void **state)
{
    (void)state;
    put("a.txt", "one\n");
    commit_one("a.txt", "one\n", "Make a");
    shell(dir, "git checkout -qb side && echo two > a.txt && git commit -qam side && "
               "git checkout -q main && echo three > a.txt && git commit -qam main");
    shell_status(dir, "git merge side", false);
    assert_int_equal(weir_git_lock(git, WEIR_SECOND, &err), WEIR_EBUSY);
    assert_non_null(strstr(err.message, "in the middle of a merge"));
    shell(dir, "git merge --abort");
    ASSERT_OK(weir_git_lock(git, WEIR_SECOND, &err), err);
}

static void it_waits_for_whoever_moves_the_branch(void **state)
{
    (void)state;
    put("a.txt", "one\n");
    commit_one("a.txt", "one\n", "Make a");
    shell(dir, "touch .git/refs/heads/main.lock; ((sleep 0.3; rm .git/refs/heads/main.lock) "
               ">/dev/null 2>&1 &)");
    commit_one("a.txt", "two\n", "Change a");
    assert_string_equal(shell(dir, "git log --format=%s"), "Change a\nMake a");
}

/* A person who commits as fast as her git lets her. */
static void *busy_hand(void *arg)
{
    (void)arg;
    char command[4096];
    snprintf(command, sizeof command,
             "cd '%s' && i=0; while [ ! -e ../stop ] && [ $i -lt 10000 ]; do echo $i > hand.txt; "
             "git add hand.txt 2>/dev/null && git -c user.name=H -c user.email=h@h commit -qm "
             "\"hand $i\" 2>/dev/null && touch ../committed; i=$((i+1)); done",
             dir);
    (void)!system(command);
    return NULL;
}

static void save_number(int n)
{
    char text[64];
    snprintf(text, sizeof text, "%d\n", n);
    struct weir_file file = {"a.txt", weir_str_of(text), false};
    ASSERT_OK(weir_git_lock(git, 60 * WEIR_SECOND, &err), err);
    ASSERT_OK(weir_files_write(dir, "a.txt", file.bytes, &err), err);
    ASSERT_OK(weir_git_commit(git, &file, 1, &ada, text, NULL, &err), err);
}

/* Whoever saves without a pause leaves the hand no lock: on a busy machine she gets to commit only
 * while nobody saves. */
static void wait_for_the_hand(void)
{
    char committed[512];
    weir_time deadline = weir_mono() + 60 * WEIR_SECOND;
    tempdir_path(&top, "committed", committed);
    while (access(committed, F_OK)) {
        assert_true(weir_mono() < deadline);
        usleep(1000);
    }
}

static void two_gits_at_once_lose_nothing(void **state)
{
    (void)state;
    pthread_t thread;
    char text[64], stop[512];
    int saves = 0;
    commit_one("a.txt", "start\n", "Start");
    pthread_create(&thread, NULL, busy_hand, NULL);
    while (saves < 30) {
        save_number(saves++);
    }
    wait_for_the_hand();
    while (saves < 60) {
        save_number(saves++);
    }
    fclose(fopen(tempdir_path(&top, "stop", stop), "w"));
    pthread_join(thread, NULL);
    snprintf(text, sizeof text, "%d", saves + 1);
    assert_string_equal(shell(dir, "git log --format=%an | grep -c Ada"), text);
    assert_string_equal(shell(dir, "git fsck --strict --no-dangling"), "");
    snprintf(text, sizeof text, "%d", saves - 1);
    assert_string_equal(shell(dir, "git show HEAD:a.txt"), text);
    /* Every commit of the hand holds hand.txt only. */
    assert_string_equal(
        shell(dir, "git log --author=^H --name-only --format= | sort -u | grep -v '^$'"),
        "hand.txt");
    assert_string_equal(shell(dir, "git status --porcelain a.txt"), "");
}

static void note(const struct weir_git_change *change, void *arg)
{
    struct weir_buf *out = arg;
    weir_buf_addf(out, "%s|", change->message);
}

static void versions_can_be_read_back(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_file *files;
    struct weir_str bytes;
    struct weir_buf messages;
    size_t count;
    char first[WEIR_VERSION_SIZE], folder[WEIR_VERSION_SIZE], tree[WEIR_VERSION_SIZE];
    weir_arena_init(&arena, 1 << 20);
    weir_buf_init(&messages, 1000);
    strcpy(first, commit_one("reports/r/a.sql", "select 1\n", "One"));
    commit_one("other.txt", "x", "Other");
    commit_one("reports/r/a.sql", "select 2\n", "Two");
    ASSERT_OK(weir_git_history(git, "reports/r", NULL, 10, note, &messages, &err), err);
    assert_string_equal(weir_buf_cstr(&messages), "Two|One|");
    ASSERT_OK(weir_git_read_folder(git, first, "reports/r", &arena, &files, &count, &err), err);
    assert_int_equal(count, 1);
    assert_string_equal(files[0].path, "a.sql");
    assert_string_equal(files[0].bytes.ptr, "select 1\n");
    /* The same content has the same version, committed or kept. */
    snprintf(tree, sizeof tree, "%s", shell(dir, "git rev-parse HEAD:reports/r"));
    struct weir_file kept[2] = {{"a.sql", WEIR_STR("select 2\n"), false},
                                {"b.sql", WEIR_STR("never committed"), false}};
    ASSERT_OK(weir_git_keep_folder(git, kept, 1, folder, &err), err);
    assert_string_equal(folder, tree);
    ASSERT_OK(weir_git_keep_folder(git, kept, 2, folder, &err), err);
    ASSERT_OK(weir_git_read_folder(git, folder, "reports/r", &arena, &files, &count, &err), err);
    assert_int_equal(count, 2);
    ASSERT_OK(weir_git_read_file(git, first, "reports/r/a.sql", &arena, &bytes, &err), err);
    assert_string_equal(bytes.ptr, "select 1\n");
    assert_int_equal(weir_git_read_file(git, first, "nope", &arena, &bytes, &err), WEIR_ENOENT);
    assert_int_equal(weir_git_read_file(git, "HEAD", "a", &arena, &bytes, &err), WEIR_ENOENT);
    weir_buf_free(&messages);
    weir_arena_free(&arena);
}

static void line_ends_are_stored_as_git_would(void **state)
{
    (void)state;
    bool same;
    put(".gitattributes", "*.sql text\n");
    put("a.sql", "select 1\r\n");
    commit_one("a.sql", "select 1\r\n", "CRLF");
    assert_string_equal(shell(dir, "git cat-file -s HEAD:a.sql"), "9");
    assert_string_equal(shell(dir, "git status --porcelain a.sql"), "");
    struct weir_file file = {"a.sql", WEIR_STR("select 1\r\n"), false};
    ASSERT_OK(weir_git_committed(git, &file, 1, &same, &err), err);
    assert_true(same);
    file.bytes = WEIR_STR("select 2\r\n");
    ASSERT_OK(weir_git_committed(git, &file, 1, &same, &err), err);
    assert_false(same);
}

static void paths_never_leave_the_workspace(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "/etc/passwd", "../x", "a/../b", "a//b", ".git/x",
                                      "a/.GIT/b", ".weir/x",     "a/",   "a\\b",   "a\nb", "\xff",
                                      "./a",      "a/.",         "..",   "a/.git"};
    struct weir_buf out;
    weir_buf_init(&out, 100);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(weir_files_write(dir, bad[i], WEIR_STR("x"), &err), WEIR_EINVAL);
        assert_int_equal(weir_files_read(dir, bad[i], &out, &err), WEIR_EINVAL);
    }
    shell(dir, "mkdir -p ../outside && echo secret > ../outside/s && ln -s ../outside links && "
               "ln -s ../outside/s link.sql && mkfifo pipe.sql && mkdir folder.sql");
    assert_int_equal(weir_files_read(dir, "links/s", &out, &err), WEIR_EINVAL);
    assert_int_equal(weir_files_write(dir, "links/t", WEIR_STR("x"), &err), WEIR_EINVAL);
    assert_int_equal(weir_files_remove(dir, "links/s", &err), WEIR_EINVAL);
    const char *const odd[] = {"link.sql", "pipe.sql", "folder.sql"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(weir_files_read(dir, odd[i], &out, &err), WEIR_EINVAL);
        assert_int_equal(weir_files_write(dir, odd[i], WEIR_STR("x"), &err), WEIR_EINVAL);
    }
    assert_string_equal(shell(dir, "cat ../outside/s; ls ../outside; ls -A | grep weir- ; true"),
                        "secret\ns");
    put("big", "0123456789012345678901234567890123456789012345678901234567890123456789"
               "0123456789012345678901234567890123456789");
    assert_int_equal(weir_files_read(dir, "big", &out, &err), WEIR_ETOOBIG);
    weir_buf_free(&out);
}

static void text_merges_by_lines(void **state)
{
    (void)state;
    struct weir_buf out;
    bool clean;
    weir_buf_init(&out, 1000);
    ASSERT_OK(weir_git_merge_text(WEIR_STR("a\nb\nc\n"), WEIR_STR("A\nb\nc\n"),
                                  WEIR_STR("a\nb\nC\n"), &out, &clean, &err),
              err);
    assert_true(clean);
    assert_string_equal(weir_buf_cstr(&out), "A\nb\nC\n");
    weir_buf_reset(&out);
    ASSERT_OK(
        weir_git_merge_text(WEIR_STR("a\n"), WEIR_STR("b\n"), WEIR_STR("c\n"), &out, &clean, &err),
        err);
    assert_false(clean);
    weir_buf_free(&out);
}

/* --- a remote -------------------------------------------------------------------------------- */

static char other[512]; /* a colleague's clone */

static void with_remote(void)
{
    put("a.txt", "one\ntwo\nthree\nfour\nfive\n");
    commit_one("a.txt", "one\ntwo\nthree\nfour\nfive\n", "Start");
    shell(dir, "git init -q --bare --initial-branch=main ../remote.git && "
               "git remote add origin \"$PWD/../remote.git\"");
    ASSERT_OK(weir_git_push(git, NULL, &err), err);
    shell(dir, "git clone -q ../remote.git ../other");
    tempdir_path(&top, "other", other);
}

static int pull(bool *changed)
{
    return weir_git_pull(git, NULL, weir_document_merge_file, changed, &err);
}

static void what_was_pushed_is_pulled(void **state)
{
    (void)state;
    bool changed;
    struct weir_arena arena;
    struct weir_git_status status;
    with_remote();
    ASSERT_OK(pull(&changed), err);
    assert_false(changed);
    shell(other, "mkdir -p views && echo 'select 1' > views/v.sql && git rm -q a.txt && "
                 "git add -A && git commit -qm Theirs && git push -q");
    put("mine.txt", "untracked\n");
    ASSERT_OK(pull(&changed), err);
    assert_true(changed);
    assert_string_equal(shell(dir, "git status --short; git log -1 --format=%s; ls; cat views/*"),
                        "?? mine.txt\nTheirs\nmine.txt\nviews\nselect 1");
    commit_one("mine.txt", "untracked\n", "Mine");
    weir_arena_init(&arena, 1 << 20);
    put("dirty.txt", "x");
    ASSERT_OK(weir_git_status(git, &arena, &status, &err), err);
    assert_string_equal(status.branch, "main");
    assert_non_null(strstr(status.remote, "/../remote.git"));
    assert_int_equal(status.ahead, 1);
    assert_int_equal(status.behind, 0);
    assert_int_equal(status.dirty_count, 1);
    assert_string_equal(status.dirty[0], "dirty.txt");
    shell(dir, "git remote set-url origin https://user:secret@example.com/x.git");
    ASSERT_OK(weir_git_status(git, &arena, &status, &err), err);
    assert_string_equal(status.remote, "https://example.com/x.git");
    weir_arena_free(&arena);
}

static void both_sides_are_merged_or_nothing_changes(void **state)
{
    (void)state;
    bool changed;
    with_remote();
    shell(other, "sed -i s/five/5/ a.txt && git commit -qam Theirs && git push -q");
    put("a.txt", "1\ntwo\nthree\nfour\nfive\n");
    commit_one("a.txt", "1\ntwo\nthree\nfour\nfive\n", "Mine");
    assert_int_equal(weir_git_push(git, NULL, &err), WEIR_EBUSY);
    assert_non_null(strstr(err.message, "pull first"));
    ASSERT_OK(pull(&changed), err);
    assert_string_equal(shell(dir, "cat a.txt; git status --short; git log -1 --format=%p | wc -w"),
                        "1\ntwo\nthree\nfour\n5\n2");
    ASSERT_OK(weir_git_push(git, NULL, &err), err);
    /* The same line on both sides. */
    shell(other, "git pull -q && sed -i s/three/3/ a.txt && git commit -qam Theirs && git push -q");
    put("a.txt", "1\ntwo\nIII\nfour\n5\n");
    commit_one("a.txt", "1\ntwo\nIII\nfour\n5\n", "Mine");
    char head[64];
    snprintf(head, sizeof head, "%s", shell(dir, "git rev-parse HEAD"));
    assert_int_equal(pull(&changed), WEIR_EINVAL);
    assert_non_null(strstr(err.message, "a.txt: both sides changed the same lines"));
    assert_string_equal(shell(dir, "git rev-parse HEAD"), head);
    assert_string_equal(shell(dir, "git status --short; ls .git | grep -c lock; true"), "0");
}

static void a_pull_overwrites_no_edit_and_brings_no_link(void **state)
{
    (void)state;
    bool changed;
    with_remote();
    shell(other, "sed -i s/five/5/ a.txt && echo theirs > b.txt && git add -A && "
                 "git commit -qm Theirs && git push -q");
    put("b.txt", "mine, in no commit\n");
    assert_int_equal(pull(&changed), WEIR_EBUSY);
    assert_non_null(strstr(err.message, "b.txt was changed here"));
    assert_string_equal(shell(dir, "cat b.txt; git log -1 --format=%s; git status --short"),
                        "mine, in no commit\nStart\n?? b.txt");
    shell(dir, "rm b.txt; echo six >> a.txt");
    assert_int_equal(pull(&changed), WEIR_EBUSY);
    shell(dir, "git checkout -q a.txt");
    ASSERT_OK(pull(&changed), err);
    shell(other, "ln -s /etc/passwd link && git add -A && git commit -qm Link && git push -q");
    assert_int_equal(pull(&changed), WEIR_EINVAL);
    assert_non_null(strstr(err.message, "link or submodule at link"));
    shell(other, "git rm -q link && git commit -qm 'No link' && git push -q && git checkout -q "
                 "--orphan x && git commit -qm Other && git push -qf origin x:main");
    assert_int_equal(pull(&changed), WEIR_EINVAL);
    assert_non_null(strstr(err.message, "nothing in common"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, unmake)
    const struct CMUnitTest tests[] = {
        T(a_commit_holds_what_it_was_given_and_nothing_else),
        T(whoever_saves_has_a_name_in_git),
        T(it_waits_for_the_lock_of_others),
        T(it_leaves_a_merge_under_way_alone),
        T(it_waits_for_whoever_moves_the_branch),
        T(two_gits_at_once_lose_nothing),
        T(versions_can_be_read_back),
        T(line_ends_are_stored_as_git_would),
        T(paths_never_leave_the_workspace),
        T(text_merges_by_lines),
        T(what_was_pushed_is_pulled),
        T(both_sides_are_merged_or_nothing_changes),
        T(a_pull_overwrites_no_edit_and_brings_no_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
