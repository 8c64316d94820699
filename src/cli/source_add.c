/* `weir source add` and `weir source kinds`. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/data.h"
#include "cli/commands.h"
#include "cli/prompt.h"
#include "io/http_head.h"
#include "source/connector.h"
#include "source/define/secret.h"

static int add_tracking(struct weir_cli *cli, const struct weir_workspace *workspace,
                        const char *name, struct weir_error *err)
{
    int code = weir_source_add(workspace, name, weir_args_value(cli->args, "key"), err);
    if (!code) {
        printf("Made sources/%s.yml; its events arrive in the schema \"%s\".\n"
               "`weir source key %s` prints its write key.\n",
               name, name, name);
    }
    return code;
}

/* --- what the connector needs -------------------------------------------------------------------
 */

struct adding {
    struct weir_cli *cli;
    const struct weir_source_connector *connector;
    struct weir_arena arena;
    struct weir_data *connection;
};

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "out of memory for a source");
}

static int set_text(struct adding *a, struct weir_str key, struct weir_str value,
                    struct weir_error *err)
{
    struct weir_data *text = weir_data_text(&a->arena, value);
    return text && weir_data_set(&a->arena, a->connection, key, text) ? 0 : no_memory(err);
}

/* The KEY=VALUE that --set gave; weir_source_new_text() gives them their types. */
static int read_sets(struct adding *a, struct weir_error *err)
{
    const char *set;
    int code = 0;
    for (size_t i = 0; !code && (set = weir_args_value_at(a->cli->args, "set", i)); i++) {
        struct weir_str value = weir_str_of(set), key = weir_str_cut(&value, '=');
        code = value.ptr ? set_text(a, key, value, err)
                         : weir_fail(err, WEIR_CLI_USAGE, "--set %s is no KEY=VALUE", set);
    }
    return code;
}

/* --- an address in the place of a host ----------------------------------------------------------
 */

/* A server's host: most are not on this machine, though the option has a default. */
static bool is_server(const struct weir_option *option)
{
    return strcmp(option->name, "host") == 0;
}

static bool is_scheme(const struct adding *a, struct weir_str scheme)
{
    bool postgres = strcmp(a->connector->name, "postgres") == 0;
    return postgres ? weir_str_is(scheme, "postgres") || weir_str_is(scheme, "postgresql")
                    : strcmp(a->connector->name, "mysql") == 0 &&
                          (weir_str_is(scheme, "mysql") || weir_str_is(scheme, "mariadb"));
}

/* What --set says counts more. */
static int set_part(struct adding *a, const char *key, struct weir_str part, struct weir_error *err)
{
    bool host = strcmp(key, "host") == 0;
    if (!part.len || (!host && weir_data_get(a->connection, key))) {
        return 0;
    }
    char *plain = weir_arena_alloc(&a->arena, part.len);
    if (!plain) {
        return no_memory(err);
    }
    size_t n = weir_http_unescape(part, plain, false);
    return set_text(a, weir_str_of(key), (struct weir_str){plain, n}, err);
}

static int set_place(struct adding *a, struct weir_str place, struct weir_error *err)
{
    struct weir_str name = place, port = {NULL, 0};
    if (place.len && *place.ptr == '[') { /* [::1]:5432 */
        name.ptr++;
        name.len--;
        port = name;
        name = weir_str_cut(&port, ']');
        port = port.len && *port.ptr == ':' ? (struct weir_str){port.ptr + 1, port.len - 1}
                                            : (struct weir_str){NULL, 0};
    } else {
        port = name;
        name = weir_str_cut(&port, ':');
    }
    int code = set_part(a, "host", name, err);
    return code ? code : set_part(a, "port", port, err);
}

/* postgres://user:password@host:5432/shop?sslmode=require, or host:5432, in the settings that it
 * is about. */
