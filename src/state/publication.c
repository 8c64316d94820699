#include "state/publication.h"

#include "state/db.h"
#include "state/group.h"
#include "state/report_use.h"

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for what is published");
}

/* --- reading -------------------------------------------------------------------------------- */

static int read_people(struct weir_state *state, struct weir_str report, bool scheduled,
                       struct weir_arena *arena, struct weir_publication *out,
                       struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "select count(*) over (), person_id from audience where report = ? and scheduled = "
               "? and person_id is not null order by person_id");
    weir_db_text(&q, report);
    weir_db_i64(&q, scheduled);
    bool full = false;
    while (!full && weir_db_row(&q)) {
        if (!out->people) {
            out->people =
                weir_arena_calloc(arena, (size_t)weir_db_int(&q, 0) * sizeof *out->people);
        }
        full = !out->people;
        if (!full) {
            out->people[out->person_count++] = weir_db_str(&q, 1, arena);
        }
    }
    int rc = weir_db_end(&q, err);
    return rc || !full ? rc : no_memory(err);
}

/* Rows of count, id, name, defaults, forced. */
static int read_groups(struct weir_db *q, struct weir_arena *arena,
                       struct weir_published_group **out, size_t *count, struct weir_error *err)
{
    bool full = false;
    *out = NULL;
    *count = 0;
    while (!full && weir_db_row(q)) {
        if (!*out) {
            *out = weir_arena_calloc(arena, (size_t)weir_db_int(q, 0) * sizeof **out);
        }
        full = !*out;
        if (!full) {
            (*out)[(*count)++] = (struct weir_published_group){.id = weir_db_str(q, 1, arena),
                                                               .name = weir_db_str(q, 2, arena),
                                                               .defaults = weir_db_str(q, 3, arena),
                                                               .forced = weir_db_str(q, 4, arena)};
        }
    }
    int rc = weir_db_end(q, err);
    return rc || !full ? rc : no_memory(err);
}

int weir_publication_get(struct weir_state *state, struct weir_str report, bool scheduled,
                         struct weir_arena *arena, struct weir_publication *out,
                         struct weir_error *err)
{
    *out = (struct weir_publication){0};
    struct weir_db q = weir_db_on(state, "select version, at, by, company from publications where "
                                         "report = ? and scheduled = ?");
    weir_db_text(&q, report);
    weir_db_i64(&q, scheduled);
    if (weir_db_row(&q)) {
        out->version = weir_db_str(&q, 0, arena);
        out->at = weir_db_int(&q, 1);
        out->by = weir_db_str(&q, 2, arena);
        out->company = weir_db_int(&q, 3);
    }
    int rc = weir_db_end(&q, err);
    rc = rc ? rc : read_people(state, report, scheduled, arena, out, err);
    if (rc == 0) {
        q = weir_db_on(state, "select count(*) over (), groups.id, name, defaults, forced from "
                              "audience join groups on groups.id = group_id where report = ? and "
                              "scheduled = ? order by name");
        weir_db_text(&q, report);
        weir_db_i64(&q, scheduled);
        rc = read_groups(&q, arena, &out->groups, &out->group_count, err);
    }
    return rc;
}

/* Rows of count, report, version, at, scheduled, hers. */
static int read_list(struct weir_db *q, struct weir_arena *arena, struct weir_published **out,
                     size_t *count, struct weir_error *err)
{
    bool full = false;
    *out = NULL;
    *count = 0;
    while (!full && weir_db_row(q)) {
        if (!*out) {
            *out = weir_arena_calloc(arena, (size_t)weir_db_int(q, 0) * sizeof **out);
        }
        full = !*out;
        if (!full) {
            (*out)[(*count)++] = (struct weir_published){.report = weir_db_str(q, 1, arena),
                                                         .version = weir_db_str(q, 2, arena),
                                                         .at = weir_db_int(q, 3),
                                                         .scheduled = weir_db_int(q, 4),
                                                         .hers = weir_db_int(q, 5)};
        }
    }
    int rc = weir_db_end(q, err);
    return rc || !full ? rc : no_memory(err);
}

int weir_publication_list(struct weir_state *state, struct weir_arena *arena,
                          struct weir_published **out, size_t *count, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select count(*) over (), report, version, at, scheduled, "
                                         "0 from publications order by report, scheduled");
    return read_list(&q, arena, out, count, err);
}

int weir_publication_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                        struct weir_published **out, size_t *count, struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state,
        "select count(*) over (), report, version, at, 0, company or exists (select 1 from "
        "audience "
        "a where a.report = p.report and a.scheduled = 0 and (a.person_id = ?1 or a.group_id = "
        "'everyone' or exists (select 1 from members m where m.group_id = a.group_id and "
        "m.person_id = ?1))) from publications p where scheduled = 0 order by report");
    weir_db_text(&q, person);
    return read_list(&q, arena, out, count, err);
}

int weir_publication_groups(struct weir_state *state, struct weir_str report,
                            struct weir_str person, struct weir_arena *arena,
                            struct weir_published_group **out, size_t *count,
                            struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "select count(*) over (), groups.id, name, defaults, forced from audience a join "
               "groups on groups.id = a.group_id where report = ?1 and scheduled = 0 and "
               "(a.group_id = 'everyone' or exists (select 1 from members m where m.group_id = "
               "a.group_id and m.person_id = ?2)) order by name");
    weir_db_text(&q, report);
    weir_db_text(&q, person);
    return read_groups(&q, arena, out, count, err);
}

