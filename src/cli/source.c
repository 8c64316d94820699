/* `weir source`: the sources of a workspace. */
#include "source/source.h"
#include "base/data.h"
#include "base/json_write.h"
#include "cli/commands.h"
#include "source/schedule.h"

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

/* What came of its latest run ("sync"), or comparison of its tables with it ("verify"). */
static void turn_of(struct weir_workspace *workspace, const char *name, const char *what,
                    struct weir_source_turn *out)
{
    const struct weir_source_site site = {.dir = workspace->dir, .data = workspace->data};
    struct weir_error ignored;
    *out = (struct weir_source_turn){0};
    (void)!weir_source_turn_get(&site, name, what, out, &ignored);
}

/* Of the later one of its runs and comparisons. */
static void gone_of(struct weir_workspace *workspace, const char *name, char out[200])
{
    struct weir_source_turn turn, verify;
    turn_of(workspace, name, "sync", &turn);
    turn_of(workspace, name, "verify", &verify);
    snprintf(out, 200, "%s", verify.began > turn.began ? verify.gone : turn.gone);
}

static void list_turns(struct weir_workspace *workspace, const char *name)
{
    struct weir_source_turn turn;
    char at[28], gone[200];
    gone_of(workspace, name, gone);
    if (*gone) {
        printf("; gone at the source: %s", gone);
    }
    turn_of(workspace, name, "sync", &turn);
    if (turn.failures) {
        weir_time_format(turn.began, at);
        printf("; %.16s: failed", at);
        if (turn.failures > 1) {
            printf(" %u times in a row", turn.failures);
        }
        printf(" (weir.loads says why)");
    }
    turn_of(workspace, name, "verify", &turn);
    if (turn.began) {
        weir_time_format(turn.began, at);
        printf(turn.failures ? "; %.16s: not what its source is, or not known "
                               "(weir.verifications)"
               : *gone       ? "; but for that equal to its source %.16s"
                             : "; equal to its source %.16s",
               at);
    }
}

/* Of the mistakes of all files, a line each, that of this one. */
static struct weir_str mistake_of(struct weir_str all, const char *name)
{
    char file[128];
    snprintf(file, sizeof file, "sources/%.64s.yml", name);
    while (all.ptr) {
        struct weir_str line = weir_str_cut(&all, '\n');
        if (weir_str_starts(line, weir_str_of(file))) {
            return line;
        }
    }
    return WEIR_STR("its file has a mistake; `weir validate` shows it");
}

static void list_table(struct weir_workspace *workspace, const struct weir_sources *sources,
                       struct weir_str mistakes)
{
    struct weir_error why;
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
        printf("%-20s read by `weir sync`: %s", sources->read[i].name, sources->read[i].kind);
        list_turns(workspace, sources->read[i].name);
        if (weir_source_check_file(workspace->dir, sources->read[i].name, &why)) {
            printf("; %s", why.message);
        }
        putchar('\n');
    }
    for (size_t i = 0; i < sources->broken_count; i++) {
        printf("%-20s " WEIR_STR_FMT "\n", sources->broken[i],
               WEIR_STR_ARG(mistake_of(mistakes, sources->broken[i])));
    }
}

static int list_json(struct weir_workspace *workspace, const struct weir_sources *sources,
                     struct weir_str mistakes, struct weir_error *err)
{
    struct weir_error why;
    struct weir_source_turn turn;
    char gone[200];
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
        turn_of(workspace, sources->read[i].name, "sync", &turn);
        weir_jw_ktime_or_null(&w, "ran_at", turn.began);
        weir_jw_ki64(&w, "failures", turn.failures);
        turn_of(workspace, sources->read[i].name, "verify", &turn);
        weir_jw_ktime_or_null(&w, "verified_at", turn.began);
        weir_jw_kbool(&w, "differs", turn.failures > 0);
        bool well = weir_source_check_file(workspace->dir, sources->read[i].name, &why) == 0;
        weir_jw_kstr_or_null(&w, "error", weir_str_of(well ? "" : why.message));
        gone_of(workspace, sources->read[i].name, gone);
        weir_jw_kstr_or_null(&w, "gone", weir_str_of(gone));
        weir_jw_object_end(&w);
    }
    for (size_t i = 0; i < sources->broken_count; i++) {
        weir_jw_object(&w);
        weir_jw_kstrz(&w, "name", sources->broken[i]);
        weir_jw_kstr_or_null(&w, "kind", WEIR_STR(""));
        weir_jw_kstr(&w, "error", mistake_of(mistakes, sources->broken[i]));
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
    struct weir_workspace *workspace = NULL;
    struct weir_sources sources = {0};
    int code = weir_cli_workspace(cli, &workspace, err);
    struct weir_error why = {0};
    code = code ? code : weir_sources_load_most(workspace, &sources, &why);
    struct weir_str mistakes = weir_str_of(code ? why.message : "");
    if (code && workspace) { /* a file with a mistake hides no other */
        code = sources.broken_count ? 0 : weir_fail(err, code, "%s", why.message);
    }
    if (!code && weir_args_has(cli->args, "json")) {
        code = list_json(workspace, &sources, mistakes, err);
    } else if (!code && sources.count + sources.read_count + sources.broken_count == 0) {
        puts("No sources yet; `weir source add NAME` makes one.");
    } else if (!code) {
        list_table(workspace, &sources, mistakes);
    }
    weir_sources_free(&sources);
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
