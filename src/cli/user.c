/* `weir user`: people. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/prompt.h"
#include "cli/remote.h"

#define MAX_BODY (4u << 20)
#define PEOPLE   "/api/people/"

/* --- what the flags say ----------------------------------------------------------------------- */

static void print_flag(struct weir_jw *w, const struct weir_args *args, const char *flag,
                       const char *key)
{
    const char *value = weir_args_value(args, flag);
    if (value) {
        weir_jw_kstrz(w, key, value);
    }
}

/* NAME=VALUE; a value that is JSON (a number, true, ["a","b"]) is that, all else is text. */
static int print_attribute(struct weir_jw *w, const char *text, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(4);
    struct weir_json root;
    struct weir_error ignored;
    struct weir_str value = weir_str_of(text);
    struct weir_str name = weir_str_cut(&value, '=');
    struct weir_buf json;
    if (!value.ptr || name.len == 0) {
        weir_json_parser_free(parser);
        return weir_fail(err, WEIR_CLI_USAGE, "--attribute is \"%s\"; write NAME=VALUE", text);
    }
    weir_buf_init(&json, MAX_BODY);
    weir_buf_adds(&json, value);
    if (value.len) { /* empty: it is taken away */
        weir_jw_key(w, name);
        if (parser && weir_json_parse(parser, weir_buf_str(&json), &root, &ignored) == 0) {
            weir_remote_value(w, root);
        } else {
            weir_jw_str(w, value);
        }
    }
    weir_buf_free(&json);
    weir_json_parser_free(parser);
    return 0;
}

static bool is_given(const struct weir_args *args, struct weir_str name)
{
    const char *text;
    for (size_t i = 0; (text = weir_args_value_at(args, "attribute", i)); i++) {
        struct weir_str rest = weir_str_of(text);
        if (weir_str_eq(weir_str_cut(&rest, '='), name)) {
            return true;
        }
    }
    return false;
}

static int print_attributes(struct weir_jw *w, const struct weir_args *args,
                            struct weir_json present, struct weir_error *err)
{
    struct weir_str key;
    struct weir_json value;
    const char *text;
    int code = 0;
    if (!weir_args_has(args, "attribute")) {
        return 0;
    }
    weir_jw_keyz(w, "attributes");
    weir_jw_object(w);
    struct weir_json_iter it = weir_json_begin(present);
    while (weir_json_next(&it, &key, &value)) {
        if (!is_given(args, key)) {
            weir_jw_key(w, key);
            weir_remote_value(w, value);
        }
    }
    for (size_t i = 0; !code && (text = weir_args_value_at(args, "attribute", i)); i++) {
        code = print_attribute(w, text, err);
    }
    weir_jw_object_end(w);
    return code;
}

static void tell_link(const struct weir_remote *r)
{
    struct weir_str link = weir_json_get_str(r->root, "link");
    struct weir_str until = weir_json_get_str(r->root, "expires_at");
    printf(WEIR_STR_FMT "\n", WEIR_STR_ARG(link));
    fprintf(stderr, "The link works once, until " WEIR_STR_FMT ".\n",
            WEIR_STR_ARG(weir_utf8_cut(until, 10)));
}

/* --- the commands --------------------------------------------------------------------------- */

static int add(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    const char *email = weir_args_at(cli->args, 0);
    const char *name = weir_args_value(cli->args, "name");
    struct weir_str local = weir_str_of(email);
    struct weir_buf body;
    weir_buf_init(&body, MAX_BODY);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "email", email);
    weir_jw_kstr(&w, "name", name ? weir_str_of(name) : weir_str_cut(&local, '@'));
    print_flag(&w, cli->args, "role", "role");
    int code = print_attributes(&w, cli->args, (struct weir_json){0}, err);
    weir_jw_object_end(&w);
    code = code ? code : weir_remote_ask(r, "POST", "/api/people", &body, err);
    code = code ? code : weir_remote_ask_id(r, "POST", PEOPLE, email, "/invite", NULL, err);
    if (!code) {
        tell_link(r);
    }
    weir_buf_free(&body);
    return code;
}

