/* A state store in a folder of its own, and people in it. */
#ifndef WEIR_STATE_FIXTURE_H
#define WEIR_STATE_FIXTURE_H

#include "test.h"

#include "state/person.h"
#include "state/state.h"
#include "tempdir.h"

#define S(text) WEIR_STR(text)

struct store {
    struct tempdir dir;
    char path[512];
    struct weir_state *state;
    struct weir_arena arena;
    struct weir_error err;
};

static inline void store_open(struct store *s)
{
    ASSERT_OK(weir_state_open(s->path, &s->state, &s->err), s->err);
}

static inline int store_setup(void **state)
{
    struct store *s = calloc(1, sizeof *s);
    s->dir = tempdir_make();
    tempdir_path(&s->dir, "state.sqlite", s->path);
    weir_arena_init(&s->arena, 16 << 20);
    store_open(s);
    *state = s;
    return 0;
}

static inline int store_teardown(void **state)
{
    struct store *s = *state;
    weir_state_close(s->state);
    weir_arena_free(&s->arena);
    tempdir_remove(&s->dir);
    free(s);
    return 0;
}

static inline struct weir_person store_person(struct store *s, const char *id, const char *email,
                                              enum weir_role role)
{
    struct weir_person p = {.id = weir_str_of(id),
                            .email = weir_str_of(email),
                            .name = weir_str_of(id),
                            .role = role,
                            .created_at = 1000};
    ASSERT_OK(weir_person_add(s->state, &p, &s->err), s->err);
    ASSERT_OK(weir_person_get(s->state, p.id, &s->arena, &p, &s->err), s->err);
    return p;
}

#endif
