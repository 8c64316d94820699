/* `weir report` and `weir validate`: the workspace's documents, read from their files. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/remote.h"
#include "serve/template.h"
#include "source/source.h"
#include "workspace/document.h"

struct reading {
    struct weir_workspace *workspace;
    struct weir_library *library;
    struct weir_documents *all;
};

static int read_all(struct weir_cli *cli, struct reading *r, struct weir_error *err)
{
    *r = (struct reading){0};
    int code = weir_cli_workspace(cli, &r->workspace, err);
    code = code ? code : weir_library_read(r->workspace->dir, &r->library, err);
    if (!code) {
        r->all = weir_library_hold(r->library);
    }
    return code;
}

static void close_all(struct reading *r)
{
    weir_documents_release(r->all);
    weir_library_free(r->library);
    weir_workspace_close(r->workspace);
}

/* By id or by folder. */
static const struct weir_document *find_report(const struct weir_documents *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct weir_document *d = all->items[i];
        if (d->kind == WEIR_DOCUMENT_REPORT &&
            (strcmp(d->key, name) == 0 || strcmp(d->slug, name) == 0)) {
            return d;
        }
    }
    return NULL;
}

static int no_report(struct weir_error *err, const char *name)
{
    return weir_fail(err, WEIR_ENOENT,
                     "there is no report \"%s\"; `weir report list` shows ids and folders", name);
}

/* --- list --------------------------------------------------------------------------------------
 */

static int list_json(const struct weir_documents *all, struct weir_error *err)
{
    struct weir_buf out;
    weir_buf_init(&out, 64u << 20);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_array(&w);
    for (size_t i = 0; i < all->count; i++) {
        const struct weir_document *d = all->items[i];
        if (d->kind == WEIR_DOCUMENT_REPORT) {
            weir_jw_object(&w);
            weir_jw_kstrz(&w, "id", d->key);
            weir_jw_kstrz(&w, "slug", d->slug);
            weir_jw_kstrz(&w, "title", d->title);
            weir_jw_kstrz(&w, "collection", d->usable ? d->report.collection : "");
            weir_jw_kbool(&w, "archived", d->report.archived);
            weir_jw_kstrz(&w, "error", d->error ? d->error : "");
            weir_jw_object_end(&w);
        }
    }
    weir_jw_array_end(&w);
    int code = weir_buf_check(&out, "the list of reports", err);
    if (!code) {
        puts(weir_buf_cstr(&out));
    }
    weir_buf_free(&out);
    return code;
}

static int run_list(struct weir_cli *cli, struct weir_error *err)
{
    struct reading r;
    int code = read_all(cli, &r, err);
    if (!code && weir_args_has(cli->args, "json")) {
        code = list_json(r.all, err);
    } else if (!code) {
        printf("%-11s %-30s %-14s %s\n", "id", "folder", "collection", "title");
        for (size_t i = 0; i < r.all->count; i++) {
            const struct weir_document *d = r.all->items[i];
            if (d->kind == WEIR_DOCUMENT_REPORT) {
                printf("%-11s %-30s %-14s %s%s%s\n", d->usable ? d->key : "-", d->slug,
                       d->usable ? d->report.collection : "-", d->title,
                       d->report.archived ? " (archived)" : "",
                       d->error ? " (has mistakes: weir validate)" : "");
            }
        }
    }
    close_all(&r);
    return code;
}

/* --- show --------------------------------------------------------------------------------------
 */

static int show_json(const struct weir_document *d, struct weir_error *err)
{
    struct weir_buf out;
    weir_buf_init(&out, 256u << 20);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_object(&w);
    weir_jw_keyz(&w, "report");
    weir_data_print(d->report.data, &w);
    weir_jw_keyz(&w, "queries");
    weir_data_print(d->report.queries, &w);
    weir_jw_object_end(&w);
    int code = weir_buf_check(&out, "the report", err);
    if (!code) {
        puts(weir_buf_cstr(&out));
    }
    weir_buf_free(&out);
    return code;
}

static void show_text(const struct weir_document *d)
{
    const struct weir_data *tiles = weir_data_get(d->report.data, "tiles");
    printf("%s\n%s%s\nid %s, %s, collection %s, %zu tiles%s\n", d->title, d->description,
           *d->description ? "\n" : "", d->key, d->path, d->report.collection,
           tiles ? tiles->count : 0, d->report.archived ? ", archived" : "");
    for (size_t i = 0; i < d->report.count; i++) {
        const struct weir_report_query *q = &d->report.items[i];
        printf("\n-- %s (%s)\n%.*s\n", q->title, q->file, (int)q->sql.len, q->sql.ptr);
    }
}

static int run_show(struct weir_cli *cli, struct weir_error *err)
{
    struct reading r;
    const char *name = weir_args_at(cli->args, 0);
    int code = read_all(cli, &r, err);
    const struct weir_document *d = code ? NULL : find_report(r.all, name);
    if (!code && !d) {
        code = no_report(err, name);
    } else if (!code && !d->usable) {
        code = weir_fail(err, WEIR_EINVAL, "%s", d->error);
    } else if (!code && weir_args_has(cli->args, "json")) {
        code = show_json(d, err);
    } else if (!code) {
        show_text(d);
    }
    close_all(&r);
    return code;
}

/* --- validate ----------------------------------------------------------------------------------
 */

/* `others`: something else has mistakes. */
static int validate(const struct weir_documents *all, const struct weir_document *only, int kind,
                    bool others, struct weir_error *err)
{
    size_t seen = 0, bad = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct weir_document *d = all->items[i];
        if ((only && d != only) || (kind >= 0 && (int)d->kind != kind)) {
            continue;
        }
        seen++;
        if (d->error) {
            bad++;
            puts(d->error);
        }
    }
    if (bad) {
        return weir_fail(err, WEIR_EINVAL, "%zu of %zu documents have mistakes", bad, seen);
    }
    if (!others) {
        printf("%zu documents, no mistakes\n", seen);
    }
    return WEIR_OK;
}

