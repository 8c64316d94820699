/* `weir group`: what people may see. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/remote.h"

#define MAX_BODY (64u << 20)
#define GROUPS   "/api/groups/"

/* --- showing -------------------------------------------------------------------------------- */

static void show_names(const char *what, struct weir_json list)
{
    struct weir_json item;
    struct weir_str name = WEIR_STR("");
    struct weir_json_iter it = weir_json_begin(list);
    const char *before = "";
    if (weir_json_count(list)) {
        printf("  %s ", what);
    }
    while (weir_json_next(&it, NULL, &item)) {
        weir_json_str(item, &name);
        printf("%s" WEIR_STR_FMT, before, WEIR_STR_ARG(name));
        before = ", ";
    }
}

static void show_group(struct weir_json group)
{
    struct weir_json item;
    size_t members = weir_json_count(weir_json_get(group, "members"));
    printf(WEIR_STR_FMT "  (%zu %s)\n", WEIR_STR_ARG(weir_json_get_str(group, "name")), members,
           members == 1 ? "person" : "people");
    struct weir_json_iter it = weir_json_begin(weir_json_get(group, "tables"));
    while (weir_json_next(&it, NULL, &item)) {
        struct weir_str rows = weir_json_get_str(item, "rows");
        printf("  " WEIR_STR_FMT "." WEIR_STR_FMT, WEIR_STR_ARG(weir_json_get_str(item, "schema")),
               WEIR_STR_ARG(weir_json_get_str(item, "table")));
        if (rows.ptr) {
            printf("  where " WEIR_STR_FMT, WEIR_STR_ARG(rows));
        }
        show_names("without", weir_json_get(item, "hidden"));
        show_names("masked", weir_json_get(item, "masked"));
        putchar('\n');
    }
    it = weir_json_begin(weir_json_get(group, "collections"));
    while (weir_json_next(&it, NULL, &item)) {
        printf("  collection " WEIR_STR_FMT ": " WEIR_STR_FMT "\n",
               WEIR_STR_ARG(weir_json_get_str(item, "collection")),
               WEIR_STR_ARG(weir_json_get_str(item, "level")));
    }
}

static int list(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    struct weir_json group;
    int code = weir_remote_ask(r, "GET", "/api/groups", NULL, err);
    if (!code && weir_args_has(cli->args, "json")) {
        weir_remote_print(r);
    } else if (!code) {
        struct weir_json_iter it = weir_json_begin(weir_json_get(r->root, "groups"));
        while (weir_json_next(&it, NULL, &group)) {
            show_group(group);
        }
    }
    return code;
}

/* --- changing ------------------------------------------------------------------------------- */

static int add(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    const char *description = weir_args_value(cli->args, "description");
    struct weir_buf body;
    weir_buf_init(&body, MAX_BODY);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "name", weir_args_at(cli->args, 0));
    weir_jw_kstrz(&w, "description", description ? description : "");
    weir_jw_object_end(&w);
    int code = weir_remote_ask(r, "POST", "/api/groups", &body, err);
    weir_buf_free(&body);
    return code;
}

/* Reads the group, lets `change` write it anew, and puts it back. */
static int rewrite(struct weir_cli *cli, struct weir_remote *r,
                   int (*change)(struct weir_cli *cli, struct weir_remote *r,
                                 struct weir_json group, struct weir_jw *w, struct weir_error *err),
                   struct weir_error *err)
{
    const char *name = weir_args_at(cli->args, 0);
    struct weir_buf body;
    int code = weir_remote_ask_id(r, "GET", GROUPS, name, "", NULL, err);
    if (code) {
        return code;
    }
    weir_buf_init(&body, MAX_BODY);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    code = change(cli, r, r->root, &w, err);
    weir_jw_object_end(&w);
    code = code ? code : weir_remote_ask_id(r, "PUT", GROUPS, name, "", &body, err);
    weir_buf_free(&body);
    return code;
}

static int change_words(struct weir_cli *cli, struct weir_remote *r, struct weir_json group,
                        struct weir_jw *w, struct weir_error *err)
{
    static const char *const keys[] = {"name", "description"};
    const char *except[3] = {NULL};
    size_t n = 0;
    (void)r;
    for (size_t i = 0; i < 2; i++) {
        const char *value = weir_args_value(cli->args, keys[i]);
        if (value) {
            weir_jw_kstrz(w, keys[i], value);
            except[n++] = keys[i];
        }
    }
    weir_remote_copy(w, group, except);
    return n ? 0 : weir_fail(err, WEIR_CLI_USAGE, "nothing to set; see `weir group set --help`");
}

static int set(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    return rewrite(cli, r, change_words, err);
}

static int remove_one(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    return weir_remote_ask_id(r, "DELETE", GROUPS, weir_args_at(cli->args, 0), "", NULL, err);
}

/* --- tables --------------------------------------------------------------------------------- */

static void print_flags(struct weir_jw *w, const struct weir_args *args, const char *flag,
                        const char *key)
{
    const char *value;
    weir_jw_keyz(w, key);
    weir_jw_array(w);
    for (size_t i = 0; (value = weir_args_value_at(args, flag, i)); i++) {
        weir_jw_strz(w, value);
    }
    weir_jw_array_end(w);
}

