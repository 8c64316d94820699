/* Runs that a process did not live to end. */
#include "source/run/run.h"
#include "source/verify/verify.h"

int weir_source_drop_stages(struct weir_warehouse *warehouse, struct weir_error *err)
{
    struct weir_session *session = NULL;
    int rc = weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_session_drop_begun(session, WEIR_STR(WEIR_SOURCE_STAGES), err);
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
    }
    weir_source_config_free(&config);
    return rc == WEIR_ENOENT ? 0 : rc;
}