int weir_publication_shared_member(struct weir_state *state, struct weir_str a, struct weir_str b,
                                   struct weir_arena *arena, struct weir_str *out,
                                   struct weir_error *err)
{
    *out = (struct weir_str){0};
    struct weir_db q = weir_db_on(
        state, "select email from people p where (?1 = 'everyone' or exists (select 1 from members "
               "where group_id = ?1 and person_id = p.id)) and (?2 = 'everyone' or exists (select "
               "1 from members where group_id = ?2 and person_id = p.id)) order by email limit 1");
    weir_db_text(&q, a);
    weir_db_text(&q, b);
    if (weir_db_row(&q)) {
        *out = weir_db_str(&q, 0, arena);
    }
    return weir_db_end(&q, err);
}

/* --- writing -------------------------------------------------------------------------------- */

static int added(struct weir_db *q, struct weir_str whom, const char *what, struct weir_error *err)
{
    int64_t changes;
    int rc = weir_db_run(q, &changes, err);
    return rc || changes ? rc
                         : weir_fail(err, WEIR_EINVAL, "there is no %s \"" WEIR_STR_FMT "\"", what,
                                     WEIR_STR_ARG(weir_utf8_cut(whom, 60)));
}

static int add_person(struct weir_state *state, struct weir_str report, bool scheduled,
                      struct weir_str person, struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "insert into audience (report, scheduled, person_id) select ?, ?, id "
                          "from people where id = ? on conflict do update set report = report");
    weir_db_text(&q, report);
    weir_db_i64(&q, scheduled);
    weir_db_text(&q, person);
    return added(&q, person, "person", err);
}

static int add_group(struct weir_state *state, struct weir_str report, bool scheduled,
                     const struct weir_published_group *group, struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "insert into audience (report, scheduled, group_id, defaults, forced) "
                          "select ?, ?, id, ?, ? from groups where id = ?");
    weir_db_text(&q, report);
    weir_db_i64(&q, scheduled);
    weir_db_text(&q, group->defaults);
    weir_db_text(&q, group->forced);
    weir_db_text(&q, group->id);
    int rc = added(&q, group->id, "group", err);
    return rc != WEIR_EEXIST
               ? rc
               : weir_fail(err, WEIR_EINVAL, "the group \"" WEIR_STR_FMT "\" stands twice",
                           WEIR_STR_ARG(weir_utf8_cut(group->id, 60)));
}

static int drop(struct weir_state *state, struct weir_str report, bool scheduled,
                struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "delete from publications where report = ? and scheduled = ?");
    weir_db_text(&q, report);
    weir_db_i64(&q, scheduled);
    return weir_db_run(&q, NULL, err);
}

static int put(struct weir_state *state, struct weir_str report, bool scheduled,
               const struct weir_publication *p, struct weir_error *err)
{
    int rc = weir_report_use_begin(state, report, weir_now(), err);
    rc = rc ? rc : drop(state, report, scheduled, err);
    if (rc == 0) {
        struct weir_db q = weir_db_on(state, "insert into publications (report, scheduled, "
                                             "version, at, by, company) values (?, ?, ?, ?, ?, ?)");
        weir_db_text(&q, report);
        weir_db_i64(&q, scheduled);
        weir_db_text(&q, p->version);
        weir_db_i64(&q, p->at);
        weir_db_text(&q, p->by);
        weir_db_i64(&q, p->company);
        rc = weir_db_run(&q, NULL, err);
    }
    for (size_t i = 0; rc == 0 && i < p->person_count; i++) {
        rc = add_person(state, report, scheduled, p->people[i], err);
    }
    for (size_t i = 0; rc == 0 && i < p->group_count; i++) {
        rc = add_group(state, report, scheduled, &p->groups[i], err);
    }
    return rc;
}

int weir_publication_put(struct weir_state *state, struct weir_str report, bool scheduled,
                         const struct weir_publication *publication, struct weir_error *err)
{
    if (publication->person_count > WEIR_MAX_AUDIENCE ||
        publication->group_count > WEIR_MAX_AUDIENCE) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "a report is published to at most %d people and as many groups; make a "
                         "group of them",
                         WEIR_MAX_AUDIENCE);
    }
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, put(state, report, scheduled, publication, err), err);
}

int weir_publication_remove(struct weir_state *state, struct weir_str report,
                            struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from publications where report = ?");
    weir_db_text(&q, report);
    return weir_db_run(&q, NULL, err);
}

static int promote(struct weir_state *state, struct weir_str report, weir_time now,
                   struct weir_error *err)
{
    struct weir_publication next;
    struct weir_arena arena;
    weir_arena_init(&arena, 64u << 20);
    int rc = weir_publication_get(state, report, true, &arena, &next, err);
    if (rc == 0 && !next.version.ptr) {
        rc = weir_fail(err, WEIR_ENOENT, "nothing is scheduled for this report");
    }
    next.at = now;
    rc = rc ? rc : put(state, report, false, &next, err);
    rc = rc ? rc : drop(state, report, true, err);
    weir_arena_free(&arena);
    return rc;
}

int weir_publication_promote(struct weir_state *state, struct weir_str report, weir_time now,
                             struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, promote(state, report, now, err), err);
}
