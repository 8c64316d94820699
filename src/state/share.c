#include "state/share.h"

#include "state/db.h"
#include "state/group.h"
#include "state/report_use.h"

/* The rows of a query's only column, in the arena. */
static int read_texts(struct weir_db *q, struct weir_arena *arena, struct weir_str **out,
                      size_t *count, struct weir_error *err)
{
    size_t room = 0;
    *out = NULL;
    *count = 0;
    bool full = false;
    while (!full && weir_db_row(q)) {
        if (*count == room) {
            size_t more = room ? room * 2 : 16;
            struct weir_str *grown = weir_arena_calloc(arena, more * sizeof *grown);
            full = !grown;
            if (grown && *count) {
                memcpy(grown, *out, *count * sizeof *grown);
            }
            *out = grown ? grown : *out;
            room = more;
        }
        if (!full) {
            (*out)[(*count)++] = weir_db_str(q, 0, arena);
        }
    }
    int rc = weir_db_end(q, err);
    return rc || !full ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for what is shared");
}

/* --- reading -------------------------------------------------------------------------------- */

int weir_share_get(struct weir_state *state, struct weir_str report, struct weir_arena *arena,
                   struct weir_share *out, struct weir_error *err)
{
    *out = (struct weir_share){0};
    struct weir_db q =
        weir_db_on(state, "select person_id from shares where report = ? and person_id is not null "
                          "order by 1");
    weir_db_text(&q, report);
    int rc = read_texts(&q, arena, &out->people, &out->person_count, err);
    if (rc) {
        return rc;
    }
    q = weir_db_on(state,
                   "select group_id from shares where report = ? and group_id is not null order "
                   "by 1");
    weir_db_text(&q, report);
    struct weir_str *groups;
    size_t count;
    rc = read_texts(&q, arena, &groups, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (weir_str_is(groups[i], WEIR_GROUP_EVERYONE)) {
            out->company = true;
        } else {
            groups[out->group_count++] = groups[i];
        }
    }
    out->groups = groups;
    return rc;
}

int weir_share_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                  struct weir_str **out, size_t *count, struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "select report from shares where person_id = ?1 union "
               "select report from shares where group_id = 'everyone' union "
               "select report from shares join members using (group_id) where members.person_id = "
               "?1 order by 1");
    weir_db_text(&q, person);
    return read_texts(&q, arena, out, count, err);
}

/* --- writing -------------------------------------------------------------------------------- */

static int add(struct weir_state *state, struct weir_str report, const char *sql,
               struct weir_str whom, const char *what, struct weir_error *err)
{
    int64_t changes;
    struct weir_db q = weir_db_on(state, sql);
    weir_db_text(&q, report);
    weir_db_text(&q, whom);
    int rc = weir_db_run(&q, &changes, err);
    return rc || changes ? rc
                         : weir_fail(err, WEIR_EINVAL, "there is no %s \"" WEIR_STR_FMT "\"", what,
                                     WEIR_STR_ARG(weir_utf8_cut(whom, 60)));
}

static int put(struct weir_state *state, struct weir_str report, const struct weir_share *share,
               struct weir_error *err)
{
    /* The second `insert` of one counts as a change too. */
    static const char person[] =
        "insert into shares (report, person_id) select ?1, id from people where id = ?2 "
        "on conflict do update set report = report";
    static const char group[] =
        "insert into shares (report, group_id) select ?1, id from groups where id = ?2 "
        "on conflict do update set report = report";
    struct weir_db q = weir_db_on(state, "delete from shares where report = ?");
    weir_db_text(&q, report);
    int rc = weir_db_run(&q, NULL, err);
    rc = rc ? rc : weir_report_use_begin(state, report, weir_now(), err);
    for (size_t i = 0; rc == 0 && i < share->person_count; i++) {
        rc = add(state, report, person, share->people[i], "person", err);
    }
    for (size_t i = 0; rc == 0 && i < share->group_count; i++) {
        rc = add(state, report, group, share->groups[i], "group", err);
    }
    if (rc == 0 && share->company) {
        rc = add(state, report, group, WEIR_STR(WEIR_GROUP_EVERYONE), "group", err);
    }
    return rc;
}

int weir_share_put(struct weir_state *state, struct weir_str report, const struct weir_share *share,
                   struct weir_error *err)
{
    if (share->person_count > WEIR_MAX_SHARES || share->group_count > WEIR_MAX_SHARES) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "a report is shared with at most %d people and as many groups; make a "
                         "group of them",
                         WEIR_MAX_SHARES);
    }
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, put(state, report, share, err), err);
}
