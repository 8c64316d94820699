/* What the stream of a file is called. */
#include "event/naming.h"
#include "io/http_head.h"
#include "source/file/file.h"

struct weir_str weir_file_last_part(struct weir_str path)
{
    const char *slash = memrchr(path.ptr, '/', path.len);
    return slash ? (struct weir_str){slash + 1, (size_t)(path.ptr + path.len - slash - 1)} : path;
}

/* No name begins with a digit: of "2026-01" it is file_2026_01. */
static void add_numbered(struct weir_str base, struct weir_buf *out)
{
    weir_buf_addz(out, "file_");
    for (size_t i = 0; i < base.len; i++) {
        char c = base.ptr[i];
        c = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain || out->data[out->len - 1] != '_') {
            weir_buf_addc(out, plain ? c : '_');
        }
    }
    out->len -= out->data[out->len - 1] == '_';
}

/* "2024/Order Lines.csv" → "order_lines" */
static struct weir_str stem_of(struct weir_str path, struct weir_arena *arena)
{
    struct weir_buf name, numbered;
    struct weir_str base = weir_file_unpacked_name(weir_file_last_part(path));
    const char *dot = memrchr(base.ptr, '.', base.len);
    base.len = dot && dot > base.ptr ? (size_t)(dot - base.ptr) : base.len;
    weir_buf_init(&name, 4096);
    weir_buf_init(&numbered, 65536);
    if (base.len && *base.ptr >= '0' && *base.ptr <= '9') {
        add_numbered(base, &numbered);
        base = weir_buf_str(&numbered);
    }
    weir_name_make(base, "file_", &name);
    struct weir_str out = weir_arena_dup(arena, weir_utf8_cut(weir_buf_str(&name), 63));
    weir_buf_free(&name);
    weir_buf_free(&numbered);
    return out;
}

/* Of an address what its last part says; the key of an object is no address. */
static struct weir_str remote_stem(const struct weir_file *file, struct weir_arena *arena)
{
    struct weir_str text = weir_web_stem(file);
    char *plain = file->listed ? NULL : weir_arena_alloc(arena, text.len + 1);
    size_t n = plain ? weir_http_unescape(text, plain, false) : 0;
    for (size_t i = 0; i < n; i++) {
        plain[i] = (char)(plain[i] == '/' || !plain[i] ? '_' : plain[i]);
    }
    return plain ? stem_of((struct weir_str){plain, n}, arena) : stem_of(text, arena);
}

struct weir_str weir_file_stem(const struct weir_file *file, struct weir_arena *arena)
{
    return file->url ? remote_stem(file, arena) : stem_of(file->name, arena);
}
