/* `weir source list`: what there is, when it runs, how current it is, and how much. */
#include <stdlib.h>
#include <unistd.h>

#include "base/json_write.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "serve/serve.h"
#include "source/connector.h"
#include "source/define/config.h"
#include "source/ledger/counts.h"
#include "source/source.h"

#define AT_SIZE 32

/* A source that is read from. */
struct listed {
    const char *name;
    struct weir_source_config config; /* where its file is well */
    bool well;
    char trouble[1024]; /* "": none */
    struct weir_source_turn sync, verify;
    int64_t rows;      /* of all its tables; -1: not known */
    weir_time good_at; /* the oldest of its streams is as of then */
    weir_time next_at;
    bool running;
};
struct listing {
    struct weir_cli *cli;
    struct weir_remote remote;
    struct weir_sources sources;
    struct listed *items; /* those of `sources.read`, then `sources.broken` */
    size_t count;
    struct weir_source_left *left; /* by sources whose files are gone */
    size_t left_count;
    struct weir_arena arena; /* of those */
    bool serves;             /* a server runs: only then schedules do */
};

static const char *ip_name(const struct weir_source *source)
{
    for (const struct weir_option *o = weir_source_options; o->name; o++) {
        if (strcmp(o->name, "ip") == 0) {
            return o->choices[source->ip];
        }
    }
    return "";
}

/* --- what is known ------------------------------------------------------------------------------
 */

static struct listed *find(struct listing *l, struct weir_str name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (weir_str_is(name, l->items[i].name)) {
            return &l->items[i];
        }
    }
    return NULL;
}

static void add_stream(struct listed *item, int64_t rows, weir_time good_at)
{
    if (rows >= 0) {
        item->rows = item->rows < 0 ? rows : item->rows + rows;
    }
    if (good_at && (!item->good_at || good_at < item->good_at)) {
        item->good_at = good_at;
    }
}

static weir_time time_in(struct weir_json object, const char *key)
{
    weir_time at = 0;
    struct weir_str text = weir_json_get_str(object, key);
    return text.ptr && weir_time_parse(text, &at) ? at : 0;
}

static int take_left(struct listing *l, struct weir_error *err)
{
    struct weir_json list = weir_json_get(l->remote.root, "left"), one;
    struct weir_json_iter it = weir_json_begin(list);
    l->left = weir_arena_calloc(&l->arena, (weir_json_count(list) + 1) * sizeof *l->left);
    while (l->left && weir_json_next(&it, NULL, &one)) {
        const char *name = weir_arena_dup(&l->arena, weir_json_get_str(one, "name")).ptr;
        const char *says = weir_arena_dup(&l->arena, weir_json_get_str(one, "note")).ptr;
        if (name && says) {
            l->left[l->left_count++] = (struct weir_source_left){name, says};
        }
    }
    return l->left ? 0 : weir_fail(err, WEIR_ENOMEM, "out of memory");
}

static int ask_server(struct listing *l, struct weir_error *err)
{
    struct weir_json source, stream;
    int code = weir_remote_ask(&l->remote, "GET", "/api/sources", NULL, err);
    code = code ? code : take_left(l, err);
    struct weir_json_iter it = weir_json_begin(weir_json_get(l->remote.root, "sources"));
    while (code == 0 && weir_json_next(&it, NULL, &source)) {
        struct listed *item = find(l, weir_json_get_str(source, "name"));
        if (!item) {
            continue;
        }
        struct weir_str error = weir_json_get_str(source, "error");
        item->running = weir_json_get_str(source, "run").len > 0;
        item->next_at = time_in(source, "next_at");
        if (error.len && !*item->trouble) {
            snprintf(item->trouble, sizeof item->trouble, WEIR_STR_FMT, WEIR_STR_ARG(error));
        }
        struct weir_json_iter streams = weir_json_begin(weir_json_get(source, "streams"));
        while (weir_json_next(&streams, NULL, &stream)) {
            int64_t rows = -1;
            (void)weir_json_i64(weir_json_get(stream, "rows"), &rows);
            add_stream(item, rows, time_in(stream, "good_at"));
        }
    }
    return code;
}

