#include "state/comment.h"

#include "state/db.h"
#include "state/report_use.h"

#define COLUMNS                                                                                    \
    "id, report, tile, text, vals, person_id, by, name, at, edited_at, resolved_at, resolved_by"

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the comments");
}

/* --- comments ------------------------------------------------------------------------------- */

static void read_one(struct weir_db *q, struct weir_arena *arena, struct weir_comment *c)
{
    struct weir_str *texts[] = {&c->id,     &c->report, &c->tile, &c->text,
                                &c->values, &c->person, &c->by,   &c->name};
    for (int i = 0; i < 8; i++) {
        *texts[i] = weir_db_str(q, i, arena);
    }
    c->at = weir_db_int(q, 8);
    c->edited_at = weir_db_int(q, 9);
    c->resolved_at = weir_db_int(q, 10);
    c->resolved_by = weir_db_str(q, 11, arena);
}

static int insert(struct weir_state *state, const struct weir_comment *c, struct weir_error *err)
{
    int64_t changes;
    int rc = weir_report_use_begin(state, c->report, c->at, err);
    if (rc) {
        return rc;
    }
    struct weir_db q = weir_db_on(
        state, "insert into comments (id, report, tile, text, vals, person_id, by, name, at) "
               "select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 where (select count(*) from comments "
               "where report = ?2) < ?10");
    const struct weir_str texts[] = {c->id,     c->report, c->tile, c->text,
                                     c->values, c->person, c->by,   c->name};
    for (size_t i = 0; i < 8; i++) {
        weir_db_text(&q, texts[i]);
    }
    weir_db_i64(&q, c->at);
    weir_db_i64(&q, WEIR_MAX_COMMENTS);
    rc = weir_db_run(&q, &changes, err);
    return rc || changes ? rc
                         : weir_fail(err, WEIR_ETOOBIG,
                                     "the report has %d comments, which is all that it may have; "
                                     "delete some first",
                                     WEIR_MAX_COMMENTS);
}

int weir_comment_add(struct weir_state *state, const struct weir_comment *comment,
                     struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, insert(state, comment, err), err);
}

int weir_comment_list(struct weir_state *state, struct weir_str report, struct weir_str tile,
                      struct weir_arena *arena, struct weir_comment **out, size_t *count,
                      struct weir_error *err)
{
    *count = 0;
    *out = weir_arena_calloc(arena, WEIR_MAX_COMMENTS * sizeof **out);
    if (!*out) {
        return no_memory(err);
    }
    struct weir_db q = weir_db_on(state, "select " COLUMNS " from comments where report = ?1 and "
                                         "(?2 = '' or tile = ?2) order by at, id");
    weir_db_text(&q, report);
    weir_db_text(&q, tile.ptr ? tile : WEIR_STR(""));
    while (*count < WEIR_MAX_COMMENTS && weir_db_row(&q)) {
        read_one(&q, arena, &(*out)[(*count)++]);
    }
    return weir_db_end(&q, err);
}

int weir_comment_get(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                     struct weir_comment *out, struct weir_error *err)
{
    bool found = false;
    *out = (struct weir_comment){0};
    struct weir_db q = weir_db_on(state, "select " COLUMNS " from comments where id = ?");
    weir_db_text(&q, id);
    while (weir_db_row(&q)) {
        found = true;
        read_one(&q, arena, out);
    }
    int rc = weir_db_end(&q, err);
    return rc || found ? rc : weir_fail(err, WEIR_ENOENT, "there is no such comment");
}

int weir_comment_save(struct weir_state *state, const struct weir_comment *c,
                      struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "update comments set text = ?, edited_at = ?, resolved_at "
                                         "= ?, resolved_by = ? where id = ?");
    weir_db_text(&q, c->text);
    weir_db_time(&q, c->edited_at);
    weir_db_time(&q, c->resolved_at);
    weir_db_text(&q, c->resolved_at ? c->resolved_by : (struct weir_str){0});
    weir_db_text(&q, c->id);
    return weir_db_run(&q, NULL, err);
}

int weir_comment_remove(struct weir_state *state, struct weir_str id, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from comments where id = ?");
    weir_db_text(&q, id);
    return weir_db_run(&q, NULL, err);
}

/* --- subscriptions -------------------------------------------------------------------------- */

int weir_subscription_get(struct weir_state *state, struct weir_str person, struct weir_str report,
                          struct weir_arena *arena, struct weir_subscription *out,
                          struct weir_error *err)
{
    *out = (struct weir_subscription){0};
    struct weir_db q = weir_db_on(
        state, "select vals, every, at from subscriptions where person_id = ? and report = ?");
    weir_db_text(&q, person);
    weir_db_text(&q, report);
    while (weir_db_row(&q)) {
        *out = (struct weir_subscription){weir_db_str(&q, 0, arena), weir_db_str(&q, 1, arena),
                                          weir_db_int(&q, 2)};
    }
    return weir_db_end(&q, err);
}

static int put_subscription(struct weir_state *state, struct weir_str person,
                            struct weir_str report, const struct weir_subscription *s,
                            struct weir_error *err)
{
    int rc = weir_report_use_begin(state, report, s->at, err);
    if (rc) {
        return rc;
    }
    struct weir_db q =
        weir_db_on(state, "insert into subscriptions (person_id, report, vals, every, at) values "
                          "(?, ?, ?, ?, ?) on conflict (person_id, report) do update set vals = "
                          "excluded.vals, every = excluded.every");
    weir_db_text(&q, person);
    weir_db_text(&q, report);
    weir_db_text(&q, s->values);
    weir_db_text(&q, s->every);
    weir_db_i64(&q, s->at);
    return weir_db_run(&q, NULL, err);
}

int weir_subscription_put(struct weir_state *state, struct weir_str person, struct weir_str report,
                          const struct weir_subscription *subscription, struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc
              : weir_state_end(state, put_subscription(state, person, report, subscription, err),
                               err);
}

int weir_subscription_remove(struct weir_state *state, struct weir_str person,
                             struct weir_str report, struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "delete from subscriptions where person_id = ? and report = ?");
    weir_db_text(&q, person);
    weir_db_text(&q, report);
    return weir_db_run(&q, NULL, err);
}

int weir_subscription_list(struct weir_state *state, struct weir_str person,
                           struct weir_arena *arena, struct weir_subscribed **out, size_t *count,
                           struct weir_error *err)
{
    bool full = false;
    *out = NULL;
    *count = 0;
    struct weir_db q = weir_db_on(state, "select count(*) over (), report, vals, every, at from "
                                         "subscriptions where person_id = ? order by at desc, "
                                         "report");
    weir_db_text(&q, person);
    while (!full && weir_db_row(&q)) {
        if (!*out) {
            *out = weir_arena_calloc(arena, (size_t)weir_db_int(&q, 0) * sizeof **out);
        }
        full = !*out;
        if (!full) {
            (*out)[(*count)++] = (struct weir_subscribed){weir_db_str(&q, 1, arena),
                                                          {.values = weir_db_str(&q, 2, arena),
                                                           .every = weir_db_str(&q, 3, arena),
                                                           .at = weir_db_int(&q, 4)}};
        }
    }
    int rc = weir_db_end(&q, err);
    return rc || !full ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the subscriptions");
}
