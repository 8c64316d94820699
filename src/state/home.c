#include "state/home.h"

#include "state/db.h"
#include "state/report_use.h"

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the home page");
}

/* --- favourites ----------------------------------------------------------------------------- */

static int put_favourite(struct weir_state *state, struct weir_str person, struct weir_str report,
                         weir_time now, struct weir_error *err)
{
    int64_t changes;
    int rc = weir_report_use_begin(state, report, now, err);
    if (rc) {
        return rc;
    }
    struct weir_db q =
        weir_db_on(state, "insert into favourites (person_id, report, at) select ?1, ?2, ?3 where "
                          "(select count(*) from favourites where person_id = ?1) < ?4 "
                          "on conflict do update set at = at");
    weir_db_text(&q, person);
    weir_db_text(&q, report);
    weir_db_i64(&q, now);
    weir_db_i64(&q, WEIR_MAX_FAVOURITES);
    rc = weir_db_run(&q, &changes, err);
    return rc || changes ? rc
                         : weir_fail(err, WEIR_ETOOBIG, "there may be %d favourites; drop some",
                                     WEIR_MAX_FAVOURITES);
}

int weir_favourite_put(struct weir_state *state, struct weir_str person, struct weir_str report,
                       weir_time now, struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, put_favourite(state, person, report, now, err), err);
}

int weir_favourite_remove(struct weir_state *state, struct weir_str person, struct weir_str report,
                          struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "delete from favourites where person_id = ? and report = ?");
    weir_db_text(&q, person);
    weir_db_text(&q, report);
    return weir_db_run(&q, NULL, err);
}

int weir_favourite_list(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                        struct weir_str **out, size_t *count, struct weir_error *err)
{
    bool full = false;
    *out = NULL;
    *count = 0;
    struct weir_db q = weir_db_on(state, "select count(*) over (), report from favourites where "
                                         "person_id = ? order by at desc, report");
    weir_db_text(&q, person);
    while (!full && weir_db_row(&q)) {
        if (!*out) {
            *out = weir_arena_calloc(arena, (size_t)weir_db_int(&q, 0) * sizeof **out);
        }
        full = !*out;
        if (!full) {
            (*out)[(*count)++] = weir_db_str(&q, 1, arena);
        }
    }
    int rc = weir_db_end(&q, err);
    return rc || !full ? rc : no_memory(err);
}

/* --- what is popular ------------------------------------------------------------------------ */

int weir_popular_list(struct weir_state *state, weir_time since, struct weir_arena *arena,
                      struct weir_popular **out, size_t *count, struct weir_error *err)
{
    *count = 0;
    *out = weir_arena_calloc(arena, 500 * sizeof **out);
    if (!*out) {
        return no_memory(err);
    }
    struct weir_db q = weir_db_on(state, "select report, count(*) from opens where at > ? group by "
                                         "report order by 2 desc, 1 limit 500");
    weir_db_i64(&q, since);
    while (*count < 500 && weir_db_row(&q)) {
        (*out)[(*count)++] = (struct weir_popular){weir_db_str(&q, 0, arena), weir_db_int(&q, 1)};
    }
    return weir_db_end(&q, err);
}

/* --- home pages ----------------------------------------------------------------------------- */

int weir_home_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                 struct weir_group_home **out, size_t *count, struct weir_error *err)
{
    bool full = false;
    *out = NULL;
    *count = 0;
    struct weir_db q = weir_db_on(
        state,
        "select count(*) over (), g.id, g.name, h.report from group_homes h join groups g on g.id "
        "= h.group_id where g.id = 'everyone' or exists (select 1 from members m where m.group_id "
        "= g.id and m.person_id = ?) order by g.id = 'everyone', g.name");
    weir_db_text(&q, person);
    while (!full && weir_db_row(&q)) {
        if (!*out) {
            *out = weir_arena_calloc(arena, (size_t)weir_db_int(&q, 0) * sizeof **out);
        }
        full = !*out;
        if (!full) {
            (*out)[(*count)++] = (struct weir_group_home){.group = weir_db_str(&q, 1, arena),
                                                          .name = weir_db_str(&q, 2, arena),
                                                          .report = weir_db_str(&q, 3, arena)};
        }
    }
    int rc = weir_db_end(&q, err);
    return rc || !full ? rc : no_memory(err);
}

int weir_home_get(struct weir_state *state, struct weir_str group, struct weir_arena *arena,
                  struct weir_str *out, struct weir_error *err)
{
    *out = (struct weir_str){0};
    struct weir_db q = weir_db_on(state, "select report from group_homes where group_id = ?");
    weir_db_text(&q, group);
    while (weir_db_row(&q)) {
        *out = weir_db_str(&q, 0, arena);
    }
    return weir_db_end(&q, err);
}

static int put_home(struct weir_state *state, struct weir_str group, struct weir_str report,
                    struct weir_error *err)
{
    int64_t changes = 0;
    struct weir_db q = weir_db_on(state, "delete from group_homes where group_id = ?");
    weir_db_text(&q, group);
    int rc = weir_db_run(&q, NULL, err);
    rc = rc || !report.len ? rc : weir_report_use_begin(state, report, weir_now(), err);
    if (rc == 0) {
        q = weir_db_on(state, report.len ? "insert into group_homes (group_id, report) select id, "
                                           "?2 from groups where id = ?1"
                                         : "update groups set name = name where id = ?1");
        weir_db_text(&q, group);
        if (report.len) {
            weir_db_text(&q, report);
        }
        rc = weir_db_run(&q, &changes, err);
    }
    return rc || changes ? rc
                         : weir_fail(err, WEIR_ENOENT, "there is no group \"" WEIR_STR_FMT "\"",
                                     WEIR_STR_ARG(weir_utf8_cut(group, 60)));
}

int weir_home_put(struct weir_state *state, struct weir_str group, struct weir_str report,
                  struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, put_home(state, group, report, err), err);
}

/* --- visits --------------------------------------------------------------------------------- */

int weir_visit(struct weir_state *state, struct weir_str person, weir_time now, weir_time *before,
               struct weir_error *err)
{
    *before = 0;
    struct weir_db q = weir_db_on(
        state,
        "insert into visits (person_id, at, before) values (?1, ?2, 0) on conflict (person_id) do "
        "update set before = case when ?2 - at > ?3 then at else before end, at = ?2 returning "
        "before");
    weir_db_text(&q, person);
    weir_db_i64(&q, now);
    weir_db_i64(&q, WEIR_VISIT_AFTER);
    while (weir_db_row(&q)) {
        *before = weir_db_int(&q, 0);
    }
    return weir_db_end(&q, err);
}