static void print_grant(struct weir_jw *w, const struct weir_args *args, struct weir_str schema,
                        struct weir_str table)
{
    const char *rows = weir_args_value(args, "rows");
    weir_jw_object(w);
    weir_jw_kstr(w, "schema", schema);
    weir_jw_kstr(w, "table", table);
    weir_jw_keyz(w, "rows");
    if (rows) {
        weir_jw_strz(w, rows);
    } else {
        weir_jw_null(w);
    }
    print_flags(w, args, "hide", "hidden");
    print_flags(w, args, "mask", "masked");
    weir_jw_object_end(w);
}

static int change_tables(struct weir_cli *cli, struct weir_remote *r, struct weir_json group,
                         struct weir_jw *w, struct weir_error *err)
{
    static const char *const except[] = {"tables", NULL};
    struct weir_json item;
    struct weir_str table = weir_str_of(weir_args_at(cli->args, 1));
    struct weir_str schema = weir_str_cut(&table, '.');
    bool revoke = weir_args_has(cli->args, "revoke"), found = false;
    (void)r;
    if (!table.ptr || schema.len == 0 || table.len == 0) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "\"%s\" is no table; write SCHEMA.TABLE, such as web.*",
                         weir_args_at(cli->args, 1));
    }
    weir_remote_copy(w, group, except);
    weir_jw_keyz(w, "tables");
    weir_jw_array(w);
    struct weir_json_iter it = weir_json_begin(weir_json_get(group, "tables"));
    while (weir_json_next(&it, NULL, &item)) {
        if (weir_str_eq(weir_json_get_str(item, "schema"), schema) &&
            weir_str_eq(weir_json_get_str(item, "table"), table)) {
            found = true;
        } else {
            weir_remote_value(w, item);
        }
    }
    if (!revoke) {
        print_grant(w, cli->args, schema, table);
    }
    weir_jw_array_end(w);
    return revoke && !found ? weir_fail(err, WEIR_ENOENT,
                                        "the group has no grant of %s; `weir group list` shows "
                                        "what it has",
                                        weir_args_at(cli->args, 1))
                            : 0;
}

static int grant(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    return rewrite(cli, r, change_tables, err);
}

/* --- members -------------------------------------------------------------------------------- */

static bool among(const struct weir_args *args, const char *flag, struct weir_str email)
{
    const char *value;
    for (size_t i = 0; (value = weir_args_value_at(args, flag, i)); i++) {
        if (weir_str_eq_nocase(weir_str_of(value), email)) {
            return true;
        }
    }
    return false;
}

static int check_people(const struct weir_args *args, const char *flag, struct weir_json people,
                        struct weir_error *err)
{
    const char *value;
    for (size_t i = 0; (value = weir_args_value_at(args, flag, i)); i++) {
        struct weir_json person;
        bool found = false;
        struct weir_json_iter it = weir_json_begin(people);
        while (!found && weir_json_next(&it, NULL, &person)) {
            found = weir_str_eq_nocase(weir_json_get_str(person, "email"), weir_str_of(value));
        }
        if (!found) {
            return weir_fail(err, WEIR_ENOENT, "there is nobody with the e-mail address %s", value);
        }
    }
    return 0;
}

static bool holds(struct weir_json list, struct weir_str text)
{
    struct weir_json item;
    struct weir_str s;
    struct weir_json_iter it = weir_json_begin(list);
    while (weir_json_next(&it, NULL, &item)) {
        if (weir_json_str(item, &s) && weir_str_eq(s, text)) {
            return true;
        }
    }
    return false;
}

/* People say which groups they are in, so each of them is changed alone. */
static int put_groups(struct weir_remote *r, struct weir_str email, struct weir_json groups,
                      struct weir_str group, bool in, struct weir_error *err)
{
    struct weir_json item;
    struct weir_buf body;
    char id[320];
    weir_buf_init(&body, MAX_BODY);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_keyz(&w, "groups");
    weir_jw_array(&w);
    struct weir_json_iter it = weir_json_begin(groups);
    while (weir_json_next(&it, NULL, &item)) {
        struct weir_str s;
        if (weir_json_str(item, &s) && !weir_str_eq(s, group)) {
            weir_jw_str(&w, s);
        }
    }
    if (in) {
        weir_jw_str(&w, group);
    }
    weir_jw_array_end(&w);
    weir_jw_object_end(&w);
    snprintf(id, sizeof id, WEIR_STR_FMT, WEIR_STR_ARG(email));
    int code = weir_remote_ask_id(r, "PATCH", "/api/people/", id, "", &body, err);
    weir_buf_free(&body);
    return code;
}

