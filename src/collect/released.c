/* Which records of the quarantine have been released: ranges of seqs in a small JSON file. */
#include <stdlib.h>

#include "base/json.h"
#include "base/json_write.h"
#include "collect/quarantine.h"
#include "io/file.h"

#define MAX_FILE (64u << 20)

static int room_for_one(struct weir_released *released, struct weir_error *err)
{
    if (released->count < released->room) {
        return 0;
    }
    size_t room = released->room ? released->room * 2 : 64;
    struct weir_seq_range *items = realloc(released->items, room * sizeof *items);
    if (!items) {
        return weir_fail(err, WEIR_ENOMEM, "quarantine: out of memory");
    }
    released->items = items;
    released->room = room;
    return 0;
}

/* The index of the first range that ends at or behind seq. */
static size_t find(const struct weir_released *released, uint64_t seq)
{
    size_t lo = 0, hi = released->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (released->items[mid].last < seq) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

bool weir_released_has(const struct weir_released *released, uint64_t seq)
{
    size_t i = find(released, seq);
    return i < released->count && released->items[i].first <= seq;
}

int weir_released_add(struct weir_released *released, uint64_t seq, struct weir_error *err)
{
    size_t i = find(released, seq);
    struct weir_seq_range *items = released->items;
    if (i < released->count && items[i].first <= seq) {
        return 0;
    }
    bool joins_left = i > 0 && items[i - 1].last + 1 == seq;
    bool joins_right = i < released->count && items[i].first == seq + 1;
    if (joins_left && joins_right) {
        items[i - 1].last = items[i].last;
        memmove(items + i, items + i + 1, (released->count - i - 1) * sizeof *items);
        released->count--;
    } else if (joins_left) {
        items[i - 1].last = seq;
    } else if (joins_right) {
        items[i].first = seq;
    } else {
        int rc = room_for_one(released, err);
        if (rc) {
            return rc;
        }
        items = released->items;
        memmove(items + i + 1, items + i, (released->count - i) * sizeof *items);
        items[i] = (struct weir_seq_range){seq, seq};
        released->count++;
    }
    return 0;
}

void weir_released_free(struct weir_released *released)
{
    free(released->items);
    *released = (struct weir_released){0};
}

static int take_ranges(struct weir_json list, struct weir_released *out, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(list);
    struct weir_json range, value;
    while (weir_json_next(&it, NULL, &range)) {
        struct weir_json_iter pair = weir_json_begin(range);
        struct weir_seq_range r = {0, 0};
        if (!weir_json_next(&pair, NULL, &value) || !weir_json_u64(value, &r.first) ||
            !weir_json_next(&pair, NULL, &value) || !weir_json_u64(value, &r.last) ||
            r.last < r.first || (out->count && r.first <= out->items[out->count - 1].last)) {
            return weir_fail(err, WEIR_ECORRUPT,
                             "quarantine/released holds something else than ranges; remove it to "
                             "release everything again");
        }
        int rc = room_for_one(out, err);
        if (rc) {
            return rc;
        }
        out->items[out->count++] = r;
    }
    return 0;
}

int weir_released_load(const char *dir, struct weir_released *out, struct weir_error *err)
{
    struct weir_buf text;
    struct weir_json root;
    struct weir_json_parser *parser = NULL;
    char *path = weir_path_join(dir, "released");
    *out = (struct weir_released){0};
    weir_buf_init(&text, MAX_FILE);
    int rc = path ? weir_file_read(path, &text, err) : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (rc == WEIR_ENOENT) {
        rc = 0;
        goto out;
    }
    if (rc) {
        goto out;
    }
    parser = weir_json_parser_new(8);
    rc = parser ? weir_json_parse(parser, weir_buf_str(&text), &root, err)
                : weir_fail(err, WEIR_ENOMEM, "out of memory");
    rc = rc ? weir_error_prefix(err, rc, "%s", path)
            : take_ranges(weir_json_get(root, "released"), out, err);
out:
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    free(path);
    return rc;
}

int weir_released_save(const char *dir, const struct weir_released *released,
                       struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_FILE);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "version", 1);
    weir_jw_keyz(&w, "released");
    weir_jw_array(&w);
    for (size_t i = 0; i < released->count; i++) {
        weir_jw_array(&w);
        weir_jw_u64(&w, released->items[i].first);
        weir_jw_u64(&w, released->items[i].last);
        weir_jw_array_end(&w);
    }
    weir_jw_array_end(&w);
    weir_jw_object_end(&w);
    char *path = weir_path_join(dir, "released");
    int rc = path ? weir_buf_check(&text, "quarantine/released", err)
                  : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (!rc) {
        rc = weir_file_replace(path, weir_buf_str(&text), 0600, err);
    }
    free(path);
    weir_buf_free(&text);
    return rc;
}
