/* `weir secret`: passwords and tokens that sources need. */
#include <unistd.h>

#include "base/json_write.h"
#include "cli/commands.h"
#include "cli/prompt.h"
#include "serve/serve.h"
#include "state/sealed.h"

struct vault {
    struct weir_workspace *workspace;
    struct weir_state *state;
    const char *folder;
};

static int open_vault(const struct weir_cli *cli, struct vault *v, struct weir_error *err)
{
    *v = (struct vault){0};
    int code = weir_cli_workspace(cli, &v->workspace, err);
    v->folder = code ? NULL : weir_workspace_path(v->workspace, "secrets");
    code = code || v->folder ? code : weir_fail(err, WEIR_ENOMEM, "out of memory");
    return code ? code : weir_serve_open_state(v->workspace, &v->state, err);
}

static void close_vault(struct vault *v)
{
    weir_state_close(v->state);
    weir_workspace_close(v->workspace);
}

static int run_set(struct weir_cli *cli, struct weir_error *err)
{
    struct vault v;
    struct weir_buf value;
    struct weir_str name = weir_str_of(weir_args_at(cli->args, 0));
    weir_buf_init(&value, WEIR_SEALED_MAX);
    int code = weir_sealed_name_check(name, err);
    code = code ? code : weir_prompt("Value: ", true, &value, err);
    code = code ? code : open_vault(cli, &v, err);
    if (!code) {
        code = weir_sealed_set(v.state, v.folder, name, weir_buf_str(&value), err);
        close_vault(&v);
    }
    if (!code) {
        printf("Sealed. A source's file names it as \"${secret:" WEIR_STR_FMT "}\".\n",
               WEIR_STR_ARG(name));
    }
    if (value.len) {
        explicit_bzero(value.data, value.len);
    }
    weir_buf_free(&value);
    return code;
}

static void show(const struct weir_sealed *items, size_t count, bool json)
{
    struct weir_buf out;
    weir_buf_init(&out, 64u << 20);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_array(&w);
    for (size_t i = 0; i < count; i++) {
        char time[28];
        weir_time_format(items[i].changed_at, time);
        weir_jw_object(&w);
        weir_jw_kstr(&w, "name", items[i].name);
        weir_jw_ktime(&w, "changed_at", items[i].changed_at);
        weir_jw_object_end(&w);
        if (!json) {
            printf("%-40.*s set %.10s\n", WEIR_STR_ARG(items[i].name), time);
        }
    }
    weir_jw_array_end(&w);
    if (json) {
        puts(weir_buf_cstr(&out));
    } else if (count == 0) {
        puts("No secrets yet; `weir secret set NAME` seals one.");
    }
    weir_buf_free(&out);
}

static int run_list(struct weir_cli *cli, struct weir_error *err)
{
    struct vault v;
    struct weir_arena arena;
    struct weir_sealed *items = NULL;
    size_t count = 0;
    weir_arena_init(&arena, 64u << 20);
    int code = open_vault(cli, &v, err);
    code = code ? code : weir_sealed_list(v.state, &arena, &items, &count, err);
    if (!code) {
        show(items, count, weir_args_has(cli->args, "json"));
    }
    close_vault(&v);
    weir_arena_free(&arena);
    return code;
}

static int run_remove(struct weir_cli *cli, struct weir_error *err)
{
    struct vault v;
    int code = open_vault(cli, &v, err);
    code = code ? code : weir_sealed_remove(v.state, weir_str_of(weir_args_at(cli->args, 0)), err);
    close_vault(&v);
    return code;
}

const struct weir_command weir_command_secret_set = {
    .name = "secret set",
    .summary = "Seal a secret that a source needs, such as a password",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "The value is typed, or one line of standard input. It is sealed in .weir/state.sqlite "
            "by the key in .weir/secrets/sealing_key. A name with a point is for the source before "
            "it, and for no other.\n\n"
            "  weir secret set shop.password\n"
            "  vault read shop | weir secret set shop.password",
    .run = run_set,
};

static const struct weir_flag list_flags[] = {
    {"json", 0, NULL, "print JSON", false},
    {0},
};
const struct weir_command weir_command_secret_list = {
    .name = "secret list",
    .summary = "List the names of the secrets",
    .operands = "",
    .help = "Their values are shown nowhere.",
    .flags = list_flags,
    .run = run_list,
};

const struct weir_command weir_command_secret_remove = {
    .name = "secret remove",
    .summary = "Remove a secret",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "",
    .run = run_remove,
};
