/* The tiles of a report, and what they name: queries, tabs, parameters, files. */
#include "base/closest.h"
#include "workspace/report.h"
#include "workspace/report_check.h"

#define MAX_TABS 50

struct weir_str weir_check_text(const struct weir_yaml_node *node, const char *key)
{
    struct weir_str text = {0};
    (void)weir_yaml_str(weir_yaml_get(node, key), &text);
    return text;
}

static int64_t int_at(const struct weir_yaml_node *node, const char *key)
{
    int64_t value = 0;
    (void)weir_yaml_i64(weir_yaml_get(node, key), &value);
    return value;
}

bool weir_check_name_ok(struct weir_str name)
{
    bool ok = name.len > 0 && name.len <= 63;
    for (size_t i = 0; ok && i < name.len; i++) {
        char c = name.ptr[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    }
    return ok;
}

void weir_check_identities(struct weir_check *c, const struct weir_yaml_node *list, const char *key,
                           const char *what)
{
    struct weir_map seen;
    weir_map_init(&seen);
    for (const struct weir_yaml_node *n = list ? list->first : NULL; n; n = n->next) {
        struct weir_str id = weir_check_text(n, key);
        if (!id.ptr) {
            continue;
        }
        const struct weir_yaml_node *at = weir_yaml_get(n, key);
        if (!weir_check_name_ok(id)) {
            weir_check_note(c, at,
                            "\"%.*s\" cannot name a %s; use letters, digits, _ and -, at "
                            "most 63",
                            (int)(id.len < 80 ? id.len : 80), id.ptr, what);
        } else if (weir_map_get(&seen, id)) {
            weir_check_note(c, at, "there are two %ss \"" WEIR_STR_FMT "\"; give one another %s",
                            what, WEIR_STR_ARG(id), key);
        } else if (weir_map_put(&seen, id, (void *)(uintptr_t)n)) {
            c->code = c->code ? c->code : WEIR_ENOMEM;
        }
    }
    weir_map_free(&seen);
}

static bool has_item(const struct weir_yaml_node *list, struct weir_str id)
{
    for (const struct weir_yaml_node *n = list ? list->first : NULL; n; n = n->next) {
        if (weir_str_eq(weir_check_text(n, "id"), id)) {
            return true;
        }
    }
    return false;
}

static void check_named_query(struct weir_check *c, const struct weir_yaml_node *queries,
                              const struct weir_yaml_node *holder, const char *key)
{
    struct weir_str query = weir_check_text(holder, key);
    struct weir_closest near = weir_closest_to(query);
    if (!query.ptr || has_item(queries, query)) {
        return;
    }
    for (const struct weir_yaml_node *n = queries ? queries->first : NULL; n; n = n->next) {
        struct weir_str id = weir_check_text(n, "id");
        if (id.ptr) {
            weir_closest_consider(&near, id.ptr);
        }
    }
    weir_check_note(c, weir_yaml_get(holder, key), "there is no query \"%.*s\"%s%s%s",
                    (int)(query.len < 80 ? query.len : 80), query.ptr,
                    near.best ? "; did you mean \"" : "; add it to queries",
                    near.best ? near.best : "", near.best ? "\"?" : "");
}

void weir_check_query_name(struct weir_check *c, const struct weir_yaml_node *queries,
                           const struct weir_yaml_node *holder)
{
    check_named_query(c, queries, holder, "query");
}

/* --- what each kind needs ------------------------------------------------------------------- */

static void check_kind(struct weir_check *c, const struct weir_yaml_node *n)
{
    struct weir_str kind = weir_check_text(n, "kind");
    struct weir_str image = weir_check_text(n, "image"), alt = weir_check_text(n, "alt");
    if (weir_str_is(kind, "text")) {
        if (!weir_yaml_get(n, "markdown")) {
            weir_check_note(c, n, "a text tile needs \"markdown\"");
        }
    } else if (weir_str_is(kind, "section")) {
        if (weir_str_trim(weir_check_text(n, "title")).len == 0) {
            weir_check_note(c, n, "a section needs \"title\"");
        }
        if (int_at(n, "w") != 24) {
            weir_check_note(c, weir_yaml_get(n, "w"),
                            "a section is as wide as the grid: w is 24, and x is 0");
        }
    } else if (weir_str_is(kind, "image")) {
        if (!weir_report_image_ok(image)) {
            weir_check_note(c, image.ptr ? weir_yaml_get(n, "image") : n,
                            "an image tile needs \"image\", the name of a file beside this one: "
                            "letters, digits, _ and -, ending in .png, .jpg, .jpeg, .webp or .gif");
        }
        if (weir_str_trim(alt).len == 0) {
            weir_check_note(c, n,
                            "an image tile needs \"alt\", which says what is to be seen for "
                            "those who cannot see it");
        }
    } else if (!weir_yaml_get(n, "query")) {
        weir_check_note(c, n, "a tile of this kind needs \"query\"");
    }
}

/* --- clicks --------------------------------------------------------------------------------- */

static bool is_parameter(const struct weir_yaml_node *root, struct weir_str name)
{
    const struct weir_yaml_node *list = weir_yaml_get(root, "parameters");
    for (const struct weir_yaml_node *n = list ? list->first : NULL; n; n = n->next) {
        if (name.ptr && weir_str_eq(weir_check_text(n, "name"), name)) {
            return true;
        }
    }
    return false;
}

static void need_parameter(struct weir_check *c, const struct weir_yaml_node *root,
                           const struct weir_yaml_node *at, struct weir_str name)
{
    if (!is_parameter(root, name)) {
        weir_check_note(c, at, "there is no parameter \"%.*s\" in the report's parameters",
                        (int)(name.len < 80 ? name.len : 80), name.ptr ? name.ptr : "");
    }
}

/* Of texts by name; whose side names parameters of this report, if any. */
static void check_map(struct weir_check *c, const struct weir_yaml_node *root,
                      const struct weir_yaml_node *map, bool keys, bool values)
{
    if (map && map->type != WEIR_YAML_MAPPING) {
        weir_check_note(c, map, "names and values are expected here ({parameter: column})");
        return;
    }
    for (const struct weir_yaml_node *n = map ? map->first : NULL; n; n = n->next) {
        struct weir_str text = {0};
        if (!weir_yaml_str(n, &text)) {
            weir_check_note(c, n, "a name is expected here");
        } else if (keys || values) {
            need_parameter(c, root, n, keys ? n->key : text);
        }
    }
}

static void check_levels(struct weir_check *c, const struct weir_yaml_node *click)
{
    const struct weir_yaml_node *levels = weir_yaml_get(click, "levels");
    struct weir_str text;
    bool good = levels && levels->type == WEIR_YAML_SEQUENCE && levels->first;
    for (const struct weir_yaml_node *n = good ? levels->first : NULL; n; n = n->next) {
        good = good && weir_yaml_str(n, &text);
    }
    if (!good) {
        weir_check_note(c, levels ? levels : click,
                        "a drill needs \"levels\", the columns from the coarsest to the finest");
    }
}

static void check_click(struct weir_check *c, const struct weir_yaml_node *root,
                        const struct weir_yaml_node *click)
{
    static const struct weir_key filter[] = {
        {.name = "filter", .kind = WEIR_KEY_TEXT, .required = true},
        {.name = "column", .kind = WEIR_KEY_TEXT, .required = true},
        {0}};
    static const struct weir_key drill[] = {
        {.name = "drill", .kind = WEIR_KEY_TEXT, .required = true},
        {.name = "levels", .kind = WEIR_KEY_ANY, .required = true},
        {.name = "filters", .kind = WEIR_KEY_OBJECT},
        {0}};
    static const struct weir_key report[] = {
        {.name = "report", .kind = WEIR_KEY_TEXT, .required = true},
        {.name = "values", .kind = WEIR_KEY_OBJECT},
        {0}};
    static const struct weir_key rows[] = {
        {.name = "rows", .kind = WEIR_KEY_TEXT, .required = true},
        {.name = "values", .kind = WEIR_KEY_OBJECT},
        {0}};
    struct weir_str word = {0};
    if (weir_yaml_str(click, &word) && weir_str_is(word, "none")) {
        return;
    }
    if (click->type == WEIR_YAML_MAPPING && weir_yaml_get(click, "filter")) {
        weir_check_keys(c, click, filter);
        need_parameter(c, root, weir_yaml_get(click, "filter"), weir_check_text(click, "filter"));
    } else if (click->type == WEIR_YAML_MAPPING && weir_yaml_get(click, "drill")) {
        weir_check_keys(c, click, drill);
        need_parameter(c, root, weir_yaml_get(click, "drill"), weir_check_text(click, "drill"));
        check_levels(c, click);
        check_map(c, root, weir_yaml_get(click, "filters"), false, true);
    } else if (click->type == WEIR_YAML_MAPPING && weir_yaml_get(click, "report")) {
        weir_check_keys(c, click, report); /* the parameters are the other report's */
        check_map(c, root, weir_yaml_get(click, "values"), false, false);
    } else if (click->type == WEIR_YAML_MAPPING && weir_yaml_get(click, "rows")) {
        weir_check_keys(c, click, rows);
        check_named_query(c, weir_yaml_get(root, "queries"), click, "rows");
        check_map(c, root, weir_yaml_get(click, "values"), true, false);
    } else {
        weir_check_note(c, click,
                        "a click is {filter, column}, {drill, levels, filters}, {report, values}, "
                        "{rows, values} or none");
    }
}

/* --- all of them ---------------------------------------------------------------------------- */

static void check_tabs(struct weir_check *c, const struct weir_yaml_node *tabs)
{
    size_t count = 0;
    weir_check_identities(c, tabs, "id", "tab");
    for (const struct weir_yaml_node *n = tabs ? tabs->first : NULL; n; n = n->next) {
        if (++count == MAX_TABS + 1) {
            weir_check_note(c, n, "more than %d tabs in one report", MAX_TABS);
        }
    }
}

void weir_check_tiles(struct weir_check *c, const struct weir_yaml_node *root)
{
    const struct weir_yaml_node *tiles = weir_yaml_get(root, "tiles");
    const struct weir_yaml_node *tabs = weir_yaml_get(root, "tabs");
    check_tabs(c, tabs);
    weir_check_identities(c, tiles, "id", "tile");
    for (const struct weir_yaml_node *n = tiles ? tiles->first : NULL; n; n = n->next) {
        if (n->type != WEIR_YAML_MAPPING) {
            continue;
        }
        struct weir_str tab = weir_check_text(n, "tab");
        const struct weir_yaml_node *click = weir_yaml_get(n, "click");
        if (int_at(n, "x") + int_at(n, "w") > 24) {
            weir_check_note(c, weir_yaml_get(n, "w"),
                            "the tile is wider than the grid: x + w is more than 24");
        }
        if (tab.ptr && !has_item(tabs, tab)) {
            weir_check_note(c, weir_yaml_get(n, "tab"), "there is no tab \"%.*s\"; add it to tabs",
                            (int)(tab.len < 80 ? tab.len : 80), tab.ptr);
        }
        check_kind(c, n);
        weir_check_query_name(c, weir_yaml_get(root, "queries"), n);
        if (click) {
            check_click(c, root, click);
        }
    }
}
