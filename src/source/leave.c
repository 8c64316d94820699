/* What runs left at a source beside the rows, which the source keeps for them until it is taken
 * away. */
#include "source/follow.h"
#include "source/ledger.h"
#include "source/watch.h"

#define MAX_CURSOR (64u << 20)

bool weir_source_may_keep(const char *workspace_dir, const char *name)
{
    struct weir_source_config config;
    struct weir_error ignored;
    bool may = weir_source_config_read(workspace_dir, name, &config, &ignored) == 0 &&
               config.connector->capture && config.connector->capture->leave;
    weir_source_config_free(&config);
    return may;
}

/* What is known of it here. */
struct left {
    struct weir_session *session;
    struct weir_arena arena;
    struct weir_str cursor;    /* the source's; ptr NULL: it was never followed */
    struct weir_buf what, how; /* what is kept there, and what to run there */
};

/* Free it, also after a failure. */
static int look(struct weir_warehouse *warehouse, const struct weir_source_config *config,
                struct left *l, struct weir_error *err)
{
    *l = (struct left){.cursor = {NULL, 0}};
    weir_arena_init(&l->arena, MAX_CURSOR);
    weir_buf_init(&l->what, 4096);
    weir_buf_init(&l->how, 4096);
    int rc = warehouse ? weir_session_new(warehouse, WEIR_SESSION_OWNER, &l->session, err)
                       : weir_fail(err, WEIR_EBUSY, "the warehouse is not open");
    rc = rc ? rc : weir_source_ledger_open(l->session, err);
    return rc ? rc
              : weir_source_ledger_cursor(l->session, config->name, WEIR_SOURCE_ALL, &l->arena,
                                          &l->cursor, err);
}

static void free_left(struct left *l)
{
    weir_session_free(l->session);
    weir_buf_free(&l->what);
    weir_buf_free(&l->how);
    weir_arena_free(&l->arena);
}

bool weir_source_kept(const struct weir_source_config *config, struct weir_warehouse *warehouse,
                      struct weir_buf *what, struct weir_buf *how)
{
    const struct weir_source_capture *c = config->connector->capture;
    struct weir_error ignored;
    struct left l;
    if (!c || !c->kept) {
        return false;
    }
    if (!warehouse || !c->leave) {
        return c->kept(config, (struct weir_str){NULL, 0}, what, how);
    }
    int rc = look(warehouse, config, &l, &ignored);
    bool kept = c->kept(config, rc ? (struct weir_str){NULL, 0} : l.cursor, what, how);
    free_left(&l);
    return kept;
}

bool weir_source_keeps(const char *workspace_dir, struct weir_warehouse *warehouse,
                       const char *name, struct weir_buf *out)
{
    struct weir_source_config config;
    struct weir_error ignored;
    struct weir_buf how;
    weir_buf_init(&how, 4096);
    bool keeps = weir_source_config_read(workspace_dir, name, &config, &ignored) == 0 &&
                 weir_source_kept(&config, warehouse, out, &how);
    weir_source_config_free(&config);
    weir_buf_free(&how);
    return keeps;
}

void weir_source_warn_of_left(const struct weir_source_run *run,
                              const struct weir_source_config *config)
{
    const struct weir_source_capture *c = config->connector->capture;
    struct weir_error ignored;
    struct left l;
    if (!c->leave) {
        return;
    }
    if (look(run->warehouse, config, &l, &ignored) == 0 && l.cursor.ptr &&
        c->kept(config, l.cursor, &l.what, &l.how)) {
        weir_log(run->log, WEIR_LOG_WARN, "a source is followed no more, and is still kept for",
                 "source", config->name, "kept", weir_buf_cstr(&l.what), "run there",
                 weir_buf_cstr(&l.how));
        weir_source_watch_say(weir_source_watch_of(run->progress),
                              "it is followed no more, but %s; run there: %s",
                              weir_buf_cstr(&l.what), weir_buf_cstr(&l.how));
    }
    free_left(&l);
}

/* It is gone there, then the cursor is: a source of this name begins anew. */
static int take(const struct weir_source_site *site, struct weir_session *session,
                struct weir_source_config *config, struct weir_str cursor, struct weir_buf *note,
                struct weir_error *err)
{
    void *connection = NULL;
    struct weir_buf sql;
    weir_buf_init(&sql, 4096);
    int rc = weir_source_open(site, config, &connection, err);
    rc = rc ? rc : config->connector->capture->leave(connection, cursor, note, err);
    config->connector->close(connection);
    if (rc == 0) {
        weir_buf_addz(&sql, "DELETE FROM weir.source_state WHERE source = ");
        weir_sql_text(&sql, weir_str_of(config->name));
        weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("source_state"));
        rc = weir_session_exec_buf(session, &sql, err);
    }
    weir_buf_free(&sql);
    return rc;
}

void weir_source_leave(const struct weir_source_site *site, struct weir_warehouse *warehouse,
                       struct weir_source_config *config, struct weir_buf *note)
{
    const struct weir_source_capture *c = config->connector->capture;
    struct weir_error why;
    struct left l;
    if (!c || !c->leave) {
        return;
    }
    int rc = look(warehouse, config, &l, &why);
    bool kept = c->kept(config, l.cursor, &l.what, &l.how);
    if (rc == 0 && l.cursor.ptr) {
        rc = take(site, l.session, config, l.cursor, note, &why);
    }
    if (rc && kept) {
        weir_buf_addf(note, "%s; it could not be taken away: %s. Run there: %s",
                      weir_buf_cstr(&l.what), why.message, weir_buf_cstr(&l.how));
    }
    free_left(&l);
}
