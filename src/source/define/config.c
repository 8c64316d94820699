#include "source/define/config.h"

#include <stdio.h>

#include "event/naming.h"
#include "io/file.h"
#include "source/connector.h"
#include "source/define/secret.h"
#include "source/schedule/follow.h"
#include "workspace/files.h"
#include "workspace/name.h"

#define MAX_FILE    (1u << 20)
#define MAX_ARENA   (16u << 20)
#define MAX_STREAMS 1000
#define MAX_CHAIN   100

static const char *const modes[] = {"replace", "append", "merge", "history", NULL};
static const char *const deletes[] = {"none", "soft", "hard", NULL};
static const char *const nesteds[] = {"json", "flatten", "tables", NULL};
static const char *const contracts[] = {"evolve", "freeze", "discard_row", "discard_value", NULL};

const struct weir_option weir_source_stream_options[] = {
    {.name = "table",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_source_stream, table),
     .fallback = "",
     .help = "the table's name; else it is made of the stream's"},
    {.name = "path",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_source_stream, path),
     .fallback = "",
     .help =
         "kind `file`: the files of this stream, with * and ?, in the folder of the connection"},
    {.name = "sheet",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_source_stream, sheet),
     .fallback = "",
     .help = "kind `file`, of workbooks: the sheet's name, or its number from 1; else that of the "
             "connection"},
    {.name = "mode",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_source_stream, mode),
     .fallback = "replace",
     .choices = modes,
     .help =
         "replace: the table is what the source is; append: rows stay, also those of files that "
         "are gone; merge: a row replaces the one with its key; history: as merge, and the "
         "versions "
         "before are kept, with valid_from, valid_to and is_current"},
    {.name = "cursor",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_source_stream, cursor),
     .fallback = "",
     .help = "kinds `postgres` and `mysql`, of append, merge and history: a column, as it is named "
             "in the "
             "warehouse, that "
             "only grows; rows below its greatest value of the last run are not read again"},
    {.name = "key",
     .type = WEIR_OPT_LIST,
     .offset = offsetof(struct weir_source_stream, key),
     .fallback = "",
     .help =
         "of merge and history: the columns, as they are named in the warehouse, that say which "
         "row it is"},
    {.name = "deletes",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_source_stream, deletes),
     .fallback = "none",
     .choices = deletes,
     .help = "of merge: what becomes of rows that the source does not have any more: none: they "
             "stay; soft: `_weir_deleted` says since when; hard: they are deleted"},
    {.name = "nested",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_source_stream, nested),
     .fallback = "json",
     .choices = nesteds,
     .help =
         "kinds `singer`, `airbyte` and `file`, of JSON and Parquet: what becomes of objects and "
         "lists in a row: json: a column of JSON; flatten: objects become a column for each of "
         "their members, a__b; tables: and each list a table of its own, TABLE__LIST"},
    {.name = "contract",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_source_stream, contract),
     .fallback = "evolve",
     .choices = contracts,
     .help =
         "what happens when columns come or change: evolve: the table follows; freeze: the run "
         "fails; discard_row and discard_value: what does not fit goes to weir.source_discards"},
    {.name = "exclude",
     .type = WEIR_OPT_LIST,
     .offset = offsetof(struct weir_source_stream, exclude),
     .fallback = "",
     .help =
         "columns that are not loaded, as they are named in the warehouse; the next run removes "
         "values that the table has of them from before. A database is not asked for them, "
         "but with `capture` it sends them with each change, and weir drops them"},
    {0}};

struct root {
    int kind;
    const char *schema, *schedule, *verify;
    bool paused;
    int64_t priority;
};