static int list(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    struct weir_json person;
    int code = weir_remote_ask(r, "GET", "/api/people", NULL, err);
    if (code || weir_args_has(cli->args, "json")) {
        if (!code) {
            weir_remote_print(r);
        }
        return code;
    }
    struct weir_json people = weir_json_get(r->root, "people");
    if (weir_json_count(people) == 0) {
        puts(
            "Nobody yet; `weir user setup` prints a link with which the first admin sets weir up.");
        return 0;
    }
    printf("%-32s %-8s %-9s %-20s %s\n", "e-mail", "role", "state", "last seen", "name");
    struct weir_json_iter it = weir_json_begin(people);
    while (weir_json_next(&it, NULL, &person)) {
        struct weir_str seen = weir_json_get_str(person, "last_seen_at");
        seen = seen.ptr ? weir_utf8_cut(seen, 19) : WEIR_STR("never");
        printf("%-32.*s %-8.*s %-9.*s %-20.*s " WEIR_STR_FMT "\n",
               WEIR_STR_ARG(weir_json_get_str(person, "email")),
               WEIR_STR_ARG(weir_json_get_str(person, "role")),
               WEIR_STR_ARG(weir_json_get_str(person, "state")), WEIR_STR_ARG(seen),
               WEIR_STR_ARG(weir_json_get_str(person, "name")));
    }
    return 0;
}

static int set(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    const char *email = weir_args_at(cli->args, 0);
    bool enable = weir_args_has(cli->args, "enable");
    struct weir_buf body;
    int code = weir_remote_ask_id(r, "GET", PEOPLE, email, "", NULL, err);
    if (code) {
        return code;
    }
    weir_buf_init(&body, MAX_BODY);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    print_flag(&w, cli->args, "email", "email");
    print_flag(&w, cli->args, "name", "name");
    print_flag(&w, cli->args, "role", "role");
    if (enable || weir_args_has(cli->args, "disable")) {
        weir_jw_kbool(&w, "disabled", !enable);
    }
    code = print_attributes(&w, cli->args, weir_json_get(r->root, "attributes"), err);
    weir_jw_object_end(&w);
    if (!code && body.len == 2) {
        code = weir_fail(err, WEIR_CLI_USAGE, "nothing to set; see `weir user set --help`");
    }
    code = code ? code : weir_remote_ask_id(r, "PATCH", PEOPLE, email, "", &body, err);
    weir_buf_free(&body);
    return code;
}

static int remove_one(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    return weir_remote_ask_id(r, "DELETE", PEOPLE, weir_args_at(cli->args, 0), "", NULL, err);
}

static int invite(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    int code =
        weir_remote_ask_id(r, "POST", PEOPLE, weir_args_at(cli->args, 0), "/invite", NULL, err);
    if (!code) {
        tell_link(r);
    }
    return code;
}

static int setup(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    (void)cli;
    int code = weir_remote_ask(r, "POST", "/api/setup/link", NULL, err);
    if (!code) {
        tell_link(r);
    }
    return code;
}

static int password(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    struct weir_buf body, text;
    weir_buf_init(&body, MAX_BODY);
    weir_buf_init(&text, 4096);
    int code = weir_prompt("New password: ", true, &text, err);
    code = code || text.len ? code
                            : weir_fail(err, WEIR_CLI_USAGE,
                                        "no password on standard input; give it as one line");
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "password", weir_buf_str(&text));
    weir_jw_object_end(&w);
    code = code
               ? code
               : weir_remote_ask_id(r, "PATCH", PEOPLE, weir_args_at(cli->args, 0), "", &body, err);
    weir_buf_free(&body);
    weir_buf_free(&text);
    return code;
}

/* --- the table ------------------------------------------------------------------------------ */

