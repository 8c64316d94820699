#include "cli/demo_publish.h"

#include <stdio.h>

#include "io/client.h"
#include "workspace/document.h"

#define ANSWER_IN (60 * WEIR_SECOND)

/* Of src/demo/workspace/reports, in the order in which they are told. */
static const char *const dashboards[] = {"podiumover", "podiumspor", "podiumlive", "podiumsubs"};
#define COUNT (sizeof dashboards / sizeof dashboards[0])

static int publish(const char *socket, const char *id, struct weir_error *err)
{
    char target[64];
    int status = 0;
    struct weir_buf answer;
    weir_buf_init(&answer, 1u << 20);
    snprintf(target, sizeof target, "/api/reports/%s/publication", id);
    struct weir_client_call call = {.address = socket,
                                    .method = "PUT",
                                    .target = target,
                                    .type = "application/json",
                                    .body = WEIR_STR("{\"company\":true}"),
                                    .timeout = ANSWER_IN};
    int code = weir_client_fetch(&call, &status, &answer, err);
    if (!code && status >= 300) {
        code = weir_fail(err, WEIR_EIO, "the report %s cannot be published: %.200s", id,
                         weir_buf_cstr(&answer));
    }
    weir_buf_free(&answer);
    return code;
}

int weir_demo_publish(const char *socket, struct weir_error *err)
{
    int code = 0;
    for (size_t i = 0; !code && i < COUNT; i++) {
        code = publish(socket, dashboards[i], err);
    }
    return code;
}

static bool is_dashboard(const struct weir_document *d)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(d->key, dashboards[i]) == 0) {
            return true;
        }
    }
    return false;
}

int weir_demo_tell_reports(const char *dir, const char *serve, struct weir_error *err)
{
    struct weir_library *library = NULL;
    int code = weir_library_read(dir, &library, err);
    if (code) {
        return code;
    }
    struct weir_documents *all = weir_library_hold(library);
    printf("Open the app in a browser, or begin with a dashboard:\n\n  %-28s http://%s/\n", "Home",
           serve);
    for (size_t i = 0; i < COUNT; i++) {
        const struct weir_document *d =
            weir_documents_find(all, WEIR_DOCUMENT_REPORT, weir_str_of(dashboards[i]));
        if (d && d->usable && !d->report.archived) {
            printf("  %-28s http://%s/dashboard/%s\n", d->title, serve, d->key);
        }
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct weir_document *d = all->items[i];
        if (d->kind == WEIR_DOCUMENT_REPORT && d->usable && !d->report.archived &&
            !is_dashboard(d)) {
            printf("  %-28s http://%s/report/%s\n", d->title, serve, d->key);
        }
    }
    putchar('\n');
    weir_documents_release(all);
    weir_library_free(library);
    return 0;
}
