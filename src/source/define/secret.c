#include "source/define/secret.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/connector.h"
#include "state/sealed.h"

#define PREFIX "WEIR_SOURCE_"
#define NUMBER ":number"

/* What stands between "${" and "}"; ptr NULL: it is no reference. */
static struct weir_str inside(struct weir_str text)
{
    bool well = text.len > 3 && weir_str_starts(text, WEIR_STR("${")) &&
                text.ptr[text.len - 1] == '}' && !memchr(text.ptr, '\0', text.len);
    return well ? (struct weir_str){text.ptr + 2, text.len - 3} : (struct weir_str){NULL, 0};
}

static bool is_of_number(struct weir_str name)
{
    return weir_str_starts(name, WEIR_STR("secret:")) && weir_str_ends(name, WEIR_STR(NUMBER)) &&
           name.len > strlen("secret:" NUMBER);
}

bool weir_source_is_number(struct weir_str reference)
{
    struct weir_str name = inside(reference);
    return name.ptr && is_of_number(name);
}

bool weir_source_is_reference(struct weir_str text)
{
    return inside(text).ptr;
}

static size_t digits(struct weir_str text, size_t at)
{
    size_t n = 0;
    while (at + n < text.len && text.ptr[at + n] >= '0' && text.ptr[at + n] <= '9') {
        n++;
    }
    return n;
}

bool weir_source_is_numeral(struct weir_str text)
{
    size_t at = text.len && text.ptr[0] == '-', n = digits(text, at);
    bool well = n == 1 || (n > 1 && text.ptr[at] != '0');
    at += n;
    if (at < text.len && text.ptr[at] == '.') {
        n = digits(text, at + 1);
        well = well && n;
        at += n + 1;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        at += at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+');
        n = digits(text, at);
        well = well && n;
        at += n;
    }
    return well && at == text.len;
}

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a secret");
}

/* --- where they are -----------------------------------------------------------------------------
 */

static int open_store(const struct weir_source_site *site, struct weir_arena *arena,
                      struct weir_state **state, const char **folder, struct weir_error *err)
{
    const char *path = weir_arena_printf(arena, "%s/state.sqlite", site->data);
    *folder = weir_arena_printf(arena, "%s/secrets", site->data);
    *state = NULL;
    return path && *folder ? weir_state_open_briefly(path, state, err) : no_memory(err);
}

static int sealed(const struct weir_source_site *site, const char *source, struct weir_str name,
                  struct weir_arena *arena, const char **out, struct weir_error *err)
{
    struct weir_state *state = NULL;
    struct weir_str value, rest = name, owner = weir_str_cut(&rest, '.');
    const char *folder;
    if (rest.ptr && !weir_str_is(owner, source)) {
        return weir_fail(err, WEIR_EPERM,
                         "the secret \"" WEIR_STR_FMT "\" is for the source \"" WEIR_STR_FMT
                         "\" only; make one for this source, `weir secret set %s.NAME`",
                         WEIR_STR_ARG(name), WEIR_STR_ARG(owner), source);
    }
    for (const struct weir_source_typed *t = site->typed; t; t = t->next) {
        if (weir_str_is(name, t->name)) {
            *out = weir_arena_dup(arena, t->value).ptr;
            return *out ? 0 : no_memory(err);
        }
    }
    int rc = open_store(site, arena, &state, &folder, err);
    rc = rc ? rc : weir_sealed_get(state, folder, name, arena, &value, err);
    *out = rc ? NULL : value.ptr;
    weir_state_close(state);
    return rc;
}

int weir_source_check_variable(const struct weir_source_site *site, const char *name,
                               struct weir_error *err)
{
    bool open = weir_str_starts(weir_str_of(name), WEIR_STR(PREFIX));
    for (size_t i = 0; !open && i < site->env.count; i++) {
        open = strcmp(name, site->env.items[i]) == 0;
    }
    return open ? 0
                : weir_fail(err, WEIR_EPERM,
                            "the variable %.80s is not open to sources; name it " PREFIX
                            "…, add it to `source.env` in weir.yml, or `weir secret set` a secret "
                            "and write ${secret:NAME}",
                            name);
}

