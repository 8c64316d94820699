#include "base/mask.h"

#include <string.h>

#include "base/buf.h"
#include "base/json_write.h"

#define MAX_JSON (1u << 20)

static int add_one(struct weir_mask **mask, struct weir_arena *arena, struct weir_str text,
                   struct weir_error *err)
{
    if (text.len < WEIR_MASK_MIN) {
        return 0;
    }
    struct weir_mask *m = weir_arena_alloc(arena, sizeof *m);
    struct weir_str copy = m ? weir_arena_dup(arena, text) : (struct weir_str){NULL, 0};
    if (!copy.ptr) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for what must not be said");
    }
    *m = (struct weir_mask){copy, *mask};
    *mask = m;
    return 0;
}

int weir_mask_add(struct weir_mask **mask, struct weir_arena *arena, struct weir_str text,
                  struct weir_error *err)
{
    struct weir_buf json;
    struct weir_str rest = text;
    weir_buf_init(&json, MAX_JSON);
    struct weir_jw w = weir_jw_on(&json);
    weir_jw_str(&w, text);
    int rc = add_one(mask, arena, text, err);
    rc = rc ? rc : weir_buf_check(&json, "what must not be said", err);
    if (rc == 0 && json.len > text.len + 2) { /* something in it was escaped */
        rc = add_one(mask, arena, (struct weir_str){json.data + 1, json.len - 2}, err);
    }
    bool lines = text.len && memchr(text.ptr, '\n', text.len);
    while (rc == 0 && lines && rest.ptr) {
        rc = add_one(mask, arena, weir_str_trim(weir_str_cut(&rest, '\n')), err);
    }
    weir_buf_free(&json);
    return rc;
}

/* How many bytes at the beginning of `text` are to go: of the longest that fits. */
static size_t hidden(const struct weir_mask *mask, const char *text, size_t len)
{
    size_t most = 0;
    for (const struct weir_mask *m = mask; m; m = m->next) {
        size_t n = m->text.len < len ? m->text.len : len;
        if (n > most && n >= WEIR_MASK_MIN && memcmp(m->text.ptr, text, n) == 0) {
            most = n;
        }
    }
    return most;
}

size_t weir_mask_bytes(const struct weir_mask *mask, char *text, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; mask && i < len;) {
        size_t n = hidden(mask, text + i, len - i);
        if (n) {
            memcpy(text + kept, "***", 3);
            kept += 3;
            i += n;
        } else {
            text[kept++] = text[i++];
        }
    }
    return mask ? kept : len;
}

void weir_mask_error(const struct weir_mask *mask, struct weir_error *err)
{
    if (err && mask) {
        err->message[weir_mask_bytes(mask, err->message, strlen(err->message))] = 0;
    }
}
