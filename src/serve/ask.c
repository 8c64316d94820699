#include "serve/ask.h"

#include <stdio.h>

#define MAX_ANSWER (64u << 20)

void weir_ask_init(struct weir_ask *ask)
{
    memset(ask, 0, sizeof *ask);
    ask->status = 200;
    ask->now = weir_now();
    ask->base = "";
    weir_arena_init(&ask->arena, MAX_ANSWER);
    weir_buf_init(&ask->out, MAX_ANSWER);
    ask->w = weir_jw_on(&ask->out);
}

void weir_ask_free(struct weir_ask *ask)
{
    weir_arena_free(&ask->arena);
    weir_buf_free(&ask->out);
}

int weir_ask_read_body(struct weir_ask *ask, struct weir_json_parser *parser, struct weir_str text,
                       struct weir_error *err)
{
    if (text.len == 0) {
        return 0;
    }
    int rc = weir_json_parse(parser, text, &ask->body, err);
    if (rc) {
        return weir_error_prefix(err, WEIR_EINVAL, "the body is no JSON");
    }
    return weir_json_type(ask->body) == WEIR_JSON_OBJECT
               ? 0
               : weir_fail(err, WEIR_EINVAL, "the body must be a JSON object");
}

/* --- reading -------------------------------------------------------------------------------- */

int weir_ask_keys(struct weir_json object, const char *what, const char *const *known,
                  struct weir_error *err)
{
    struct weir_str key;
    struct weir_json value;
    if (weir_json_type(object) != WEIR_JSON_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "%s must be a JSON object", what);
    }
    struct weir_json_iter it = weir_json_begin(object);
    while (weir_json_next(&it, &key, &value)) {
        char list[256] = "";
        size_t i = 0;
        for (; known[i] && !weir_str_is(key, known[i]); i++) {
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
                     known[i]);
        }
        if (!known[i]) {
            return weir_fail(err, WEIR_EINVAL,
                             "\"" WEIR_STR_FMT "\" is not known in %s; there are %s",
                             WEIR_STR_ARG(weir_utf8_cut(key, 60)), what, list);
        }
    }
    return 0;
}

int weir_ask_text(const struct weir_ask *ask, const char *key, bool needed, struct weir_str *out,
                  struct weir_error *err)
{
    struct weir_json value = weir_json_get(ask->body, key);
    *out = (struct weir_str){0};
    if (!weir_json_exists(value) && !needed) {
        return 0;
    }
    if (!weir_json_str(value, out)) {
        return weir_fail(err, WEIR_EINVAL, "\"%s\" must be there, as text", key);
    }
    return out->len && memchr(out->ptr, 0, out->len)
               ? weir_fail(err, WEIR_EINVAL, "\"%s\" must be text without NUL characters", key)
               : 0;
}

struct weir_str weir_ask_param(struct weir_ask *ask, const char *name)
{
    struct weir_buf value;
    struct weir_str out = {0};
    weir_buf_init(&value, 4096);
    if (weir_http_param(ask->query, name, &value) && weir_buf_ok(&value)) {
        out = weir_arena_dup(&ask->arena, weir_buf_str(&value));
    }
    weir_buf_free(&value);
    return out;
}

int weir_ask_texts(struct weir_ask *ask, struct weir_json object, const char *key,
                   struct weir_str **out, size_t *count, struct weir_error *err)
{
    struct weir_json list = weir_json_get(object, key), item;
    *out = NULL;
    *count = 0;
    if (!weir_json_exists(list)) {
        return 0;
    }
    if (weir_json_type(list) != WEIR_JSON_ARRAY) {
        return weir_fail(err, WEIR_EINVAL, "\"%s\" must be a list of text", key);
    }
    *out = weir_arena_calloc(&ask->arena, (weir_json_count(list) + 1) * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for \"%s\"", key);
    }
    struct weir_json_iter it = weir_json_begin(list);
    while (weir_json_next(&it, NULL, &item)) {
        if (!weir_json_str(item, &(*out)[*count]) || (*out)[*count].len == 0 ||
            (*out)[*count].len > 1000) {
            return weir_fail(err, WEIR_EINVAL, "\"%s\" must hold text of 1 to 1,000 bytes", key);
        }
        (*count)++;
    }
    return 0;
}

int weir_ask_json(struct weir_ask *ask, struct weir_json value, struct weir_str *out,
                  struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 64 * 1024);
    weir_json_print(value, &text);
    *out = weir_buf_ok(&text) ? weir_arena_dup(&ask->arena, weir_buf_str(&text))
                              : (struct weir_str){0};
    weir_buf_free(&text);
    return out->ptr ? 0 : weir_fail(err, WEIR_ETOOBIG, "a JSON value is larger than 64 KB");
}

int weir_ask_find_person(struct weir_ask *ask, struct weir_str id, struct weir_person *out,
                         struct weir_error *err)
{
    return memchr(id.ptr, '@', id.len) ? weir_person_by_email(ask->state, id, &ask->arena, out, err)
                                       : weir_person_get(ask->state, id, &ask->arena, out, err);
}

/* --- writing -------------------------------------------------------------------------------- */

int weir_ask_note(struct weir_ask *ask, const char *action, struct weir_str object,
                  struct weir_str detail, struct weir_error *err)
{
    return weir_caller_note(ask->state, &ask->who, action, object, detail, err);
}

void weir_ask_rights(struct weir_ask *ask, const struct weir_str *person)
{
    struct weir_str whose = person ? *person : WEIR_STR("*");
    snprintf(ask->rights_of, sizeof ask->rights_of, WEIR_STR_FMT, WEIR_STR_ARG(whose));
}

int weir_ask_print_link(struct weir_ask *ask, const char *page, struct weir_str person,
                        struct weir_error *err)
{
    char secret[WEIR_SECRET_SIZE];
    weir_time expires_at = ask->now + WEIR_LINK_LIFE;
    int rc = weir_link_add(ask->state, person, expires_at, secret, err);
    if (rc) {
        return rc;
    }
    const char *link = weir_arena_printf(&ask->arena, "%s%s#%s", ask->base, page, secret);
    if (!link) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a link");
    }
    weir_jw_object(&ask->w);
    weir_jw_kstrz(&ask->w, "link", link);
    weir_jw_ktime_or_null(&ask->w, "expires_at", expires_at);
    weir_jw_object_end(&ask->w);
    return 0;
}

int weir_ask_needs_server(const struct weir_ask *ask, struct weir_error *err)
{
    return ask->server ? 0
                       : weir_fail(err, WEIR_EUNSUPPORTED,
                                   "only a running server can answer this; start `weir up`");
}