static const struct weir_option root_options[] = {{.name = "kind",
                                                   .type = WEIR_OPT_CHOICE,
                                                   .offset = offsetof(struct root, kind),
                                                   .choices = weir_source_kinds},
                                                  {.name = "schema",
                                                   .type = WEIR_OPT_TEXT,
                                                   .offset = offsetof(struct root, schema),
                                                   .fallback = ""},
                                                  {.name = "schedule",
                                                   .type = WEIR_OPT_TEXT,
                                                   .offset = offsetof(struct root, schedule),
                                                   .fallback = "manual"},
                                                  {.name = "verify",
                                                   .type = WEIR_OPT_TEXT,
                                                   .offset = offsetof(struct root, verify),
                                                   .fallback = "manual"},
                                                  {.name = "paused",
                                                   .type = WEIR_OPT_BOOL,
                                                   .offset = offsetof(struct root, paused),
                                                   .fallback = "false"},
                                                  {.name = "priority",
                                                   .type = WEIR_OPT_INT,
                                                   .offset = offsetof(struct root, priority),
                                                   .max = 9,
                                                   .fallback = "5"},
                                                  {0}};

const char *weir_source_mode_name(int mode)
{
    return modes[mode];
}

uint64_t weir_source_config_number(const struct weir_source_config *config, const char *name)
{
    const struct weir_option *o = config->connector->options;
    while (o->name && strcmp(o->name, name) != 0) {
        o++;
    }
    const char *settings = config->connection;
    return o->name ? *(const uint64_t *)(const void *)(settings + o->offset) : 0;
}

bool weir_source_stream_ends(const struct weir_source_stream *stream)
{
    return stream->mode == WEIR_SOURCE_HISTORY || stream->deletes != WEIR_SOURCE_DELETES_NONE;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a source");
}

/* The mapping without the members that have tables of their own. */
static int read_root(const struct weir_yaml *doc, struct weir_arena *arena, struct root *out,
                     struct weir_error *err)
{
    struct weir_yaml_node rest = *weir_yaml_root(doc);
    struct weir_yaml_node **to = &rest.first;
    if (rest.type != WEIR_YAML_MAPPING) {
        return weir_yaml_fail(err, doc, weir_yaml_root(doc),
                              "a source is described by `kind:`, `connection:`, …");
    }
    struct weir_str kind = WEIR_STR("tracking");
    (void)weir_yaml_str(weir_yaml_get(&rest, "kind"), &kind);
    if (weir_str_is(kind, "tracking") && weir_yaml_get(&rest, "write_key")) {
        return weir_yaml_fail(err, doc, &rest,
                              "this is a source of events, which apps send and weir collects; "
                              "nothing is read from it, and its tables come by themselves");
    }
    for (const struct weir_yaml_node *n = rest.first; n; n = n->next) {
        if (weir_str_is(n->key, "connection") || weir_str_is(n->key, "streams")) {
            continue;
        }
        struct weir_yaml_node *copy = weir_arena_alloc(arena, sizeof *copy);
        if (!copy) {
            return no_memory(err);
        }
        *copy = *n;
        *to = copy;
        to = &copy->next;
    }
    *to = NULL;
    int rc = weir_options_default(root_options, out, arena, err);
    return rc ? rc : weir_options_yaml(root_options, out, arena, doc, &rest, err);
}

static int default_stream(struct weir_str name, struct weir_arena *arena,
                          struct weir_source_stream *out, struct weir_error *err)
{
    int rc = weir_options_default(weir_source_stream_options, out, arena, err);
    out->name = weir_arena_dup(arena, name).ptr;
    return rc ? rc : out->name ? 0 : no_memory(err);
}

/* The table is made of the stream's name when none is said. */
static int name_table(struct weir_source_stream *s, struct weir_arena *arena,
                      struct weir_error *err)
{
    struct weir_buf name;
    if (*s->table) {
        return weir_str_is_plain_name(weir_str_of(s->table))
                   ? 0
                   : weir_fail(err, WEIR_EINVAL,
                               "\"%.80s\" cannot name a table; use a to z, 0 to 9 and _, beginning "
                               "with a letter, at most 63",
                               s->table);
    }
    weir_buf_init(&name, 4096);
    weir_name_make(weir_str_of(s->name), "stream_", &name);
    s->table = weir_arena_dup(arena, weir_utf8_cut(weir_buf_str(&name), 63)).ptr;
    int rc = s->table && weir_buf_ok(&name) ? 0 : no_memory(err);
    weir_buf_free(&name);
    return rc;
}

