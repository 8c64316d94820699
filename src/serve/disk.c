/* Bytes on the disk, in GET /api/status. The log has as many files as it has segments, so they are
 * not looked at for each answer. */
#include <stdlib.h>
#include <sys/stat.h>

#include "io/file.h"
#include "serve/server.h"

#define LOOK_EVERY (10 * WEIR_SECOND)

struct sum {
    const char *dir;
    uint64_t bytes;
};

static int add_file(const char *name, void *arg, struct weir_error *err)
{
    struct sum *sum = arg;
    struct stat st;
    char *path = weir_path_join(sum->dir, name);
    (void)err;
    if (path && stat(path, &st) == 0) {
        sum->bytes += (uint64_t)st.st_size;
    }
    free(path);
    return 0;
}

static void look(struct weir_server *s)
{
    struct weir_error ignored;
    struct sum sum = {.dir = weir_workspace_path(s->run->workspace, "log")};
    weir_time now = weir_mono();
    if (s->disk.looked_at && now - s->disk.looked_at < LOOK_EVERY) {
        return;
    }
    s->disk.looked_at = now;
    if (sum.dir && weir_dir_each(sum.dir, add_file, &sum, &ignored) == 0) {
        s->disk.log_bytes = sum.bytes;
    }
    if (!sum.dir || weir_disk_free(sum.dir, &s->disk.free_bytes, &ignored)) {
        const char *data = weir_workspace_path(s->run->workspace, "");
        if (!data || weir_disk_free(data, &s->disk.free_bytes, &ignored)) {
            s->disk.free_bytes = 0;
        }
    }
}

void weir_serve_print_disk(struct weir_server *s, struct weir_jw *w)
{
    look(s);
    weir_jw_keyz(w, "disk");
    weir_jw_object(w);
    weir_jw_ku64(w, "free_bytes", s->disk.free_bytes);
    weir_jw_ku64(w, "guard_bytes", s->run->keep_free);
    weir_jw_ku64(w, "log_bytes", s->disk.log_bytes);
    weir_jw_object_end(w);
}
