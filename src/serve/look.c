#include "serve/look.h"

#include <stdio.h>

#include "serve/embeds.h"
#include "serve/publication.h"
#include "serve/published.h"
#include "serve/shelf.h"
#include "state/publication.h"

#define MAX_DEPTH 8
#define NAME_SIZE 64 /* of a parameter */

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a report");
}

/* --- values of her groups ------------------------------------------------------------------- */

const struct weir_data *weir_report_parameter(const struct weir_data *report, struct weir_str name)
{
    const struct weir_data *list = weir_data_get(report, "parameters");
    for (const struct weir_data *p = list ? list->first : NULL; p; p = p->next) {
        struct weir_str own = weir_data_get_text(p, "name");
        if (own.ptr && weir_str_eq(own, name)) {
            return p;
        }
    }
    return NULL;
}

static int parse(struct weir_arena *arena, struct weir_str text, struct weir_data **out,
                 struct weir_error *err)
{
    struct weir_buf padded;
    struct weir_json root;
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    weir_buf_init(&padded, 2 * WEIR_MAX_VALUES);
    weir_buf_adds(&padded, text);
    int rc = parser ? weir_buf_check(&padded, "a group's values", err) : no_memory(err);
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&padded), &root, err);
    rc = rc ? rc : weir_data_from_json(arena, root, out, err);
    weir_buf_free(&padded);
    weir_json_parser_free(parser);
    return rc;
}

static bool has_item(const struct weir_data *list, const struct weir_data *item)
{
    for (const struct weir_data *i = list->first; i; i = i->next) {
        if (weir_data_equal(i, item)) {
            return true;
        }
    }
    return false;
}

/* What several groups force on a list adds up, as what they grant does. */
static int unite(struct weir_arena *arena, struct weir_data *known, const struct weir_data *more,
                 struct weir_error *err)
{
    for (const struct weir_data *i = more->first; i; i = i->next) {
        struct weir_data *item = has_item(known, i) ? NULL : weir_data_copy(arena, i);
        if (item) {
            weir_data_add(known, item);
        } else if (!has_item(known, i)) {
            return no_memory(err);
        }
    }
    return WEIR_OK;
}

static void name_of(const struct weir_data *value, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, WEIR_STR_FMT, WEIR_STR_ARG(weir_utf8_cut(value->key, NAME_SIZE - 1)));
}

static int force(struct weir_arena *arena, const struct weir_document *d, struct weir_data *all,
                 const struct weir_data *value, struct weir_error *err)
{
    char name[NAME_SIZE];
    name_of(value, name);
    struct weir_data *known = weir_data_get(all, name);
    struct weir_data *copy = known ? NULL : weir_data_copy(arena, value);
    if (copy) {
        return weir_data_set(arena, all, value->key, copy) ? WEIR_OK : no_memory(err);
    }
    if (known && known->type == WEIR_DATA_LIST && value->type == WEIR_DATA_LIST) {
        return unite(arena, known, value, err);
    }
    if (known && weir_data_equal(known, value)) {
        return WEIR_OK;
    }
    return known ? weir_fail(err, WEIR_EPERM,
                             "two groups that you are in force different values of \"%s\" on \"%s\""
                             ", so it is shown to you by neither; ask an editor of it, or an admin",
                             name, d->title)
                 : no_memory(err);
}

