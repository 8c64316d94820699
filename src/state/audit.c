#include "state/audit.h"

#include "state/db.h"

#define MAX_LIMIT 1000

static struct weir_str some(struct weir_str s, struct weir_str otherwise)
{
    return s.len ? s : otherwise;
}

int weir_audit_add(struct weir_state *state, const struct weir_audit *entry, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "insert into audit (at, person_id, person, action, object,"
                                         " detail, address) values (?, ?, ?, ?, ?, ?, ?)");
    weir_db_i64(&q, entry->at);
    weir_db_text(&q, some(entry->person_id, WEIR_STR("")));
    weir_db_text(&q, some(entry->person, WEIR_STR("")));
    weir_db_text(&q, entry->action);
    weir_db_text(&q, some(entry->object, WEIR_STR("")));
    weir_db_text(&q, some(entry->detail, WEIR_STR("{}")));
    weir_db_text(&q, some(entry->address, WEIR_STR("")));
    return weir_db_run(&q, NULL, err);
}

int weir_audit_list(struct weir_state *state, const struct weir_audit_filter *filter,
                    struct weir_arena *arena, struct weir_audit **out, size_t *count,
                    struct weir_error *err)
{
    size_t limit = filter->limit < 1           ? 1
                   : filter->limit > MAX_LIMIT ? MAX_LIMIT
                                               : (size_t)filter->limit;
    *count = 0;
    *out = weir_arena_calloc(arena, limit * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the audit log");
    }
    struct weir_db q = weir_db_on(
        state, "select id, at, person_id, person, action, object, detail, address from audit "
               "where (?1 = 0 or id < ?1) and (?2 = '' or person_id = ?2 or person = ?2) "
               "and (?3 = '' or action = ?3 or substr(action, 1, length(?3) + 1) = ?3 || '.') "
               "and (?4 = '' or object = ?4) and at >= ?5 order by id desc limit ?6");
    weir_db_i64(&q, filter->before);
    weir_db_text(&q, some(filter->person, WEIR_STR("")));
    weir_db_text(&q, some(filter->action, WEIR_STR("")));
    weir_db_text(&q, some(filter->object, WEIR_STR("")));
    weir_db_i64(&q, filter->since);
    weir_db_i64(&q, (int64_t)limit);
    while (*count < limit && weir_db_row(&q)) {
        (*out)[(*count)++] = (struct weir_audit){.id = weir_db_int(&q, 0),
                                                 .at = weir_db_int(&q, 1),
                                                 .person_id = weir_db_str(&q, 2, arena),
                                                 .person = weir_db_str(&q, 3, arena),
                                                 .action = weir_db_str(&q, 4, arena),
                                                 .object = weir_db_str(&q, 5, arena),
                                                 .detail = weir_db_str(&q, 6, arena),
                                                 .address = weir_db_str(&q, 7, arena)};
    }
    return weir_db_end(&q, err);
}
