/* Runs that a process did not live to end. */
#include "access/access.h"
#include "source/run.h"
#include "source/verify.h"

/* Stages of the schema's tables, which are this source's alone. */
static int drop_stages(const struct weir_source_run *run, const char *schema,
                       struct weir_error *err)
{
    struct weir_session *session = NULL;
    struct weir_table *tables = NULL;
    size_t count = 0;
    struct weir_arena arena;
    struct weir_buf sql;
    weir_arena_init(&arena, 256u << 20);
    weir_buf_init(&sql, 4096);
    int rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_session_describe(session, &arena, &tables, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (weir_str_is(tables[i].schema, schema) && weir_access_on_its_way(tables[i].name)) {
            weir_buf_addz(&sql, "DROP TABLE IF EXISTS ");
            weir_sql_table(&sql, tables[i].schema, tables[i].name);
            weir_session_touch(session, tables[i].schema, tables[i].name);
            rc = weir_session_exec_buf(session, &sql, err);
        }
    }
    weir_session_free(session);
    weir_buf_free(&sql);
    weir_arena_free(&arena);
    return rc;
}

int weir_source_cut_off(const struct weir_source_run *run, const char *id, weir_time began,
                        struct weir_error *err)
{
    struct weir_source_config config;
    struct weir_error why;
    int cut = weir_fail(&why, WEIR_EIO, WEIR_SOURCE_CUT_OFF);
    int rc = weir_source_config_read(run->site->dir, run->source, &config, err);
    if (rc == 0) {
        (run->verify ? weir_source_verify_note_failure
                     : weir_source_note_failure)(run, id, &config, began, cut, &why);
        rc = weir_source_turn_end(run->site, run->source, run->verify ? "verify" : "sync", began,
                                  cut, false, NULL, err);
        rc = rc || !config.schema ? rc : drop_stages(run, config.schema, err);
    }
    weir_source_config_free(&config);
    return rc == WEIR_ENOENT ? 0 : rc;
}