static int read_values(const struct weir_call *call, struct weir_arena *arena,
                       struct weir_report_look *look, struct weir_error *err)
{
    struct weir_published_group *groups;
    size_t count;
    int rc = weir_publication_groups(call->server->state, weir_str_of(look->d->key),
                                     weir_str_of(call->who.id), arena, &groups, &count, err);
    look->forced = rc || !count ? NULL : weir_data_new(arena, WEIR_DATA_OBJECT);
    look->defaults = rc || !count ? NULL : weir_data_new(arena, WEIR_DATA_OBJECT);
    if (rc == 0 && count && (!look->forced || !look->defaults)) {
        rc = no_memory(err);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct weir_data *defaults, *forced;
        rc = parse(arena, groups[i].defaults, &defaults, err);
        rc = rc ? rc : parse(arena, groups[i].forced, &forced, err);
        for (const struct weir_data *v = rc ? NULL : forced->first; rc == 0 && v; v = v->next) {
            rc = force(arena, look->d, look->forced, v, err);
        }
        for (const struct weir_data *v = rc ? NULL : defaults->first; rc == 0 && v; v = v->next) {
            char name[NAME_SIZE];
            name_of(v, name);
            if (!weir_data_get(look->defaults, name) && /* the first by name counts */
                !weir_data_set(arena, look->defaults, v->key, v)) {
                rc = no_memory(err);
            }
        }
    }
    if (rc == 0 && look->forced && !look->forced->first) {
        look->forced = NULL;
    }
    return rc;
}

/* --- embedded ------------------------------------------------------------------------------- */

bool weir_look_shows(const struct weir_report_look *look, const struct weir_data *tile)
{
    return !look->embed || !look->embed->tile.ptr ||
           weir_str_eq(look->embed->tile, weir_data_get_text(tile, "id"));
}

/* Both hold: what her groups force, and what the link does. */
static int narrow(struct weir_arena *arena, struct weir_data *all, const struct weir_data *value,
                  struct weir_error *err)
{
    char name[NAME_SIZE];
    name_of(value, name);
    const struct weir_data *known = weir_data_get(all, name);
    struct weir_data *both = weir_data_copy(arena, value);
    if (both && known && known->type == WEIR_DATA_LIST && value->type == WEIR_DATA_LIST) {
        both = weir_data_new(arena, WEIR_DATA_LIST);
        for (const struct weir_data *i = value->first; both && i; i = i->next) {
            struct weir_data *item = has_item(known, i) ? weir_data_copy(arena, i) : NULL;
            if (item) {
                weir_data_add(both, item);
            }
        }
        known = both && both->first ? NULL : known;
    }
    if (known && !weir_data_equal(known, value)) {
        return weir_fail(err, WEIR_EPERM,
                         "the link forces a value of \"%s\" that its person may not choose", name);
    }
    return both && weir_data_set(arena, all, value->key, both) ? WEIR_OK : no_memory(err);
}

static int read_embed(struct weir_arena *arena, struct weir_report_look *look,
                      struct weir_error *err)
{
    const struct weir_data *report = look->d->report.data, *tiles = weir_data_get(report, "tiles");
    bool there = false;
    for (const struct weir_data *t = tiles ? tiles->first : NULL; t && !there; t = t->next) {
        there = weir_look_shows(look, t);
    }
    if (!there && look->embed->tile.ptr) {
        return weir_fail(err, WEIR_ENOENT, "the published version has no tile " WEIR_STR_FMT,
                         WEIR_STR_ARG(weir_utf8_cut(look->embed->tile, 60)));
    }
    int rc = weir_publication_check_values(report, look->embed->values, "forced", err);
    if (rc == 0 && !look->forced) {
        look->forced = weir_data_new(arena, WEIR_DATA_OBJECT);
        rc = look->forced ? WEIR_OK : no_memory(err);
    }
    for (const struct weir_data *v = rc ? NULL : look->embed->values->first; rc == 0 && v;
         v = v->next) {
        rc = narrow(arena, look->forced, v, err);
    }
    return rc;
}

struct weir_hash128 weir_report_look_rules(const struct weir_report_look *look,
                                           const struct weir_access *access)
{
    struct weir_hash128 rules = access ? access->rules : (struct weir_hash128){0};
    struct weir_buf text;
    if (!look->forced) {
        return rules;
    }
    weir_buf_init(&text, 8u << 20);
    weir_buf_add(&text, &rules, sizeof rules);
    struct weir_jw w = weir_jw_on(&text);
    weir_data_print(look->forced, &w);
    if (weir_buf_ok(&text)) {
        rules = weir_hash128(text.data, text.len);
    } else {
        weir_random_bytes(&rules, sizeof rules); /* no memory: nobody's */
    }
    weir_buf_free(&text);
    return rules;
}