static int validate_sources(const struct weir_workspace *workspace, struct weir_error *err)
{
    struct weir_sources sources = {0};
    struct weir_warehouse *engine = NULL;
    struct weir_error why;
    int code = weir_sources_load_most(workspace, &sources, &why);
    size_t bad = code != 0;
    for (const char *line = why.message; code && (line = strchr(line, '\n')); line++) {
        bad++; /* each mistake is a line */
    }
    if (code) {
        puts(why.message);
    }
    for (size_t i = 0; i < sources.read_count; i++) {
        const char *name = sources.read[i].name;
        if (weir_source_check_file(workspace->dir, name, &why) ||
            weir_source_zones_check(workspace->dir, name, &engine, &why)) {
            bad++;
            puts(why.message);
        }
    }
    weir_warehouse_close(engine);
    weir_sources_free(&sources);
    return bad ? weir_fail(err, WEIR_EINVAL,
                           bad == 1 ? "%zu source has mistakes" : "%zu sources have mistakes", bad)
               : WEIR_OK;
}

/* The running server knows which views the engine took, and why it did not take the others. */
static int tell_views_of_server(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_remote remote;
    struct weir_str key;
    struct weir_json one;
    bool there;
    int code = weir_remote_open(cli, &remote, err);
    const char *socket = code ? NULL : weir_workspace_path(remote.workspace, "run/serve.sock");
    if (!code && (!socket || access(socket, F_OK))) {
        code = weir_fail(err, WEIR_ENOENT, "no server runs");
    }
    code = code ? code : weir_remote_ask(&remote, "GET", "/api/documents", NULL, err);
    if (!code) {
        struct weir_json_iter it = weir_json_begin(weir_json_get(remote.root, "views"));
        while (weir_json_next(&it, &key, &one)) {
            struct weir_str name = weir_json_get_str(one, "name");
            struct weir_str reason = weir_json_get_str(one, "reason");
            if (weir_json_bool(weir_json_get(one, "warehouse"), &there) && !there && reason.ptr) {
                printf("views/%.*s.sql is not in the warehouse: %.*s\n", WEIR_STR_ARG(name),
                       WEIR_STR_ARG(reason));
            }
        }
    }
    weir_remote_close(&remote);
    return code;
}

/* Without one: what the text alone says. */
static void tell_views_of_files(const struct reading *r)
{
    struct weir_template_site site = {.workspace = r->workspace};
    for (size_t i = 0; i < r->all->count; i++) {
        const struct weir_document *d = r->all->items[i];
        struct weir_template t;
        struct weir_error why;
        if (d->kind != WEIR_DOCUMENT_VIEW || !d->usable) {
            continue;
        }
        int code = weir_template_compile(&site, d->sql, (struct weir_json){0}, NULL, 0, &t, &why);
        if (code && code != WEIR_EAGAIN) {
            printf("%s is not in the warehouse: %s\n", d->path, why.message);
        } else if (!code && (t.out.bound_count || t.out.field_count)) {
            printf("%s is not in the warehouse: it has parameters\n", d->path);
        }
        weir_template_free(&t);
    }
}

static int run_report_validate(struct weir_cli *cli, struct weir_error *err)
{
    struct reading r;
    const char *name = weir_args_at(cli->args, 0);
    int code = read_all(cli, &r, err);
    const struct weir_document *only = code || !name ? NULL : find_report(r.all, name);
    if (!code && name && !only) {
        code = no_report(err, name);
    }
    code = code ? code : validate(r.all, only, WEIR_DOCUMENT_REPORT, false, err);
    close_all(&r);
    return code;
}

static int run_validate(struct weir_cli *cli, struct weir_error *err)
{
    struct reading r;
    struct weir_error ignored;
    int code = read_all(cli, &r, err);
    if (!code) {
        if (tell_views_of_server(cli, &ignored)) {
            tell_views_of_files(&r);
        }
        int sources = validate_sources(r.workspace, err);
        code = validate(r.all, NULL, -1, sources != 0, sources ? &ignored : err);
        code = sources ? sources : code;
    }
    close_all(&r);
    return code;
}

/* --- the commands ------------------------------------------------------------------------------
 */

static const struct weir_flag json_flags[] = {
    {"json", 0, NULL, "print JSON", false},
    {0},
};
const struct weir_command weir_command_report_list = {
    .name = "report list",
    .summary = "List the reports of the workspace",
    .operands = "",
    .help = "",
    .flags = json_flags,
    .run = run_list,
};
const struct weir_command weir_command_report_show = {
    .name = "report show",
    .summary = "Print a report and its queries",
    .operands = "ID|FOLDER",
    .min_operands = 1,
    .max_operands = 1,
    .help = "",
    .flags = json_flags,
    .run = run_show,
};
const struct weir_command weir_command_report_validate = {
    .name = "report validate",
    .summary = "Check one report, or all",
    .operands = "[ID|FOLDER]",
    .max_operands = 1,
    .help = "Prints every mistake with its file and line; ends with 1 when there is one.",
    .run = run_report_validate,
};
const struct weir_command weir_command_validate = {
    .name = "validate",
    .summary = "Check every document and source of the workspace",
    .operands = "",
    .help =
        "Reports, views, snippets, definitions, collections and sources. Prints every mistake with "
        "its "
        "file and line; ends with 1 when there is one. It needs the files only, so it works in "
        "CI on a checkout. Says, too, which views are not in the warehouse, and why; that is no "
        "mistake.\n\n"
        "  weir -C analytics validate",
    .run = run_validate,
};
