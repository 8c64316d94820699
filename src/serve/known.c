#include "serve/known.h"

#include <stdlib.h>

#include "base/hash.h"

#define PEOPLE    256
#define MAX_BYTES (64u << 20) /* of one */

struct entry {
    char id[WEIR_ID_SIZE];
    enum weir_role role;
    struct weir_state_mark mark;
    struct weir_arena arena;
    struct weir_known_person person;
    bool known;
};

struct weir_known {
    struct entry entries[PEOPLE]; /* by hash of id and role */
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
    int rc = weir_state_mark(call->server->state, &mark, err);
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
