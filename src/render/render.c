#include "render/render.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "io/file.h"
#include "io/process.h"
#include "render/cdp.h"

#define LOOK_EVERY  50000      /* whether the page is finished */
#define PIECE       (1u << 20) /* of a PDF, a message */
#define GRACE       (2 * WEIR_SECOND)
#define MAX_HEIGHT  16000      /* CSS pixels of a picture: what the browser's canvas takes */
#define FIRST_VIEW  300        /* CSS pixels; all of the page is drawn, seen or not */
#define MAX_SCRATCH (1u << 30) /* bytes of a file of its profile, or of memory that it shares */
#define MARGIN      0.4        /* inches */
#define CSS_INCH    96         /* CSS pixels */

int weir_render_find(const struct weir_render_settings *settings, char *out, size_t size,
                     struct weir_error *err)
{
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome"};
    const char *wanted = settings->browser;
    if (wanted[0] == '/' && access(wanted, X_OK) == 0 && strlen(wanted) < size) {
        snprintf(out, size, "%s", wanted);
        return 0;
    }
    if (wanted[0]) {
        return weir_process_find(wanted, out, size)
                   ? 0
                   : weir_fail(err, WEIR_ENOENT, "render.browser says %s, which is not there",
                               wanted);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (weir_process_find(names[i], out, size)) {
            return 0;
        }
    }
    return weir_fail(err, WEIR_ENOENT,
                     "PDF and PNG files are made by Chromium, which is not on this server: install "
                     "it (apt-get install chromium), or say where it is in render.browser");
}

/* --- the browser ------------------------------------------------------------------------------ */

struct browser {
    pid_t pid;
    int to, from; /* -1: closed */
    struct weir_cdp cdp;
};

static int make_pipes(int command[2], int answer[2], struct weir_error *err)
{
    if (pipe2(command, O_CLOEXEC)) {
        return weir_fail_errno(err, errno, "cannot talk to the browser");
    }
    if (pipe2(answer, O_CLOEXEC)) {
        int errnum = errno;
        close(command[0]);
        close(command[1]);
        return weir_fail_errno(err, errnum, "cannot talk to the browser");
    }
    return 0;
}

/* The rule that no name means a machine, but that of the page's address. */
static void own_host(const char *url, char out[256])
{
    const char *from = strstr(url, "://");
    from = from ? from + 3 : url;
    int n = (int)strcspn(from, "/");
    while (n && from[n] != ':') { /* an address of IPv6 has colons, too: up to the last one */
        n--;
    }
    snprintf(out, 256, "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE %.*s", n > 200 ? 200 : n,
             from);
}

static int start(struct browser *b, const struct weir_render_settings *settings,
                 const struct weir_render_job *job, struct weir_error *err)
{
    char path[512], profile[1100], home[1100], rules[256];
    int command[2], answer[2];
    int rc = weir_render_find(settings, path, sizeof path, err);
    rc = rc ? rc : make_pipes(command, answer, err);
    if (rc) {
        return rc;
    }
    snprintf(profile, sizeof profile, "--user-data-dir=%s", job->folder);
    snprintf(home, sizeof home, "HOME=%s", job->folder);
    own_host(job->url, rules);
    const char *argv[] = {
        path, "--headless=new", "--remote-debugging-pipe", profile, "--no-first-run",
        "--no-default-browser-check", "--disable-background-networking", "--disable-extensions",
        "--disable-component-update", "--disable-sync", "--disable-gpu", "--disable-dev-shm-usage",
        "--hide-scrollbars", "--mute-audio", "--force-color-profile=srgb",
        /* no other machine is asked for anything */
        rules,
        /* the browser's own sandbox does not start as root */
        geteuid() == 0 ? "--no-sandbox" : "--no-pings", NULL};
    const char *env[] = {home, "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", NULL};
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct weir_process_options options = {
        .argv = argv,
        .env = env,
        .give_fds = (const struct weir_process_fd[]){{command[0], 3}, {answer[1], 4}},
        .give_fd_count = 2,
        .max_memory = settings->memory,
        .max_file = MAX_SCRATCH,
        .stdin_fd = -1,
        .stdout_fd = null_fd,
        .stderr_fd = null_fd,
        .die_with_parent = true,
        .new_group = true,
    };
    rc = null_fd < 0 ? weir_fail_errno(err, errno, "cannot open /dev/null")
                     : weir_process_start(&options, &b->pid, err);
    close(command[0]);
    close(answer[1]);
    if (null_fd >= 0) {
        close(null_fd);
    }
    b->to = command[1];
    b->from = answer[0];
    (void)fcntl(b->to, F_SETFL, O_NONBLOCK);
    (void)fcntl(b->from, F_SETFL, O_NONBLOCK);
    return rc;
}

