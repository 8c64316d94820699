#include "collect/pixel.h"

#include "base/base64.h"
#include "base/json_write.h"
#include "io/http.h"

#define MAX_DEPTH  16
#define MAX_PARAMS 2000

const unsigned char weir_pixel_gif[] = {
    'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, '!', 0xf9, 4,
    1,   0,   0,   0,   0,   ',', 0, 0, 0, 0, 1,    0, 1, 0, 0, 2, 2,    'D',  1,    0,   ';'};
const size_t weir_pixel_gif_size = sizeof weir_pixel_gif;

struct node {
    struct weir_str key;
    struct weir_str text; /* ptr NULL: an object */
    struct node *first, *last, *next;
};

static struct node *child(const struct node *parent, struct weir_str key)
{
    struct node *n = parent->first;
    while (n && !weir_str_eq(n->key, key)) {
        n = n->next;
    }
    return n;
}

static struct node *add(struct node *parent, struct weir_str key, struct weir_arena *arena)
{
    struct node *n = weir_arena_calloc(arena, sizeof *n);
    if (n) {
        n->key = key;
        *(parent->last ? &parent->last->next : &parent->first) = n;
        parent->last = n;
    }
    return n;
}

/* The node for a dotted name; NULL when a part of the way is a string. */
static struct node *place(struct node *root, struct weir_str name, struct weir_arena *arena)
{
    struct node *at = root;
    for (int depth = 0; name.ptr; depth++) {
        struct weir_str part = depth + 1 < MAX_DEPTH ? weir_str_cut(&name, '.')
                                                     : (struct weir_str){name.ptr, name.len};
        bool last = !name.ptr || depth + 1 == MAX_DEPTH;
        struct node *next = child(at, part);
        if (next && (last ? next->text.ptr == NULL : next->text.ptr != NULL)) {
            return NULL;
        }
        at = next ? next : add(at, part, arena);
        if (!at || last) {
            break;
        }
    }
    return at;
}

static void write(struct weir_jw *w, const struct node *node)
{
    if (node->text.ptr) {
        weir_jw_str(w, node->text);
        return;
    }
    weir_jw_object(w);
    for (const struct node *n = node->first; n; n = n->next) {
        weir_jw_key(w, n->key);
        write(w, n); /* MAX_DEPTH bounds it */
    }
    weir_jw_object_end(w);
}

static bool from_params(struct weir_str query, struct weir_arena *arena, struct weir_buf *out)
{
    struct node root = {0};
    struct weir_buf key, value;
    bool ok = true;
    weir_buf_init(&key, 64 * 1024);
    weir_buf_init(&value, 64 * 1024);
    struct weir_str rest = query;
    for (int i = 0; ok && i < MAX_PARAMS && weir_http_next_param(&rest, &key, &value); i++) {
        struct weir_str name = weir_arena_dup(arena, weir_buf_str(&key));
        struct weir_str text = weir_arena_dup(arena, weir_buf_str(&value));
        ok = name.ptr && text.ptr;
        if (!ok || name.len == 0) {
            continue;
        }
        struct node *node = place(&root, name, arena);
        if (!node) {
            node = add(&root, name, arena);
        }
        ok = node != NULL;
        if (ok) {
            node->text = text;
        }
    }
    weir_buf_free(&key);
    weir_buf_free(&value);
    if (ok) {
        struct weir_jw w = weir_jw_on(out);
        write(&w, &root);
    }
    return ok && root.first && weir_buf_ok(out);
}

bool weir_pixel_body(struct weir_str query, struct weir_arena *arena, struct weir_buf *out)
{
    struct weir_buf data;
    weir_buf_init(&data, 256 * 1024);
    bool has_data = weir_http_param(query, "data", &data);
    bool ok = has_data ? weir_base64_decode(weir_buf_str(&data), out) && out->len > 0
                       : from_params(query, arena, out);
    weir_buf_free(&data);
    return ok;
}