static int check_mode(const struct weir_yaml *doc, const struct weir_yaml_node *node,
                      const struct weir_source_stream *s, struct weir_error *err)
{
    bool keyed = s->mode == WEIR_SOURCE_MERGE || s->mode == WEIR_SOURCE_HISTORY;
    if (keyed != (s->key.count > 0)) {
        return weir_yaml_fail(err, doc, node,
                              s->key.count ? "`key` is for `mode: merge` and `history`"
                                           : "`mode: %s` needs `key: [COLUMN, …]`",
                              modes[s->mode]);
    }
    return s->deletes && s->mode != WEIR_SOURCE_MERGE
               ? weir_yaml_fail(err, doc, node,
                                "`deletes` is for `mode: merge`; history ends the versions of rows "
                                "that are gone by itself")
               : 0;
}

static int check_cursor(const struct weir_yaml *doc, const struct weir_yaml_node *node,
                        const struct weir_source_stream *s, const struct weir_source_config *config,
                        struct weir_error *err)
{
    if (!*s->cursor) {
        return 0;
    }
    if (config->connector == &weir_source_file) {
        return weir_yaml_fail(err, doc, node,
                              "`cursor` is for other kinds than file, which knows by itself which "
                              "files are new; leave it out");
    }
    return s->mode == WEIR_SOURCE_REPLACE && (s->mode_said || !config->connector->feed)
               ? weir_yaml_fail(err, doc, node,
                                "`cursor` needs `mode: append`, `merge` or `history`; with "
                                "`replace`%s all rows are read in each run",
                                s->mode_said ? "" : ", which is the mode where none is said,")
               : 0;
}

static int read_stream(const struct weir_yaml *doc, const struct weir_yaml_node *node,
                       struct weir_source_config *out, struct weir_error *err)
{
    struct weir_source_stream *s = &out->streams[out->stream_count];
    struct weir_error why = {0};
    int rc = default_stream(node->key, &out->arena, s, err);
    if (rc == 0 && node->type != WEIR_YAML_NULL) {
        rc = weir_options_yaml(weir_source_stream_options, s, &out->arena, doc, node, err);
        s->mode_said = weir_yaml_get(node, "mode") != NULL;
    }
    rc = rc ? rc : check_mode(doc, node, s, err);
    if (rc == 0 && s->nested && !out->connector->feed && !out->connector->nests) {
        return weir_yaml_fail(err, doc, node, "`nested` is for kinds singer, airbyte and file");
    }
    rc = rc ? rc : check_cursor(doc, node, s, out, err);
    bool tables = out->connector == &weir_source_postgres || out->connector == &weir_source_mysql;
    if (rc == 0 && tables && s->mode == WEIR_SOURCE_APPEND && !*s->cursor) {
        return weir_yaml_fail(err, doc, node,
                              "`mode: append` of kind %s needs `cursor: COLUMN`, or each run would "
                              "append all rows again",
                              out->connector->name);
    }
    rc =
        rc ? rc : weir_source_address_check(doc, weir_yaml_get(node, "path"), "path", s->path, err);
    if (rc == 0 && name_table(s, &out->arena, &why)) {
        return weir_yaml_fail(err, doc, node, "%s", why.message);
    }
    for (size_t i = 0; rc == 0 && i < out->stream_count; i++) {
        if (strcmp(out->streams[i].table, s->table) == 0) {
            return weir_yaml_fail(
                err, doc, node,
                "the streams \"%s\" and \"%s\" would share the table \"%s\"; give "
                "one of them another `table:`",
                out->streams[i].name, s->name, s->table);
        }
    }
    out->stream_count += rc == 0;
    return rc;
}