/* `r` holds the list of people; `other` is what changes are asked by. */
static int change_members(struct weir_cli *cli, struct weir_remote *r, struct weir_remote *other,
                          struct weir_str group, struct weir_error *err)
{
    struct weir_json people = weir_json_get(r->root, "people"), person;
    int code = check_people(cli->args, "add", people, err);
    code = code ? code : check_people(cli->args, "remove", people, err);
    struct weir_json_iter it = weir_json_begin(people);
    while (!code && weir_json_next(&it, NULL, &person)) {
        struct weir_str email = weir_json_get_str(person, "email");
        struct weir_json groups = weir_json_get(person, "groups");
        bool was = holds(groups, group);
        bool in = (was || among(cli->args, "add", email)) && !among(cli->args, "remove", email);
        if (in != was) {
            code = put_groups(other, email, groups, group, in, err);
        }
        if (!code && in) {
            printf(WEIR_STR_FMT "\n", WEIR_STR_ARG(email));
        }
    }
    return code;
}

static int members(struct weir_cli *cli, struct weir_remote *r, struct weir_error *err)
{
    struct weir_remote other;
    int code = weir_remote_open(cli, &other, err);
    code = code ? code
                : weir_remote_ask_id(r, "GET", GROUPS, weir_args_at(cli->args, 0), "", NULL, err);
    if (!code) {
        bool builtin = false;
        char id[64];
        struct weir_str s = weir_json_get_str(r->root, "id");
        snprintf(id, sizeof id, WEIR_STR_FMT, WEIR_STR_ARG(s));
        weir_json_bool(weir_json_get(r->root, "builtin"), &builtin);
        if (builtin && (weir_args_has(cli->args, "add") || weir_args_has(cli->args, "remove"))) {
            code =
                weir_fail(err, WEIR_CLI_USAGE, "%s holds all people", weir_args_at(cli->args, 0));
        }
        code = code ? code : weir_remote_ask(r, "GET", "/api/people", NULL, err);
        code = code ? code : change_members(cli, r, &other, weir_str_of(id), err);
    }
    weir_remote_close(&other);
    return code;
}

/* --- the table ------------------------------------------------------------------------------ */

static int run_list(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, list, err);
}

static int run_add(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, add, err);
}

static int run_set(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, set, err);
}

static int run_remove_one(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, remove_one, err);
}

static int run_grant(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, grant, err);
}

static int run_members(struct weir_cli *cli, struct weir_error *err)
{
    return weir_remote_run(cli, members, err);
}

static const struct weir_flag list_flags[] = {
    {"json", 0, NULL, "print JSON", false},
    {0},
};
const struct weir_command weir_command_group_list = {
    .name = "group list",
    .summary = "List the groups, and what each may see",
    .operands = "",
    .help = "",
    .flags = list_flags,
    .run = run_list,
};

static const struct weir_flag add_flags[] = {
    {"description", 'd', "TEXT", "what it is for", false},
    {0},
};
const struct weir_command weir_command_group_add = {
    .name = "group add",
    .summary = "Make a group",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "It holds nobody and shows nothing yet.\n\n"
            "  weir group add rugby\n"
            "  weir group grant rugby 'web.*' --rows \"sport in (user.sports)\"\n"
            "  weir group members rugby --add ada@example.com",
    .flags = add_flags,
    .run = run_add,
};

static const struct weir_flag set_flags[] = {
    {"name", 'n', "NAME", "a new name", false},
    {"description", 'd', "TEXT", "what it is for", false},
    {0},
};
const struct weir_command weir_command_group_set = {
    .name = "group set",
    .summary = "Rename or describe a group",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "",
    .flags = set_flags,
    .run = run_set,
};

static const struct weir_flag grant_flags[] = {
    {"rows", 0, "SQL", "only rows for which this holds, such as: sport in (user.sports)", false},
    {"hide", 0, "COLUMN", "this column does not exist for the members", true},
    {"mask", 0, "COLUMN", "this column is NULL for the members", true},
    {"revoke", 0, NULL, "take the grant away", false},
    {0},
};
const struct weir_command weir_command_group_grant = {
    .name = "group grant",
    .summary = "Show a table, or many, to a group's members",
    .operands = "NAME SCHEMA.TABLE",
    .min_operands = 2,
    .max_operands = 2,
    .help =
        "`*` stands for any characters: web.*, *.orders. A grant replaces the group's earlier "
        "one with the same words. In one group the narrower grant counts: web.users beats web.*. "
        "Somebody in several groups sees what any of them shows.\n\n"
        "Everybody is in the group everyone, which shows all tables until you take that away:\n\n"
        "  weir group grant everyone '*.*' --revoke",
    .flags = grant_flags,
    .run = run_grant,
};

const struct weir_command weir_command_group_remove = {
    .name = "group remove",
    .summary = "Remove a group; its members stay",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "",
    .run = run_remove_one,
};

static const struct weir_flag members_flags[] = {
    {"add", 0, "EMAIL", "put her in", true},
    {"remove", 0, "EMAIL", "take her out", true},
    {0},
};
const struct weir_command weir_command_group_members = {
    .name = "group members",
    .summary = "List and change who is in a group",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "Prints the members' e-mail addresses, one a line, as they are afterwards.",
    .flags = members_flags,
    .run = run_members,
};
