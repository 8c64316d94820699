#include "io/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST    5                 /* of the program's own arguments: it itself */
#define LOOK     (WEIR_SECOND / 4) /* how often memory is looked at, */
#define SHARE    100               /* but at most one part in so many of the time */
#define PATIENCE (5 * WEIR_SECOND) /* until what was killed is gone */
#define KILLED   128

const char **weir_keeper_arguments(struct weir_process_options *what, struct weir_keeper_room *room)
{
    size_t count = 0;
    while (what->argv[count]) {
        count++;
    }
    const char **out = calloc(count + FIRST + 1, sizeof *out);
    if (!out) {
        return NULL;
    }
    snprintf(room->memory, sizeof room->memory, "%" PRIu64, what->max_memory);
    snprintf(room->cpu, sizeof room->cpu, "%" PRIu64, what->max_cpu);
    snprintf(room->files, sizeof room->files, "%" PRIu64, what->max_files);
    const char *const own[FIRST] = {"/proc/self/exe", WEIR_KEEPER, room->memory, room->cpu,
                                    room->files};
    memcpy(out, own, sizeof own);
    memcpy(out + FIRST, what->argv, count * sizeof *out);
    what->max_memory = what->max_cpu = what->max_files = 0;
    return out;
}

/* --- which processes there are ------------------------------------------------------------------
 */

struct process {
    pid_t pid, parent;
    unsigned long long began; /* with it a number is the same process */
    bool ours;
};
struct processes {
    struct process *items;
    size_t count, room;
};

static bool read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
    out[n > 0 ? n : 0] = 0;
    if (fd >= 0) {
        close(fd);
    }
    return n > 0;
}

/* Its name, in brackets, may have any bytes. */
static bool read_process(pid_t pid, struct process *out)
{
    char path[64], text[2048];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *rest = read_file(path, text, sizeof text) ? strrchr(text, ')') : NULL;
    *out = (struct process){.pid = pid};
    return rest && sscanf(rest + 1,
                          " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                          "%*d %*d %llu",
                          &out->parent, &out->began) == 2;
}

static int by_number(const void *a, const void *b)
{
    pid_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;
    return (x > y) - (x < y);
}

static bool is_ours(const struct processes *p, pid_t pid)
{
    const struct process key = {.pid = pid};
    const struct process *found =
        p->count ? bsearch(&key, p->items, p->count, sizeof key, by_number) : NULL;
    return pid == getpid() || (found && found->ours);
}

/* All that there are; ours are those that we, or another one of ours, are the parent of. */
static void look(struct processes *p)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    p->count = 0;
    while (dir && (entry = readdir(dir))) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (p->count == p->room) {
            size_t room = 2 * p->room + 256;
            struct process *grown = realloc(p->items, room * sizeof *grown);
            if (!grown) {
                break;
            }
            p->items = grown;
            p->room = room;
        }
        p->count += pid > 0 && read_process(pid, &p->items[p->count]);
    }
    if (dir) {
        closedir(dir);
    }
    if (p->count) {
        qsort(p->items, p->count, sizeof *p->items, by_number);
    }
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < p->count; i++) {
            if (!p->items[i].ours && is_ours(p, p->items[i].parent)) {
                p->items[i].ours = more = true;
            }
        }
    }
}

/* --- the end ------------------------------------------------------------------------------------
 */

/* That very process, whatever has its number by now. */
static void end_process(const struct process *one)
{
    struct process now;
    int fd = pidfd_open(one->pid, 0);
    bool same = read_process(one->pid, &now) && now.began == one->began;
    if (same && (fd < 0 || pidfd_send_signal(fd, SIGKILL, NULL, 0))) {
        kill(one->pid, SIGKILL);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Those that are killed give us their children, which are killed in the next look. */
static void end_all(struct processes *p)
{
    weir_time until = weir_mono() + PATIENCE;
    pid_t reaped = 0;
    while (weir_mono() < until) {
        while ((reaped = waitpid(-1, NULL, WNOHANG)) > 0) {
        }
        if (reaped < 0 && errno == ECHILD) {
            return;
        }
        look(p);
        for (size_t i = 0; i < p->count; i++) {
            if (p->items[i].ours) {
                end_process(&p->items[i]);
            }
        }
        usleep(1000);
    }
}

/* --- memory -------------------------------------------------------------------------------------
 */

static uint64_t number_behind(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

/* Bytes of its own; what it shares with its parent since the fork counts whole, unless `exactly`,
 * which takes the kernel longer. */
static uint64_t memory_of(const struct process *one, bool exactly)
{
    char path[64], text[4096];
    unsigned long long resident = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)one->pid, exactly ? "smaps_rollup" : "statm");
    bool read = read_file(path, text, sizeof text);
    if (exactly &&
        (!read || !strstr(text, "\nPss_Anon:"))) { /* of somebody else, or of an old kernel */
        return memory_of(one, false);
    }
    if (!read) {
        return 0;
    }
    if (exactly) {
        return number_behind(text, "\nPss_Anon:") + number_behind(text, "\nSwapPss:");
    }
    (void)!sscanf(text, "%*u %llu %llu", &resident, &shared);
    return (resident - (shared < resident ? shared : resident)) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t memory_of_all(const struct processes *p, bool exactly)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        sum += p->items[i].ours ? memory_of(&p->items[i], exactly) : 0;
    }
    return sum;
}