/* Without a server. What another command has open meanwhile is not known. */
static int ask_warehouse(struct listing *l, struct weir_error *err)
{
    struct weir_warehouse *warehouse = NULL;
    struct weir_session *session = NULL;
    struct weir_source_counts *counts = weir_source_counts_new();
    struct weir_source_standing *items = NULL;
    struct weir_arena arena;
    size_t count = 0;
    weir_arena_init(&arena, 64u << 20);
    int code = weir_serve_open_warehouse(l->remote.workspace, false, &l->cli->log, &warehouse, err);
    code = code ? code : weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, err);
    code = code ? code
                : weir_source_left_read(session, l->remote.workspace->dir, &l->arena, &l->left,
                                        &l->left_count, err);
    code = code ? code : weir_source_standing_read(session, NULL, &arena, &items, &count, err);
    code = code || counts ? code : weir_fail(err, WEIR_ENOMEM, "out of memory");
    code = code ? code : weir_source_counts_take(counts, warehouse, session, items, count, err);
    for (size_t i = 0; code == 0 && i < count; i++) {
        struct listed *item = find(l, items[i].source);
        if (item) {
            add_stream(item, items[i].rows, items[i].good_at);
        }
    }
    weir_session_free(session);
    weir_warehouse_close(warehouse);
    weir_source_counts_free(counts);
    weir_arena_free(&arena);
    return code;
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

static void look(struct listing *l, struct listed *item, const char *name)
{
    const struct weir_workspace *workspace = l->remote.workspace;
    const struct weir_source_site site = {.dir = workspace->dir, .data = workspace->data};
    struct weir_error why;
    *item = (struct listed){.name = name, .rows = -1};
    item->well = weir_source_config_read(workspace->dir, name, &item->config, &why) == 0;
    if (weir_source_check_file(workspace->dir, name, &why)) {
        snprintf(item->trouble, sizeof item->trouble, "%s", why.message);
    }
    (void)!weir_source_turn_get(&site, name, "sync", &item->sync, &why);
    (void)!weir_source_turn_get(&site, name, "verify", &item->verify, &why);
}

static void check_zones(struct listing *l)
{
    struct weir_warehouse *engine = NULL;
    struct weir_error why;
    for (size_t i = 0; i < l->count; i++) {
        struct listed *item = &l->items[i];
        if (item->well && !*item->trouble &&
            weir_source_zones_check(l->remote.workspace->dir, item->name, &engine, &why) ==
                WEIR_EINVAL) {
            snprintf(item->trouble, sizeof item->trouble, "%s", why.message);
        }
    }
    weir_warehouse_close(engine);
}

static int gather(struct listing *l, struct weir_error *err)
{
    struct weir_error why = {0};
    struct weir_workspace *workspace = l->remote.workspace;
    int code = weir_sources_load_most(workspace, &l->sources, &why);
    if (code && !l->sources.partly) { /* a file with a mistake hides no other */
        return weir_fail(err, code, "%s", why.message);
    }
    size_t most = l->sources.read_count + l->sources.broken_count;
    l->items = calloc(most + 1, sizeof *l->items);
    if (!l->items) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < l->sources.read_count; i++) {
        look(l, &l->items[l->count++], l->sources.read[i].name);
    }
    for (size_t i = 0; i < l->sources.broken_count; i++) {
        struct listed *item = &l->items[l->count++];
        *item = (struct listed){.name = l->sources.broken[i], .rows = -1};
        snprintf(item->trouble, sizeof item->trouble, WEIR_STR_FMT,
                 WEIR_STR_ARG(mistake_of(weir_str_of(why.message), item->name)));
    }
    const char *socket = weir_workspace_path(workspace, "run/serve.sock");
    l->serves = socket && access(socket, F_OK) == 0;
    const char *file = weir_workspace_path(workspace, "warehouse.duckdb");
    bool there = file && access(file, F_OK) == 0;
    /* The list is of files: what more is known of them may be missing. */
    code = l->serves ? ask_server(l, &why) : there ? ask_warehouse(l, &why) : 0;
    if (!l->serves) {
        check_zones(l); /* a server says it */
    }
    if (code) {
        weir_log(&l->cli->log, WEIR_LOG_WARN, "rows and times of sources are not known", "error",
                 why.message);
    }
    return 0;
}

