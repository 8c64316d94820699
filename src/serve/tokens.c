/* /api/tokens */
#include "serve/ask.h"

#define LIFE (90 * WEIR_DAY) /* unless somebody says otherwise */

static void print_scopes(struct weir_jw *w, unsigned scopes)
{
    weir_jw_keyz(w, "scopes");
    weir_jw_array(w);
    for (unsigned scope = 1; scope & WEIR_SCOPES_ALL; scope <<= 1) {
        if (scopes & scope) {
            weir_jw_strz(w, weir_scope_name(scope));
        }
    }
    weir_jw_array_end(w);
}

static void print_token(struct weir_ask *ask, const struct weir_token *t, const char *secret)
{
    struct weir_jw *w = &ask->w;
    weir_jw_object(w);
    weir_jw_kstr(w, "id", t->id);
    weir_jw_kstr(w, "name", t->name);
    weir_jw_kstr_or_null(w, "email", t->email); /* the owner's */
    print_scopes(w, t->scopes);
    weir_jw_ktime_or_null(&ask->w, "created_at", t->created_at);
    weir_jw_ktime_or_null(&ask->w, "expires_at", t->expires_at);
    weir_jw_ktime_or_null(&ask->w, "last_used_at", t->last_used_at);
    if (secret) {
        weir_jw_kstrz(w, "secret", secret);
    }
    weir_jw_object_end(w);
}

/* One's own; with ?all=true an admin sees everybody's, and the owner always does. */
int weir_ask_tokens(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_token *tokens;
    size_t count = 0;
    bool all = weir_caller_is_owner(&ask->who) || (ask->who.role == WEIR_ROLE_ADMIN &&
                                                   weir_str_is(weir_ask_param(ask, "all"), "true"));
    int rc = weir_token_list(ask->state, all ? WEIR_STR("") : weir_str_of(ask->who.id), &ask->arena,
                             &tokens, &count, err);
    weir_jw_object(&ask->w);
    weir_jw_keyz(&ask->w, "tokens");
    weir_jw_array(&ask->w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        print_token(ask, &tokens[i], NULL);
    }
    weir_jw_array_end(&ask->w);
    weir_jw_object_end(&ask->w);
    return rc;
}

static int read_scopes(struct weir_ask *ask, unsigned *out, struct weir_error *err)
{
    struct weir_str *names;
    size_t count;
    int rc = weir_ask_texts(ask, ask->body, "scopes", &names, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        unsigned scope = weir_scope_parse(names[i]);
        if (!scope) {
            return weir_fail(err, WEIR_EINVAL, "\"scopes\" may hold query, read, write and admin");
        }
        *out |= scope;
    }
    if (rc == 0 && *out == 0) {
        return weir_fail(err, WEIR_EINVAL,
                         "\"scopes\" must say what the token is for: query, read, write, admin");
    }
    if (rc == 0 && *out & WEIR_SCOPE_ADMIN && ask->who.role != WEIR_ROLE_ADMIN) {
        return weir_fail(err, WEIR_EPERM, "only admins have tokens with the scope admin");
    }
    return rc;
}

static int read_expiry(struct weir_ask *ask, weir_time *out, struct weir_error *err)
{
    struct weir_json value = weir_json_get(ask->body, "expires_at");
    struct weir_str text;
    if (!weir_json_exists(value)) {
        *out = ask->now + LIFE;
        return 0;
    }
    if (weir_json_type(value) == WEIR_JSON_NULL) {
        *out = 0;
        return 0;
    }
    return weir_json_str(value, &text) && weir_time_parse_lenient(text, out) && *out > ask->now
               ? 0
               : weir_fail(err, WEIR_EINVAL,
                           "\"expires_at\" must be a time to come, such as 2030-01-31T00:00:00Z, "
                           "or null: never");
}

static int add(struct weir_ask *ask, struct weir_token *t, struct weir_error *err)
{
    char secret[WEIR_TOKEN_SECRET_SIZE];
    int rc = weir_token_add(ask->state, t, secret, err);
    rc = rc ? rc : weir_token_get(ask->state, t->id, &ask->arena, t, err);
    rc = rc ? rc : weir_ask_note(ask, "token.add", t->name, WEIR_STR(""), err);
    if (rc == 0) {
        ask->status = 201;
        print_token(ask, t, secret);
    }
    return rc;
}

/* A token never makes tokens: what leaks once must not live on. */
static int may_make(const struct weir_ask *ask, struct weir_error *err)
{
    return ask->who.way == WEIR_WAY_TOKEN
               ? weir_fail(err, WEIR_EPERM,
                           "a token cannot make tokens; log in, or use `weir token add`")
               : 0;
}

int weir_ask_token_add(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"name", "scopes", "expires_at", "person", NULL};
    char id[WEIR_ID_SIZE];
    struct weir_str person;
    struct weir_token t = {.created_at = ask->now};
    int rc = may_make(ask, err);
    rc = rc ? rc : weir_ask_keys(ask->body, "the body", known, err);
    rc = rc ? rc : weir_ask_text(ask, "name", true, &t.name, err);
    rc = rc ? rc : weir_ask_text(ask, "person", false, &person, err);
    rc = rc ? rc : read_scopes(ask, &t.scopes, err);
    rc = rc ? rc : read_expiry(ask, &t.expires_at, err);
    if (rc == 0 && person.ptr && !weir_caller_is_owner(&ask->who)) {
        rc = weir_fail(err, WEIR_EPERM, "everybody makes her own tokens");
    } else if (rc == 0 && person.ptr) {
        struct weir_person p;
        rc = weir_ask_find_person(ask, person, &p, err);
        t.person = p.id;
    } else if (rc == 0 && !weir_caller_is_owner(&ask->who)) {
        t.person = weir_str_of(ask->who.id);
    }
    weir_state_id(id);
    t.id = weir_str_of(id);
    rc = rc ? rc : weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, add(ask, &t, err), err);
}

static int remove_token(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_token t;
    int rc = weir_token_get(ask->state, ask->id, &ask->arena, &t, err);
    bool own = rc == 0 && weir_str_is(t.person, ask->who.id);
    if (rc == 0 && !own && ask->who.role != WEIR_ROLE_ADMIN) {
        return weir_fail(err, WEIR_ENOENT, "there is no such token");
    }
    rc = rc ? rc : weir_token_remove(ask->state, ask->id, err);
    ask->status = rc ? ask->status : 204;
    return rc ? rc : weir_ask_note(ask, "token.remove", t.name, WEIR_STR(""), err);
}

int weir_ask_token_remove(struct weir_ask *ask, struct weir_error *err)
{
    int rc = weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, remove_token(ask, err), err);
}
