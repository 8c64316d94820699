/* Pages of the app as paper and pictures, made by headless Chromium in a child process.
 *
 * Chromium is told what to do over a pipe of its own (the DevTools protocol), so no port is opened
 * and nothing outlives the job: its time, its memory and the size of what it writes are bounded,
 * its profile is a folder that is removed, and it reaches no host but this machine. Where there is
 * no Chromium, this says so and nothing else misses it.
 *
 * The page says when it is finished, by `data-page` of its root element: "ready", or "failed: why".
 *
 * Source of the protocol: the DevTools protocol's domains Target, Network, Emulation, Page, Runtime
 * and IO, version 1.3.
 *
 * Threads: weir_render() blocks for seconds; several may run at once. */
#ifndef WEIR_RENDER_RENDER_H
#define WEIR_RENDER_RENDER_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/time.h"
#include "conf/option.h"

extern const struct weir_option weir_render_options[]; /* section `render` of weir.yml */

struct weir_render_settings {
    const char *browser; /* a path or a name; "": the first that is found */
    weir_time timeout;
    uint64_t memory;   /* of each of the browser's processes */
    uint64_t max_file; /* bytes of a finished file */
    weir_time keep;    /* how long a finished file can be fetched */
    int64_t queue;     /* how many may wait */
};

enum weir_render_format { WEIR_RENDER_PDF, WEIR_RENDER_PNG };
enum weir_paper { WEIR_PAPER_A4, WEIR_PAPER_LETTER };

struct weir_render_job {
    const char *url;       /* a page of this server, on loopback */
    const char *pass;      /* sent as X-Weir-Pass with every request; 64 hex digits */
    const char *time_zone; /* of whoever asked; "": the machine's */
    const char *title;     /* stands at the foot of each page of paper */
    enum weir_render_format format;
    enum weir_paper paper; /* PDF */
    bool landscape;        /* PDF */
    unsigned width;        /* of the window, in CSS pixels */
    const char *folder;    /* of the profile: made, and removed with all in it */
    const char *file;      /* what it becomes */
    const atomic_bool *cancel;
};

/* The browser's path; WEIR_ENOENT with what to do when there is none. */
int weir_render_find(const struct weir_render_settings *settings, char *out, size_t size,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_ETIMEDOUT, WEIR_ECANCELED, WEIR_ETOOBIG, or what the page or the browser said; then there is
 * no file. */
int weir_render(const struct weir_render_settings *settings, const struct weir_render_job *job,
                struct weir_error *err) WEIR_MUST_CHECK;

#endif
