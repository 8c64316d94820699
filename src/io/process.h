/* Child processes: start, watch, stop. Descriptors are not inherited unless asked for. */
#ifndef WEIR_IO_PROCESS_H
#define WEIR_IO_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/time.h"

#define WEIR_PROCESS_GIVEN 4

struct weir_process_fd {
    int ours, theirs; /* the child sees our descriptor `ours` as `theirs`, 3 or more */
};

struct weir_process_options {
    const char *const *argv; /* NULL-terminated; argv[0] is a path */
    const char *const *env;  /* NULL: the parent's */
    const int *keep_fds;     /* these stay open in the child, with the same numbers */
    int keep_fd_count;
    const struct weir_process_fd *give_fds; /* and these, with other numbers */
    int give_fd_count;                      /* at most WEIR_PROCESS_GIVEN */
    uint64_t max_memory;                    /* bytes of private memory (RLIMIT_DATA); 0: any */
    uint64_t max_file;                      /* bytes of a file that it writes; 0: any */
    uint64_t max_cpu;                       /* seconds of processor time; 0: any */
    uint64_t max_files;                     /* descriptors; 0: any */
    const char *dir;                        /* its working directory; NULL: the parent's */
    int stdin_fd;                           /* -1: /dev/null */
    int stdout_fd;                          /* -1: the parent's */
    int stderr_fd;                          /* -1: the parent's */
    bool die_with_parent; /* SIGTERM when the parent's thread ends (Linux PDEATHSIG) */
    bool no_mercy;        /* SIGKILL then: it may not be one that listens */
    bool new_group;       /* a process group of its own: Ctrl-C reaches the parent only */
    bool batch;           /* woken up, it waits for its turn and takes no processor from us */
};

int weir_process_start(const struct weir_process_options *options, pid_t *pid,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Waits up to `timeout` (negative: for ever). `status` as waitpid gives it. WEIR_ETIMEDOUT. */
int weir_process_wait(pid_t pid, weir_time timeout, int *status,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* SIGTERM, then SIGKILL after `grace`; reaps. */
int weir_process_stop(pid_t pid, weir_time grace, int *status, struct weir_error *err);
/* "exit 1", "killed by SIGSEGV", ... */
void weir_process_describe(int status, char out[64]);

/* Raises this process's limit on open descriptors to `want` as far as it may (the default is often
 * 1,024, and a connection needs one); gives what it is then. */
uint64_t weir_process_allow_files(uint64_t want);

/* The program `name` in PATH; false when there is none. */
bool weir_process_find(const char *name, char *out, size_t size);

#endif
