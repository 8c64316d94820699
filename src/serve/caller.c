#include "serve/caller.h"

#include <stdio.h>

#include "state/audit.h"

#define SEEN_AGAIN (3600 * WEIR_SECOND)

static void copy(char *out, size_t size, struct weir_str s)
{
    snprintf(out, size, WEIR_STR_FMT, WEIR_STR_ARG(s));
}

void weir_caller_owner(struct weir_caller *out, enum weir_way way)
{
    out->way = way;
    out->role = WEIR_ROLE_ADMIN;
    out->scopes = WEIR_SCOPES_ALL;
    copy(out->id, sizeof out->id, WEIR_STR(WEIR_OWNER_ID));
    copy(out->name, sizeof out->name, WEIR_STR("Owner"));
    out->email[0] = 0;
}

void weir_caller_person(struct weir_caller *out, const struct weir_person *person)
{
    out->role = person->role;
    copy(out->id, sizeof out->id, person->id);
    copy(out->email, sizeof out->email, person->email);
    copy(out->name, sizeof out->name, person->name);
}

void weir_caller_hold_to(struct weir_caller *who, const char *report)
{
    who->way = WEIR_WAY_PASS;
    who->scopes = WEIR_SCOPE_READ | WEIR_SCOPE_QUERY;
    copy(who->only, sizeof who->only, weir_str_of(report));
}

int weir_caller_note(struct weir_state *state, const struct weir_caller *who, const char *action,
                     struct weir_str object, struct weir_str detail, struct weir_error *err)
{
    const struct weir_audit entry = {.at = weir_now(),
                                     .person_id = weir_str_of(who->id),
                                     .person = weir_str_of(who->email),
                                     .action = weir_str_of(action),
                                     .object = object,
                                     .detail = detail,
                                     .address = weir_str_of(who->address)};
    return weir_audit_add(state, &entry, err);
}

static int note(struct weir_state *state, const struct weir_caller *who, struct weir_str email,
                struct weir_arena *arena, struct weir_error *err)
{
    struct weir_audit *found;
    size_t count;
    struct weir_audit_filter filter = {.limit = 1,
                                       .person = weir_str_of(who->id),
                                       .action = WEIR_STR("see_as"),
                                       .object = email,
                                       .since = weir_now() - SEEN_AGAIN};
    int rc = weir_audit_list(state, &filter, arena, &found, &count, err);
    return rc || count ? rc
                       : weir_caller_note(state, who, "see_as", email, (struct weir_str){0}, err);
}

int weir_caller_see_as(struct weir_caller *who, struct weir_state *state, struct weir_str email,
                       struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_person person;
    if (who->role != WEIR_ROLE_ADMIN || who->by_id[0]) {
        return weir_fail(err, WEIR_EPERM, "only admins may see as somebody else");
    }
    weir_arena_init(&arena, 1u << 20);
    int rc = weir_person_by_email(state, email, &arena, &person, err);
    rc = rc ? rc : note(state, who, person.email, &arena, err);
    if (rc == 0) {
        memcpy(who->by_id, who->id, sizeof who->by_id);
        memcpy(who->by_email, who->email, sizeof who->by_email);
        weir_caller_person(who, &person);
    }
    weir_arena_free(&arena);
    return rc;
}

void weir_caller_csrf(const struct weir_caller *who, char out[WEIR_SECRET_SIZE])
{
    unsigned char hash[WEIR_HASH_SIZE];
    out[0] = 0;
    if (who->session[0]) {
        weir_secret_hash(weir_str_of(who->session), "weir: CSRF", hash);
        weir_hex(hash, sizeof hash, out);
    }
}
