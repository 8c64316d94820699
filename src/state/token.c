#include <stdio.h>

#include "state/credential.h"
#include "state/db.h"

#define USE        "weir: API token"
#define USED_EVERY (60 * WEIR_SECOND)
#define COLUMNS                                                                                    \
    "t.id, t.name, coalesce(t.person_id, ''), coalesce(p.email, ''), t.scopes, t.created_at, "     \
    "t.expires_at, t.last_used_at from tokens t left join people p on p.id = t.person_id "

static const char *const scope_names[] = {"query", "read", "write", "admin"};
#define SCOPE_COUNT (sizeof scope_names / sizeof scope_names[0])

const char *weir_scope_name(unsigned scope)
{
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if (scope == 1u << i) {
            return scope_names[i];
        }
    }
    return "";
}

unsigned weir_scope_parse(struct weir_str name)
{
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if (weir_str_is(name, scope_names[i])) {
            return 1u << i;
        }
    }
    return 0;
}

int weir_token_add(struct weir_state *state, const struct weir_token *token,
                   char secret[WEIR_TOKEN_SECRET_SIZE], struct weir_error *err)
{
    unsigned char hash[WEIR_HASH_SIZE];
    char random[WEIR_SECRET_SIZE];
    int rc = weir_name_check(token->name, err);
    if (rc) {
        return rc;
    }
    weir_secret_make(random);
    snprintf(secret, WEIR_TOKEN_SECRET_SIZE, WEIR_TOKEN_PREFIX "%s", random);
    weir_secret_hash(weir_str_of(secret), USE, hash);
    struct weir_db q = weir_db_on(state, "insert into tokens (id, person_id, name, hash, scopes, "
                                         "created_at, expires_at) values (?, ?, ?, ?, ?, ?, ?)");
    weir_db_text(&q, token->id);
    weir_db_text(&q, token->person.len ? token->person : (struct weir_str){0});
    weir_db_text(&q, token->name);
    weir_db_bytes(&q, hash, sizeof hash);
    weir_db_i64(&q, token->scopes & WEIR_SCOPES_ALL);
    weir_db_i64(&q, token->created_at);
    weir_db_time(&q, token->expires_at);
    rc = weir_db_run(&q, NULL, err);
    return rc == WEIR_EINVAL ? weir_fail(err, rc, "there is no such person") : rc;
}

static void read_row(struct weir_db *q, struct weir_arena *arena, struct weir_token *out)
{
    *out = (struct weir_token){.id = weir_db_str(q, 0, arena),
                               .name = weir_db_str(q, 1, arena),
                               .person = weir_db_str(q, 2, arena),
                               .email = weir_db_str(q, 3, arena),
                               .scopes = (unsigned)weir_db_int(q, 4),
                               .created_at = weir_db_int(q, 5),
                               .expires_at = weir_db_int(q, 6),
                               .last_used_at = weir_db_int(q, 7)};
}

static int list(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                struct weir_token **out, size_t *count, struct weir_error *err)
{
    size_t all = 0;
    struct weir_db q = weir_db_on(state, "select count(*) from tokens");
    all = weir_db_row(&q) ? (size_t)weir_db_int(&q, 0) : 0;
    int rc = weir_db_end(&q, err);
    if (rc) {
        return rc;
    }
    *out = weir_arena_calloc(arena, (all + 1) * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of tokens");
    }
    q = weir_db_on(state, "select " COLUMNS "where ?1 = '' or t.person_id = ?1 "
                          "order by t.created_at desc, t.id");
    weir_db_text(&q, person.ptr ? person : WEIR_STR(""));
    while (*count < all && weir_db_row(&q)) {
        read_row(&q, arena, &(*out)[(*count)++]);
    }
    return weir_db_end(&q, err);
}

int weir_token_list(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                    struct weir_token **out, size_t *count, struct weir_error *err)
{
    *count = 0;
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, list(state, person, arena, out, count, err), err);
}

static int read_one(struct weir_db *q, struct weir_arena *arena, struct weir_token *out,
                    struct weir_error *err)
{
    bool found = weir_db_row(q);
    if (found) {
        read_row(q, arena, out);
    }
    int rc = weir_db_end(q, err);
    return rc == 0 && !found ? weir_fail(err, WEIR_ENOENT, "there is no such token") : rc;
}

int weir_token_get(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                   struct weir_token *out, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select " COLUMNS "where t.id = ?");
    weir_db_text(&q, id);
    return read_one(&q, arena, out, err);
}

int weir_token_remove(struct weir_state *state, struct weir_str id, struct weir_error *err)
{
    int64_t changes = 0;
    struct weir_db q = weir_db_on(state, "delete from tokens where id = ?");
    weir_db_text(&q, id);
    int rc = weir_db_run(&q, &changes, err);
    return rc == 0 && changes == 0 ? weir_fail(err, WEIR_ENOENT, "there is no such token") : rc;
}

int weir_token_find(struct weir_state *state, struct weir_str secret, weir_time now,
                    struct weir_arena *arena, struct weir_token *out, weir_time *until,
                    struct weir_error *err)
{
    unsigned char hash[WEIR_HASH_SIZE];
    weir_secret_hash(secret, USE, hash);
    struct weir_db q =
        weir_db_on(state, "select " COLUMNS "where t.hash = ? and (t.expires_at is null or "
                          "t.expires_at > ?) and (t.person_id is null or not p.disabled)");
    weir_db_bytes(&q, hash, sizeof hash);
    weir_db_i64(&q, now);
    int rc = read_one(&q, arena, out, err);
    if (rc == 0) {
        *until = out->last_used_at + USED_EVERY;
        *until = out->expires_at && out->expires_at < *until ? out->expires_at : *until;
    }
    if (rc == 0 && now - out->last_used_at > USED_EVERY) {
        q = weir_db_on(state, "update tokens set last_used_at = ? where id = ?");
        weir_db_time(&q, now);
        weir_db_text(&q, out->id);
        rc = weir_db_run(&q, NULL, err);
    }
    return rc;
}