/* As of when its rows are: its latest run of all, when it was well; 0: not known. */
static weir_time as_of(const struct listed *item)
{
    bool well = item->sync.ended && !item->sync.failures;
    return well && item->sync.began > item->good_at ? item->sync.began : item->good_at;
}

/* --- telling ------------------------------------------------------------------------------------
 */

/* "3 min ago", "in 2 h" */
static const char *distance(weir_time at, char out[AT_SIZE])
{
    static const struct {
        weir_time size;
        const char *name;
    } units[] = {
        {WEIR_DAY, "d"}, {3600 * WEIR_SECOND, "h"}, {60 * WEIR_SECOND, "min"}, {WEIR_SECOND, "s"}};
    weir_time off = at - weir_now(), size = off < 0 ? -off : off;
    size_t u = 0;
    while (u < 3 && size < 2 * units[u].size) {
        u++;
    }
    if (!at) {
        snprintf(out, AT_SIZE, "-");
    } else if (size < WEIR_SECOND) {
        snprintf(out, AT_SIZE, "now");
    } else {
        snprintf(out, AT_SIZE, "%s%lld %s%s", off < 0 ? "" : "in ",
                 (long long)(size / units[u].size), units[u].name, off < 0 ? " ago" : "");
    }
    return out;
}

/* What its source had and has no more, by the later of its runs and comparisons. */
static const char *gone_of(const struct listed *item)
{
    return item->verify.began > item->sync.began ? item->verify.gone : item->sync.gone;
}

static void tell_state(const struct listed *item)
{
    char at[28];
    const char *gone = gone_of(item);
    if (item->running) {
        printf("running; ");
    } else if (item->config.paused) {
        printf("paused; ");
    }
    if (item->sync.failures) {
        printf("last run: failed");
        if (item->sync.failures > 1) {
            printf(" %u times in a row", item->sync.failures);
        }
        printf(" (weir.loads says why)");
    } else {
        printf(item->sync.ended ? "well" : item->sync.began ? "stopped" : "never ran");
    }
    if (*gone) {
        printf("; gone at the source: %s", gone);
    }
    if (item->verify.began) {
        weir_time_format(item->verify.began, at);
        printf(item->verify.failures ? "; %.16s: not what its source is, or not known "
                                       "(weir.verifications)"
               : *gone               ? "; but for that equal to its source %.16s"
                                     : "; equal to its source %.16s",
               at);
    }
    if (*item->trouble) {
        printf("; %s", item->trouble);
    }
}

static void print_read(const struct listing *l)
{
    char ran[AT_SIZE], next[AT_SIZE], fresh[AT_SIZE], rows[AT_SIZE];
    if (l->count) {
        printf("%s%-20s %-9s %-22s %-11s %-11s %-11s %12s  state\n", l->sources.count ? "\n" : "",
               "source", "kind", "schedule", "last run", "next run", "as of", "rows");
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct listed *item = &l->items[i];
        if (!item->well) {
            printf("%-20s %s\n", item->name, item->trouble);
            continue;
        }
        bool rests = item->config.paused || !l->serves;
        snprintf(rows, sizeof rows, "%lld", (long long)item->rows);
        printf("%-20s %-9s %-22s %-11s %-11s %-11s %12s  ", item->name,
               item->config.connector->name, item->config.schedule_text,
               distance(item->sync.began, ran), rests ? "-" : distance(item->next_at, next),
               distance(as_of(item), fresh), item->rows < 0 ? "-" : rows);
        tell_state(item);
        putchar('\n');
    }
    for (size_t i = 0; i < l->left_count; i++) {
        printf("%s%s\n", i == 0 ? "\n" : "", l->left[i].says);
    }
    if (l->count && !l->serves) {
        puts("\nNo server runs: no schedule does. `weir up` starts one.");
    }
}

static void print_text(const struct listing *l)
{
    if (l->sources.count) {
        printf("%-20s %-34s %s\n", "source", "write key", "ip");
    }
    for (size_t i = 0; i < l->sources.count; i++) {
        const struct weir_source *s = &l->sources.items[i];
        printf("%-20s %-34s %s%s%s", s->name, s->write_key, ip_name(s),
               s->disabled ? " disabled" : "", s->strict ? " strict" : "");
        if (s->old_write_keys.count) {
            printf(" +%zu old key%s", s->old_write_keys.count,
                   s->old_write_keys.count > 1 ? "s" : "");
        }
        if (s->shares) {
            printf("  a key of %s, too: events do not say whose they are", s->shares);
        }
        putchar('\n');
    }
    print_read(l);
    if (l->sources.count + l->count + l->left_count == 0) {
        puts("No sources yet; `weir source add NAME` makes one.");
    }
}

