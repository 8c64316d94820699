#include "state/draft.h"

#include "state/db.h"

int weir_draft_get(struct weir_state *state, struct weir_str person, struct weir_str key,
                   struct weir_arena *arena, struct weir_draft *out, struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "select json, saved_at from drafts where person_id = ? and key = ?");
    weir_db_text(&q, person);
    weir_db_text(&q, key);
    bool found = weir_db_row(&q);
    if (found) {
        *out =
            (struct weir_draft){.json = weir_db_str(&q, 0, arena), .saved_at = weir_db_int(&q, 1)};
    }
    int rc = weir_db_end(&q, err);
    return rc || found ? rc : weir_fail(err, WEIR_ENOENT, "there is no draft of this key");
}

static int put(struct weir_state *state, struct weir_str person, struct weir_str key,
               const struct weir_draft *draft, struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state,
        "insert into drafts (person_id, key, json, saved_at) values (?, ?, ?, ?) on conflict "
        "(person_id, key) do update set json = excluded.json, saved_at = excluded.saved_at");
    weir_db_text(&q, person);
    weir_db_text(&q, key);
    weir_db_text(&q, draft->json);
    weir_db_i64(&q, draft->saved_at);
    int rc = weir_db_run(&q, NULL, err);
    if (rc) {
        return rc;
    }
    q = weir_db_on(state, "delete from drafts where person_id = ?1 and key in (select key from "
                          "drafts where person_id = ?1 order by saved_at desc, key limit -1 offset "
                          "?2)");
    weir_db_text(&q, person);
    weir_db_i64(&q, WEIR_MAX_DRAFTS);
    return weir_db_run(&q, NULL, err);
}

int weir_draft_put(struct weir_state *state, struct weir_str person, struct weir_str key,
                   const struct weir_draft *draft, struct weir_error *err)
{
    if (draft->json.len > WEIR_MAX_DRAFT) {
        return weir_fail(err, WEIR_ETOOBIG, "a draft has at most %u bytes", WEIR_MAX_DRAFT);
    }
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, put(state, person, key, draft, err), err);
}

int weir_draft_remove(struct weir_state *state, struct weir_str person, struct weir_str key,
                      struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from drafts where person_id = ? and key = ?");
    weir_db_text(&q, person);
    weir_db_text(&q, key);
    return weir_db_run(&q, NULL, err);
}
