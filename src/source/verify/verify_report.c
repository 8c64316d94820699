/* What came of a comparison: in the report of its run, the ledger and the log. */
#include "source/verify/verify.h"

#include <stdio.h>

#include "source/schedule/watch.h"

void weir_verify_print(const struct weir_source_verified *v, struct weir_jw *w)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "stream", v->stream);
    weir_jw_kstrz(w, "schema", v->schema);
    weir_jw_kstrz(w, "table", v->table);
    weir_jw_kstrz(w, "status", v->status);
    weir_jw_ku64(w, "rows", v->rows);
    weir_jw_ku64(w, "compared", v->compared);
    weir_jw_ku64(w, "missing", v->missing);
    weir_jw_ku64(w, "extra", v->extra);
    weir_jw_ku64(w, "different", v->different);
    weir_jw_ku64(w, "pending", v->pending);
    weir_jw_ku64(w, "kept", v->kept);
    weir_jw_ku64(w, "set_aside", v->set_aside);
    weir_jw_keyz(w, "keys");
    weir_jw_raw(w, v->keys);
    weir_jw_keyz(w, "not_compared");
    weir_jw_raw(w, v->not_compared);
    weir_jw_keyz(w, "files");
    weir_jw_raw(w, v->files.len ? v->files : WEIR_STR("[]"));
    weir_jw_kstr_or_null(w, "error", weir_str_of(v->error));
    weir_jw_object_end(w);
}

/* What came of it is a row of weir.verifications, and a line of the log. */
int weir_verify_keep(struct weir_verifying *v, int rc, struct weir_error *err)
{
    const struct weir_source_run *run = v->run.run;
    struct weir_source_verified *out = v->out;
    struct weir_source_load *load = &v->run.load;
    struct weir_error why = {0};
    char words[256], aside[64] = "";
    out->ended_at = weir_now();
    snprintf(words, sizeof words, "%llu missing, %llu extra and %llu different of %llu rows",
             (unsigned long long)out->missing, (unsigned long long)out->extra,
             (unsigned long long)out->different, (unsigned long long)out->rows);
    if (rc == 0 && strcmp(out->status, "differs") == 0) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "%s.%s is not what its source is: %s; `weir verify %s.%s --repair` loads "
                       "these again",
                       out->schema, out->table, words, out->source, out->stream);
    } else if (rc) {
        out->status = "failed";
        out->missing = out->extra = out->different = out->pending = out->kept = out->set_aside = 0;
        out->keys = WEIR_STR("[]");
        out->files = WEIR_STR("");
    }
    out->error = rc ? err->message : "";
    load->status = rc == WEIR_ECORRUPT                    ? "mismatch"
                   : rc                                   ? "failed"
                   : strcmp(out->status, "repaired") == 0 ? "loaded"
                                                          : "unchanged";
    load->error = out->error;
    if (rc) {
        weir_log(run->log, WEIR_LOG_ERROR,
                 "a table is not what its source is, or that is not known", "source", out->source,
                 "stream", out->stream, "error", out->error);
    }
    if (rc == 0 && out->set_aside) {
        snprintf(aside, sizeof aside, "; %llu set aside", (unsigned long long)out->set_aside);
    }
    weir_source_watch_say(weir_source_watch_of(run->progress), "%s: %s%s%s%s", out->stream,
                          out->status,
                          rc                          ? ": "
                          : weir_verify_is_wrong(out) ? ": "
                                                      : "",
                          rc                          ? out->error
                          : weir_verify_is_wrong(out) ? words
                                                      : "",
                          aside);
    int failed = strcmp(out->status, "repaired") == 0 || !v->run.session || rc == WEIR_ECANCELED
                     ? 0
                     : weir_source_ledger_verified(v->run.session, out, &why);
    return rc ? rc : failed ? weir_fail(err, failed, "%s", why.message) : 0;
}

int weir_verify_pass(struct weir_verifying *v)
{
    v->out->status = "refused";
    v->out->error =
        "no run loaded it: its changes cannot be had, or it is new; `weir sync` says which";
    v->run.load.status = "unchanged";
    v->run.load.error = "";
    return 0;
}

void weir_source_verify_note_failure(const struct weir_source_run *run, const char *id,
                                     struct weir_source_config *config, weir_time began, int rc,
                                     const struct weir_error *why)
{
    const struct weir_source_stream *stream = weir_source_named(config, run->stream);
    const struct weir_source_verified v = {.run = id,
                                           .source = run->source,
                                           .stream = stream ? stream->name : WEIR_SOURCE_ALL,
                                           .schema = config->schema ? config->schema : "",
                                           .table = stream ? stream->table : "",
                                           .status = "failed",
                                           .keys = WEIR_STR("[]"),
                                           .not_compared = WEIR_STR("[]"),
                                           .files = WEIR_STR(""),
                                           .started_at = began,
                                           .ended_at = weir_now(),
                                           .error = why->message};
    struct weir_session *session = NULL;
    struct weir_error err;
    if (rc == WEIR_ECANCELED) { /* what was known of it is known still */
        return;
    }
    int failed = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, &err);
    failed = failed ? failed : weir_source_ledger_open(session, &err);
    failed = failed ? failed : weir_source_ledger_verified(session, &v, &err);
    if (failed) {
        weir_log(run->log, WEIR_LOG_ERROR, "the failure cannot be written to weir.verifications",
                 "error", err.message);
    }
    weir_session_free(session);
}