static int take_apart(struct adding *a, struct weir_error *err)
{
    struct weir_str rest = weir_data_get_text(a->connection, "host"), user = {NULL, 0};
    if (!rest.ptr || !rest.len) {
        return 0;
    }
    const char *mark = memmem(rest.ptr, rest.len, "://", 3);
    if (!mark) {
        const char *colon = memchr(rest.ptr, ':', rest.len);
        bool pair = colon && colon > rest.ptr && memchr(rest.ptr, '/', rest.len) == NULL &&
                    memrchr(rest.ptr, ':', rest.len) == colon;
        return pair ? set_place(a, rest, err) : 0;
    }
    if (!is_scheme(a, (struct weir_str){rest.ptr, (size_t)(mark - rest.ptr)})) {
        return 0;
    }
    rest = (struct weir_str){mark + 3, rest.len - (size_t)(mark + 3 - rest.ptr)};
    struct weir_str query = rest;
    rest = weir_str_cut(&query, '?');
    struct weir_str database = rest;
    struct weir_str place = weir_str_cut(&database, '/');
    const char *at = place.len ? memrchr(place.ptr, '@', place.len) : NULL;
    if (at) {
        user = (struct weir_str){place.ptr, (size_t)(at - place.ptr)};
        place = (struct weir_str){at + 1, place.len - user.len - 1};
    }
    struct weir_str password = user;
    user = weir_str_cut(&password, ':');
    int code = set_place(a, place, err);
    code = code ? code : set_part(a, "user", user, err);
    code = code ? code : set_part(a, "password", password, err);
    code = code ? code : set_part(a, "database", database, err);
    while (!code && query.len) {
        struct weir_str value = weir_str_cut(&query, '&'), key = weir_str_cut(&value, '=');
        for (const struct weir_option *o = a->connector->options; !code && o->name; o++) {
            code = weir_str_is(key, o->name) ? set_part(a, o->name, value, err) : 0;
        }
    }
    return code;
}

/* --- questions ----------------------------------------------------------------------------------
 */

static int ask(struct adding *a, const struct weir_option *option, struct weir_error *err)
{
    struct weir_buf answer;
    char prompt[512];
    if (is_server(option)) {
        snprintf(prompt, sizeof prompt, "%s (or a whole address; %s: press Enter): ", option->name,
                 option->fallback ? option->fallback : "none");
    } else {
        snprintf(prompt, sizeof prompt, "%s (%s): ", option->name,
                 option->secret ? "not shown; none: press Enter" : option->help);
    }
    weir_buf_init(&answer, 65536);
    int code = weir_prompt(prompt, option->secret, &answer, err);
    if (!code && answer.len == 0 && !option->fallback) {
        code = weir_fail(err, WEIR_CLI_USAGE, "\"%s\" is needed; nothing was made", option->name);
    } else if (!code && answer.len) {
        code = set_text(a, weir_str_of(option->name), weir_buf_str(&answer), err);
        explicit_bzero(answer.data, answer.len);
    }
    weir_buf_free(&answer);
    return code;
}

/* Files of this machine have no secrets; addresses may. */
static bool has_secrets(const struct adding *a)
{
    struct weir_str path = weir_data_get_text(a->connection, "path");
    return strcmp(a->connector->name, "file") != 0 ||
           (path.len && memmem(path.ptr, path.len, "://", 3));
}

/* On a terminal, required options and secrets that --set did not give are asked for. */
static int complete(struct adding *a, struct weir_error *err)
{
    struct weir_buf missing;
    bool terminal = isatty(STDIN_FILENO);
    int code = 0;
    weir_buf_init(&missing, 65536);
    for (const struct weir_option *o = a->connector->options; !code && o->name; o++) {
        bool asked = !o->fallback || (terminal && (is_server(o) || (o->secret && has_secrets(a))));
        if (!asked || weir_data_get(a->connection, o->name) ||
            (is_server(o) && weir_data_get(a->connection, "socket"))) {
            continue;
        }
        if (terminal) {
            code = ask(a, o, err);
            code = code || !is_server(o) ? code : take_apart(a, err);
        } else {
            weir_buf_addf(&missing, " --set %s=…", o->name);
        }
    }
    if (!code && missing.len) {
        code = weir_fail(err, WEIR_CLI_USAGE,
                         "a source of kind %s needs%s; `weir source kinds %s` shows all settings",
                         a->connector->name, weir_buf_cstr(&missing), a->connector->name);
    }
    weir_buf_free(&missing);
    return code;
}

static int make_file(struct adding *a, struct weir_data *file, struct weir_error *err)
{
    const char *schema = weir_args_value(a->cli->args, "schema");
    struct weir_data *kind = weir_data_text(&a->arena, weir_str_of(a->connector->name));
    struct weir_data *named = weir_data_text(&a->arena, weir_str_of(schema ? schema : ""));
    return file && kind && named && weir_data_set(&a->arena, file, WEIR_STR("kind"), kind) &&
                   (!schema || weir_data_set(&a->arena, file, WEIR_STR("schema"), named)) &&
                   weir_data_set(&a->arena, file, WEIR_STR("connection"), a->connection)
               ? 0
               : no_memory(err);
}

