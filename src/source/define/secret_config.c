/* Secrets in the mappings of a connection (`config:` of a program), where no option table says
 * which values are: their names do. */
#include <stdio.h>
#include <string.h>

#include "source/connector.h"
#include "source/define/secret.h"

/* As keys end that name a secret, without signs, plural and capitals: not `token_url`, nor
 * `private_key_id`. All that is below one of them is secret; below those that are in `mixed`, it is
 * what further keys say. */
static const char *const endings[] = {"password",   "passwd",    "passphrase", "passcode",
                                      "pwd",        "secret",    "token",      "apikey",
                                      "privatekey", "secretkey", "accesskey",  "authkey",
                                      "signingkey", "sharedkey", "accountkey", NULL};
static const char *const mixed[] = {"credential", "credentialsjson", "authorization", "cookie",
                                    NULL};

#define MAX_SCHEME 20

enum secrecy { OPEN, SECRET, SECRET_ALL };

static bool ends(const char *plain, size_t n, const char *const *list)
{
    for (const char *const *e = list; *e; e++) {
        size_t len = strlen(*e);
        if (n >= len && memcmp(plain + n - len, *e, len) == 0) {
            return true;
        }
    }
    return false;
}

/* `number`: "max_tokens" counts some, and is none. */
static enum secrecy secrecy_of(struct weir_str key, bool number)
{
    char plain[64];
    size_t n = 0;
    size_t from = key.len > 2 * sizeof plain ? key.len - 2 * sizeof plain : 0;
    for (size_t i = from; i < key.len; i++) {
        char c = key.ptr[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
            continue;
        }
        if (n == sizeof plain) {
            memmove(plain, plain + 1, --n);
        }
        plain[n++] = c;
    }
    n -= !number && n && plain[n - 1] == 's';
    return ends(plain, n, endings) ? SECRET_ALL : ends(plain, n, mixed) ? SECRET : OPEN;
}

bool weir_source_is_plain(const struct weir_data *value)
{
    return (value->type == WEIR_DATA_NUMBER || value->type == WEIR_DATA_TEXT) && value->text.len &&
           !weir_source_is_reference(value->text);
}

/* Airbyte's connector without code: its keys describe requests and settings, and what is secret
 * comes from the settings beside it, by templates. */
static const char manifest[] = "__injected_declarative_manifest";

/* Besides templates it has at most the word for how they are sent: "Klaviyo-API-Key {{ … }}". */
static bool is_template(const struct weir_data *value)
{
    const char *at = value->text.ptr, *end = at + value->text.len;
    size_t beside = 0;
    bool any = false;
    while (value->type == WEIR_DATA_TEXT && at < end) {
        if (end - at >= 2 && at[0] == '{' && (at[1] == '{' || at[1] == '%')) {
            const char *close =
                memmem(at + 2, (size_t)(end - at) - 2, at[1] == '{' ? "}}" : "%}", 2);
            if (!close) {
                return false;
            }
            any = any || at[1] == '{';
            at = close + 2;
        } else if (*at >= '0' && *at <= '9') {
            return false;
        } else {
            beside++;
            at++;
        }
    }
    return any && beside <= MAX_SCHEME;
}

/* A part of a connector, or of the schema of its settings. */
static bool is_component(const struct weir_data *value)
{
    static const char *const keys[] = {"type",  "$ref",  "$parameters", "properties",
                                       "oneOf", "anyOf", "allOf",       NULL};
    for (const struct weir_data *m = value->first; value->type == WEIR_DATA_OBJECT && m;
         m = m->next) {
        for (const char *const *key = keys; *key; key++) {
            if (weir_str_is(m->key, *key)) {
                return true;
            }
        }
    }
    return false;
}

/* "Server=h;Password=…", "host=h password=…" */
bool weir_source_has_password_word(struct weir_str text)
{
    static const char *const words[] = {"password", "passwd", "pwd", NULL};
    for (size_t i = 0; i < text.len; i++) {
        bool begins = i == 0 || strchr("; \t&?,", text.ptr[i - 1]);
        for (const char *const *w = words; begins && *w; w++) {
            struct weir_str rest = {text.ptr + i, text.len - i};
            size_t n = strlen(*w);
            if (rest.len <= n || strncasecmp(rest.ptr, *w, n) != 0) {
                continue;
            }
            rest = weir_str_trim((struct weir_str){rest.ptr + n, rest.len - n});
            bool set = rest.len && *rest.ptr == '=';
            rest = set ? weir_str_trim((struct weir_str){rest.ptr + 1, rest.len - 1}) : rest;
            if (set && rest.len && !strchr("{$;&", *rest.ptr)) {
                return true;
            }
        }
    }
    return false;
}

/* Its key says nothing, but the text: an address or a list of settings, with a password in it. */
static bool tells(const struct weir_data *value, bool describes)
{
    struct weir_str password;
    return value->type == WEIR_DATA_TEXT && !(describes && is_template(value)) &&
           (weir_mask_in_address(value->text, &password) ||
            (!describes && weir_source_has_password_word(value->text)));
}

struct walk {
    char path[256]; /* of the value: "credentials.token" */
    const struct weir_yaml *doc;
    const char *source;
    struct weir_arena *arena;
    struct weir_source_typed **typed;
    struct weir_mask **mask;
    bool describes; /* it is in a manifest */
    int (*secret)(struct walk *w, struct weir_data *value, const struct weir_yaml_node *node,
                  struct weir_error *err);
};

/* Every value whose key names a secret, or that is below one that does. `node` is where it stands,
 * or what it stands in. */
