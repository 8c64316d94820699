#include "cli/prompt.h"

#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/command.h"

int weir_prompt(const char *question, bool hidden, struct weir_buf *out, struct weir_error *err)
{
    struct termios before, quiet;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    char line[4096];
    if (terminal) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)(hidden ? ECHO : 0);
        tcsetattr(STDIN_FILENO, hidden ? TCSAFLUSH : TCSANOW, &quiet);
        fputs(question, stderr); /* behind it: whoever answers at once is not shown either */
    }
    bool read = fgets(line, sizeof line, stdin);
    if (terminal && hidden) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!read) {
        return weir_fail(err, WEIR_CLI_USAGE, "standard input ended before the answer to \"%s\"",
                         question);
    }
    size_t len = strcspn(line, "\r\n");
    int code =
        line[len] || len < sizeof line - 1 /* the last line needs no end */
            ? 0
            : weir_fail(err, WEIR_EINVAL, "the answer is longer than %zu bytes", sizeof line - 2);
    weir_buf_adds(out, (struct weir_str){line, len});
    explicit_bzero(line, sizeof line);
    return code ? code : weir_buf_check(out, "the answer", err);
}
