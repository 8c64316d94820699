/* GET /api/audit */
#include "state/audit.h"

#include "serve/ask.h"

static int number(struct weir_ask *ask, const char *name, int64_t *out, struct weir_error *err)
{
    struct weir_str text = weir_ask_param(ask, name);
    return !text.ptr || (weir_str_to_i64(text, out) && *out >= 0)
               ? 0
               : weir_fail(err, WEIR_EINVAL, "\"%s\" must be a number from 0", name);
}

int weir_ask_audit(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_audit_filter filter = {.limit = 100};
    struct weir_audit *entries;
    struct weir_jw *w = &ask->w;
    size_t count = 0;
    int rc = number(ask, "before", &filter.before, err);
    rc = rc ? rc : number(ask, "limit", &filter.limit, err);
    filter.person = weir_ask_param(ask, "person");
    filter.action = weir_ask_param(ask, "action");
    rc = rc ? rc : weir_audit_list(ask->state, &filter, &ask->arena, &entries, &count, err);
    weir_jw_object(w);
    weir_jw_keyz(w, "entries");
    weir_jw_array(w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct weir_audit *e = &entries[i];
        weir_jw_object(w);
        weir_jw_ki64(w, "id", e->id);
        weir_jw_ktime_or_null(&ask->w, "at", e->at);
        weir_jw_kstr(w, "person", e->person.len ? e->person : e->person_id);
        weir_jw_kstr(w, "action", e->action);
        weir_jw_kstr(w, "object", e->object);
        weir_jw_keyz(w, "detail");
        weir_jw_raw(w, e->detail);
        weir_jw_kstr(w, "address", e->address);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
    return rc;
}
