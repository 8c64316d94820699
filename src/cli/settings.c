/* `weir settings` (hidden): the reference of all settings, which docs/guide/settings.md holds. */
#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>

#include "cache/cache.h"
#include "cli/commands.h"
#include "collect/collect.h"
#include "load/load.h"
#include "query/query.h"
#include "render/render.h"
#include "serve/serve.h"
#include "source/connector.h"
#include "source/source.h"
#include "warehouse/settings.h"

const struct weir_settings_section weir_settings_sections[] = {
    {"collect", "The tracking API (`weir collect`).", weir_collect_options},
    {"log", "The event log.", weir_log_options},
    {"load", "From the event log into the warehouse.", weir_load_options},
    {"warehouse", "The embedded warehouse.", weir_warehouse_settings_table},
    {"query", "People's SQL.", weir_query_options},
    {"cache", "Results that are kept until what they were made from changes.", weir_cache_options},
    {"serve", "The API and the pages (`weir serve`).", weir_serve_options},
    {"workspace", "Reports and the other documents.", weir_workspace_options},
    {"source", "Sources that weir reads from (`weir sync`).", weir_source_settings},
    {"render", "Reports as PDF and PNG files.", weir_render_options},
    {0},
};

/* Room for a component's settings, whose struct only the component knows: its options say how far
 * it reaches. */
static void *scratch_for(const struct weir_option *table, struct weir_arena *arena)
{
    size_t end = 0;
    for (; table->name; table++) {
        end = table->offset > end ? table->offset : end;
    }
    return weir_arena_calloc(arena, end + sizeof(struct weir_text_list) + sizeof(int64_t));
}

static int read_section(struct weir_workspace *workspace,
                        const struct weir_settings_section *section, void **out,
                        struct weir_error *err)
{
    *out = scratch_for(section->table, &workspace->arena);
    return *out ? weir_workspace_section(workspace, section->name, section->table, *out, err)
                : weir_fail(err, WEIR_ENOMEM, "out of memory for the settings");
}

int weir_settings_check(struct weir_workspace *workspace, struct weir_error *err)
{
    int code = WEIR_OK;
    for (const struct weir_settings_section *s = weir_settings_sections; s->name && !code; s++) {
        void *settings;
        code = read_section(workspace, s, &settings, err);
    }
    return code;
}

static int find_option(struct weir_workspace *workspace, const char *section, const char *name,
                       void **slot, struct weir_error *err)
{
    for (const struct weir_settings_section *s = weir_settings_sections; s->name; s++) {
        const struct weir_option *o = s->table;
        void *settings;
        if (strcmp(s->name, section) != 0) {
            continue;
        }
        while (o->name && strcmp(o->name, name) != 0) {
            o++;
        }
        if (o->name) {
            int code = read_section(workspace, s, &settings, err);
            *slot = (char *)settings + o->offset;
            return code;
        }
    }
    return weir_fail(err, WEIR_ENOENT, "there is no setting %s.%s", section, name);
}

int weir_settings_text(struct weir_workspace *workspace, const char *section, const char *name,
                       const char **out, struct weir_error *err)
{
    void *slot;
    int code = find_option(workspace, section, name, &slot, err);
    if (!code) {
        *out = *(const char **)slot;
    }
    return code;
}

int weir_settings_bytes(struct weir_workspace *workspace, const char *section, const char *name,
                        uint64_t *out, struct weir_error *err)
{
    void *slot;
    int code = find_option(workspace, section, name, &slot, err);
    if (!code) {
        *out = *(uint64_t *)slot;
    }
    return code;
}

/* --- the reference -----------------------------------------------------------------------------
 */

static const char preface[] =
    "# Settings\n\n"
    "`weir.yml` holds the settings of a workspace, a section for each part. All of them have "
    "defaults: an\nempty file is fine. A mistake is told with its line before anything starts.\n\n"
    "Sizes are bytes or `64k`, `32MB`, `1GB` (powers of 1,024). Durations are `250ms`, `30s`, "
    "`15m`, `12h`,\n`7d`. Where an environment variable is named, it wins over the file.\n\n"
    "A running `weir up` reads `weir.yml` again on SIGHUP, and source files by itself when they "
    "change.\n\n"
    "This page is made from the program's own tables (`make docs`).\n";

/* What of docs/guide/sources/KIND.md is made: all settings of `connection:`. */
static void add_kind(struct weir_buf *out, const struct weir_source_connector *c)
{
    bool any = false;
    weir_buf_addf(out,
                  "Settings of `connection:` for `kind: %s` (made from the program's own table, by "
                  "`make docs`):\n\n",
                  c->name);
    weir_options_markdown(c->options, out);
    for (const struct weir_option *o = c->options; o->name; o++) {
        if (o->secret || o->type == WEIR_OPT_DATA) {
            weir_buf_addf(out, "%s`%s`%s",
                          any ? ", " : "\n[Secret](../sources.md#secrets): ", o->name,
                          o->secret ? "" : " (of a mapping: what its keys call so)");
            any = true;
        }
    }
    weir_buf_addf(out, "%s\n```sh\nweir source add NAME --kind %s", any ? ".\n" : "", c->name);
    for (const struct weir_option *o = c->options; o->name; o++) {
        if (!o->fallback) {
            weir_buf_addf(out, " --set %s=…", o->name);
        }
    }
    weir_buf_addz(out, "\n```\n");
}

static int print_kind(const char *kind, struct weir_buf *out, struct weir_error *err)
{
    const struct weir_source_connector *c = weir_source_connector_of(weir_str_of(kind));
    if (!c) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "there is no kind \"%s\"; `weir source kinds` lists them", kind);
    }
    add_kind(out, c);
    int code = weir_buf_check(out, "the reference", err);
    if (!code) {
        fwrite(weir_buf_cstr(out), 1, out->len, stdout);
    }
    return code;
}

static int run_settings(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_buf out;
    weir_buf_init(&out, 1 << 20);
    if (weir_args_has(cli->args, "kind")) {
        int failed = print_kind(weir_args_value(cli->args, "kind"), &out, err);
        weir_buf_free(&out);
        return failed;
    }
    weir_buf_addz(&out, preface);
    for (const struct weir_settings_section *s = weir_settings_sections; s->name; s++) {
        weir_buf_addf(&out, "\n## %s\n\n%s\n\n", s->name, s->about);
        weir_options_markdown(s->table, &out);
    }
    weir_buf_addz(&out,
                  "\n## sources/NAME.yml\n\nOne file a source; see [sources](sources.md).\n\n");
    weir_options_markdown(weir_source_options, &out);
    int code = weir_buf_check(&out, "the reference", err);
    if (!code) {
        fwrite(weir_buf_cstr(&out), 1, out.len, stdout);
    }
    weir_buf_free(&out);
    return code;
}

static const struct weir_flag settings_flags[] = {
    {"markdown", 0, NULL, "print docs/guide/settings.md", false},
    {"kind", 0, "KIND", "print what of docs/guide/sources/KIND.md is made", false},
    {0},
};
const struct weir_command weir_command_settings = {
    .name = "settings",
    .summary = "Print the reference of all settings",
    .operands = "",
    .help = "",
    .flags = settings_flags,
    .run = run_settings,
    .hidden = true,
};