static int walk(struct walk *w, struct weir_data *data, const struct weir_yaml_node *node,
                enum secrecy secrecy, struct weir_error *err)
{
    int rc = 0;
    size_t length = strlen(w->path);
    bool describes = w->describes;
    if (data->type != WEIR_DATA_OBJECT && data->type != WEIR_DATA_LIST) {
        bool secret = secrecy ? !(describes && is_template(data)) : tells(data, describes);
        return secret ? w->secret(w, data, node, err) : 0;
    }
    for (struct weir_data *m = data->first; rc == 0 && m; m = m->next) {
        const struct weir_yaml_node *of = NULL;
        bool named = data->type == WEIR_DATA_OBJECT;
        for (of = named && node ? node->first : NULL; of && !weir_str_eq(of->key, m->key);) {
            of = of->next;
        }
        if (named) {
            snprintf(w->path + length, sizeof w->path - length, "%s" WEIR_STR_FMT,
                     length ? "." : "", WEIR_STR_ARG(m->key));
        }
        enum secrecy own = secrecy;
        if (named && secrecy != SECRET_ALL) {
            own = secrecy_of(m->key, m->type == WEIR_DATA_NUMBER);
        }
        own = describes && is_component(m) ? OPEN : own;
        w->describes = describes || (named && length == 0 && weir_str_is(m->key, manifest));
        rc = walk(w, m, of ? of : node, own, err);
        w->describes = describes;
        w->path[length] = 0;
    }
    return rc;
}

/* The name that a secret at `path` gets: "shop.credentials.token". */
static const char *name_of(const struct walk *w)
{
    char name[256];
    snprintf(name, sizeof name, "%s", w->path);
    for (char *c = name; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '_' || *c == '-' || *c == '.';
        *c = plain ? *c : '_';
    }
    return weir_arena_printf(w->arena, "%s.%.80s", w->source, name);
}

/* --- files --------------------------------------------------------------------------------------
 */

static int refuse(struct walk *w, struct weir_data *value, const struct weir_yaml_node *node,
                  struct weir_error *err)
{
    if (!weir_source_is_plain(value)) {
        return 0;
    }
    const char *name = name_of(w);
    return name ? weir_yaml_fail(err, w->doc, node,
                                 "`%s` must not stand in this file, which git keeps: `weir secret "
                                 "set %s`, and write \"${secret:%s%s}\" here",
                                 w->path, name, name,
                                 value->type == WEIR_DATA_NUMBER ? ":number" : "")
                : weir_fail(err, WEIR_ENOMEM, "no memory for a secret");
}

int weir_source_mapping_check(struct weir_source_config *config, const struct weir_yaml *doc,
                              const struct weir_yaml_node *node, struct weir_data *mapping,
                              struct weir_error *err)
{
    struct walk w = {.doc = doc, .source = config->name, .arena = &config->arena, .secret = refuse};
    return walk(&w, mapping, node, OPEN, err);
}

/* --- forms --------------------------------------------------------------------------------------
 */

static int take(struct walk *w, struct weir_data *value, const struct weir_yaml_node *node,
                struct weir_error *err)
{
    (void)node;
    if (!weir_source_is_plain(value)) {
        return 0;
    }
    const char *name = name_of(w);
    return name ? weir_source_typed_add(w->typed, w->arena, name, value, err)
                : weir_fail(err, WEIR_ENOMEM, "no memory for a secret");
}

int weir_source_mapping_take(const char *source, struct weir_data *mapping,
                             struct weir_arena *arena, struct weir_source_typed **typed,
                             struct weir_error *err)
{
    struct walk w = {.source = source, .arena = arena, .typed = typed, .secret = take};
    return walk(&w, mapping, NULL, OPEN, err);
}

/* Keys may have points in them, so each is held against the beginning of what is left. */
static int take_at(struct walk *w, struct weir_data *data, struct weir_str path, unsigned depth,
                   struct weir_error *err)
{
    int rc = 0;
    size_t length = strlen(w->path);
    for (struct weir_data *m = data->first; rc == 0 && depth && m; m = m->next) {
        struct weir_str rest = path;
        bool nested = m->type == WEIR_DATA_OBJECT || m->type == WEIR_DATA_LIST;
        if (data->type == WEIR_DATA_OBJECT) {
            bool whole = weir_str_eq(m->key, path);
            if (!whole && !(weir_str_starts(path, m->key) && path.ptr[m->key.len] == '.')) {
                continue;
            }
            size_t n = m->key.len + !whole;
            rest = (struct weir_str){path.ptr + n, path.len - n};
            snprintf(w->path + length, sizeof w->path - length, "%s" WEIR_STR_FMT,
                     length ? "." : "", WEIR_STR_ARG(m->key));
        }
        rc = nested ? take_at(w, m, rest, depth - 1, err) : rest.len ? 0 : take(w, m, NULL, err);
        w->path[length] = 0;
    }
    return rc;
}

int weir_source_mapping_take_at(const char *source, struct weir_data *mapping, struct weir_str path,
                                struct weir_arena *arena, struct weir_source_typed **typed,
                                struct weir_error *err)
{
    struct walk w = {.source = source, .arena = arena, .typed = typed};
    return take_at(&w, mapping, path, 30, err);
}

/* --- messages -----------------------------------------------------------------------------------
 */

static int hide(struct walk *w, struct weir_data *value, const struct weir_yaml_node *node,
                struct weir_error *err)
{
    (void)node;
    return value->type == WEIR_DATA_TEXT ? weir_mask_add(w->mask, w->arena, value->text, err) : 0;
}

int weir_source_mapping_mask(struct weir_data *mapping, struct weir_mask **mask,
                             struct weir_arena *arena, struct weir_error *err)
{
    struct walk w = {.arena = arena, .mask = mask, .secret = hide};
    return walk(&w, mapping, NULL, OPEN, err);
}
