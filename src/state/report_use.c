#include "state/report_use.h"

#include "base/json_write.h"
#include "state/db.h"

int weir_report_use_begin(struct weir_state *state, struct weir_str report, weir_time now,
                          struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "insert into reports (id, seen_at) values (?, ?) on "
                                         "conflict (id) do update set gone_at = null where gone_at "
                                         "is not null");
    weir_db_text(&q, report);
    weir_db_i64(&q, now);
    return weir_db_run(&q, NULL, err);
}

/* --- opening -------------------------------------------------------------------------------- */

static int last_open(struct weir_state *state, struct weir_str report, struct weir_str person,
                     weir_time *at, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select at from opens where report = ? and person_id = ?");
    weir_db_text(&q, report);
    weir_db_text(&q, person);
    *at = weir_db_row(&q) ? weir_db_int(&q, 0) : 0;
    return weir_db_end(&q, err);
}

static int note(struct weir_state *state, struct weir_str report, struct weir_str person,
                weir_time now, struct weir_error *err)
{
    int rc = weir_report_use_begin(state, report, now, err);
    if (rc) {
        return rc;
    }
    struct weir_db q =
        weir_db_on(state, "insert into opens (report, person_id, at) values (?, ?, ?) on conflict "
                          "(report, person_id) do update set at = excluded.at");
    weir_db_text(&q, report);
    weir_db_text(&q, person);
    weir_db_i64(&q, now);
    rc = weir_db_run(&q, NULL, err);
    if (rc) {
        return rc;
    }
    /* Kept beside the rows, so that a person who leaves does not take it along. */
    q = weir_db_on(state, "update reports set opened_at = max(coalesce(opened_at, 0), ?) where id "
                          "= ?");
    weir_db_i64(&q, now);
    weir_db_text(&q, report);
    return weir_db_run(&q, NULL, err);
}

int weir_report_use_open(struct weir_state *state, struct weir_str report, struct weir_str person,
                         weir_time now, struct weir_error *err)
{
    weir_time last;
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    rc = last_open(state, report, person, &last, err);
    if (rc == 0 && (now >= last + WEIR_OPEN_EVERY || now < last)) {
        rc = note(state, report, person, now, err);
    }
    return weir_state_end(state, rc, err);
}

int weir_report_use_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                       struct weir_report_use **out, size_t *count, struct weir_error *err)
{
    size_t room = 0;
    *out = NULL;
    *count = 0;
    struct weir_db q = weir_db_on(
        state, "select count(*) over (), report, at from opens where person_id = ? order "
               "by report");
    weir_db_text(&q, person);
    while (weir_db_row(&q) && *count <= room) {
        if (!*out) {
            room = (size_t)weir_db_int(&q, 0);
            *out = weir_arena_calloc(arena, (room + 1) * sizeof **out);
        }
        if (!*out) {
            break;
        }
        (*out)[(*count)++] = (struct weir_report_use){.report = weir_db_str(&q, 1, arena),
                                                      .opened_at = weir_db_int(&q, 2)};
    }
    int rc = weir_db_end(&q, err);
    return rc || *out || room == 0 ? rc
                                   : weir_fail(err, WEIR_ENOMEM, "no memory for what was opened");
}

/* --- which there are ------------------------------------------------------------------------ */

/* Those that are not in the list: gone, and in the end forgotten. */
static int note_gone(struct weir_state *state, const struct weir_str *reports, size_t count,
                     weir_time now, struct weir_error *err)
{
    struct weir_buf list;
    weir_buf_init(&list, 64u << 20);
    struct weir_jw w = weir_jw_on(&list);
    weir_jw_array(&w);
    for (size_t i = 0; i < count; i++) {
        weir_jw_str(&w, reports[i]);
    }
    weir_jw_array_end(&w);
    int rc = weir_buf_check(&list, "the list of reports", err);
    if (rc == 0) {
        struct weir_db q =
            weir_db_on(state, "update reports set gone_at = ?1 where gone_at is null and id not in "
                              "(select value from json_each(?2))");
        weir_db_i64(&q, now);
        weir_db_text(&q, weir_buf_str(&list));
        rc = weir_db_run(&q, NULL, err);
    }
    if (rc == 0) {
        struct weir_db q = weir_db_on(state, "delete from reports where gone_at <= ?");
        weir_db_i64(&q, now - WEIR_REPORT_FORGET);
        rc = weir_db_run(&q, NULL, err);
    }
    weir_buf_free(&list);
    return rc;
}

static int read_one(struct weir_state *state, struct weir_report_use *use, struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "select seen_at, opened_at, exists (select 1 from "
                          "publications where report = id) from reports where id = ?");
    weir_db_text(&q, use->report);
    if (weir_db_row(&q)) {
        use->seen_at = weir_db_int(&q, 0);
        use->opened_at = weir_db_int(&q, 1);
        use->published = weir_db_int(&q, 2);
    }
    return weir_db_end(&q, err);
}

int weir_report_use_sync(struct weir_state *state, const struct weir_str *reports, size_t count,
                         weir_time now, struct weir_arena *arena, struct weir_report_use **out,
                         struct weir_error *err)
{
    *out = weir_arena_calloc(arena, (count + 1) * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the reports' use");
    }
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        (*out)[i].report = reports[i];
        rc = weir_report_use_begin(state, reports[i], now, err);
        rc = rc ? rc : read_one(state, &(*out)[i], err);
    }
    rc = rc ? rc : note_gone(state, reports, count, now, err);
    return weir_state_end(state, rc, err);
}

int weir_report_use_known(struct weir_state *state, struct weir_str report, bool *out,
                          struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select 1 from reports where id = ?");
    weir_db_text(&q, report);
    *out = weir_db_row(&q);
    return weir_db_end(&q, err);
}

int weir_report_use_forget(struct weir_state *state, struct weir_str report, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from reports where id = ?");
    weir_db_text(&q, report);
    return weir_db_run(&q, NULL, err);
}
