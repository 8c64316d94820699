#include "workspace/report.h"

#include <stdio.h>

#include "param/param.h"
#include "workspace/report_check.h"

#define MAX_QUERIES 200
#define MAX_SQL     (1u << 20)

/* --- the keys -------------------------------------------------------------------------------- */

static const char *const parameter_types[] = {"text",         "number",    "date",        "select",
                                              "multiselect",  "daterange", "aggregation", "boolean",
                                              "number_range", NULL};
static const char *const tile_kinds[] = {"chart", "text", "table", "section", "image", NULL};
static const char *const fits[] = {"contain", "cover", NULL};

static const struct weir_key parameter_keys[] = {
    {.name = "name", .kind = WEIR_KEY_TEXT, .required = true},
    {.name = "label", .kind = WEIR_KEY_TEXT},
    {.name = "description", .kind = WEIR_KEY_TEXT},
    {.name = "type", .kind = WEIR_KEY_CHOICE, .required = true, .choices = parameter_types},
    {.name = "options", .kind = WEIR_KEY_ANY},
    {.name = "default", .kind = WEIR_KEY_ANY},
    {.name = "hidden", .kind = WEIR_KEY_BOOL},
    {.name = "match", .kind = WEIR_KEY_TEXT},
    {.name = "compare", .kind = WEIR_KEY_BOOL},
    {.name = "min", .kind = WEIR_KEY_NUMBER},
    {.name = "max", .kind = WEIR_KEY_NUMBER},
    {0}};
static const struct weir_key query_keys[] = {
    {.name = "id", .kind = WEIR_KEY_TEXT, .required = true},
    {.name = "title", .kind = WEIR_KEY_TEXT},
    {.name = "description", .kind = WEIR_KEY_TEXT},
    {.name = "file", .kind = WEIR_KEY_TEXT, .required = true},
    {0}};
static const struct weir_key tab_keys[] = {
    {.name = "id", .kind = WEIR_KEY_TEXT, .required = true},
    {.name = "title", .kind = WEIR_KEY_TEXT, .required = true},
    {0}};
static const struct weir_key tile_keys[] = {
    {.name = "id", .kind = WEIR_KEY_TEXT, .required = true},
    {.name = "kind", .kind = WEIR_KEY_CHOICE, .required = true, .choices = tile_kinds},
    {.name = "tab", .kind = WEIR_KEY_TEXT},
    {.name = "query", .kind = WEIR_KEY_TEXT},
    {.name = "title", .kind = WEIR_KEY_TEXT},
    {.name = "description", .kind = WEIR_KEY_TEXT},
    {.name = "markdown", .kind = WEIR_KEY_TEXT},
    {.name = "collapsed", .kind = WEIR_KEY_BOOL},
    {.name = "image", .kind = WEIR_KEY_TEXT},
    {.name = "alt", .kind = WEIR_KEY_TEXT},
    {.name = "fit", .kind = WEIR_KEY_CHOICE, .choices = fits},
    {.name = "owner", .kind = WEIR_KEY_TEXT},
    {.name = "x", .kind = WEIR_KEY_INT, .required = true, .min = 0, .max = 23},
    {.name = "y", .kind = WEIR_KEY_INT, .required = true, .min = 0, .max = 10000},
    {.name = "w", .kind = WEIR_KEY_INT, .required = true, .min = 1, .max = 24},
    {.name = "h", .kind = WEIR_KEY_INT, .required = true, .min = 1, .max = 1000},
    {.name = "chart", .kind = WEIR_KEY_OBJECT},
    {.name = "table", .kind = WEIR_KEY_OBJECT},
    {.name = "click", .kind = WEIR_KEY_ANY},
    {0}};
static const struct weir_key report_keys[] = {
    {.name = "id", .kind = WEIR_KEY_TEXT, .required = true},
    {.name = "title", .kind = WEIR_KEY_TEXT, .required = true},
    {.name = "description", .kind = WEIR_KEY_TEXT},
    {.name = "collection", .kind = WEIR_KEY_TEXT},
    {.name = "owner", .kind = WEIR_KEY_TEXT},
    {.name = "time_zone", .kind = WEIR_KEY_TEXT},
    {.name = "fiscal_year_start", .kind = WEIR_KEY_INT, .min = 1, .max = 12},
    {.name = "archived", .kind = WEIR_KEY_BOOL},
    {.name = "parameters", .kind = WEIR_KEY_LIST, .items = parameter_keys},
    {.name = "queries", .kind = WEIR_KEY_LIST, .items = query_keys},
    {.name = "tabs", .kind = WEIR_KEY_LIST, .items = tab_keys},
    {.name = "tiles", .kind = WEIR_KEY_LIST, .items = tile_keys},
    {0}};