/* --- which version -------------------------------------------------------------------------- */

static bool is_version(const struct weir_document *d, const char *version)
{
    return d && (strcmp(version, d->version) == 0 ||
                 (d->good && strcmp(version, d->good->version) == 0));
}

/* `now` may be NULL (its files have mistakes, or another branch is checked out), `published` as
 * well. */
static int choose(struct weir_report_look *look, const struct weir_document *now, bool is_published,
                  const char *version, struct weir_error *err)
{
    const struct weir_document *published = look->held;
    bool edits = look->level == WEIR_LEVEL_EDIT;
    bool wants_published = version
                               ? strcmp(version, "published") == 0 || is_version(published, version)
                               : is_published && (!edits || !now);
    bool wants_draft =
        version ? strcmp(version, "draft") == 0 || is_version(now, version) : !wants_published;
    if (wants_published && !is_published) {
        return weir_fail(err, WEIR_ENOENT, "the report is not published");
    }
    if (wants_published && (edits || !version || published)) {
        look->published = true;
        look->d = published;
        return published ? WEIR_OK
                         : weir_fail(err, WEIR_EIO,
                                     "the version that is published cannot be read; an editor of "
                                     "the report can publish it again");
    }
    if (!edits && (is_published || !wants_draft)) {
        return weir_fail(err, WEIR_EPERM,
                         "other versions of a report than the one that is published are for those "
                         "who may edit it");
    }
    if (!wants_draft || !now) {
        return weir_fail(err, WEIR_ENOENT,
                         "queries run in the draft or in the published version of a report, and "
                         "this is neither; restore it first");
    }
    look->d = now;
    return WEIR_OK;
}

int weir_report_look(const struct weir_call *call, const struct weir_levels *levels,
                     struct weir_arena *arena, const char *id, const char *version,
                     struct weir_report_look *out, struct weir_error *err)
{
    struct weir_shelf *shelf = call->server->shelf;
    const struct weir_published *published = weir_levels_published(levels, id);
    *out = (struct weir_report_look){.all = weir_shelf_hold(shelf)};
    const struct weir_document *now =
        weir_documents_find(out->all, WEIR_DOCUMENT_REPORT, weir_str_of(id));
    out->held = published ? weir_publishing_hold(weir_shelf_publishing(shelf), published->report,
                                                 published->version)
                          : NULL;
    const struct weir_document *usable = now && now->usable ? now : NULL;
    const struct weir_document *any = usable ? usable : out->held;
    out->level = any                  ? weir_level_of(levels, id, any->report.collection)
                 : now && levels->all ? WEIR_LEVEL_EDIT
                                      : WEIR_LEVEL_NONE;
    bool other = call->who.only[0] && strcmp(call->who.only, id) != 0; /* than its pass opens */
    if (out->level == WEIR_LEVEL_NONE || other) {
        return weir_fail(err, WEIR_ENOENT, "there is no report %.40s, or you may not see it", id);
    }
    if (!any) {
        return weir_fail(err, WEIR_EINVAL, "%s", now->error);
    }
    int rc = weir_embeds_of(call, arena, &out->embed, err);
    if (rc == 0 && out->embed) {
        out->level = WEIR_LEVEL_VIEW;
        rc = published ? WEIR_OK : weir_fail(err, WEIR_ENOENT, "the report is not published");
    }
    rc = rc ? rc : choose(out, usable, published, version, err);
    if (rc == 0 && published && out->level != WEIR_LEVEL_EDIT) {
        rc = read_values(call, arena, out, err);
    }
    return rc == 0 && out->embed ? read_embed(arena, out, err) : rc;
}

void weir_report_look_end(struct weir_report_look *look)
{
    weir_documents_release(look->all);
    weir_document_release(look->held);
    *look = (struct weir_report_look){0};
}