static uint64_t beyond(struct processes *p, uint64_t most)
{
    look(p);
    uint64_t sum = memory_of_all(p, false);
    sum = sum > most ? memory_of_all(p, true) : sum;
    return sum > most ? sum : 0;
}

/* --- keeping ------------------------------------------------------------------------------------
 */

/* True when it ended. */
static bool reap(pid_t program, int *status)
{
    int one;
    pid_t pid;
    bool ended = false;
    while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
        ended = ended || pid == program;
        *status = pid == program ? one : *status;
    }
    return ended;
}

/* Until the program has ended (true), or all are to end, as they have `taken` so much memory. */
static bool watch(struct processes *p, pid_t program, uint64_t most, int *status, uint64_t *taken)
{
    sigset_t wanted;
    weir_time next = weir_mono() + LOOK;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    for (;;) {
        weir_time left = next - weir_mono();
        left = left < 0 ? 0 : left;
        const struct timespec wait = {left / WEIR_SECOND, left % WEIR_SECOND * 1000};
        int got = sigtimedwait(&wanted, NULL, most ? &wait : NULL);
        bool ended = reap(program, status);
        if (ended || got == SIGTERM) {
            return ended;
        }
        weir_time now = weir_mono();
        if (most && now >= next) {
            *taken = beyond(p, most);
            weir_time took = weir_mono() - now;
            next = now + (took * SHARE > LOOK ? took * SHARE : LOOK);
            if (*taken) {
                return false;
            }
        }
    }
}

/* As the program did. */
static int end_as(int status)
{
    if (WIFSIGNALED(status)) {
        const struct rlimit none = {0, 0};
        sigset_t all;
        (void)setrlimit(RLIMIT_CORE, &none);
        signal(WTERMSIG(status), SIG_DFL);
        sigemptyset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        raise(WTERMSIG(status));
        return KILLED + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

static uint64_t limit_of(const char *text)
{
    return strtoull(text, NULL, 10);
}

int weir_keeper(int argc, char **argv)
{
    struct weir_error why;
    struct processes all = {0};
    sigset_t signals;
    pid_t program;
    int status = 0;
    uint64_t taken = 0;
    if (argc <= FIRST) {
        return 2;
    }
    const struct weir_process_options what = {.argv = (const char *const *)argv + FIRST,
                                              .max_memory = limit_of(argv[2]),
                                              .max_cpu = limit_of(argv[3]),
                                              .max_files = limit_of(argv[4]),
                                              .stdin_fd = -1,
                                              .stdout_fd = -1,
                                              .stderr_fd = -1,
                                              .die_with_parent = true,
                                              .no_mercy = true,
                                              .new_group = true};
    sigfillset(&signals);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "weir-keeper");
    if (weir_process_start(&what, &program, &why)) {
        fprintf(stderr, "%s\n", why.message);
        return 127;
    }
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null_fd, 1); /* whoever reads what the program says sees its end */
    bool ended = watch(&all, program, what.max_memory, &status, &taken);
    end_all(&all);
    free(all.items);
    if (taken) {
        fprintf(stderr,
                "all its processes together took %" PRIu64 " MB, more than the %" PRIu64
                " MB of `memory`\n",
                taken >> 20, what.max_memory >> 20);
        return 1;
    }
    return ended ? end_as(status) : KILLED + SIGTERM;
}
