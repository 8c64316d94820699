/* What runs left at a source beside the rows, which the source keeps for them until it is taken
 * away. */
#include "source/follow.h"
#include "source/ledger.h"

#define MAX_CURSOR (64u << 20)

bool weir_source_kept(const struct weir_source_config *config, struct weir_buf *what,
                      struct weir_buf *how)
{
    const struct weir_source_capture *c = config->connector->capture;
    return c && c->kept && c->kept(config, what, how);
}

bool weir_source_keeps(const char *workspace_dir, const char *name, struct weir_buf *out)
{
    struct weir_source_config config;
    struct weir_error ignored;
    struct weir_buf how;
    weir_buf_init(&how, 4096);
    bool keeps = weir_source_config_read(workspace_dir, name, &config, &ignored) == 0 &&
                 weir_source_kept(&config, out, &how);
    weir_source_config_free(&config);
    weir_buf_free(&how);
    return keeps;
}

static int take(const struct weir_source_site *site, struct weir_warehouse *warehouse,
                struct weir_source_config *config, struct weir_error *err)
{
    struct weir_session *session = NULL;
    void *connection = NULL;
    struct weir_str cursor = {NULL, 0};
    struct weir_arena arena;
    struct weir_buf sql;
    weir_arena_init(&arena, MAX_CURSOR);
    weir_buf_init(&sql, 4096);
    int rc = weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_source_ledger_open(session, err);
    rc = rc ? rc
            : weir_source_ledger_cursor(session, config->name, WEIR_SOURCE_ALL, &arena, &cursor,
                                        err);
    if (rc == 0 && cursor.ptr) {
        rc = weir_source_open(site, config, &connection, err);
        rc = rc ? rc : config->connector->capture->leave(connection, cursor, err);
        config->connector->close(connection);
    }
    if (rc == 0 && cursor.ptr) { /* a source of this name begins anew */
        weir_buf_addz(&sql, "DELETE FROM weir.source_state WHERE source = ");
        weir_sql_text(&sql, weir_str_of(config->name));
        weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("source_state"));
        rc = weir_session_exec_buf(session, &sql, err);
    }
    weir_session_free(session);
    weir_buf_free(&sql);
    weir_arena_free(&arena);
    return rc;
}

void weir_source_leave(const struct weir_source_site *site, struct weir_warehouse *warehouse,
                       const char *name, struct weir_buf *note)
{
    struct weir_source_config config;
    struct weir_error why;
    struct weir_buf what, how;
    weir_buf_init(&what, 4096);
    weir_buf_init(&how, 4096);
    if (weir_source_config_read(site->dir, name, &config, &why) == 0 &&
        weir_source_kept(&config, &what, &how)) {
        int rc = warehouse ? take(site, warehouse, &config, &why)
                           : weir_fail(&why, WEIR_EBUSY, "the warehouse is not open");
        if (rc) {
            weir_buf_addf(note, "%s; it could not be taken away: %s. Run there: %s",
                          weir_buf_cstr(&what), why.message, weir_buf_cstr(&how));
        }
    }
    weir_source_config_free(&config);
    weir_buf_free(&what);
    weir_buf_free(&how);
}
