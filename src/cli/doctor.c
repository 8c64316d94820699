#include "cli/doctor.h"

#include <stdio.h>
#include <unistd.h>

#include "base/json_write.h"
#include "cli/commands.h"
#include "cli/help.h"

static const char *const health_names[] = {"ok", "warning", "problem"};

void weir_doctor_find(struct weir_doctor *d, enum weir_health health, const char *what,
                      const char *fmt, ...)
{
    struct weir_finding finding = {.health = health, .what = what};
    va_list args;
    va_start(args, fmt);
    vsnprintf(finding.text, sizeof finding.text, fmt, args);
    va_end(args);
    d->problems += health == WEIR_HEALTH_PROBLEM;
    d->warnings += health == WEIR_HEALTH_WARNING;
    d->found(&finding, d->arg);
}

static void print_line(const struct weir_finding *finding, void *arg)
{
    static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m"};
    const struct weir_help_style *style = arg;
    struct weir_buf text;
    weir_buf_init(&text, 8192);
    weir_help_fill(&text, weir_str_of(finding->text), 20, 20, style->width);
    printf("%s%-8s%s %-10s %s", style->bold ? colors[finding->health] : "",
           health_names[finding->health], style->bold ? "\033[0m" : "", finding->what,
           weir_buf_cstr(&text));
    fflush(stdout);
    weir_buf_free(&text);
}

static void print_json(const struct weir_finding *finding, void *arg)
{
    struct weir_jw *w = arg;
    weir_jw_object(w);
    weir_jw_kstrz(w, "check", finding->what);
    weir_jw_kstrz(w, "health", health_names[finding->health]);
    weir_jw_kstrz(w, "text", finding->text);
    weir_jw_object_end(w);
}

static void examine(struct weir_doctor *d)
{
    weir_doctor_machine(d);
    if (weir_doctor_workspace(d)) {
        weir_doctor_running(d);
        weir_doctor_data(d);
    }
    weir_workspace_close(d->workspace);
}

static int run_doctor(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_help_style style = weir_help_style_of(STDOUT_FILENO);
    bool json = weir_args_has(cli->args, "json");
    struct weir_buf out;
    weir_buf_init(&out, 1 << 20);
    struct weir_jw w = weir_jw_on(&out);
    struct weir_doctor d = {.dir = cli->dir,
                            .deep = weir_args_has(cli->args, "deep"),
                            .found = json ? print_json : print_line,
                            .arg = json ? (void *)&w : (void *)&style};
    weir_jw_array(&w);
    examine(&d);
    weir_jw_array_end(&w);
    int code = weir_buf_check(&out, "the findings", err);
    if (!code && json) {
        puts(weir_buf_cstr(&out));
    }
    weir_buf_free(&out);
    if (!code && d.problems) {
        code = weir_fail(err, WEIR_EINVAL, "%u problem%s found", d.problems,
                         d.problems == 1 ? "" : "s");
    }
    return code;
}

static const struct weir_flag doctor_flags[] = {
    {"deep", 0, NULL, "read and verify every byte of the event log", false},
    {"json", 0, NULL, "print JSON: a list of {check, health, text}", false},
    {0},
};
const struct weir_command weir_command_doctor = {
    .name = "doctor",
    .summary = "Check the machine, the workspace and its data, and say what to do",
    .operands = "",
    .help = "Each line is ok, a warning, or a problem with what to do about it. The exit code is "
            "1 when there is a problem. Nothing is changed; works while weir runs and when it "
            "does not.",
    .flags = doctor_flags,
    .run = run_doctor,
};
