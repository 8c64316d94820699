/* `weir source`: the sources of a workspace. */
#include "source/source.h"
#include "base/data.h"
#include "base/json_write.h"
#include "cli/commands.h"

static int run_key(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    struct weir_sources sources = {0};
    const char *name = weir_args_at(cli->args, 0);
    const struct weir_source *found = NULL;
    int code = weir_cli_workspace(cli, &workspace, err);
    code = code ? code : weir_sources_load(workspace, &sources, err);
    for (size_t i = 0; !code && i < sources.count; i++) {
        found = strcmp(sources.items[i].name, name) == 0 ? &sources.items[i] : found;
    }
    for (size_t i = 0; !code && i < sources.read_count; i++) {
        if (strcmp(sources.read[i].name, name) == 0) {
            code = weir_fail(err, WEIR_EINVAL,
                             "source \"%s\" is read by weir (`weir sync %s`): it has no write key",
                             name, name);
        }
    }
    if (!code && !found) {
        code = weir_fail(err, WEIR_ENOENT,
                         "there is no source \"%s\"; `weir source list` shows the sources, `weir "
                         "source add %s` makes it",
                         name, name);
    }
    if (!code) {
        puts(found->write_key);
    }
    weir_sources_free(&sources);
    weir_workspace_close(workspace);
    return code;
}

static const char *ip_name(const struct weir_source *source)
{
    for (const struct weir_option *o = weir_source_options; o->name; o++) {
        if (strcmp(o->name, "ip") == 0) {
            return o->choices[source->ip];
        }
    }
    return "";
}

static void list_table(const struct weir_sources *sources)
{
    printf("%-20s %-34s %s\n", "source", "write key", "ip");
    for (size_t i = 0; i < sources->count; i++) {
        const struct weir_source *s = &sources->items[i];
        printf("%-20s %-34s %s%s%s", s->name, s->write_key, ip_name(s),
               s->disabled ? " disabled" : "", s->strict ? " strict" : "");
        if (s->old_write_keys.count) {
            printf(" +%zu old key%s", s->old_write_keys.count,
                   s->old_write_keys.count > 1 ? "s" : "");
        }
        putchar('\n');
    }
    for (size_t i = 0; i < sources->read_count; i++) {
        printf("%-20s read by `weir sync`: %s\n", sources->read[i].name, sources->read[i].kind);
    }
}

static int list_json(const struct weir_sources *sources, struct weir_error *err)
{
    struct weir_buf out;
    weir_buf_init(&out, 16u << 20);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_array(&w);
    for (size_t i = 0; i < sources->count; i++) {
        const struct weir_source *s = &sources->items[i];
        weir_jw_object(&w);
        weir_jw_kstrz(&w, "name", s->name);
        weir_jw_kstrz(&w, "kind", "tracking");
        weir_jw_kstrz(&w, "write_key", s->write_key);
        weir_jw_keyz(&w, "old_write_keys");
        weir_jw_array(&w);
        for (size_t k = 0; k < s->old_write_keys.count; k++) {
            weir_jw_strz(&w, s->old_write_keys.items[k]);
        }
        weir_jw_array_end(&w);
        weir_jw_kbool(&w, "strict", s->strict);
        weir_jw_kbool(&w, "disabled", s->disabled);
        weir_jw_kstrz(&w, "ip", ip_name(s));
        weir_jw_kstrz(&w, "path", s->path);
        weir_jw_object_end(&w);
    }
    for (size_t i = 0; i < sources->read_count; i++) {
        weir_jw_object(&w);
        weir_jw_kstrz(&w, "name", sources->read[i].name);
        weir_jw_kstrz(&w, "kind", sources->read[i].kind);
        weir_jw_object_end(&w);
    }
    weir_jw_array_end(&w);
    int code = weir_buf_check(&out, "the list of sources", err);
    if (!code) {
        puts(weir_buf_cstr(&out));
    }
    weir_buf_free(&out);
    return code;
}

static int run_list(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    struct weir_sources sources = {0};
    int code = weir_cli_workspace(cli, &workspace, err);
    code = code ? code : weir_sources_load(workspace, &sources, err);
    if (!code && weir_args_has(cli->args, "json")) {
        code = list_json(&sources, err);
    } else if (!code && sources.count + sources.read_count == 0) {
        puts("No sources yet; `weir source add NAME` makes one.");
    } else if (!code) {
        list_table(&sources);
    }
    weir_sources_free(&sources);
    weir_workspace_close(workspace);
    return code;
}

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

