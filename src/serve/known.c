#include "serve/known.h"

#include <stdlib.h>

#include "base/hash.h"

#define PEOPLE    256
#define SECRETS   1024
#define MAX_BYTES (64u << 20) /* of one */

struct entry {
    char id[WEIR_ID_SIZE];
    enum weir_role role;
    struct weir_state_mark mark;
    struct weir_arena arena;
    struct weir_known_person person;
    bool known;
};

/* Somebody who came in. */
struct entrant {
    struct weir_state_mark mark;
    weir_time until; /* 0: nobody */
    char secret[WEIR_TOKEN_SECRET_SIZE];
    struct weir_caller who; /* without the address */
};

struct weir_known {
    struct entry entries[PEOPLE];     /* by hash of id and role */
    struct entrant entrants[SECRETS]; /* by hash of the secret */
    struct weir_state_mark mark;      /* when the loop had `turn` */
    uint64_t turn;
};

struct weir_known *weir_known_new(void)
{
    struct weir_known *k = calloc(1, sizeof *k);
    for (size_t i = 0; k && i < PEOPLE; i++) {
        weir_arena_init(&k->entries[i].arena, MAX_BYTES);
    }
    return k;
}

void weir_known_free(struct weir_known *k)
{
    for (size_t i = 0; k && i < PEOPLE; i++) {
        weir_arena_free(&k->entries[i].arena);
    }
    free(k);
}

/* The store is asked once a turn of the loop: whatever came in with it was sent before. */
static int mark_of(struct weir_known *k, const struct weir_server *s, struct weir_state_mark *out,
                   struct weir_error *err)
{
    uint64_t turn = weir_loop_turn(s->loop);
    int rc = 0;
    if (k->turn == turn) {
        weir_state_mark_own(s->state, &k->mark);
    } else {
        rc = weir_state_mark(s->state, &k->mark, err);
        k->turn = rc ? 0 : turn;
    }
    *out = k->mark;
    return rc;
}

/* --- who comes in -------------------------------------------------------------------------------
 */

static int by_session(struct weir_call *call, struct weir_str secret, weir_time now,
                      struct weir_arena *arena, weir_time *until, struct weir_error *err)
{
    struct weir_server *s = call->server;
    struct weir_person p;
    int rc = weir_sessions_find(s->state, secret, &s->session_limits, now, arena, &p, until, err);
    if (rc == 0) {
        weir_caller_person(&call->who, &p);
        call->who.way = WEIR_WAY_SESSION;
        call->who.scopes = WEIR_SCOPES_ALL;
        memcpy(call->who.session, secret.ptr, secret.len);
    }
    return rc;
}

static int by_token(struct weir_call *call, struct weir_str secret, weir_time now,
                    struct weir_arena *arena, weir_time *until, struct weir_error *err)
{
    struct weir_state *state = call->server->state;
    struct weir_token t;
    struct weir_person p;
    int rc = weir_token_find(state, secret, now, arena, &t, until, err);
    if (rc == 0 && t.person.len) {
        rc = weir_person_get(state, t.person, arena, &p, err);
    }
    if (rc) {
        return rc;
    }
    if (t.person.len) {
        weir_caller_person(&call->who, &p);
    } else {
        weir_caller_owner(&call->who, WEIR_WAY_TOKEN);
    }
    call->who.way = WEIR_WAY_TOKEN;
    call->who.scopes = t.scopes;
    return 0;
}

static int look_up(struct weir_call *call, enum weir_way way, struct weir_str secret, weir_time now,
                   weir_time *until, struct weir_error *err)
{
    struct weir_arena arena;
    weir_arena_init(&arena, 1u << 20);
    int rc = way == WEIR_WAY_TOKEN ? by_token(call, secret, now, &arena, until, err)
                                   : by_session(call, secret, now, &arena, until, err);
    weir_arena_free(&arena);
    return rc;
}

int weir_known_enter(struct weir_known *k, struct weir_call *call, enum weir_way way,
                     struct weir_str secret, struct weir_error *err)
{
    size_t most = way == WEIR_WAY_TOKEN ? WEIR_TOKEN_SECRET_SIZE : WEIR_SECRET_SIZE;
    uint64_t hash = weir_hash64(secret.ptr, secret.len, (uint64_t)way);
    struct entrant *e = &k->entrants[hash % SECRETS];
    weir_time now = weir_now();
    if (secret.len != most - 1) {
        return weir_fail(err, WEIR_ENOENT, "nobody comes in with this");
    }
    int rc = mark_of(k, call->server, &call->mark, err);
    if (rc) {
        return rc;
    }
    call->marked = true;
    struct weir_caller *who = &call->who;
    if (now < e->until && e->who.way == way && weir_state_mark_same(e->mark, call->mark) &&
        weir_secret_same(secret, weir_str_of(e->secret))) {
        char address[sizeof who->address];
        memcpy(address, who->address, sizeof address);
        *who = e->who;
        memcpy(who->address, address, sizeof address);
        return 0;
    }
    e->until = 0;
    weir_time until = 0;
    rc = look_up(call, way, secret, now, &until, err);
    if (rc == 0) { /* what is committed while it looks makes it old at once */
        *e = (struct entrant){.mark = call->mark, .until = until, .who = *who};
        memcpy(e->secret, secret.ptr, secret.len);
    }
    return rc;
}

/* --- what she may -------------------------------------------------------------------------------
 */

static int read(struct entry *e, const struct weir_call *call, struct weir_error *err)
{
    int rc = weir_levels_of(call, &e->arena, &e->person.levels, err);
    return rc ? rc
              : weir_caller_access(call->server->state, &call->who, &e->arena, &e->person.access,
                                   err);
}

int weir_known_of(struct weir_known *k, const struct weir_call *call,
                  const struct weir_known_person **out, struct weir_error *err)
{
    const struct weir_caller *who = &call->who;
    struct weir_state_mark mark;
    uint64_t hash = weir_hash64(who->id, strlen(who->id), (uint64_t)who->role);
    struct entry *e = &k->entries[hash % PEOPLE];
    mark = call->mark; /* of this request: nobody can have heard of a later commit */
    int rc = call->marked ? 0 : mark_of(k, call->server, &mark, err);
    *out = &e->person;
    if (rc || (e->known && e->role == who->role && strcmp(e->id, who->id) == 0 &&
               weir_state_mark_same(e->mark, mark))) {
        return rc;
    }
    weir_arena_reset(&e->arena);
    *e = (struct entry){.role = who->role, .mark = mark, .arena = e->arena};
    memcpy(e->id, who->id, sizeof e->id);
    rc = read(e, call, err); /* what is committed while it reads makes it old at once */
    e->known = rc == 0;
    return rc;
}