static int variable(const struct weir_source_site *site, struct weir_str name,
                    struct weir_arena *arena, const char **out, struct weir_error *err)
{
    const char *copy = weir_arena_dup(arena, name).ptr;
    int rc = copy ? weir_source_check_variable(site, copy, err) : no_memory(err);
    if (rc) {
        return rc;
    }
    const char *value = getenv(copy);
    *out = value ? weir_arena_strdup(arena, value) : NULL;
    return *out    ? 0
           : value ? no_memory(err)
                   : weir_fail(err, WEIR_ENOENT, "the variable %.80s is not set; set it for weir",
                               copy);
}

int weir_source_reveal(const struct weir_source_site *site, const char *source,
                       struct weir_str reference, struct weir_arena *arena, const char **out,
                       struct weir_error *err)
{
    struct weir_str name = inside(reference), kind = WEIR_STR("secret:");
    if (!name.ptr) {
        return weir_fail(err, WEIR_EINVAL, "a secret is written ${secret:NAME} or ${NAME}");
    }
    name.len -= is_of_number(name) ? strlen(NUMBER) : 0;
    if (weir_str_starts(name, kind)) {
        return sealed(site, source, (struct weir_str){name.ptr + kind.len, name.len - kind.len},
                      arena, out, err);
    }
    return variable(site, name, arena, out, err);
}

/* --- options of a connector ---------------------------------------------------------------------
 */

static const char **slot_of(const struct weir_option *option, void *settings)
{
    return (const char **)(void *)((char *)settings + option->offset);
}

int weir_source_open(const struct weir_source_site *site, struct weir_source_config *config,
                     void **connection, struct weir_error *err)
{
    int rc = 0;
    *connection = NULL;
    for (const struct weir_option *o = config->connector->options; rc == 0 && o->name; o++) {
        const char **slot = slot_of(o, config->connection);
        if (o->secret && **slot) {
            rc = weir_source_reveal(site, config->name, weir_str_of(*slot), &config->arena, slot,
                                    err);
            rc = rc ? weir_error_prefix(err, rc, "`%s`", o->name) : 0;
        }
    }
    return rc ? rc : config->connector->open(config, site, connection, err);
}

int weir_source_address_check(const struct weir_yaml *doc, const struct weir_yaml_node *node,
                              const char *name, const char *value, struct weir_error *err)
{
    struct weir_str password;
    /* "user:password@host", without a scheme. "@name" is a socket without a file, and "/" begins
     * the folder of one. */
    bool user = strcmp(name, "host") == 0 && *value && *value != '/' && strchr(value + 1, '@');
    return weir_source_has_password_word(weir_str_of(value))
               ? weir_yaml_fail(err, doc, node,
                                "`%s` must have no password in it, because git keeps the file; "
                                "write `password: ${secret:NAME}` instead",
                                name)
           : user || weir_mask_in_address(weir_str_of(value), &password)
               ? weir_yaml_fail(err, doc, node,
                                "`%s`: the address must have no user and no password in it, "
                                "because git keeps the file; write `user:` and `password: "
                                "${secret:NAME}` instead",
                                name)
               : 0;
}

int weir_source_secrets_check(struct weir_source_config *config, const struct weir_yaml *doc,
                              const struct weir_yaml_node *section, struct weir_error *err)
{
    int rc = 0;
    for (const struct weir_option *o = config->connector->options; rc == 0 && o->name; o++) {
        const char *value = o->secret ? *slot_of(o, config->connection) : "";
        struct weir_data *mapping =
            o->type == WEIR_OPT_DATA ? *(struct weir_data **)slot_of(o, config->connection) : NULL;
        if (*value && !weir_source_is_reference(weir_str_of(value))) {
            return weir_yaml_fail(err, doc, weir_yaml_get(section, o->name),
                                  "`%s` must not stand in this file, which git keeps: `weir secret "
                                  "set %s.%s`, and write ${secret:%s.%s} here",
                                  o->name, config->name, o->name, config->name, o->name);
        }
        rc = mapping ? weir_source_mapping_check(config, doc, weir_yaml_get(section, o->name),
                                                 mapping, err)
             : o->type == WEIR_OPT_TEXT && !o->secret
                 ? weir_source_address_check(doc, weir_yaml_get(section, o->name), o->name,
                                             *slot_of(o, config->connection), err)
                 : 0;
    }
    return rc;
}

