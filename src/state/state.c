#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "state/db.h"

#define WAIT_MS      5000 /* for another process that writes */
#define BACKUP_TRIES 1000
#define BACKUP_WAIT  5000 /* microseconds */

/* --- opening -------------------------------------------------------------------------------- */

/* SQLite would make it readable for everybody; its other files take the mode of this one.
 *
 * A file that is there must not be opened here: closing any descriptor of it gives up all locks
 * that this process has on it (POSIX), also those of a connection that is open already. Another
 * process would then take itself for the only one, and remove the write-ahead log at its end. */
static int make_private(const char *path, struct weir_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct stat st;
    if (fd >= 0) {
        close(fd);
    } else if (errno != EEXIST || lstat(path, &st)) {
        return weir_fail_errno(err, errno, "%s cannot be opened", path);
    } else if (!S_ISREG(st.st_mode)) {
        return weir_fail(err, WEIR_EINVAL, "%s is no file", path);
    } else if ((st.st_mode & 0777) != 0600 && chmod(path, 0600)) {
        return weir_fail_errno(err, errno, "%s cannot be made private", path);
    }
    return 0;
}

static int verify(struct weir_state *state, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_str answer = WEIR_STR("");
    weir_arena_init(&arena, 1 << 20);
    struct weir_db q = weir_db_on(state, "pragma quick_check(1)");
    if (weir_db_row(&q)) {
        answer = weir_db_str(&q, 0, &arena);
    }
    int rc = weir_db_end(&q, err);
    if (rc == 0 && !weir_str_is(answer, "ok")) {
        rc = weir_db_error(NULL, SQLITE_CORRUPT, err);
    }
    weir_arena_free(&arena);
    return rc;
}

enum way { CHECKED, BRIEF, LOOSE };