static struct weir_data *ordered(struct weir_arena *arena, const struct weir_data *data,
                                 const struct weir_key *keys)
{
    struct weir_data *out = data->type == WEIR_DATA_OBJECT ? weir_data_new(arena, WEIR_DATA_OBJECT)
                                                           : weir_data_share(arena, data);
    bool ok = out;
    for (const struct weir_key *k = keys; ok && out->type == WEIR_DATA_OBJECT && k->name; k++) {
        const struct weir_data *value = weir_data_get(data, k->name);
        struct weir_data *list = NULL;
        if (value && k->items && value->type == WEIR_DATA_LIST) {
            list = weir_data_new(arena, WEIR_DATA_LIST);
            for (const struct weir_data *d = value->first; list && ok && d; d = d->next) {
                struct weir_data *item = ordered(arena, d, k->items);
                ok = item;
                if (item) {
                    weir_data_add(list, item);
                }
            }
            ok = ok && list;
        }
        ok = ok && (!value || weir_data_set(arena, out, weir_str_of(k->name), list ? list : value));
    }
    /* What is not known stays, so that the check can name it. */
    for (const struct weir_data *d = data->first; ok && out->type == WEIR_DATA_OBJECT && d;
         d = d->next) {
        char key[256];
        snprintf(key, sizeof key, WEIR_STR_FMT, WEIR_STR_ARG(d->key));
        ok = weir_data_get(out, key) || weir_data_set(arena, out, d->key, d);
    }
    return ok ? out : NULL;
}

struct weir_data *weir_report_order(struct weir_arena *arena, const struct weir_data *report)
{
    return ordered(arena, report, report_keys);
}

/* --- what a table of keys cannot say --------------------------------------------------------- */

static bool is_one_of(struct weir_str word, const char *const *list)
{
    for (; *list; list++) {
        if (word.ptr && weir_str_is(word, *list)) {
            return true;
        }
    }
    return false;
}

static void check_filtering(struct weir_check *c, const struct weir_yaml_node *n)
{
    static const char *const matching[] = {"text", "number", "date", "select", "multiselect", NULL};
    static const char *const numbers[] = {"number", "number_range", NULL};
    struct weir_str type = weir_check_text(n, "type"), match = weir_check_text(n, "match");
    const struct weir_yaml_node *compare = weir_yaml_get(n, "compare");
    const struct weir_yaml_node *bound = weir_yaml_get(n, "min");
    struct weir_arena arena;
    struct weir_error why;
    bound = bound ? bound : weir_yaml_get(n, "max");
    if (compare && type.ptr && !weir_str_is(type, "daterange")) {
        weir_check_note(c, compare, "\"compare\" is for parameters of type daterange");
    }
    if (bound && type.ptr && !is_one_of(type, numbers)) {
        weir_check_note(c, bound, "\"min\" and \"max\" are for numbers and ranges of them");
    }
    if (match.ptr && type.ptr && !is_one_of(type, matching)) {
        weir_check_note(c, weir_yaml_get(n, "match"),
                        "\"match\" is for text, number, date, select and multiselect");
    } else if (match.ptr) {
        weir_arena_init(&arena, 4u << 20);
        if (weir_param_match_check(&arena, match, &why)) {
            weir_check_note(c, weir_yaml_get(n, "match"), "%s", why.message);
        }
        weir_arena_free(&arena);
    }
}

static void check_parameters(struct weir_check *c, const struct weir_yaml_node *root)
{
    const struct weir_yaml_node *list = weir_yaml_get(root, "parameters");
    weir_check_identities(c, list, "name", "parameter");
    for (const struct weir_yaml_node *n = list ? list->first : NULL; n; n = n->next) {
        const struct weir_yaml_node *options = weir_yaml_get(n, "options");
        check_filtering(c, n);
        if (options && options->type != WEIR_YAML_SEQUENCE && options->type != WEIR_YAML_MAPPING) {
            weir_check_note(c, options, "options are a list of values, or {query, value, label}");
        }
        if (options && options->type == WEIR_YAML_MAPPING) {
            if (!weir_check_text(options, "query").ptr || !weir_check_text(options, "value").ptr) {
                weir_check_note(c, options, "options from a query need \"query\" and \"value\"");
            }
            weir_check_query_name(c, weir_yaml_get(root, "queries"), options);
        }
    }
}

