#include "base/json_write.h"
#include "load/build.h"

void weir_builder_add_leaf(struct weir_builder *b, struct weir_path *path,
                           const struct weir_value *value)
{
    if (!weir_grow(&b->leaves, &b->leaf_cap, b->leaf_count + 1, sizeof *b->leaves)) {
        b->no_memory = true;
        return;
    }
    struct weir_leaf *leaf = &b->leaves[b->leaf_count++];
    leaf->path = path;
    leaf->value = *value;
    if (value->type == WEIR_TYPE_TEXT || value->type == WEIR_TYPE_JSON) {
        leaf->value.s = weir_pool_dup(&b->batch->pool, value->s);
        b->no_memory = b->no_memory || !leaf->value.s.ptr;
    }
}

struct weir_path *weir_builder_flatten_member(struct weir_builder *b, struct weir_paths *paths,
                                              struct weir_path *parent, struct weir_path *before,
                                              struct weir_str key, struct weir_json member)
{
    struct weir_value value;
    bool object = weir_json_type(member) == WEIR_JSON_OBJECT;
    if (!object && !weir_value_of_json(member, &b->scratch, &value)) {
        return before; /* null: it makes no column */
    }
    struct weir_path *path = weir_path_child(paths, parent, before, key);
    if (!path) {
        /* More keys than are remembered: kept under its last key. */
        if (b->lost.len) {
            weir_buf_addc(&b->lost, ',');
        }
        weir_json_quote(&b->lost, key);
        weir_buf_addc(&b->lost, ':');
        weir_json_print(member, &b->lost);
        return before;
    }
    if (object && path->depth < b->catalog->limits.depth) {
        weir_builder_flatten(b, paths, path, member);
    } else {
        if (object) {
            weir_buf_reset(&b->scratch);
            weir_json_print(member, &b->scratch);
            value = (struct weir_value){.type = WEIR_TYPE_JSON, .s = weir_buf_str(&b->scratch)};
        }
        weir_builder_add_leaf(b, path, &value);
    }
    return path;
}

/* Depth is bounded by the limit. */
void weir_builder_flatten(struct weir_builder *b, struct weir_paths *paths,
                          struct weir_path *parent, struct weir_json object)
{
    struct weir_path *before = NULL;
    struct weir_str key;
    struct weir_json member;
    struct weir_json_iter it = weir_json_begin(object);
    while (weir_json_next(&it, &key, &member)) {
        before = weir_builder_flatten_member(b, paths, parent, before, key, member);
    }
}