static int run_add(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, add, err);
}

static int run_list(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, list, err);
}

static int run_set(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, set, err);
}

static int run_remove_one(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, remove_one, err);
}

static int run_invite(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, invite, err);
}

static int run_setup(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, setup, err);
}

static int run_password(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, password, err);
}

#define ATTRIBUTE                                                                                  \
    {                                                                                              \
        "attribute", 'a', "NAME=VALUE",                                                            \
            "a value for user.NAME in groups' conditions: text, a number, true, false or a list "  \
            "of text "                                                                             \
            "such as '[\"rugby\",\"golf\"]'",                                                      \
            true                                                                                   \
    }
#define ROLE                                                                                       \
    {                                                                                              \
        "role", 'r', "viewer|editor|admin",                                                        \
            "viewers open what is shared with them, editors write SQL and reports, admins do "     \
            "everything",                                                                          \
            false                                                                                  \
    }

static const struct weir_flag add_flags[] = {
    {"name", 'n', "NAME", "what people call her; the part before the @ by default", false},
    ROLE,
    ATTRIBUTE,
    {0},
};
const struct weir_command weir_command_user_add = {
    .name = "user add",
    .summary = "Make a person, and print the link with which she sets her password",
    .operands = "EMAIL",
    .min_operands = 1,
    .max_operands = 1,
    .help =
        "A viewer unless --role says otherwise. What she may see is said by groups: `weir group "
        "--help`.\n\n"
        "  weir user add ada@example.com --role editor --attribute 'sports=[\"rugby\"]'",
    .flags = add_flags,
    .run = run_add,
};

static const struct weir_flag list_flags[] = {
    {"json", 0, NULL, "print JSON, with attributes and groups", false},
    {0},
};
const struct weir_command weir_command_user_list = {
    .name = "user list",
    .summary = "List the people",
    .operands = "",
    .help = "",
    .flags = list_flags,
    .run = run_list,
};

static const struct weir_flag set_flags[] = {
    {"email", 0, "EMAIL", "a new address", false},
    {"name", 'n', "NAME", "what people call her", false},
    ROLE,
    {"disable", 0, NULL, "she cannot come in any more; her sessions end at once", false},
    {"enable", 0, NULL, "she can again", false},
    ATTRIBUTE,
    {0},
};
const struct weir_command weir_command_user_set = {
    .name = "user set",
    .summary = "Change a person",
    .operands = "EMAIL",
    .min_operands = 1,
    .max_operands = 1,
    .help = "What is not named stays as it is; `--attribute NAME=` takes one away. The last admin "
            "who can log in stays admin.",
    .flags = set_flags,
    .run = run_set,
};

const struct weir_command weir_command_user_remove = {
    .name = "user remove",
    .summary = "Remove a person, with her sessions and tokens",
    .operands = "EMAIL",
    .min_operands = 1,
    .max_operands = 1,
    .help = "What she made stays. `weir user set --disable` keeps her out and can be undone.",
    .run = run_remove_one,
};

const struct weir_command weir_command_user_invite = {
    .name = "user invite",
    .summary = "Print a new link with which a person sets her password",
    .operands = "EMAIL",
    .min_operands = 1,
    .max_operands = 1,
    .help = "For one who lost her invitation or her password. The link works once, for seven days; "
            "an earlier one dies.",
    .run = run_invite,
};

const struct weir_command weir_command_user_password = {
    .name = "user password",
    .summary = "Set a person's password from standard input",
    .operands = "EMAIL",
    .min_operands = 1,
    .max_operands = 1,
    .help = "One line of at least 10 characters. Her sessions end.",
    .run = run_password,
};

const struct weir_command weir_command_user_setup = {
    .name = "user setup",
    .summary = "Print a new link with which the first admin sets weir up",
    .operands = "",
    .help = "Only while there are no people. The link works once, for seven days; an earlier one "
            "dies.",
    .run = run_setup,
};