static void end(struct browser *b)
{
    struct weir_error ignored;
    weir_cdp_free(&b->cdp);
    if (b->to >= 0) {
        close(b->to);
        close(b->from); /* it ends by itself when its pipe does */
    }
    if (b->pid) {
        (void)weir_process_stop(b->pid, GRACE, NULL, &ignored);
        kill(-b->pid, SIGKILL); /* and whatever it left behind */
    }
}

/* --- the page --------------------------------------------------------------------------------- */

static int simple(struct browser *b, const char *method, struct weir_error *err)
{
    struct weir_json result;
    struct weir_jw w = weir_cdp_begin(&b->cdp, method);
    return weir_cdp_call(&b->cdp, &w, &result, err);
}

static int open_page(struct browser *b, struct weir_error *err)
{
    char target[64];
    struct weir_json result;
    struct weir_jw w = weir_cdp_begin(&b->cdp, "Target.createTarget");
    weir_jw_kstrz(&w, "url", "about:blank");
    int rc = weir_cdp_call(&b->cdp, &w, &result, err);
    if (rc) {
        return rc;
    }
    struct weir_str id = weir_json_get_str(result, "targetId");
    snprintf(target, sizeof target, WEIR_STR_FMT, WEIR_STR_ARG(id));
    w = weir_cdp_begin(&b->cdp, "Target.attachToTarget");
    weir_jw_kstrz(&w, "targetId", target);
    weir_jw_kbool(&w, "flatten", true);
    rc = weir_cdp_call(&b->cdp, &w, &result, err);
    id = rc ? WEIR_STR("") : weir_json_get_str(result, "sessionId");
    if (rc == 0 && (id.len == 0 || id.len >= sizeof b->cdp.session)) {
        rc = weir_fail(err, WEIR_EIO, "the browser opened no page");
    }
    if (rc == 0) {
        memcpy(b->cdp.session, id.ptr, id.len);
        b->cdp.session[id.len] = '\0';
    }
    return rc;
}

/* Charts are drawn without a way there, and in light colours. */
static int quiet(struct browser *b, struct weir_error *err)
{
    static const char *const features[][2] = {{"prefers-reduced-motion", "reduce"},
                                              {"prefers-color-scheme", "light"}};
    struct weir_json result;
    struct weir_jw w = weir_cdp_begin(&b->cdp, "Emulation.setEmulatedMedia");
    weir_jw_keyz(&w, "features");
    weir_jw_array(&w);
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        weir_jw_object(&w);
        weir_jw_kstrz(&w, "name", features[i][0]);
        weir_jw_kstrz(&w, "value", features[i][1]);
        weir_jw_object_end(&w);
    }
    weir_jw_array_end(&w);
    return weir_cdp_call(&b->cdp, &w, &result, err);
}

/* What every request of the page carries, the window's size, and the reader's clock. */
static int dress(struct browser *b, const struct weir_render_job *job, unsigned height,
                 struct weir_error *err)
{
    struct weir_json result;
    struct weir_jw w = weir_cdp_begin(&b->cdp, "Network.setExtraHTTPHeaders");
    weir_jw_keyz(&w, "headers");
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "X-Weir-Pass", job->pass);
    weir_jw_object_end(&w);
    int rc = weir_cdp_call(&b->cdp, &w, &result, err);
    if (rc == 0) {
        w = weir_cdp_begin(&b->cdp, "Emulation.setDeviceMetricsOverride");
        weir_jw_ki64(&w, "width", job->width);
        weir_jw_ki64(&w, "height", height);
        weir_jw_ki64(&w, "deviceScaleFactor", 2); /* charts are pictures on paper, too */
        weir_jw_kbool(&w, "mobile", false);
        rc = weir_cdp_call(&b->cdp, &w, &result, err);
    }
    rc = rc ? rc : quiet(b, err);
    if (rc == 0 && job->time_zone[0]) {
        w = weir_cdp_begin(&b->cdp, "Emulation.setTimezoneOverride");
        weir_jw_kstrz(&w, "timezoneId", job->time_zone);
        rc = weir_cdp_call(&b->cdp, &w, &result, err);
    }
    return rc;
}

