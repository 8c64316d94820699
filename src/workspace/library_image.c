/* Images beside a report's files: pictures that its tiles name. They are committed one by one; what
 * a name means does not change, so that a version of a report that names it shows what it showed.
 */
#include <stdio.h>

#include "workspace/library.h"

#define LOCK_WAIT (10 * WEIR_SECOND)
#define MAX_OLD   (16u << 20)

bool weir_report_image_ok(struct weir_str name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".webp", ".gif"};
    bool known = false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        known = known || weir_str_ends(name, weir_str_of(endings[i]));
    }
    for (size_t i = 0; known && i < name.len; i++) {
        char c = name.ptr[i];
        known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '_' || c == '-' || (c == '.' && i);
    }
    return known && name.len <= 100;
}

static int path_of(struct weir_library *lib, const char *key, const char *name, char out[512],
                   struct weir_error *err)
{
    struct weir_documents *all = weir_library_hold(lib);
    const struct weir_document *d =
        weir_documents_find(all, WEIR_DOCUMENT_REPORT, weir_str_of(key));
    int rc = WEIR_OK;
    if (!d) {
        rc = weir_fail(err, WEIR_ENOENT, "there is no report %.40s", key);
    } else if (!weir_report_image_ok(weir_str_of(name)) ||
               snprintf(out, 512, "%s/%s", d->path, name) >= 512) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "an image is named by letters, digits, _ and -, and ends in .png, .jpg, "
                       ".jpeg, .webp or .gif");
    }
    weir_documents_release(all);
    return rc;
}

int weir_report_image_read(struct weir_library *lib, const char *key, const char *name,
                           struct weir_buf *out, struct weir_error *err)
{
    char path[512];
    int rc = path_of(lib, key, name, path, err);
    return rc ? rc : weir_files_read(lib->dir, path, out, err);
}

static int check_same(struct weir_library *lib, const char *path, const char *name,
                      struct weir_str bytes, bool *there, struct weir_error *err)
{
    struct weir_buf old;
    weir_buf_init(&old, MAX_OLD);
    int rc = weir_files_read(lib->dir, path, &old, err);
    *there = rc == WEIR_OK;
    rc = rc == WEIR_ENOENT ? WEIR_OK : rc;
    if (rc == WEIR_ETOOBIG || (*there && !weir_str_eq(weir_buf_str(&old), bytes))) {
        rc = weir_fail(err, WEIR_EEXIST,
                       "the report has another image named %s, which its versions may show; give "
                       "this one another name",
                       name);
    }
    weir_buf_free(&old);
    return rc;
}

int weir_report_image_put(struct weir_library *lib, const char *key, const char *name,
                          struct weir_str bytes, const struct weir_save *save,
                          struct weir_error *err)
{
    char path[512];
    int rc = path_of(lib, key, name, path, err);
    struct weir_file file = {.path = path, .bytes = bytes, .gone = !bytes.ptr};
    rc = rc ? rc : weir_git_lock(lib->git, LOCK_WAIT, err);
    if (rc) {
        return rc;
    }
    bool there = false;
    rc = file.gone ? WEIR_OK : check_same(lib, path, name, bytes, &there, err);
    if (rc == 0 && !there) {
        rc = file.gone ? weir_files_remove(lib->dir, path, err)
                       : weir_files_write(lib->dir, path, bytes, err);
        rc = rc ? rc : weir_git_commit(lib->git, &file, 1, &save->author, save->message, NULL, err);
    }
    weir_git_unlock(lib->git);
    return rc;
}
