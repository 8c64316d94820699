#include "test.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "io/http.h"
#include "render/render.h"
#include "tempdir.h"

#define PASS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A site of three pages; every one of them needs the pass. */
struct site {
    struct weir_loop *loop;
    struct weir_http_server *server;
    pthread_t thread;
    char bound[64];
    atomic_int with, without;
    struct tempdir dir;
};

static const char *const finished =
    "<!doctype html><html data-page=ready><body style='margin:0'><h1>Rugby, 12 400 viewers</h1>"
    "<div style='height:2700px'></div><p>The end</p></body></html>";
static const char *const broken =
    "<!doctype html><html data-page='failed: there is no report xyz'><body></body></html>";
static const char *const elsewhere =
    "<!doctype html><html><body><img src='http://localhost/x.png' onload=\"say('failed: it was "
    "there')\" onerror=\"say('failed: nobody there')\"><script>function say(what) { "
    "document.documentElement.dataset.page = what }</script></body></html>";
static const char *const busy = "<!doctype html><html><body></body></html>";

static void handle(struct weir_http_request *req, void *arg)
{
    struct site *s = arg;
    struct weir_str path = weir_http_path(req);
    struct weir_str pass = weir_http_header(req, "X-Weir-Pass");
    atomic_fetch_add(pass.ptr && weir_str_is(pass, PASS) ? &s->with : &s->without, 1);
    const char *page = weir_str_is(path, "/finished")    ? finished
                       : weir_str_is(path, "/broken")    ? broken
                       : weir_str_is(path, "/elsewhere") ? elsewhere
                                                         : busy;
    weir_http_reply(req, 200, "text/html; charset=utf-8", weir_str_of(page));
}

static void *run(void *arg)
{
    weir_loop_run(arg);
    return NULL;
}

static struct weir_error err;

static int begin(void **state)
{
    struct site *s = calloc(1, sizeof *s);
    struct weir_http_options options = {.max_body = 1024, .handler = handle, .arg = s};
    ASSERT_OK(weir_loop_new(&s->loop, &err), err);
    ASSERT_OK(weir_http_server_new(s->loop, &options, &s->server, &err), err);
    ASSERT_OK(weir_http_listen(s->server, "127.0.0.1:0", s->bound, &err), err);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s->loop), 0);
    s->dir = tempdir_make();
    *state = s;
    return 0;
}

static void stop(void *arg)
{
    weir_loop_stop(arg);
}

static int finish(void **state)
{
    struct site *s = *state;
    assert_int_equal(weir_loop_post(s->loop, stop, s->loop), 0);
    pthread_join(s->thread, NULL);
    weir_http_server_free(s->server);
    weir_loop_free(s->loop);
    tempdir_remove(&s->dir);
    free(s);
    return 0;
}

static const struct weir_render_settings plain = {
    .browser = "", .timeout = 60 * WEIR_SECOND, .memory = 2ull << 30, .max_file = 8u << 20};

struct run {
    char url[128], folder[512], file[512];
    struct weir_render_job job;
};

static void make_run(struct site *s, const char *page, struct run *r)
{
    snprintf(r->url, sizeof r->url, "http://%s/%s", s->bound, page);
    r->job = (struct weir_render_job){.url = r->url,
                                      .pass = PASS,
                                      .time_zone = "Europe/Berlin",
                                      .title = "Rugby <in> Europe & elsewhere",
                                      .width = 800,
                                      .folder = tempdir_path(&s->dir, "profile", r->folder),
                                      .file = tempdir_path(&s->dir, "out", r->file)};
}

static void read_file(const char *path, struct weir_buf *out)
{
    weir_buf_init(out, 16u << 20);
    ASSERT_OK(weir_file_read(path, out, &err), err);
}

static int count_one(const char *name, void *arg, struct weir_error *e)
{
    (void)name;
    (void)e;
    ++*(int *)arg;
    return 0;
}

static int files_in(const char *path)
{
    int n = 0;
    ASSERT_OK(weir_dir_each(path, count_one, &n, &err), err);
    return n;
}