static int go_there(struct browser *b, const char *url, struct weir_error *err)
{
    struct weir_json result;
    int rc = simple(b, "Network.enable", err);
    rc = rc ? rc : simple(b, "Page.enable", err);
    if (rc) {
        return rc;
    }
    struct weir_jw w = weir_cdp_begin(&b->cdp, "Page.navigate");
    weir_jw_kstrz(&w, "url", url);
    rc = weir_cdp_call(&b->cdp, &w, &result, err);
    struct weir_str why = rc ? WEIR_STR("") : weir_json_get_str(result, "errorText");
    return why.len == 0 ? rc
                        : weir_fail(err, WEIR_EIO, "the page could not be opened: " WEIR_STR_FMT,
                                    WEIR_STR_ARG(why));
}

static int look(struct browser *b, bool *ready, struct weir_error *err)
{
    struct weir_json result;
    struct weir_jw w = weir_cdp_begin(&b->cdp, "Runtime.evaluate");
    weir_jw_kstrz(&w, "expression", "document.documentElement.dataset.page || ''");
    weir_jw_kbool(&w, "returnByValue", true);
    int rc = weir_cdp_call(&b->cdp, &w, &result, err);
    struct weir_str state =
        rc ? WEIR_STR("") : weir_json_get_str(weir_json_get(result, "result"), "value");
    *ready = weir_str_is(state, "ready");
    if (rc == 0 && weir_str_starts(state, WEIR_STR("failed: "))) {
        return weir_fail(err, WEIR_EINVAL, WEIR_STR_FMT, (int)state.len - 8, state.ptr + 8);
    }
    return rc;
}

static int wait_until_ready(struct browser *b, struct weir_error *err)
{
    bool ready = false;
    int rc = look(b, &ready, err);
    while (rc == 0 && !ready) {
        usleep(LOOK_EVERY);
        rc = look(b, &ready, err);
    }
    return rc;
}

/* --- what it becomes -------------------------------------------------------------------------- */

static int keep(int fd, struct weir_str text, bool coded, uint64_t most, uint64_t *size,
                struct weir_error *err)
{
    struct weir_buf bytes;
    weir_buf_init(&bytes, most + 3);
    bool well = true;
    if (coded) {
        well = weir_base64_decode(text, &bytes);
    } else {
        weir_buf_adds(&bytes, text);
    }
    *size += bytes.len;
    int rc = !well || *size > most || !weir_buf_ok(&bytes)
                 ? weir_fail(err, WEIR_ETOOBIG,
                             "the file is larger than render.max_file allows; choose less")
                 : weir_write_all(fd, weir_buf_cstr(&bytes), bytes.len, "the file", err);
    weir_buf_free(&bytes);
    return rc;
}

static void add_paper(struct weir_jw *w, const struct weir_render_job *job)
{
    static const double sizes[][2] = {
        [WEIR_PAPER_A4] = {8.27, 11.69}, [WEIR_PAPER_LETTER] = {8.5, 11}};
    double across = sizes[job->paper][job->landscape] - 2 * MARGIN;
    const struct {
        const char *name;
        double inches;
    } lengths[] = {{"paperWidth", sizes[job->paper][0]},
                   {"paperHeight", sizes[job->paper][1]},
                   {"marginTop", MARGIN},
                   {"marginLeft", MARGIN},
                   {"marginRight", MARGIN},
                   {"marginBottom", MARGIN + 0.2}, /* the foot stands in it */
                   /* the window's width fits the paper's: what was laid out stays as it is */
                   {"scale", across * CSS_INCH / job->width}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        weir_jw_keyz(w, lengths[i].name);
        weir_jw_double(w, lengths[i].inches);
    }
    weir_jw_kbool(w, "landscape", job->landscape);
}

static void add_escaped(struct weir_buf *out, const char *text)
{
    for (; *text; text++) {
        const char *as = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : NULL;
        if (as) {
            weir_buf_addz(out, as);
        } else {
            weir_buf_addc(out, *text);
        }
    }
}

static int print_pdf(struct browser *b, const struct weir_render_job *job, char stream[64],
                     struct weir_error *err)
{
    struct weir_buf foot;
    struct weir_json result;
    weir_buf_init(&foot, 8192);
    weir_buf_addz(&foot, "<div style=\"width:100%;margin:0 10mm;font:8px sans-serif;color:#555;"
                         "display:flex;justify-content:space-between\"><span>");
    add_escaped(&foot, job->title);
    weir_buf_addz(&foot, "</span><span><span class=\"pageNumber\"></span> / "
                         "<span class=\"totalPages\"></span></span></div>");
    struct weir_jw w = weir_cdp_begin(&b->cdp, "Page.printToPDF");
    add_paper(&w, job);
    weir_jw_kbool(&w, "printBackground", true);
    weir_jw_kbool(&w, "displayHeaderFooter", true);
    weir_jw_kstrz(&w, "headerTemplate", "<span></span>");
    weir_jw_kstr(&w, "footerTemplate", weir_buf_str(&foot));
    weir_jw_kbool(&w, "generateTaggedPDF", true);
    weir_jw_kstrz(&w, "transferMode", "ReturnAsStream");
    int rc = weir_buf_check(&foot, "the foot of the page", err);
    rc = rc ? rc : weir_cdp_call(&b->cdp, &w, &result, err);
    if (rc == 0) {
        struct weir_str handle = weir_json_get_str(result, "stream");
        snprintf(stream, 64, WEIR_STR_FMT, WEIR_STR_ARG(handle));
    }
    weir_buf_free(&foot);
    return rc;
}