static int read_streams(const struct weir_yaml *doc, struct weir_source_config *out,
                        struct weir_error *err)
{
    const struct weir_yaml_node *streams = weir_yaml_get(weir_yaml_root(doc), "streams");
    size_t count = 0;
    if (!streams || streams->type == WEIR_YAML_NULL) {
        return 0;
    }
    if (streams->type != WEIR_YAML_MAPPING) {
        return weir_yaml_fail(
            err, doc, streams,
            "`streams` has each stream's name with a colon, and its settings below "
            "it, as `orders: {mode: replace}`");
    }
    for (const struct weir_yaml_node *n = streams->first; n; n = n->next) {
        count++;
    }
    if (count > MAX_STREAMS) {
        return weir_yaml_fail(err, doc, streams, "a source may have %d streams", MAX_STREAMS);
    }
    out->streams = weir_arena_calloc(&out->arena, (count + 1) * sizeof *out->streams);
    int rc = out->streams ? 0 : no_memory(err);
    for (const struct weir_yaml_node *n = streams->first; rc == 0 && n; n = n->next) {
        rc = read_stream(doc, n, out, err);
    }
    return rc;
}

static int keep_connection(const struct weir_yaml_node *node, struct weir_source_config *out,
                           struct weir_error *err)
{
    struct weir_data *data = NULL;
    struct weir_buf text;
    weir_buf_init(&text, MAX_FILE);
    struct weir_jw w = weir_jw_on(&text);
    int rc = weir_data_from_yaml(&out->arena, node, &data, err);
    if (rc == 0) {
        weir_data_print(data, &w);
        rc = weir_buf_check(&text, "`connection`", err);
    }
    out->connection_text =
        rc ? out->connection_text : weir_arena_dup(&out->arena, weir_buf_str(&text));
    weir_buf_free(&text);
    return rc ? rc : out->connection_text.ptr ? 0 : no_memory(err);
}

static int read_connection(const struct weir_yaml *doc, struct weir_source_config *out,
                           struct weir_error *err)
{
    const struct weir_source_connector *c = out->connector;
    const struct weir_yaml_node *node = weir_yaml_get(weir_yaml_root(doc), "connection");
    out->connection = weir_arena_calloc(&out->arena, c->settings_size);
    if (!out->connection) {
        return no_memory(err);
    }
    if (!node || node->type != WEIR_YAML_MAPPING) {
        bool empty = !node || node->type == WEIR_YAML_NULL;
        return weir_yaml_fail(err, doc, node ? node : weir_yaml_root(doc),
                              empty ? "`connection:` is missing: what is read, and how"
                                    : "`connection` has settings below it, each with its name: "
                                      "what is read, and how");
    }
    int rc = weir_options_default(c->options, out->connection, &out->arena, err);
    rc = rc ? rc : weir_options_yaml(c->options, out->connection, &out->arena, doc, node, err);
    rc = rc ? rc : weir_source_secrets_check(out, doc, node, err);
    return rc || !c->capture || !c->capture->leave ? rc : keep_connection(node, out, err);
}

static int read_verify(const struct weir_yaml *doc, const struct root *root,
                       struct weir_source_config *out, struct weir_error *err)
{
    const struct weir_yaml_node *node = weir_yaml_get(weir_yaml_root(doc), "verify");
    struct weir_error why = {0};
    out->verify_text = root->verify;
    if (weir_source_schedule_parse(weir_str_of(root->verify), &out->verify, &why)) {
        return weir_yaml_fail(err, doc, node, "`verify`: %s", why.message);
    }
    if (out->verify.kind == WEIR_SOURCE_MANUAL) {
        return 0;
    }
    return out->verify.kind == WEIR_SOURCE_AFTER
               ? weir_yaml_fail(err, doc, node, "`verify` is `cron …` or `every 1d`")
               : 0;
}

