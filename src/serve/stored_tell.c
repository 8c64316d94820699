/* What is told of materialized views. */
#include "serve/source.h"
#include "serve/source_ills.h"
#include "serve/stored_item.h"

#define MAX_DEPTH 4 /* of views that read each other's rows */

void weir_stored_print(struct weir_stored *s, const char *name, bool materialized, bool sees_all,
                       struct weir_jw *w)
{
    struct weir_stored_one known = {.catalog = 0};
    pthread_mutex_lock(&s->lock);
    struct weir_stored_one *item = weir_stored_find(s, weir_str_of(name));
    bool fresh = item && weir_stored_is_fresh(s, item);
    if (item) {
        known = *item;
    }
    pthread_mutex_unlock(&s->lock);
    const char *state = !materialized   ? ""
                        : known.running ? "refreshing"
                        : *known.error  ? "failed"
                        : fresh         ? "fresh"
                                        : "stale";
    weir_jw_kbool(w, "materialized", materialized);
    weir_jw_kstr_or_null(w, "state", weir_str_of(state));
    weir_jw_ktime_or_null(w, "refreshed_at", materialized ? known.stored_at : 0);
    weir_jw_keyz(w, "rows");
    if (materialized && known.stored_at && sees_all) {
        weir_jw_u64(w, known.rows);
    } else {
        weir_jw_null(w);
    }
    weir_jw_kstr_or_null(w, "refresh_error",
                         weir_str_of(materialized && sees_all ? known.error : ""));
}

weir_time weir_stored_at(struct weir_stored *s, struct weir_str name)
{
    pthread_mutex_lock(&s->lock);
    const struct weir_stored_one *item = weir_stored_find(s, name);
    weir_time at = item ? item->stored_at : 0;
    pthread_mutex_unlock(&s->lock);
    return at;
}

/* With the lock; views read each other as deep as they are written. */
static void add_ills(struct weir_stored *s, const struct weir_stored_one *item, unsigned depth,
                     struct weir_stored_ill *first)
{
    struct weir_source_ills *ills = weir_source_runs_ills(s->server->source_runs);
    if (item && item->stored_at && *item->error) {
        first->view = weir_time_first(first->view, item->failing_since);
    }
    for (size_t i = 0; item && depth && i < item->reads.count; i++) {
        const struct weir_table_read *t = &item->reads.tables[i];
        struct weir_str name = t->table;
        if (weir_str_is(t->schema, WEIR_STORED_SCHEMA)) {
            (void)weir_str_cut(&name, '.');
            add_ills(s, weir_stored_find(s, name), depth - 1, first);
        } else {
            weir_source_ills_add(ills, t->schema, t->table, &first->source);
        }
    }
}

void weir_stored_add_ills(struct weir_stored *s, struct weir_str name,
                          struct weir_stored_ill *first)
{
    pthread_mutex_lock(&s->lock);
    add_ills(s, weir_stored_find(s, name), MAX_DEPTH, first);
    pthread_mutex_unlock(&s->lock);
}

bool weir_stored_failed(struct weir_stored *s)
{
    pthread_mutex_lock(&s->lock);
    bool failed = s->failed;
    s->failed = false;
    pthread_mutex_unlock(&s->lock);
    return failed;
}