static int write_pdf(struct browser *b, const struct weir_render_job *job, int fd, uint64_t most,
                     struct weir_error *err)
{
    char stream[64];
    uint64_t size = 0;
    bool done = false;
    int rc = print_pdf(b, job, stream, err);
    while (rc == 0 && !done) {
        struct weir_json result;
        bool coded = false;
        struct weir_jw w = weir_cdp_begin(&b->cdp, "IO.read");
        weir_jw_kstrz(&w, "handle", stream);
        weir_jw_ki64(&w, "size", PIECE);
        rc = weir_cdp_call(&b->cdp, &w, &result, err);
        if (rc == 0) {
            done = !weir_json_bool(weir_json_get(result, "eof"), &done) || done;
            (void)weir_json_bool(weir_json_get(result, "base64Encoded"), &coded);
            rc = keep(fd, weir_json_get_str(result, "data"), coded, most, &size, err);
        }
    }
    return rc;
}

/* The page grows to its whole height first: what is beyond the window is not drawn. */
static int grow(struct browser *b, const struct weir_render_job *job, struct weir_error *err)
{
    struct weir_json result;
    double height = FIRST_VIEW;
    struct weir_jw w = weir_cdp_begin(&b->cdp, "Page.getLayoutMetrics");
    int rc = weir_cdp_call(&b->cdp, &w, &result, err);
    if (rc) {
        return rc;
    }
    (void)weir_json_double(weir_json_get(weir_json_get(result, "cssContentSize"), "height"),
                           &height);
    height = height < 1 ? 1 : height > MAX_HEIGHT ? MAX_HEIGHT : height;
    rc = dress(b, job, (unsigned)height, err);
    return rc ? rc : wait_until_ready(b, err);
}

static int write_png(struct browser *b, const struct weir_render_job *job, int fd, uint64_t most,
                     struct weir_error *err)
{
    struct weir_json result;
    uint64_t size = 0;
    int rc = grow(b, job, err);
    if (rc) {
        return rc;
    }
    struct weir_jw w = weir_cdp_begin(&b->cdp, "Page.captureScreenshot");
    weir_jw_kstrz(&w, "format", "png");
    rc = weir_cdp_call(&b->cdp, &w, &result, err);
    return rc ? rc : keep(fd, weir_json_get_str(result, "data"), true, most, &size, err);
}

static int write_file(struct browser *b, const struct weir_render_settings *settings,
                      const struct weir_render_job *job, struct weir_error *err)
{
    int fd = open(job->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return weir_fail_errno(err, errno, "cannot write %s", job->file);
    }
    int rc = job->format == WEIR_RENDER_PDF ? write_pdf(b, job, fd, settings->max_file, err)
                                            : write_png(b, job, fd, settings->max_file, err);
    if (close(fd) && rc == 0) {
        rc = weir_fail_errno(err, errno, "cannot write %s", job->file);
    }
    return rc;
}

int weir_render(const struct weir_render_settings *settings, const struct weir_render_job *job,
                struct weir_error *err)
{
    struct browser b = {.to = -1, .from = -1};
    struct weir_error ignored;
    if (job->cancel && atomic_load(job->cancel)) {
        return weir_fail(err, WEIR_ECANCELED, "it was canceled");
    }
    int rc = weir_dir_make(job->folder, 0700, err);
    rc = rc ? rc : start(&b, settings, job, err);
    rc =
        rc ? rc
           : weir_cdp_init(&b.cdp, b.to, b.from, weir_mono() + settings->timeout, job->cancel, err);
    rc = rc ? rc : open_page(&b, err);
    rc = rc ? rc : dress(&b, job, FIRST_VIEW, err);
    rc = rc ? rc : go_there(&b, job->url, err);
    rc = rc ? rc : wait_until_ready(&b, err);
    rc = rc ? rc : write_file(&b, settings, job, err);
    end(&b);
    if (rc) {
        (void)unlink(job->file);
    }
    (void)weir_tree_remove(job->folder, &ignored);
    return rc;
}