int weir_source_config_parse(struct weir_str text, const char *name, const char *path,
                             struct weir_source_config *out, struct weir_error *err)
{
    struct weir_yaml *doc = NULL;
    struct root root = {0};
    struct weir_error why = {0};
    *out = (struct weir_source_config){0};
    weir_arena_init(&out->arena, MAX_ARENA);
    int rc = weir_yaml_parse(text, path, &doc, err);
    rc = rc ? rc : read_root(doc, &out->arena, &root, err);
    if (rc == 0) {
        out->name = weir_arena_strdup(&out->arena, name);
        out->connector = weir_source_connectors[root.kind];
        out->paused = root.paused;
        out->priority = (unsigned)root.priority;
        out->schedule_text = root.schedule;
        out->schema = *root.schema ? root.schema : out->name;
        rc = out->name ? 0 : no_memory(err);
    }
    if (rc == 0 && weir_source_name_check(weir_str_of(out->schema), &why)) {
        rc = weir_yaml_fail(
            err, doc, weir_yaml_get(weir_yaml_root(doc), "schema"),
            "`schema: %.80s` cannot be: it is reserved in the warehouse, or has other "
            "characters than a to z, 0 to 9 and _, beginning with a letter; choose "
            "another `schema:`",
            out->schema);
    }
    if (rc == 0 && weir_source_schedule_parse(weir_str_of(root.schedule), &out->schedule, &why)) {
        rc = weir_yaml_fail(err, doc, weir_yaml_get(weir_yaml_root(doc), "schedule"), "%s",
                            why.message);
    }
    rc = rc ? rc : read_verify(doc, &root, out, err);
    if (rc == 0 && weir_str_is(weir_str_of(out->schema), "usage")) {
        rc = weir_yaml_fail(err, doc, weir_yaml_get(weir_yaml_root(doc), "schema"),
                            "weir keeps its own tables in the schema \"usage\"; choose another "
                            "`schema:`");
    }
    if (rc == 0 && out->schedule.kind == WEIR_SOURCE_AFTER &&
        strcmp(out->schedule.after, out->name) == 0) {
        rc = weir_yaml_fail(err, doc, weir_yaml_get(weir_yaml_root(doc), "schedule"),
                            "a source cannot run after itself; write `every 5m`");
    }
    rc = rc ? rc : read_connection(doc, out, err);
    rc = rc ? rc : read_streams(doc, out, err);
    weir_yaml_free(doc);
    return rc;
}

int weir_source_config_read(const char *workspace_dir, const char *name,
                            struct weir_source_config *out, struct weir_error *err)
{
    char shown[128];
    struct weir_buf text;
    *out = (struct weir_source_config){0};
    int rc = weir_source_name_check(weir_str_of(name), err);
    if (rc) {
        return rc;
    }
    snprintf(shown, sizeof shown, "sources/%s.yml", name);
    weir_buf_init(&text, MAX_FILE);
    rc = weir_files_read(workspace_dir, shown, &text, err);
    if (rc == WEIR_ENOENT) {
        weir_fail(err, rc, "there is no source \"%s\"; `weir source list` shows the sources", name);
    }
    rc = rc ? rc : weir_source_config_parse(weir_buf_str(&text), name, shown, out, err);
    rc = rc ? rc : weir_source_others_check(workspace_dir, out, err);
    weir_buf_free(&text);
    return rc;
}

/* The text at `key` of another source's file; false when there is no such file. */
static bool look_up(const char *workspace_dir, const char *name, const char *key, char *out,
                    size_t size)
{
    char path[4096];
    struct weir_buf text;
    struct weir_yaml *doc = NULL;
    struct weir_str value = WEIR_STR("");
    struct weir_error ignored;
    snprintf(path, sizeof path, "sources/%s.yml", name);
    weir_buf_init(&text, MAX_FILE);
    int missing = weir_files_read(workspace_dir, path, &text, &ignored);
    if (missing == 0 && weir_yaml_parse(weir_buf_str(&text), path, &doc, &ignored) == 0) {
        (void)weir_yaml_str(weir_yaml_get(weir_yaml_root(doc), key), &value);
    }
    snprintf(out, size, WEIR_STR_FMT, WEIR_STR_ARG(value));
    weir_yaml_free(doc);
    weir_buf_free(&text);
    return missing != WEIR_ENOENT;
}