static void print_tracking_json(struct weir_jw *w, const struct weir_source *s)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "name", s->name);
    weir_jw_kstrz(w, "kind", "tracking");
    weir_jw_kstrz(w, "write_key", s->write_key);
    weir_jw_keyz(w, "old_write_keys");
    weir_jw_array(w);
    for (size_t k = 0; k < s->old_write_keys.count; k++) {
        weir_jw_strz(w, s->old_write_keys.items[k]);
    }
    weir_jw_array_end(w);
    weir_jw_kbool(w, "strict", s->strict);
    weir_jw_kbool(w, "disabled", s->disabled);
    weir_jw_kstrz(w, "ip", ip_name(s));
    weir_jw_kstrz(w, "path", s->path);
    weir_jw_kstr_or_null(w, "shares_key_with", weir_str_of(s->shares ? s->shares : ""));
    weir_jw_object_end(w);
}

static void print_read_json(struct weir_jw *w, const struct listed *item)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "name", item->name);
    weir_jw_kstr_or_null(w, "kind", weir_str_of(item->well ? item->config.connector->name : ""));
    weir_jw_kstr_or_null(w, "schedule", weir_str_of(item->well ? item->config.schedule_text : ""));
    weir_jw_kbool(w, "paused", item->well && item->config.paused);
    weir_jw_kbool(w, "running", item->running);
    weir_jw_ktime_or_null(w, "ran_at", item->sync.began);
    weir_jw_ktime_or_null(w, "next_at", item->next_at);
    weir_jw_ktime_or_null(w, "as_of", as_of(item));
    weir_jw_keyz(w, "rows");
    if (item->rows < 0) {
        weir_jw_null(w);
    } else {
        weir_jw_i64(w, item->rows);
    }
    weir_jw_ki64(w, "failures", item->sync.failures);
    weir_jw_ktime_or_null(w, "verified_at", item->verify.began);
    weir_jw_kbool(w, "differs", item->verify.failures > 0);
    weir_jw_kstr_or_null(w, "error", weir_str_of(item->trouble));
    weir_jw_kstr_or_null(w, "gone", weir_str_of(gone_of(item)));
    weir_jw_object_end(w);
}

static int print_json(const struct listing *l, struct weir_error *err)
{
    struct weir_buf out;
    weir_buf_init(&out, 16u << 20);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_array(&w);
    for (size_t i = 0; i < l->sources.count; i++) {
        print_tracking_json(&w, &l->sources.items[i]);
    }
    for (size_t i = 0; i < l->count; i++) {
        print_read_json(&w, &l->items[i]);
    }
    for (size_t i = 0; i < l->left_count; i++) {
        struct listed gone = {.name = l->left[i].source, .rows = -1};
        snprintf(gone.trouble, sizeof gone.trouble, "%s", l->left[i].says);
        print_read_json(&w, &gone);
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
    struct listing l = {.cli = cli};
    weir_arena_init(&l.arena, 4u << 20);
    int code = weir_remote_open(cli, &l.remote, err);
    code = code ? code : gather(&l, err);
    if (!code && weir_args_has(cli->args, "json")) {
        code = print_json(&l, err);
    } else if (!code) {
        print_text(&l);
    }
    for (size_t i = 0; i < l.count && i < l.sources.read_count; i++) {
        weir_source_config_free(&l.items[i].config);
    }
    free(l.items);
    weir_arena_free(&l.arena);
    weir_sources_free(&l.sources);
    weir_remote_close(&l.remote);
    return code;
}

static const struct weir_flag list_flags[] = {
    {"json", 0, NULL, "print JSON, with all keys", false},
    {0},
};
const struct weir_command weir_command_source_list = {
    .name = "source list",
    .summary = "List the sources",
    .operands = "",
    .help = "Of those that weir reads from: when they ran and run next, as of when their rows are "
            "(of the oldest stream), how many rows their tables have, and what is wrong with them.",
    .flags = list_flags,
    .run = run_list,
};