int weir_source_typed_add(struct weir_source_typed **typed, struct weir_arena *arena,
                          const char *name, struct weir_data *value, struct weir_error *err)
{
    for (const struct weir_source_typed *t = *typed; t; t = t->next) {
        if (strcmp(t->name, name) == 0 && !weir_str_eq(t->value, value->text)) {
            return weir_fail(err, WEIR_EINVAL,
                             "two values would be the secret \"%s\"; `weir secret set` one of "
                             "them by another name, and write ${secret:NAME} there",
                             name);
        }
    }
    struct weir_source_typed *t = weir_arena_alloc(arena, sizeof *t);
    bool number = value->type == WEIR_DATA_NUMBER;
    const char *reference = weir_arena_printf(arena, "${secret:%s%s}", name, number ? NUMBER : "");
    if (!t || !reference) {
        return no_memory(err);
    }
    *t = (struct weir_source_typed){name, value->text, *typed};
    *typed = t;
    value->type = WEIR_DATA_TEXT; /* that the reference is */
    value->text = weir_str_of(reference);
    return 0;
}

/* Of those that are told, what is in the mapping `name`. */
static int take_told(const char *source, const char *name, struct weir_data *mapping,
                     const struct weir_data *told, struct weir_arena *arena,
                     struct weir_source_typed **out, struct weir_error *err)
{
    int rc = 0;
    size_t n = strlen(name);
    for (const struct weir_data *t = told ? told->first : NULL; rc == 0 && t; t = t->next) {
        struct weir_str path = t->text;
        if (t->type == WEIR_DATA_TEXT && weir_str_starts(path, weir_str_of(name)) && path.len > n &&
            path.ptr[n] == '.') {
            path = (struct weir_str){path.ptr + n + 1, path.len - n - 1};
            rc = weir_source_mapping_take_at(source, mapping, path, arena, out, err);
        }
    }
    return rc;
}

int weir_source_take_typed(const char *source, const struct weir_source_connector *connector,
                           struct weir_data *connection, const struct weir_data *told,
                           struct weir_arena *arena, struct weir_source_typed **out,
                           struct weir_error *err)
{
    *out = NULL;
    int rc = weir_source_fit(connector->options, connection, arena, err);
    for (const struct weir_option *o = connector->options; rc == 0 && o->name; o++) {
        bool mapping = o->type == WEIR_OPT_DATA;
        struct weir_data *value = o->secret || mapping ? weir_data_get(connection, o->name) : NULL;
        if (value && mapping) {
            rc = weir_source_mapping_take(source, value, arena, out, err);
            rc = rc ? rc : take_told(source, o->name, value, told, arena, out, err);
        } else if (value && value->type == WEIR_DATA_TEXT && weir_source_is_plain(value)) {
            const char *name = weir_arena_printf(arena, "%s.%s", source, o->name);
            rc = name ? weir_source_typed_add(out, arena, name, value, err) : no_memory(err);
        }
    }
    return rc;
}

int weir_source_seal(const struct weir_source_site *site, const struct weir_source_typed *typed,
                     struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_state *state = NULL;
    const char *folder;
    weir_arena_init(&arena, 65536);
    int rc = typed ? open_store(site, &arena, &state, &folder, err) : 0;
    for (; rc == 0 && typed; typed = typed->next) {
        rc = weir_sealed_set(state, folder, weir_str_of(typed->name), typed->value, err);
    }
    weir_state_close(state);
    weir_arena_free(&arena);
    return rc;
}
