/* What all statements have in common: how they begin, bind, run and end. */
#include <stdio.h>

#include "warehouse/duckdb/rules.h"

/* --- parameters ----------------------------------------------------------------------------- */

static duckdb_state bind_one(duckdb_prepared_statement statement, idx_t at,
                             const struct weir_param *p)
{
    if (p->null) {
        return duckdb_bind_null(statement, at);
    }
    switch (p->type) {
    case WEIR_TYPE_BOOL:
        return duckdb_bind_boolean(statement, at, p->b);
    case WEIR_TYPE_INT:
        return duckdb_bind_int64(statement, at, p->i);
    case WEIR_TYPE_DOUBLE:
        return duckdb_bind_double(statement, at, p->d);
    case WEIR_TYPE_TIMESTAMP:
        return duckdb_bind_timestamp(statement, at, (duckdb_timestamp){p->i});
    case WEIR_TYPE_DATE:
        return duckdb_bind_date(statement, at, (duckdb_date){(int32_t)p->i});
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
    case WEIR_TYPE_OTHER:
        break;
    }
    return duckdb_bind_varchar_length(statement, at, p->s.ptr ? p->s.ptr : "", p->s.len);
}

static int bind_named(duckdb_prepared_statement statement, struct weir_str name,
                      const struct weir_param *p, struct weir_error *err)
{
    char text[128];
    idx_t at;
    if (name.len >= sizeof text) {
        return weir_fail(err, WEIR_EINVAL, "a parameter's name is longer than %zu bytes",
                         sizeof text - 1);
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = 0;
    if (duckdb_bind_parameter_index(statement, &at, text)) {
        return weir_fail(err, WEIR_EINVAL,
                         "the statement has no parameter $%s; remove it, or use it", text);
    }
    return bind_one(statement, at, p)
               ? weir_fail(err, WEIR_EINVAL, "parameter $%s cannot be bound", text)
               : 0;
}

/* The rules have given names to all parameters (src/warehouse/duckdb/rewrite.c), and have values of
 * their own, which are bound last: nobody's parameter can take their place. */
static int bind_ruled(duckdb_prepared_statement statement, const struct duck_run *r,
                      struct weir_error *err)
{
    int rc = 0;
    size_t position = 0;
    for (size_t i = 0; rc == 0 && i < r->param_count; i++) {
        char name[32];
        if (weir_str_starts(r->params[i].name, WEIR_STR("weir_"))) {
            return weir_fail(err, WEIR_EINVAL, "a parameter's name may not begin with weir_");
        }
        snprintf(name, sizeof name, "p%zu", position + 1);
        position += r->params[i].name.len == 0;
        rc = bind_named(statement, r->params[i].name.len ? r->params[i].name : weir_str_of(name),
                        &r->params[i], err);
    }
    for (size_t i = 0; rc == 0 && i < r->ruled->value_count; i++) {
        rc = bind_named(statement, r->ruled->values[i].name, &r->ruled->values[i], err);
    }
    return rc;
}

int weir_duck_bind(duckdb_prepared_statement statement, const struct duck_run *r,
                   struct weir_error *err)
{
    idx_t position = 0;
    if (r->ruled) {
        return bind_ruled(statement, r, err);
    }
    for (size_t i = 0; i < r->param_count; i++) {
        const struct weir_param *p = &r->params[i];
        int rc = 0;
        if (p->name.len) {
            rc = bind_named(statement, p->name, p, err);
        } else if (++position > duckdb_nparams(statement)) {
            rc = weir_fail(err, WEIR_EINVAL, "the statement has only %llu parameters",
                           (unsigned long long)duckdb_nparams(statement));
        } else if (bind_one(statement, position, p)) {
            rc = weir_fail(err, WEIR_EINVAL, "parameter %zu cannot be bound", i + 1);
        }
        if (rc) {
            return rc;
        }
    }
    return 0;
}

/* --- running ---------------------------------------------------------------------------------- */

/* Could it have changed tables or views? */
static bool changes_catalog(duckdb_statement_type type)
{
    return type != DUCKDB_STATEMENT_TYPE_SELECT && type != DUCKDB_STATEMENT_TYPE_EXPLAIN &&
           type != DUCKDB_STATEMENT_TYPE_INSERT && type != DUCKDB_STATEMENT_TYPE_UPDATE &&
           type != DUCKDB_STATEMENT_TYPE_DELETE && type != DUCKDB_STATEMENT_TYPE_COPY;
}

int weir_duck_execute(struct duck_session *s, duckdb_prepared_statement statement,
                      duckdb_result *result, struct weir_error *err)
{
    duckdb_pending_result pending;
    memset(result, 0, sizeof *result);
    int rc = 0;
    if (duckdb_pending_prepared_streaming(statement, &pending)) {
        rc = weir_duck_fail(s, duckdb_pending_error(pending), err);
    } else {
        /* The engine has forgotten an interrupt from before, and its threads are at work. */
        if (atomic_load(&s->canceled)) {
            duckdb_interrupt(s->con);
        }
        weir_duck_await(pending);
        if (duckdb_execute_pending(pending, result)) {
            rc = weir_duck_fail(s, duckdb_result_error(result), err);
            duckdb_destroy_result(result);
        }
    }
    duckdb_destroy_pending(&pending);
    if (changes_catalog(duckdb_prepared_statement_type(statement))) {
        weir_duck_catalog_changed(s);
    }
    return rc;
}

/* --- beginning and end ------------------------------------------------------------------------ */

void weir_duck_leave(struct duck_session *s, bool own_transaction)
{
    if (own_transaction) {
        weir_duck_rollback(&s->base);
    }
    if (!s->trusted) {
        atomic_store(&s->canceled, false);
    }
    s->shift = 0;
}

/* What a reader runs is checked, gets the rules of the session's person put in, and runs in a
 * transaction that cannot write. */
int weir_duck_enter(struct duck_run *r, bool check, bool *own_transaction, struct weir_error *err)
{
    struct duck_session *s = r->s;
    *own_transaction = false;
    s->shift = 0;
    int rc = weir_duck_usable(s, err);
    if (rc || s->trusted) {
        return rc;
    }
    s->parsed = NULL;
    if (strlen(r->sql) > DUCK_MAX_SQL) {
        return weir_fail(err, WEIR_ETOOBIG, "the statement is longer than %u bytes", DUCK_MAX_SQL);
    }
    if (check || s->base.kind == WEIR_SESSION_READER || weir_duck_access(s)) {
        rc = weir_duck_sandbox_check(s, r->sql, err);
    }
    if (rc == 0 && !s->in_transaction) {
        s->version = atomic_load(&s->db->catalog_version);
    }
    if (rc == 0 && s->base.kind == WEIR_SESSION_READER && !s->in_transaction) {
        rc = weir_duck_begin(&s->base, err);
        *own_transaction = rc == 0;
    }
    if (rc == 0 && weir_duck_access(s)) {
        rc = weir_duck_rules_apply(s, r->sql, &r->ruled, err);
        s->parsed = NULL; /* the text may be gone before the next one comes to the same place */
        r->sql = rc ? r->sql : r->ruled->text;
        s->shift = INT64_MAX; /* the engine's positions are in a text that nobody wrote */
    }
    return rc;
}

/* A table that was dropped or changed in between makes the engine speak of what the rules wrote. */
int weir_duck_judge(const struct duck_run *r, int rc, struct weir_error *err)
{
    struct duck_session *s = r->s;
    if (rc && r->ruled && atomic_load(&s->db->catalog_version) != r->ruled->version &&
        r->ruled->version) {
        return weir_fail(err, WEIR_EAGAIN, "the tables changed meanwhile; run it again");
    }
    return rc;
}

/* --- what would run ------------------------------------------------------------------------- */

static bool copy_param(struct weir_arena *arena, const struct weir_param *from, size_t position,
                       bool ruled, struct weir_param *to)
{
    *to = *from;
    if (from->name.len) {
        to->name = weir_arena_dup(arena, from->name);
    } else {
        const char *name = weir_arena_printf(arena, ruled ? "p%zu" : "%zu", position);
        to->name = weir_str_of(name);
    }
    bool text = !from->null && from->type != WEIR_TYPE_BOOL && from->type != WEIR_TYPE_INT &&
                from->type != WEIR_TYPE_DOUBLE && from->type != WEIR_TYPE_TIMESTAMP &&
                from->type != WEIR_TYPE_DATE;
    if (text) {
        to->s = weir_arena_dup(arena, from->s);
    }
    return to->name.ptr && (!text || to->s.ptr);
}

static int copy_compiled(const struct duck_run *r, struct weir_arena *arena,
                         struct weir_compiled *out, struct weir_error *err)
{
    size_t ruled = r->ruled ? r->ruled->value_count : 0, position = 0;
    struct weir_param *params =
        weir_arena_calloc(arena, (r->param_count + ruled + 1) * sizeof *params);
    bool ok = params;
    for (size_t i = 0; ok && i < r->param_count; i++) {
        position += r->params[i].name.len == 0;
        ok = copy_param(arena, &r->params[i], position, r->ruled, &params[i]);
    }
    for (size_t i = 0; ok && i < ruled; i++) {
        ok = copy_param(arena, &r->ruled->values[i], 0, true, &params[r->param_count + i]);
    }
    *out = (struct weir_compiled){.sql = weir_arena_dup(arena, weir_str_of(r->sql)),
                                  .params = params,
                                  .param_count = r->param_count + ruled};
    return ok && out->sql.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the statement");
}

int weir_duck_compile(struct weir_session *session, const char *sql,
                      const struct weir_param *params, size_t param_count, struct weir_arena *arena,
                      struct weir_compiled *out, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct duck_run run = {.s = s, .sql = sql, .params = params, .param_count = param_count};
    duckdb_prepared_statement statement = NULL;
    idx_t count;
    bool own_transaction;
    int rc = weir_duck_enter(&run, false, &own_transaction, err);
    rc = rc ? rc : weir_duck_prepare(s, run.sql, &statement, &count, err);
    rc = weir_duck_judge(&run, rc, err);
    rc = rc ? rc : copy_compiled(&run, arena, out, err);
    if (statement) {
        duckdb_destroy_prepare(&statement);
    }
    weir_duck_leave(s, own_transaction);
    return rc;
}