static const struct weir_file *file_named(const struct weir_file *files, size_t count,
                                          struct weir_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_str_is(name, files[i].path)) {
            return &files[i];
        }
    }
    return NULL;
}

static void check_file(struct weir_check *c, const struct weir_yaml_node *query,
                       const struct weir_file *files, size_t count)
{
    struct weir_str name = weir_check_text(query, "file");
    const struct weir_yaml_node *at = weir_yaml_get(query, "file");
    struct weir_error ignored;
    if (!name.ptr) {
        return;
    }
    const struct weir_file *file = file_named(files, count, name);
    if (memchr(name.ptr, '/', name.len) || name.ptr[0] == '.' ||
        !weir_str_ends(name, WEIR_STR(".sql")) || weir_files_check_path(name, &ignored)) {
        weir_check_note(c, at, "\"%.*s\" is no file's name; write NAME.sql, a file beside this one",
                        (int)(name.len < 80 ? name.len : 80), name.ptr);
    } else if (!file) {
        weir_check_note(c, at, "there is no file \"" WEIR_STR_FMT "\" beside this one",
                        WEIR_STR_ARG(name));
    } else if (file->bytes.len > MAX_SQL) {
        weir_check_note(c, at, WEIR_STR_FMT " is larger than 1 MB", WEIR_STR_ARG(name));
    } else if (!weir_utf8_valid(file->bytes) ||
               (file->bytes.len && memchr(file->bytes.ptr, 0, file->bytes.len))) {
        weir_check_note(c, at, WEIR_STR_FMT " is not UTF-8 text; save it as UTF-8",
                        WEIR_STR_ARG(name));
    }
}

static void check_queries(struct weir_check *c, const struct weir_yaml_node *root,
                          const struct weir_file *files, size_t count)
{
    const struct weir_yaml_node *list = weir_yaml_get(root, "queries");
    struct weir_map seen;
    size_t queries = 0;
    weir_check_identities(c, list, "id", "query");
    weir_map_init(&seen);
    for (const struct weir_yaml_node *n = list ? list->first : NULL; n; n = n->next) {
        struct weir_str name = weir_check_text(n, "file");
        check_file(c, n, files, count);
        if (name.ptr && weir_map_get(&seen, name)) {
            weir_check_note(c, weir_yaml_get(n, "file"),
                            "two queries have the file \"%.80s\"; give each its own", name.ptr);
        } else if (name.ptr && weir_map_put(&seen, name, (void *)(uintptr_t)n)) {
            c->code = c->code ? c->code : WEIR_ENOMEM;
        }
        if (++queries == MAX_QUERIES + 1) {
            weir_check_note(c, n, "more than %d queries in one report", MAX_QUERIES);
        }
    }
    weir_map_free(&seen);
}

static void check_root(struct weir_check *c, const struct weir_yaml_node *root)
{
    struct weir_str id = weir_check_text(root, "id");
    struct weir_str title = weir_check_text(root, "title");
    struct weir_str collection = weir_check_text(root, "collection");
    if (id.ptr && !weir_id_ok(id)) {
        weir_check_note(c, weir_yaml_get(root, "id"),
                        "an id has %d characters of a to z and 0 to 9; weir makes them "
                        "(`weir report new`), or leave the app to it",
                        WEIR_ID_LENGTH);
    }
    if (title.ptr && (weir_str_trim(title).len == 0 || title.len > 300)) {
        weir_check_note(c, weir_yaml_get(root, "title"), "a title has 1 to 300 bytes");
    }
    if (collection.ptr && !weir_check_name_ok(collection)) {
        weir_check_note(c, weir_yaml_get(root, "collection"),
                        "a collection is named by letters, digits, _ and -, at most 63");
    }
}

/* --- reading --------------------------------------------------------------------------------- */

