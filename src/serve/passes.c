#include "serve/passes.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_PASSES 1024

struct pass {
    struct pass *next;
    char secret[WEIR_SECRET_SIZE];
    weir_time until;
    char person[WEIR_ID_SIZE];   /* who made it */
    char as[WEIR_MAX_EMAIL + 1]; /* through whose eyes, or "" */
    char report[WEIR_ID_SIZE];
};

struct weir_passes {
    struct pass *first;
    size_t count;
};

struct weir_passes *weir_passes_new(void)
{
    return calloc(1, sizeof(struct weir_passes));
}

static void drop(struct weir_passes *passes, struct pass **link)
{
    struct pass *p = *link;
    *link = p->next;
    passes->count--;
    free(p);
}

void weir_passes_free(struct weir_passes *passes)
{
    while (passes && passes->first) {
        drop(passes, &passes->first);
    }
    free(passes);
}

static void drop_old(struct weir_passes *passes)
{
    weir_time now = weir_mono();
    for (struct pass **link = &passes->first; *link;) {
        if ((*link)->until < now) {
            drop(passes, link);
        } else {
            link = &(*link)->next;
        }
    }
}

int weir_passes_make(struct weir_passes *passes, const struct weir_caller *who, const char *report,
                     weir_time life, char secret[WEIR_SECRET_SIZE], struct weir_error *err)
{
    drop_old(passes);
    struct pass *p = passes->count < MAX_PASSES ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        return weir_fail(err, WEIR_EBUSY, "too many pages are open at once; try again");
    }
    weir_secret_make(p->secret);
    memcpy(secret, p->secret, WEIR_SECRET_SIZE);
    p->until = weir_mono() + life;
    snprintf(p->person, sizeof p->person, "%s", who->by_id[0] ? who->by_id : who->id);
    snprintf(p->as, sizeof p->as, "%s", who->by_id[0] ? who->email : "");
    snprintf(p->report, sizeof p->report, "%s", report);
    p->next = passes->first;
    passes->first = p;
    passes->count++;
    return 0;
}

void weir_passes_end(struct weir_passes *passes, const char *secret)
{
    for (struct pass **link = &passes->first; *link; link = &(*link)->next) {
        if (weir_secret_same(weir_str_of(secret), weir_str_of((*link)->secret))) {
            drop(passes, link);
            return;
        }
    }
}

static int become(const struct pass *pass, struct weir_state *state, struct weir_arena *arena,
                  struct weir_caller *out, struct weir_error *err)
{
    struct weir_person p;
    int rc = 0;
    if (strcmp(pass->person, WEIR_OWNER_ID) == 0) {
        weir_caller_owner(out, WEIR_WAY_PASS);
    } else {
        rc = weir_person_get(state, weir_str_of(pass->person), arena, &p, err);
        rc = rc == 0 && p.disabled ? weir_fail(err, WEIR_ENOENT, "this person was disabled") : rc;
        if (rc == 0) {
            weir_caller_person(out, &p);
        }
    }
    rc = rc == 0 && pass->as[0] ? weir_caller_see_as(out, state, weir_str_of(pass->as), err) : rc;
    weir_caller_hold_to(out, pass->report);
    return rc == WEIR_EPERM ? weir_fail(err, WEIR_ENOENT, "%s", "this pass is not good any more")
                            : rc;
}

int weir_passes_find(struct weir_passes *passes, struct weir_state *state, struct weir_str secret,
                     struct weir_arena *arena, struct weir_caller *out, struct weir_error *err)
{
    drop_old(passes);
    for (struct pass *p = passes->first; p; p = p->next) {
        if (weir_secret_same(secret, weir_str_of(p->secret))) {
            return become(p, state, arena, out, err);
        }
    }
    return weir_fail(err, WEIR_ENOENT, "this pass is not known, or not good any more");
}
