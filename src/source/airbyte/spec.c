/* What a source's specification says of its settings: which are missing, and which are secrets. */
#include <stdio.h>

#include "source/airbyte/airbyte.h"
#include "source/define/secret.h"

#define MAX_DEPTH 30

void weir_airbyte_spec_missing(struct weir_json spec, const struct weir_data *config,
                               struct weir_buf *out)
{
    struct weir_json item;
    struct weir_str name;
    char key[128];
    struct weir_json_iter it = weir_json_begin(weir_json_get(spec, "required"));
    while (weir_json_next(&it, NULL, &item)) {
        if (weir_json_str(item, &name) && name.len < sizeof key) {
            snprintf(key, sizeof key, WEIR_STR_FMT, WEIR_STR_ARG(name));
            if (!weir_data_get(config, key)) {
                weir_buf_addf(out, "%s%s", out->len ? ", " : "", key);
            }
        }
    }
}

struct walk {
    const char *source;
    char path[256];
    struct weir_airbyte_secrets *told; /* NULL: refused */
};

static int tell(struct walk *w, const struct weir_data *value, struct weir_error *err)
{
    struct weir_airbyte_secrets *told = w->told;
    const struct weir_data *known = told->paths ? told->paths->first : NULL;
    while (known && !weir_str_is(known->text, w->path)) {
        known = known->next;
    }
    int rc = weir_mask_add(told->mask, told->arena, value->text, err);
    if (rc || known) {
        return rc;
    }
    told->paths = told->paths ? told->paths : weir_data_new(told->arena, WEIR_DATA_LIST);
    struct weir_data *path = weir_data_text(told->arena, weir_str_of(w->path));
    if (!told->paths || !path) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the secrets of a specification");
    }
    weir_data_add(told->paths, path);
    return 0;
}

static int refuse(const struct walk *w, struct weir_error *err)
{
    return weir_fail(err, WEIR_EINVAL,
                     "sources/%s.yml: `config` has `%s` in clear, which its specification calls a "
                     "secret, and git keeps the file: `weir secret set %s.%s`, and write "
                     "\"${secret:%s.%s}\" there",
                     w->source, w->path, w->source, w->path, w->source, w->path);
}

static int check(struct walk *w, struct weir_json schema, const struct weir_data *data, int depth,
                 struct weir_error *err)
{
    static const char *const choices[] = {"oneOf", "anyOf", "allOf", NULL};
    struct weir_json one;
    bool secret = false;
    size_t length = strlen(w->path);
    int rc = 0;
    if (!data || depth > MAX_DEPTH || weir_json_type(schema) != WEIR_JSON_OBJECT) {
        return 0;
    }
    (void)weir_json_bool(weir_json_get(schema, "airbyte_secret"), &secret);
    if (secret && weir_source_is_plain(data)) {
        return w->told ? tell(w, data, err) : refuse(w, err);
    }
    for (const char *const *choice = choices; rc == 0 && *choice; choice++) {
        struct weir_json_iter it = weir_json_begin(weir_json_get(schema, *choice));
        while (rc == 0 && weir_json_next(&it, NULL, &one)) {
            rc = check(w, one, data, depth + 1, err);
        }
    }
    bool list = data->type == WEIR_DATA_LIST;
    for (const struct weir_data *m = data->first; rc == 0 && m; m = m->next) {
        char key[128];
        snprintf(key, sizeof key, WEIR_STR_FMT, WEIR_STR_ARG(m->key));
        if (!list) {
            snprintf(w->path + length, sizeof w->path - length, "%s%s", length ? "." : "", key);
        }
        rc = check(w,
                   list ? weir_json_get(schema, "items")
                        : weir_json_get(weir_json_get(schema, "properties"), key),
                   m, depth + 1, err);
        w->path[length] = 0;
    }
    return rc;
}

int weir_airbyte_spec_secrets(struct weir_json spec, const struct weir_data *config,
                              const char *source, struct weir_airbyte_secrets *told,
                              struct weir_error *err)
{
    struct walk w = {.source = source, .told = told};
    return check(&w, spec, config, 0, err);
}