struct weir_str weir_text_lf(struct weir_arena *arena, struct weir_str text)
{
    char *out = weir_arena_alloc(arena, text.len + 1);
    size_t n = 0;
    if (!out) {
        return (struct weir_str){0};
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\r' || i + 1 == text.len || text.ptr[i + 1] != '\n') {
            out[n++] = text.ptr[i];
        }
    }
    out[n] = '\0';
    return (struct weir_str){out, n};
}

static const char *text_or(struct weir_arena *arena, const struct weir_data *data, const char *key,
                           const char *fallback)
{
    struct weir_str text = weir_data_get_text(data, key);
    return text.ptr ? weir_arena_dup(arena, text).ptr : fallback;
}

static int take_queries(struct weir_arena *arena, const struct weir_file *files, size_t count,
                        struct weir_report *out)
{
    const struct weir_data *list = weir_data_get(out->data, "queries");
    struct weir_data *texts = weir_data_new(arena, WEIR_DATA_OBJECT);
    out->items = weir_arena_calloc(arena, ((list ? list->count : 0) + 1) * sizeof *out->items);
    if (!texts || !out->items) {
        return WEIR_ENOMEM;
    }
    for (const struct weir_data *d = list ? list->first : NULL; d; d = d->next) {
        struct weir_report_query *q = &out->items[out->count++];
        q->id = text_or(arena, d, "id", "");
        q->title = text_or(arena, d, "title", q->id);
        q->file = text_or(arena, d, "file", "");
        const struct weir_file *file =
            file_named(files, count, weir_str_of(q->file ? q->file : ""));
        q->sql = weir_text_lf(arena, file ? file->bytes : WEIR_STR(""));
        if (weir_str_ends(q->sql, WEIR_STR("\n"))) {
            q->sql.len--; /* ends the file, not the statement */
        }
        struct weir_data *text = q->sql.ptr ? weir_data_text(arena, q->sql) : NULL;
        if (!q->id || !q->title || !text ||
            !weir_data_set(arena, texts, weir_str_of(q->id), text)) {
            return WEIR_ENOMEM;
        }
    }
    out->queries = texts;
    return WEIR_OK;
}

static int take(struct weir_arena *arena, const struct weir_yaml_node *root,
                const struct weir_file *files, size_t count, struct weir_report *out,
                struct weir_error *err)
{
    struct weir_data *data;
    bool archived = false;
    int code = weir_data_from_yaml(arena, root, &data, err);
    if (code) {
        return code;
    }
    (void)weir_yaml_bool(weir_yaml_get(root, "archived"), &archived);
    out->data = data;
    out->archived = archived;
    out->id = text_or(arena, data, "id", "");
    out->title = text_or(arena, data, "title", "");
    out->description = text_or(arena, data, "description", "");
    out->collection = text_or(arena, data, "collection", "company");
    code = take_queries(arena, files, count, out);
    return code || !out->id || !out->title || !out->description || !out->collection
               ? weir_fail(err, WEIR_ENOMEM, "out of memory for a report")
               : WEIR_OK;
}

int weir_report_parse(struct weir_arena *arena, const char *path, const struct weir_file *files,
                      size_t count, struct weir_report *out, struct weir_error *err)
{
    struct weir_yaml *doc = NULL;
    char name[300];
    const struct weir_file *file = file_named(files, count, WEIR_STR("report.yml"));
    *out = (struct weir_report){0};
    snprintf(name, sizeof name, "%.280s/report.yml", path);
    if (!file) {
        return weir_fail(err, WEIR_ENOENT, "%s is missing", name);
    }
    struct weir_str text = weir_text_lf(arena, file->bytes);
    int code = text.ptr ? weir_yaml_parse(text, name, &doc, err)
                        : weir_fail(err, WEIR_ENOMEM, "out of memory for %s", name);
    if (code) {
        return code;
    }
    const struct weir_yaml_node *root = weir_yaml_root(doc);
    struct weir_check check = {.doc = doc};
    weir_check_keys(&check, root, report_keys);
    check_root(&check, root);
    check_parameters(&check, root);
    check_queries(&check, root, files, count);
    weir_check_tiles(&check, root);
    code = check.code ? weir_fail(err, check.code, "%s", check.problems)
                      : take(arena, root, files, count, out, err);
    weir_yaml_free(doc);
    return code;
}
