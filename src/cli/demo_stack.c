#include "cli/demo_stack.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_write.h"
#include "cli/settings.h"
#include "demo/files.h"
#include "io/file.h"
#include "io/http.h"
#include "io/process.h"

#define READY_IN  (30 * WEIR_SECOND)
#define GRACE     (90 * WEIR_SECOND)
#define PER_EVENT 1500 /* bytes on disk at most, log and warehouse */
#define KEEP_FREE (512ull << 20)

static int out_of_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "out of memory");
}

/* --- which company it is: .weir/demo.json -------------------------------------------------------
 */

static int write_company(struct weir_demo_stack *stack, const struct weir_demo_options *options,
                         struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_ku64(&w, "seed", options->seed);
    weir_jw_ku64(&w, "events", options->events);
    weir_jw_ki64(&w, "until", options->until / WEIR_SECOND);
    weir_jw_object_end(&w);
    weir_buf_addc(&text, '\n');
    const char *path = weir_workspace_path(stack->workspace, "demo.json");
    int code = weir_dir_make(stack->workspace->data, 0700, err);
    if (!code) {
        code = path && weir_buf_ok(&text) ? weir_file_replace(path, weir_buf_str(&text), 0644, err)
                                          : out_of_memory(err);
    }
    weir_buf_free(&text);
    return code;
}

static int compare_company(const struct weir_demo_stack *stack, struct weir_json root,
                           struct weir_demo_options *options, bool any_options,
                           struct weir_error *err)
{
    uint64_t seed = 0, events = 0, until = 0;
    if (!weir_json_u64(weir_json_get(root, "seed"), &seed) ||
        !weir_json_u64(weir_json_get(root, "events"), &events) ||
        !weir_json_u64(weir_json_get(root, "until"), &until)) {
        return weir_fail(err, WEIR_ECORRUPT,
                         "%s/demo.json does not say which company this is; use another --dir",
                         stack->workspace->data);
    }
    bool same = seed == options->seed && events == options->events;
    if (any_options && !same) {
        return weir_fail(err, WEIR_EEXIST,
                         "%s holds the company of --seed %llu --events %llu; ask for the same, or "
                         "make another one in another --dir",
                         stack->dir, (unsigned long long)seed, (unsigned long long)events);
    }
    options->seed = seed;
    options->events = events;
    options->until = (weir_time)until * WEIR_SECOND;
    return 0;
}

static int read_company(struct weir_demo_stack *stack, struct weir_demo_options *options,
                        bool any_options, struct weir_error *err)
{
    const char *path = weir_workspace_path(stack->workspace, "demo.json");
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_buf text;
    struct weir_json root;
    weir_buf_init(&text, 4096);
    int code = path && parser ? weir_file_read(path, &text, err) : out_of_memory(err);
    if (code == WEIR_ENOENT) {
        code = weir_fail(err, WEIR_EEXIST,
                         "%s is a workspace that no demo made; the demo leaves it alone: use "
                         "another --dir",
                         stack->dir);
    }
    code = code ? code : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    code = code ? code : compare_company(stack, root, options, any_options, err);
    weir_buf_free(&text);
    weir_json_parser_free(parser);
    return code;
}

/* --- the workspace ------------------------------------------------------------------------------
 */

static const struct weir_source *find_source(const struct weir_sources *sources, const char *name)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (strcmp(sources->items[i].name, name) == 0) {
            return &sources->items[i];
        }
    }
    return NULL;
}

static int add_sources(struct weir_demo_stack *stack, struct weir_error *err)
{
    int code = weir_sources_load(stack->workspace, &stack->sources, err);
    bool added = false;
    for (int i = 0; i < WEIR_DEMO_SOURCES && !code; i++) {
        const char *name = weir_demo_source_name((enum weir_demo_source)i);
        if (!find_source(&stack->sources, name)) {
            code = weir_source_add(stack->workspace, name, NULL, err);
            added = true;
        }
    }
    if (!code && added) {
        weir_sources_free(&stack->sources);
        code = weir_sources_load(stack->workspace, &stack->sources, err);
    }
    for (int i = 0; i < WEIR_DEMO_SOURCES && !code; i++) {
        const char *name = weir_demo_source_name((enum weir_demo_source)i);
        const struct weir_source *source = find_source(&stack->sources, name);
        if (!source) {
            return weir_fail(err, WEIR_EIO, "the source %s was added and is not there", name);
        }
        stack->keys[i] = source->write_key;
    }
    return code;
}

static int check_space(const struct weir_demo_stack *stack, uint64_t events, struct weir_error *err)
{
    uint64_t free_bytes;
    char where[PATH_MAX];
    snprintf(where, sizeof where, "%s", stack->dir);
    int code = weir_disk_free(where, &free_bytes, err);
    while (code == WEIR_ENOENT && strcmp(where, ".") != 0) { /* it is not made yet */
        char *slash = strrchr(where, '/');
        snprintf(slash ? slash + (slash == where) : where, 2, "%s", slash ? "" : ".");
        code = weir_disk_free(where, &free_bytes, err);
    }
    uint64_t need = events * PER_EVENT + KEEP_FREE;
    if (!code && free_bytes < need) {
        return weir_fail(err, WEIR_ENOSPC,
                         "%llu events may take %.1f GB and %s has %.1f GB free; ask for fewer "
                         "--events, or use a --dir on another disk",
                         (unsigned long long)events, (double)need / 1e9, stack->dir,
                         (double)free_bytes / 1e9);
    }
    return code;
}