/* Sources that run after each other in a ring would run without end. */
static int check_ring(const char *workspace_dir, const struct weir_source_config *config,
                      struct weir_error *err)
{
    struct weir_source_schedule s = config->schedule;
    struct weir_error ignored;
    char text[256];
    for (int i = 0; i < MAX_CHAIN && s.kind == WEIR_SOURCE_AFTER; i++) {
        if (strcmp(s.after, config->name) == 0) {
            return weir_fail(err, WEIR_EINVAL,
                             "sources/%s.yml: the schedules of \"%s\" and \"%s\" run after each "
                             "other in a ring; give one of them `every 5m`",
                             config->name, config->name, config->schedule.after);
        }
        if (weir_source_name_check(weir_str_of(s.after), &ignored) ||
            !look_up(workspace_dir, s.after, "schedule", text, sizeof text) ||
            weir_source_schedule_parse(weir_str_of(text), &s, &ignored)) {
            break;
        }
    }
    return 0;
}

int weir_source_after_check(const char *workspace_dir, const struct weir_source_config *config,
                            struct weir_error *err)
{
    struct weir_error ignored;
    char kind[64] = "";
    const char *after = config->schedule.after;
    if (config->schedule.kind != WEIR_SOURCE_AFTER) {
        return 0;
    }
    if (weir_source_name_check(weir_str_of(after), &ignored) ||
        !look_up(workspace_dir, after, "kind", kind, sizeof kind)) {
        return weir_fail(err, WEIR_ENOENT,
                         "`schedule: after %s`: there is no source \"%s\", so this one never runs "
                         "by itself; `weir source list` shows the sources",
                         after, after);
    }
    char key[4] = "";
    if (!*kind) { /* that of tracking may be left out */
        (void)look_up(workspace_dir, after, "write_key", key, sizeof key);
    }
    return strcmp(kind, "tracking") == 0 || *key
               ? weir_fail(err, WEIR_EINVAL,
                           "`schedule: after %s`: \"%s\" is a source of events, which has no runs, "
                           "so this one never runs by itself; write `every 5m`",
                           after, after)
               : 0;
}

int weir_source_others_check(const char *workspace_dir, const struct weir_source_config *config,
                             struct weir_error *err)
{
    char kind[64];
    if (strcmp(config->schema, config->name) != 0 &&
        look_up(workspace_dir, config->schema, "kind", kind, sizeof kind) &&
        (!*kind || strcmp(kind, "tracking") == 0)) { /* also of a file that cannot be read */
        return weir_fail(err, WEIR_EINVAL,
                         "sources/%s.yml: the schema \"%s\" is that of sources/%s.yml, whose "
                         "events have their tables there; choose another `schema:`",
                         config->name, config->schema, config->schema);
    }
    return check_ring(workspace_dir, config, err);
}

void weir_source_config_free(struct weir_source_config *config)
{
    weir_arena_free(&config->arena);
}

int weir_source_config_stream(struct weir_source_config *config, struct weir_str name,
                              struct weir_source_stream *out, struct weir_error *err)
{
    for (size_t i = 0; i < config->stream_count; i++) {
        if (weir_str_is(name, config->streams[i].name)) {
            *out = config->streams[i];
            return 0;
        }
    }
    *out = (struct weir_source_stream){0};
    int rc = default_stream(name, &config->arena, out, err);
    for (size_t i = 0; rc == 0 && i < config->given_count; i++) {
        if (weir_str_eq(name, config->given[i].stream)) {
            out->table = config->given[i].table;
        }
    }
    return rc ? rc : name_table(out, &config->arena, err);
}
