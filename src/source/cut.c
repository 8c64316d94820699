/* Runs that a process did not live to end. */
#include "source/run.h"
#include "source/verify.h"

/* Stages of the schema's tables, which are this source's alone. */
static int drop_stages(const struct weir_source_run *run, const char *schema,
                       struct weir_error *err)
{
    struct weir_session *session = NULL;
    int rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc
            : weir_session_drop_begun(session, weir_str_of(schema), WEIR_STR(WEIR_SOURCE_STAGES),
                                      err);
    weir_session_free(session);
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
