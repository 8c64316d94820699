/* By which name a file is known: whatever way its path is written in the source's file. */
#include "source/file/file.h"

struct weir_str weir_file_known_as(struct weir_str path, struct weir_arena *arena)
{
    char *out = weir_arena_alloc(arena, path.len + 1);
    size_t len = 0, root = path.len && path.ptr[0] == '/';
    if (!out) {
        return (struct weir_str){NULL, 0};
    }
    if (root) {
        out[len++] = '/';
    }
    while (path.len) {
        struct weir_str part = weir_str_cut(&path, '/');
        if (!part.len || weir_str_is(part, ".")) {
            continue;
        }
        if (len > root) {
            out[len++] = '/';
        }
        memcpy(out + len, part.ptr, part.len);
        len += part.len;
    }
    out[len] = 0;
    return (struct weir_str){out, len};
}
