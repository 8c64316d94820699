/* `weir token`: API tokens. `weir state`: the file that holds people. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/remote.h"
#include "conf/option.h"
#include "serve/serve.h"

#define MAX_BODY (1u << 20)

static int print_expiry(struct weir_jw *w, const char *text, struct weir_error *err)
{
    static const struct weir_option option = {.name = "--expires", .type = WEIR_OPT_DURATION};
    weir_time life = 0;
    char at[28];
    if (!text) {
        return 0;
    }
    weir_jw_keyz(w, "expires_at");
    if (strcmp(text, "never") == 0) {
        weir_jw_null(w);
        return 0;
    }
    if (weir_option_set(&option, &life, NULL, text, "the command line", err)) {
        return WEIR_CLI_USAGE;
    }
    weir_time_format(weir_now() + life, at);
    weir_jw_strz(w, at);
    return 0;
}

static int add(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    const char *scope, *person = weir_args_value(cli->args, "person");
    struct weir_buf body;
    weir_buf_init(&body, MAX_BODY);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "name", weir_args_at(cli->args, 0));
    weir_jw_keyz(&w, "scopes");
    weir_jw_array(&w);
    for (size_t i = 0; (scope = weir_args_value_at(cli->args, "scope", i)); i++) {
        weir_jw_strz(&w, scope);
    }
    weir_jw_array_end(&w);
    if (person) {
        weir_jw_kstrz(&w, "person", person);
    }
    int code = print_expiry(&w, weir_args_value(cli->args, "expires"), err);
    weir_jw_object_end(&w);
    if (!code && !weir_args_has(cli->args, "scope")) {
        code = weir_fail(err, WEIR_CLI_USAGE,
                         "say what the token is for: --scope query, read, write or admin");
    }
    code = code ? code : weir_remote_ask(r, "POST", "/api/tokens", &body, err);
    if (!code) {
        struct weir_str secret = weir_json_get_str(r->root, "secret");
        printf(WEIR_STR_FMT "\n", WEIR_STR_ARG(secret));
        fprintf(stderr, "It is shown this once.\n");
    }
    weir_buf_free(&body);
    return code;
}

static void show_token(struct weir_json token)
{
    struct weir_json item;
    struct weir_str scope = WEIR_STR(""), email = weir_json_get_str(token, "email");
    struct weir_str expires = weir_json_get_str(token, "expires_at");
    struct weir_str used = weir_json_get_str(token, "last_used_at");
    char scopes[64] = "";
    struct weir_json_iter it = weir_json_begin(weir_json_get(token, "scopes"));
    while (weir_json_next(&it, NULL, &item)) {
        weir_json_str(item, &scope);
        size_t n = strlen(scopes);
        snprintf(scopes + n, sizeof scopes - n, "%s" WEIR_STR_FMT, n ? "," : "",
                 WEIR_STR_ARG(scope));
    }
    email = email.ptr ? email : WEIR_STR("owner");
    expires = expires.ptr ? weir_utf8_cut(expires, 10) : WEIR_STR("never");
    used = used.ptr ? weir_utf8_cut(used, 10) : WEIR_STR("never");
    printf("%-10.*s  %-28.*s %-23s %-10.*s %-10.*s " WEIR_STR_FMT "\n",
           WEIR_STR_ARG(weir_json_get_str(token, "id")), WEIR_STR_ARG(email), scopes,
           WEIR_STR_ARG(expires), WEIR_STR_ARG(used),
           WEIR_STR_ARG(weir_json_get_str(token, "name")));
}

static int list(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    struct weir_json token;
    int code = weir_remote_ask(r, "GET", "/api/tokens", NULL, err);
    if (!code && weir_args_has(cli->args, "json")) {
        weir_remote_print(r);
    } else if (!code) {
        printf("%-10s  %-28s %-23s %-10s %-10s %s\n", "id", "whose", "scopes", "expires", "used",
               "name");
        struct weir_json_iter it = weir_json_begin(weir_json_get(r->root, "tokens"));
        while (weir_json_next(&it, NULL, &token)) {
            show_token(token);
        }
    }
    return code;
}

static int revoke(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    return weir_remote_ask_id(r, "DELETE", "/api/tokens/", weir_args_at(cli->args, 0), "", NULL,
                              err);
}

static int backup(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    struct weir_state *state;
    int code = weir_serve_open_state(r->workspace, &state, err);
    code = code ? code : weir_state_backup(state, weir_args_at(cli->args, 0), err);
    weir_state_close(state);
    return code;
}

static int run_add(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, add, err);
}

static int run_list(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, list, err);
}

static int run_revoke(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, revoke, err);
}

static int run_backup(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, backup, err);
}

static const struct weir_flag add_flags[] = {
    {"scope", 's', "query|read|write|admin", "what it may be used for; may be given several times",
     true},
    {"expires", 'e', "DURATION", "30d, 12h, never; 90d by default", false},
    {"person", 'p', "EMAIL", "whose rights it has; the owner's by default, which are all", false},
    {0},
};
const struct weir_command weir_command_token_add = {
    .name = "token add",
    .summary = "Make an API token, and print it",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help =
        "A program sends it as `Authorization: Bearer TOKEN`. It may do what its person may, as "
        "far as its scopes go: query runs queries, read is what GET shows, write changes "
        "documents, admin changes people and groups. weir keeps a hash of it only.\n\n"
        "  weir token add dashboard-export --scope query --person ada@example.com --expires 30d",
    .flags = add_flags,
    .run = run_add,
};

static const struct weir_flag list_flags[] = {
    {"json", 0, NULL, "print JSON", false},
    {0},
};
const struct weir_command weir_command_token_list = {
    .name = "token list",
    .summary = "List the API tokens",
    .operands = "",
    .help = "",
    .flags = list_flags,
    .run = run_list,
};

const struct weir_command weir_command_token_revoke = {
    .name = "token revoke",
    .summary = "Make an API token stop working, at once",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .help = "",
    .run = run_revoke,
};

const struct weir_command weir_command_state_backup = {
    .name = "state backup",
    .summary = "Copy the people, groups and tokens into a file, while weir runs",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .help = "FILE must not be there yet. To restore, stop weir and put it in the place of "
            ".weir/state.sqlite (and remove state.sqlite-wal and state.sqlite-shm).",
    .run = run_backup,
};
