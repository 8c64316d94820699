/* What is kept of a source beside its file and its tables: when it ran, what its runs said, its
 * secrets, the folder of its program. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "source/schedule/schedule.h"
#include "source/source.h"
#include "state/last_run.h"
#include "state/run_log.h"
#include "state/sealed.h"
#include "workspace/name.h"

static int open_store(const struct weir_source_site *site, struct weir_state **out,
                      struct weir_error *err)
{
    char path[4200];
    *out = NULL;
    return snprintf(path, sizeof path, "%s/state.sqlite", site->data) < (int)sizeof path
               ? weir_state_open_briefly(path, out, err)
               : weir_fail(err, WEIR_ETOOBIG, "the path of weir's data is too long");
}

int weir_source_kept_check(const struct weir_source_site *site, struct weir_error *err)
{
    struct weir_state *state;
    int rc = open_store(site, &state, err);
    weir_state_close(state);
    return rc == WEIR_EUNSUPPORTED ? rc : 0;
}

int weir_source_turn_get(const struct weir_source_site *site, const char *source, const char *what,
                         struct weir_source_turn *out, struct weir_error *err)
{
    struct weir_state *state;
    struct weir_last_run last = {0};
    int rc = open_store(site, &state, err);
    rc = rc ? rc : weir_last_run_get(state, weir_str_of(source), what, &last, err);
    out->began = last.began;
    out->ended = last.ended;
    out->failures = last.failures;
    out->partly = last.partly;
    snprintf(out->gone, sizeof out->gone, "%s", last.gone);
    weir_state_close(state);
    return rc;
}

int weir_source_turn_end(const struct weir_source_site *site, const char *source, const char *what,
                         weir_time began, int code, bool partly, const char *gone,
                         struct weir_error *err)
{
    struct weir_state *state;
    struct weir_last_run last = {0};
    int rc = open_store(site, &state, err);
    rc = rc ? rc : weir_last_run_get(state, weir_str_of(source), what, &last, err);
    last.began = began;
    last.well = code ? last.well : began;
    if (gone) {
        snprintf(last.gone, sizeof last.gone, "%s", gone);
    }
    if (code != WEIR_ECANCELED) {
        last.ended = weir_now();
        last.failures = code ? weir_source_failures_after(last.failures, last.partly, partly) : 0;
        last.partly = code && partly;
    } else if (last.failures) { /* no failure, and no good end either */
        last.ended = last.failures = 0;
    }
    rc = rc ? rc : weir_last_run_put(state, weir_str_of(source), what, &last, err);
    weir_state_close(state);
    return rc;
}

int weir_source_turn_note(const struct weir_source_site *site, const char *source, const char *what,
                          weir_time at, struct weir_error *err)
{
    struct weir_state *state;
    const struct weir_last_run noted = {.began = at};
    int rc = open_store(site, &state, err);
    rc = rc ? rc : weir_last_run_put(state, weir_str_of(source), what, &noted, err);
    weir_state_close(state);
    return rc;
}

int weir_source_turn_keep(const struct weir_source_site *site, const char *what,
                          struct weir_str sources, struct weir_error *err)
{
    struct weir_state *state;
    int rc = open_store(site, &state, err);
    rc = rc ? rc : weir_last_run_keep(state, what, sources, err);
    weir_state_close(state);
    return rc;
}

int weir_source_forget(const struct weir_source_site *site, const char *name,
                       struct weir_error *err)
{
    char home[4200], beginning[128];
    struct weir_state *state = NULL;
    int rc = weir_source_name_check(weir_str_of(name), err);
    snprintf(home, sizeof home, "%.4000s/taps/%.64s", site->data, name);
    snprintf(beginning, sizeof beginning, "%.64s.", name);
    rc = rc ? rc : weir_tree_remove(home, err);
    rc = rc ? rc : open_store(site, &state, err);
    rc = rc ? rc : weir_sealed_remove_all(state, weir_str_of(beginning), err);
    rc = rc ? rc : weir_last_run_remove(state, weir_str_of(name), err);
    /* Its tables stay, and cursors with them: one of its name may be of another account. */
    const struct weir_last_run now = {.began = weir_now()};
    rc = rc ? rc : weir_last_run_put(state, weir_str_of(name), "removed", &now, err);
    rc = rc ? rc : weir_run_logs_remove(state, weir_str_of(name), err);
    weir_state_close(state);
    return rc ? weir_error_prefix(err, rc, "the source is removed, but not all that it kept") : 0;
}

/* --- trials -------------------------------------------------------------------------------------
 */

#define MARK "trial" /* a file without a byte; when it was written tells of the latest trial */

int weir_source_trial_note(const char *home, bool trial, bool made, struct weir_error *err)
{
    char mark[4300];
    snprintf(mark, sizeof mark, "%.4200s/" MARK, home);
    if (trial) {
        return made || access(mark, F_OK) == 0 ? weir_file_replace(mark, WEIR_STR(""), 0600, err)
                                               : 0;
    }
    return unlink(mark) == 0 || errno == ENOENT
               ? 0
               : weir_fail_errno(err, errno, "%s cannot be removed", mark);
}

struct trials {
    const struct weir_source_site *site;
    weir_time before;
};

static int prune_trial(const char *name, void *arg, struct weir_error *err)
{
    const struct trials *t = arg;
    char mark[4300], home[4300];
    struct stat st;
    snprintf(home, sizeof home, "%.4000s/taps/%.64s", t->site->data, name);
    snprintf(mark, sizeof mark, "%.4280s/" MARK, home);
    bool old = stat(mark, &st) == 0 && (weir_time)st.st_mtim.tv_sec * WEIR_SECOND < t->before;
    return old && weir_source_file_gone(t->site->dir, name) ? weir_tree_remove(home, err) : 0;
}

int weir_source_trials_prune(const struct weir_source_site *site, weir_time before,
                             struct weir_error *err)
{
    char taps[4200];
    struct trials t = {site, before};
    snprintf(taps, sizeof taps, "%.4000s/taps", site->data);
    return access(taps, F_OK) == 0 ? weir_dir_each(taps, prune_trial, &t, err) : 0;
}
