/* A person's own git at work in the same folder, for tests: the real command. */
#ifndef WEIR_TEST_GIT_CLI_H
#define WEIR_TEST_GIT_CLI_H

#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs a shell command in `dir`; returns its output (static, cut at 64 KB), fails the test when the
 * command's end is not `want`. */
static inline const char *shell_status(const char *dir, const char *command, bool want_ok)
{
    static char out[65536];
    char line[4096];
    snprintf(line, sizeof line,
             "cd '%s' && export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 "
             "GIT_AUTHOR_NAME=Hand GIT_AUTHOR_EMAIL=hand@example.com "
             "GIT_COMMITTER_NAME=Hand GIT_COMMITTER_EMAIL=hand@example.com && { %s ; } 2>&1",
             dir, command);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t n = fread(out, 1, sizeof out - 1, p);
    out[n] = '\0';
    while (n && out[n - 1] == '\n') {
        out[--n] = '\0';
    }
    int status = pclose(p);
    if ((status == 0) != want_ok) {
        fail_msg("%s: %d: %s", command, status, out);
    }
    return out;
}

static inline const char *shell(const char *dir, const char *command)
{
    return shell_status(dir, command, true);
}

#endif