/* `connection:` of the KEY=VALUE that --set gave. */
static int read_sets(struct weir_cli *cli, struct weir_arena *arena, struct weir_data *file,
                     struct weir_error *err)
{
    struct weir_data *connection = weir_data_new(arena, WEIR_DATA_OBJECT);
    const char *set;
    for (size_t i = 0; connection && (set = weir_args_value_at(cli->args, "set", i)); i++) {
        struct weir_str value = weir_str_of(set), key = weir_str_cut(&value, '=');
        if (!value.ptr) {
            return weir_fail(err, WEIR_EINVAL, "--set %s is no KEY=VALUE", set);
        }
        struct weir_data *text = weir_data_text(arena, value);
        if (!text || !weir_data_set(arena, connection, key, text)) {
            connection = NULL;
        }
    }
    return connection && weir_data_set(arena, file, WEIR_STR("connection"), connection)
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "out of memory for a source");
}

static int add_read(struct weir_cli *cli, const struct weir_workspace *workspace, const char *name,
                    const char *kind, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_buf text;
    const char *schema = weir_args_value(cli->args, "schema");
    weir_arena_init(&arena, 4u << 20);
    weir_buf_init(&text, 1u << 20);
    struct weir_data *file = weir_data_new(&arena, WEIR_DATA_OBJECT);
    struct weir_data *kind_text = weir_data_text(&arena, weir_str_of(kind));
    struct weir_data *schema_text = weir_data_text(&arena, weir_str_of(schema ? schema : ""));
    int code = file && kind_text && schema_text &&
                       weir_data_set(&arena, file, WEIR_STR("kind"), kind_text) &&
                       (!schema || weir_data_set(&arena, file, WEIR_STR("schema"), schema_text))
                   ? 0
                   : weir_fail(err, WEIR_ENOMEM, "out of memory for a source");
    code = code ? code : read_sets(cli, &arena, file, err);
    code = code ? code : weir_source_new_text(name, file, &text, err);
    code = code ? code : weir_source_create(workspace->dir, name, weir_buf_str(&text), err);
    if (!code) {
        printf("Made sources/%s.yml. `weir source discover %s` shows what it has, `weir sync %s` "
               "loads it into the schema \"%s\".\n",
               name, name, name, schema ? schema : name);
    }
    weir_buf_free(&text);
    weir_arena_free(&arena);
    return code;
}

static int run_add(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    const char *name = weir_args_at(cli->args, 0);
    const char *kind = weir_args_value(cli->args, "kind");
    int code = weir_cli_workspace(cli, &workspace, err);
    if (!code) {
        code = kind && strcmp(kind, "tracking") != 0 ? add_read(cli, workspace, name, kind, err)
                                                     : add_tracking(cli, workspace, name, err);
    }
    weir_workspace_close(workspace);
    return code;
}

const struct weir_command weir_command_source_key = {
    .name = "source key",
    .summary = "Print a source's write key, and nothing else",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "For scripts:\n\n"
            "  curl -u \"$(weir source key web):\" http://127.0.0.1:8080/v1/track \\\n"
            "    -d '{\"userId\":\"ada\",\"event\":\"Signed Up\"}'",
    .run = run_key,
};

static const struct weir_flag list_flags[] = {
    {"json", 0, NULL, "print JSON, with all keys", false},
    {0},
};
const struct weir_command weir_command_source_list = {
    .name = "source list",
    .summary = "List the sources",
    .operands = "",
    .help = "",
    .flags = list_flags,
    .run = run_list,
};

static const struct weir_flag add_flags[] = {
    {"key", 'k', "KEY", "the write key, 16 to 128 letters, digits, _ and -; a fresh one by default",
     false},
    {"kind", 0, "tracking|file|postgres",
     "tracking: apps send events (the default); file: weir reads CSV, JSON or Parquet files; "
     "postgres: it reads the tables of a PostgreSQL",
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
    .help = "NAME is also the schema in the warehouse: a to z, 0 to 9 and _, beginning with a "
            "letter. A running weir takes the new source in by itself.\n\n"
            "  weir source add shop\n"
            "  weir source add billing --kind file --set 'path=exports/*.csv'",
    .flags = add_flags,
    .run = run_add,
};
