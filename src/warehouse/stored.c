/* Stored views: what is the same for every engine. */
#include "warehouse/driver.h"

static int owner_only(const struct weir_session *session, struct weir_error *err)
{
    return session->kind == WEIR_SESSION_OWNER
               ? 0
               : weir_fail(err, WEIR_EPERM, "a reader's session may not store views");
}

int weir_session_stored_views(struct weir_session *session, struct weir_arena *arena,
                              struct weir_stored_view **out, size_t *count, struct weir_error *err)
{
    int rc = owner_only(session, err);
    return rc ? rc : session->warehouse->driver->stored_list(session, arena, out, count, err);
}

int weir_session_stored_text(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, const char *sql, struct weir_error *err)
{
    int rc = owner_only(session, err);
    return rc ? rc
              : session->warehouse->driver->stored_text(
                    session, (struct weir_table_name){schema, view}, sql, err);
}

int weir_session_stored_compute(struct weir_session *session, struct weir_str schema,
                                struct weir_str view, uint64_t *rows, struct weir_error *err)
{
    int rc = owner_only(session, err);
    return rc ? rc
              : session->warehouse->driver->stored_compute(
                    session, (struct weir_table_name){schema, view}, rows, err);
}

void weir_session_stored_forget(struct weir_session *session)
{
    session->warehouse->driver->stored_forget(session);
}

int weir_session_stored_forget_notes(struct weir_session *session, struct weir_error *err)
{
    int rc = owner_only(session, err);
    return rc ? rc : session->warehouse->driver->stored_forget_notes(session, err);
}

/* The versions of the view and of its rows' table grow with the commit. */
static int touch(struct weir_session *session, struct weir_str schema, struct weir_str view,
                 bool rows, struct weir_error *err)
{
    struct weir_buf name;
    weir_buf_init(&name, 1 << 16);
    weir_buf_addf(&name, WEIR_STR_FMT "." WEIR_STR_FMT, WEIR_STR_ARG(schema), WEIR_STR_ARG(view));
    int rc = weir_buf_check(&name, "a view's name", err);
    struct weir_versions *versions = session->warehouse->versions;
    if (rc == 0 && rows) {
        weir_versions_touch(versions, &session->touched, WEIR_STR(WEIR_STORED_SCHEMA),
                            weir_buf_str(&name));
    } else if (rc == 0) {
        weir_versions_touch(versions, &session->touched, schema, view);
    }
    weir_buf_free(&name);
    return rc;
}

/* Changes it in the transaction that there is, or in one of its own. */
static int
change(struct weir_session *session, struct weir_str schema, struct weir_str view, bool rows,
       int (*by)(struct weir_session *session, struct weir_table_name name, struct weir_error *err),
       struct weir_error *err)
{
    bool own = !session->began;
    int rc = owner_only(session, err);
    rc = rc || !own ? rc : weir_session_begin(session, err);
    if (rc) {
        return rc;
    }
    rc = touch(session, schema, view, rows, err);
    rc = rc ? rc : by(session, (struct weir_table_name){schema, view}, err);
    if (own && rc == 0) {
        rc = weir_session_commit(session, err);
    } else if (own) {
        weir_session_rollback(session);
    }
    return rc;
}

int weir_session_stored_show(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, struct weir_error *err)
{
    return change(session, schema, view, false, session->warehouse->driver->stored_show, err);
}

int weir_session_stored_drop(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, struct weir_error *err)
{
    return change(session, schema, view, true, session->warehouse->driver->stored_drop, err);
}

int weir_session_stored_swap(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, const struct weir_stored_view *what,
                             struct weir_error *err)
{
    int rc = owner_only(session, err);
    rc = rc ? rc : weir_session_begin(session, err);
    if (rc) {
        return rc;
    }
    rc = touch(session, schema, view, true, err);
    rc = rc ? rc : touch(session, schema, view, false, err);
    rc = rc ? rc
            : session->warehouse->driver->stored_swap(
                  session, (struct weir_table_name){schema, view}, what, err);
    if (rc) {
        weir_session_rollback(session);
        return rc;
    }
    return weir_session_commit(session, err);
}