static void a_page_becomes_paper(void **state)
{
    struct site *s = *state;
    struct run r;
    struct weir_buf file;
    make_run(s, "finished", &r);
    ASSERT_OK(weir_render(&plain, &r.job, &err), err);
    read_file(r.file, &file);
    assert_true(weir_str_starts(weir_buf_str(&file), WEIR_STR("%PDF-")));
    assert_non_null(memmem(file.data, file.len, "/Count 3",
                           8)); /* well within three pages of A4, whatever the font */
    assert_true(atomic_load(&s->with) > 0);
    assert_int_equal(atomic_load(&s->without), 0);
    assert_int_equal(files_in(s->dir.path), 1); /* the profile is gone */
    weir_buf_free(&file);
}

static unsigned big_endian(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (unsigned)u[0] << 24 | (unsigned)u[1] << 16 | (unsigned)u[2] << 8 | u[3];
}

static void a_page_becomes_a_picture_of_all_of_it(void **state)
{
    struct site *s = *state;
    struct run r;
    struct weir_buf file;
    make_run(s, "finished", &r);
    r.job.format = WEIR_RENDER_PNG;
    ASSERT_OK(weir_render(&plain, &r.job, &err), err);
    read_file(r.file, &file);
    assert_true(file.len > 24 && memcmp(file.data, "\x89PNG", 4) == 0);
    assert_int_equal(big_endian(file.data + 16), 2 * 800);
    assert_true(big_endian(file.data + 20) > 2 * 2700);
    weir_buf_free(&file);
}

static void what_the_page_says_is_the_error(void **state)
{
    struct run r;
    make_run(*state, "broken", &r);
    assert_int_equal(weir_render(&plain, &r.job, &err), WEIR_EINVAL);
    assert_string_equal(err.message, "there is no report xyz");
}

static void a_page_that_is_never_finished_ends_in_time(void **state)
{
    struct site *s = *state;
    struct weir_render_settings hasty = plain;
    struct run r;
    hasty.timeout = 3 * WEIR_SECOND;
    make_run(s, "busy", &r);
    assert_int_equal(weir_render(&hasty, &r.job, &err), WEIR_ETIMEDOUT);
    assert_int_equal(files_in(s->dir.path), 0);
}

static void it_can_be_canceled(void **state)
{
    atomic_bool canceled = true;
    struct run r;
    make_run(*state, "busy", &r);
    r.job.cancel = &canceled;
    assert_int_equal(weir_render(&plain, &r.job, &err), WEIR_ECANCELED);
}

static void too_large_a_file_is_none(void **state)
{
    struct site *s = *state;
    struct weir_render_settings tight = plain;
    struct run r;
    tight.max_file = 1000;
    make_run(s, "finished", &r);
    assert_int_equal(weir_render(&tight, &r.job, &err), WEIR_ETOOBIG);
    assert_int_equal(files_in(s->dir.path), 0);
}

/* The page would be ready if it could load the picture. */
static void no_other_machine_is_asked(void **state)
{
    struct run r;
    make_run(*state, "elsewhere", &r);
    assert_int_equal(weir_render(&plain, &r.job, &err), WEIR_EINVAL);
    assert_string_equal(err.message, "nobody there");
}

static void without_a_browser_it_says_what_to_do(void **state)
{
    struct weir_render_settings none = plain;
    char path[512];
    (void)state;
    none.browser = "/nowhere/chromium";
    assert_int_equal(weir_render_find(&none, path, sizeof path, &err), WEIR_ENOENT);
    assert_non_null(strstr(err.message, "render.browser"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_becomes_paper, begin, finish),
        cmocka_unit_test_setup_teardown(a_page_becomes_a_picture_of_all_of_it, begin, finish),
        cmocka_unit_test_setup_teardown(what_the_page_says_is_the_error, begin, finish),
        cmocka_unit_test_setup_teardown(a_page_that_is_never_finished_ends_in_time, begin, finish),
        cmocka_unit_test_setup_teardown(it_can_be_canceled, begin, finish),
        cmocka_unit_test_setup_teardown(too_large_a_file_is_none, begin, finish),
        cmocka_unit_test_setup_teardown(no_other_machine_is_asked, begin, finish),
        cmocka_unit_test(without_a_browser_it_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