int weir_demo_stack_prepare(struct weir_demo_stack *stack, struct weir_demo_options *options,
                            bool any_options, struct weir_error *err)
{
    int code = weir_workspace_open(stack->dir, &stack->workspace, err);
    if (code == WEIR_ENOENT) {
        code = check_space(stack, options->events, err);
        code = code ? code : weir_workspace_init(stack->dir, err);
        code = code ? code : weir_workspace_open(stack->dir, &stack->workspace, err);
        code = code ? code : write_company(stack, options, err);
        code = code ? code
                    : weir_workspace_add(stack->dir, weir_demo_files, "Add Podium's reports", err);
    } else if (!code) {
        stack->again = true;
        code = read_company(stack, options, any_options, err);
        code = code ? code : check_space(stack, options->events, err);
    }
    return code ? code : add_sources(stack, err);
}

/* --- the servers --------------------------------------------------------------------------------
 */

/* The settings' address when it can be had, otherwise any port: a demo should not fail because
 * something else listens on 8080. */
static const char *free_address(struct weir_demo_stack *stack, const char *section)
{
    const char *usual;
    int fd;
    char bound[64];
    struct weir_error ignored;
    if (weir_settings_text(stack->workspace, section, "listen", &usual, &ignored) == WEIR_OK &&
        weir_http_bind(usual, &fd, bound, &ignored) == WEIR_OK) {
        close(fd);
        return usual;
    }
    return "127.0.0.1:0";
}

static int start_up(struct weir_demo_stack *stack, struct weir_error *err)
{
    const char *run = weir_workspace_path(stack->workspace, "run");
    const char *log = weir_workspace_path(stack->workspace, "run/demo.log");
    if (!run || !log) {
        return out_of_memory(err);
    }
    int code = weir_dir_make(run, 0700, err);
    if (code) {
        return code;
    }
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return weir_fail(err, WEIR_EIO, "cannot write %s", log);
    }
    const char *argv[] = {
        stack->cli->program,
        "-C",
        stack->workspace->dir,
        "up",
        "--collect",
        free_address(stack, "collect"),
        "--serve",
        free_address(stack, "serve"),
        NULL,
    };
    /* A group of its own: Ctrl-C is ours, we stop it when our last event is answered. */
    struct weir_process_options options = {.argv = argv,
                                           .stdin_fd = -1,
                                           .stdout_fd = fd,
                                           .stderr_fd = fd,
                                           .die_with_parent = true,
                                           .new_group = true};
    weir_addresses_remove(stack->workspace);
    code = weir_process_start(&options, &stack->pid, err);
    close(fd);
    return code;
}

/* The last lines that `weir up` wrote, for the error. */
static void log_tail(struct weir_demo_stack *stack, char out[400])
{
    const char *path = weir_workspace_path(stack->workspace, "run/demo.log");
    struct weir_buf text;
    struct weir_error ignored;
    weir_buf_init(&text, 16u << 20);
    out[0] = '\0';
    if (path && weir_file_read(path, &text, &ignored) == WEIR_OK) {
        struct weir_str all = weir_str_trim(weir_buf_str(&text));
        size_t len = all.len < 399 ? all.len : 399;
        memcpy(out, all.ptr + all.len - len, len);
        out[len] = '\0';
    }
    weir_buf_free(&text);
}

int weir_demo_stack_check(struct weir_demo_stack *stack, struct weir_error *err)
{
    int status;
    if (!stack->pid || waitpid(stack->pid, &status, WNOHANG) != stack->pid) {
        return 0;
    }
    char how[64], tail[400];
    weir_process_describe(status, how);
    log_tail(stack, tail);
    stack->pid = 0;
    return weir_fail(err, WEIR_EIO,
                     "`weir up` ended with %s; it said: %s\nthe whole of it is in "
                     "%s/run/demo.log; `weir -C %s doctor` says what to do",
                     how, *tail ? tail : "nothing", stack->workspace->data, stack->dir);
}

int weir_demo_stack_start(struct weir_demo_stack *stack, struct weir_error *err)
{
    int code = weir_up_runs(stack->workspace) ? 0 : start_up(stack, err);
    weir_time until = weir_mono() + READY_IN;
    while (!code) {
        struct weir_error ignored;
        code = weir_demo_stack_check(stack, err);
        if (!code && weir_addresses_read(stack->workspace, &stack->addresses, &ignored) == 0 &&
            weir_answers(stack->addresses.collect, WEIR_SECOND)) {
            return 0;
        }
        if (!code && weir_mono() > until) {
            char tail[400];
            log_tail(stack, tail);
            code = weir_fail(err, WEIR_ETIMEDOUT, "`weir up` is not ready after %d s; it said: %s",
                             (int)(READY_IN / WEIR_SECOND), *tail ? tail : "nothing");
        }
        poll(NULL, 0, 5);
    }
    return code;
}

int weir_demo_stack_stop(struct weir_demo_stack *stack, struct weir_error *err)
{
    int code = 0;
    if (stack->pid) {
        int status = 0;
        code = weir_process_stop(stack->pid, GRACE, &status, err);
        if (!code && status != 0) {
            char how[64];
            weir_process_describe(status, how);
            code = weir_fail(err, WEIR_EIO, "`weir up` ended with %s; see %s/run/demo.log", how,
                             stack->workspace->data);
        }
        stack->pid = 0;
    }
    weir_sources_free(&stack->sources);
    weir_workspace_close(stack->workspace);
    stack->workspace = NULL;
    return code;
}
