/* `weir embed`: links for pages of other sites, and the key that they are signed with. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/value.h"
#include "conf/option.h"
#include "serve/embed_token.h"

#define MAX_BODY (1u << 20)

static int print_expiry(struct weir_jw *w, const char *text, struct weir_error *err)
{
    static const struct weir_option option = {.name = "--expires", .type = WEIR_OPT_DURATION};
    weir_time life = 0;
    char at[28];
    if (weir_option_set(&option, &life, NULL, text ? text : "30d", "the command line", err)) {
        return WEIR_CLI_USAGE;
    }
    weir_time_format(weir_now() + life, at);
    weir_jw_kstrz(w, "expires_at", at);
    return 0;
}

static int link_to(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    const char *tile = weir_args_value(cli->args, "tile"), *as = weir_args_value(cli->args, "as");
    struct weir_buf body;
    if (!as) {
        return weir_fail(err, WEIR_CLI_USAGE, "say whose rights the link has: --as EMAIL");
    }
    weir_buf_init(&body, MAX_BODY);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "report", weir_args_at(cli->args, 0));
    weir_jw_kstrz(&w, "person", as);
    if (tile) {
        weir_jw_kstrz(&w, "tile", tile);
    }
    if (weir_args_has(cli->args, "fixed")) {
        weir_jw_kbool(&w, "filters", false);
    }
    int code = print_expiry(&w, weir_args_value(cli->args, "expires"), err);
    weir_jw_keyz(&w, "values");
    code = code ? code : weir_value_print(&w, cli->args, err);
    weir_jw_object_end(&w);
    code = code ? code : weir_remote_ask(r, "POST", "/api/embeds", &body, err);
    if (!code) {
        printf(WEIR_STR_FMT "\n", WEIR_STR_ARG(weir_json_get_str(r->root, "url")));
    }
    weir_buf_free(&body);
    return code;
}

static int run_link(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, link_to, err);
}

static int run_rotate(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    struct weir_embed_key key;
    int code = weir_cli_workspace(cli, &workspace, err);
    if (code) {
        return code;
    }
    code = weir_embed_key_init(&key, workspace, err);
    code = code ? code : weir_embed_key_make(&key, err);
    if (!code) {
        fprintf(stderr, "%s holds a new key; links that were made with the old one are void.\n",
                key.path);
    }
    weir_embed_key_free(&key);
    weir_workspace_close(workspace);
    return code;
}

static const struct weir_flag link_flags[] = {
    {"as", 0, "EMAIL", "with the rights of this person", false},
    {"value", 0, "NAME=VALUE", "a filter's value that is forced; may be repeated", true},
    {"tile", 0, "ID", "only this tile", false},
    {"fixed", 0, NULL, "the other filters cannot be changed either", false},
    {"expires", 0, "DURATION", "how long the link is good; 30d unless said", false},
    {0},
};
const struct weir_command weir_command_embed_link = {
    .name = "embed link",
    .summary = "Make a link by which another site shows a published report",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .help = "Needs serve.embed in weir.yml, and the running server.\n\n"
            "  weir embed link k3v9x0q2ab --as ann@example.com --value sport='[\"rugby\"]'",
    .flags = link_flags,
    .run = run_link,
};
const struct weir_command weir_command_embed_rotate = {
    .name = "embed rotate",
    .summary = "Make a new key for embedded pages, which ends all links",
    .operands = "",
    .help = "The key is in .weir/secrets/embed_key; a running server notices it at once.",
    .run = run_rotate,
};
