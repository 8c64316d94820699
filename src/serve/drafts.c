/* /api/drafts/{key} */
#include "state/draft.h"

#include "serve/ask.h"

static int check_key(const struct weir_ask *ask, struct weir_error *err)
{
    return ask->id.len <= 200 && weir_utf8_valid(ask->id)
               ? 0
               : weir_fail(err, WEIR_EINVAL, "a draft's key has at most 200 bytes of UTF-8");
}

int weir_ask_draft(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_draft draft;
    int rc = check_key(ask, err);
    rc = rc ? rc
            : weir_draft_get(ask->state, weir_str_of(ask->who.id), ask->id, &ask->arena, &draft,
                             err);
    if (rc == 0) {
        weir_jw_object(&ask->w);
        weir_jw_keyz(&ask->w, "draft");
        weir_jw_raw(&ask->w, draft.json);
        weir_jw_ktime_or_null(&ask->w, "saved_at", draft.saved_at);
        weir_jw_object_end(&ask->w);
    }
    return rc;
}

int weir_ask_draft_put(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_buf text;
    int rc = check_key(ask, err);
    if (rc == 0 && !weir_json_exists(ask->body)) {
        rc = weir_fail(err, WEIR_EINVAL, "the body is the draft, a JSON object");
    }
    weir_buf_init(&text, 8 * WEIR_MAX_DRAFT);
    if (rc == 0) {
        weir_json_print(ask->body, &text);
        struct weir_draft draft = {.json = weir_buf_str(&text), .saved_at = ask->now};
        rc = weir_buf_check(&text, "the draft", err);
        rc = rc ? rc : weir_draft_put(ask->state, weir_str_of(ask->who.id), ask->id, &draft, err);
    }
    weir_buf_free(&text);
    ask->status = rc ? ask->status : 204;
    return rc;
}

int weir_ask_draft_remove(struct weir_ask *ask, struct weir_error *err)
{
    int rc = check_key(ask, err);
    ask->status = rc ? ask->status : 204;
    return rc ? rc : weir_draft_remove(ask->state, weir_str_of(ask->who.id), ask->id, err);
}