static int add_read(struct weir_cli *cli, struct weir_workspace *workspace, const char *name,
                    const char *kind, struct weir_error *err)
{
    struct adding a = {.cli = cli, .connector = weir_source_connector_of(weir_str_of(kind))};
    struct weir_source_site site;
    struct weir_source_typed *typed = NULL;
    struct weir_buf text;
    const char *schema = weir_args_value(cli->args, "schema");
    if (!a.connector) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "there is no kind \"%s\"; `weir source kinds` lists them", kind);
    }
    weir_arena_init(&a.arena, 4u << 20);
    weir_buf_init(&text, 1u << 20);
    struct weir_data *file = weir_data_new(&a.arena, WEIR_DATA_OBJECT);
    a.connection = weir_data_new(&a.arena, WEIR_DATA_OBJECT);
    int code = a.connection ? read_sets(&a, err) : no_memory(err);
    code = code ? code : take_apart(&a, err);
    code = code ? code : complete(&a, err);
    code =
        code ? code
             : weir_source_take_typed(name, a.connector, a.connection, NULL, &a.arena, &typed, err);
    code = code ? code : make_file(&a, file, err);
    code = code ? code : weir_source_new_text(name, file, &text, err);
    code = code ? code : weir_source_site_init(workspace, &site, err);
    code = code ? code : weir_source_create(&site, name, weir_buf_str(&text), typed, err);
    if (!code) {
        printf("Made sources/%s.yml. `weir source discover %s` shows what it has, `weir sync %s` "
               "loads it into the schema \"%s\".\n",
               name, name, name, schema ? schema : name);
    }
    weir_buf_free(&text);
    weir_arena_free(&a.arena);
    return code;
}

static int run_add(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    const char *name = weir_args_at(cli->args, 0);
    const char *kind = weir_args_value(cli->args, "kind");
    bool read = kind && strcmp(kind, "tracking") != 0;
    if (!read && (weir_args_has(cli->args, "set") || weir_args_has(cli->args, "schema"))) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "--set and --schema are for a source that weir reads from: say which by "
                         "--kind, as `weir source add %s --kind file --set path=FILE`",
                         name);
    }
    int code = weir_cli_workspace(cli, &workspace, err);
    if (!code) {
        code = read ? add_read(cli, workspace, name, kind, err)
                    : add_tracking(cli, workspace, name, err);
    }
    weir_workspace_close(workspace);
    return code;
}

#define OR(kind) "|" #kind
static const struct weir_flag add_flags[] = {
    {"key", 'k', "KEY", "the write key, 16 to 128 letters, digits, _ and -; a fresh one by default",
     false},
    {"kind", 0, "tracking" WEIR_SOURCE_KINDS(OR),
     "tracking: apps send events (the default); the others: weir reads from it (`weir source "
     "kinds` says what each needs)",
     false},
    {"set", 's', "KEY=VALUE", "of other kinds: a setting of the connection, as path=orders.csv",
     true},
    {"schema", 0, "NAME", "of other kinds: the schema in the warehouse, when it is not the name",
     false},
    {0},
};
const struct weir_command weir_command_source_add = {
    .name = "source add",
    .summary = "Make a source: of events, or one that weir reads from",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help =
        "NAME is also the schema in the warehouse: a to z, 0 to 9 and _, beginning with a "
        "letter. A running weir takes the new source in by itself.\n\n"
        "  weir source add shop\n"
        "  weir source add billing --kind file --set 'path=exports/*.csv'\n"
        "  weir source add crm --kind postgres --set database=crm --set user=reader\n\n"
        "On a terminal, what a kind needs and --set does not say is asked for. In the place of a "
        "host an address (`postgres://user:password@db.example.org:5432/shop`, "
        "`db.example.org:5432`) is taken apart; its password is sealed.",
    .flags = add_flags,
    .run = run_add,
};

/* --- kinds --------------------------------------------------------------------------------------
 */

static int run_kinds(struct weir_cli *cli, struct weir_error *err)
{
    const char *kind = weir_args_at(cli->args, 0);
    if (kind && !weir_source_connector_of(weir_str_of(kind))) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "there is no kind \"%s\"; `weir source kinds` lists them", kind);
    }
    for (size_t i = 0; weir_source_connectors[i]; i++) {
        const struct weir_source_connector *c = weir_source_connectors[i];
        if (kind && strcmp(kind, c->name) != 0) {
            continue;
        }
        printf("%s: %s\n", c->name, c->title);
        for (const struct weir_option *o = c->options; o->name; o++) {
            bool some = o->fallback && *o->fallback;
            printf("  %-20s %s (%s%s)\n", o->name, o->help, o->fallback ? "default: " : "needed",
                   some          ? o->fallback
                   : o->fallback ? "none"
                                 : "");
        }
    }
    return 0;
}

const struct weir_command weir_command_source_kinds = {
    .name = "source kinds",
    .summary = "Show the kinds of sources that weir reads from, and their settings",
    .operands = "[KIND]",
    .max_operands = 1,
    .help = "",
    .run = run_kinds,
};