static int set_up(struct weir_state *state, const char *path, enum way way, struct weir_error *err)
{
    int rc = sqlite3_open_v2(
        path, &state->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (rc) {
        return weir_db_error(state->db, rc, err);
    }
    sqlite3_extended_result_codes(state->db, 1);
    sqlite3_busy_timeout(state->db, WAIT_MS);
    sqlite3_db_config(state->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(state->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int code = weir_db_script(state,
                              "pragma foreign_keys = on;"
                              "pragma journal_mode = wal;"
                              "pragma synchronous = full;"
                              "pragma cell_size_check = on;"
                              "pragma secure_delete = on;",
                              err);
    if (way == LOOSE) {
        return code ? code : weir_db_script(state, "pragma synchronous = normal", err);
    }
    code = code || way == BRIEF ? code : verify(state, err);
    return code ? code : weir_state_migrate(state, err);
}

static int open_state(const char *path, enum way way, struct weir_state **out,
                      struct weir_error *err)
{
    pthread_mutexattr_t recursive;
    struct weir_state *state = calloc(1, sizeof *state);
    *out = NULL;
    if (!state) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the state store");
    }
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&state->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    int rc = make_private(path, err);
    rc = rc ? rc : set_up(state, path, way, err);
    if (rc) {
        rc = weir_error_prefix(err, rc, "%s", path);
        weir_state_close(state);
        return rc;
    }
    *out = state;
    return 0;
}

int weir_state_open(const char *path, struct weir_state **out, struct weir_error *err)
{
    return open_state(path, CHECKED, out, err);
}

int weir_state_open_loose(const char *path, struct weir_state **out, struct weir_error *err)
{
    return open_state(path, LOOSE, out, err);
}

int weir_state_open_briefly(const char *path, struct weir_state **out, struct weir_error *err)
{
    return open_state(path, BRIEF, out, err);
}

void weir_state_close(struct weir_state *state)
{
    if (state) {
        weir_db_forget(state);
        sqlite3_close(state->db);
        pthread_mutex_destroy(&state->lock);
        free(state);
    }
}

/* --- transactions --------------------------------------------------------------------------- */

int weir_state_begin(struct weir_state *state, struct weir_error *err)
{
    pthread_mutex_lock(&state->lock); /* until the end */
    int rc = state->depth ? 0 : weir_db_script(state, "begin immediate", err);
    if (rc) {
        pthread_mutex_unlock(&state->lock);
        return rc;
    }
    if (state->depth++ == 0) {
        state->broken = 0;
    }
    return 0;
}

int weir_state_end(struct weir_state *state, int code, struct weir_error *err)
{
    state->broken = state->broken ? state->broken : code;
    if (--state->depth == 0) {
        int rc = 0;
        if (state->broken == 0) {
            rc = weir_db_script(state, "commit", err);
        } else if (code == 0) {
            rc = weir_fail(err, state->broken, "a part of the change failed");
        }
        if (state->broken || rc) {
            sqlite3_exec(state->db, "rollback", NULL, NULL, NULL);
        }
        code = code ? code : rc;
    }
    pthread_mutex_unlock(&state->lock);
    return code;
}

/* --- backup --------------------------------------------------------------------------------- */

/* All pages in one step, which sees one moment: a writer between two steps would make it begin
 * anew, and the history has one many times a second. */
static int copy_pages(sqlite3_backup *backup)
{
    int rc = SQLITE_BUSY;
    for (int waits = 0; waits < BACKUP_TRIES; waits++) {
        rc = sqlite3_backup_step(backup, -1);
        if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED) {
            break;
        }
        usleep(BACKUP_WAIT);
    }
    return rc;
}

/* Into a file of its own connection, under the lock. */
static int copy_to(struct weir_state *state, const char *path, struct weir_error *err)
{
    sqlite3 *copy = NULL;
    int rc = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, NULL);
    sqlite3_backup *backup = rc ? NULL : sqlite3_backup_init(copy, "main", state->db, "main");
    if (backup) {
        pthread_mutex_lock(&state->lock);
        int stepped = copy_pages(backup);
        rc = sqlite3_backup_finish(backup);
        pthread_mutex_unlock(&state->lock);
        rc = rc ? rc : stepped == SQLITE_DONE ? SQLITE_OK : stepped;
        /* One file, not three: whoever moves it away cannot forget a part. */
        rc = rc ? rc : sqlite3_exec(copy, "pragma journal_mode = delete", NULL, NULL, NULL);
    } else {
        rc = rc ? rc : sqlite3_errcode(copy);
    }
    int code = rc ? weir_db_error(copy, rc, err) : 0;
    sqlite3_close(copy);
    return code;
}

int weir_state_backup(struct weir_state *state, const char *path, struct weir_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return weir_fail_errno(err, errno, "%s cannot be made", path);
    }
    int rc = copy_to(state, path, err);
    if (rc == 0 && fsync(fd)) {
        rc = weir_fail_errno(err, errno, "%s cannot be synced", path);
    }
    close(fd);
    if (rc) {
        (void)unlink(path);
    }
    return rc;
}

/* --- marks ---------------------------------------------------------------------------------- */

/* SQLite's data_version grows with the commits of other connections, total_changes with this one's.
 */
int weir_state_mark(struct weir_state *state, struct weir_state_mark *out, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "pragma data_version");
    *out = (struct weir_state_mark){0};
    if (weir_db_row(&q)) {
        out->others = weir_db_int(&q, 0);
    }
    weir_state_mark_own(state, out);
    return weir_db_end(&q, err);
}

void weir_state_mark_own(struct weir_state *state, struct weir_state_mark *mark)
{
    mark->own = sqlite3_total_changes64(state->db);
}

/* --- ids ------------------------------------------------------------------------------------ */

void weir_state_id(char out[WEIR_ID_SIZE])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint64_t random = weir_random_u64();
    for (int i = 0; i < WEIR_ID_SIZE - 1; i++) {
        out[i] = letters[random % 36];
        random /= 36;
    }
    out[WEIR_ID_SIZE - 1] = 0;
}
