#include "source/mysql/capture_rows.h"

#include "base/hash.h"
#include "base/number.h"
#include "source/mysql/mysql.h"

#define BYTES_MOST (192u << 20) /* of a row */

static int make_target(const struct weir_my_column *from, const struct weir_column *to,
                       struct weir_arena *arena, struct weir_my_target *out, struct weir_error *err)
{
    struct weir_str size = from->declared;
    int64_t length = 0;
    *out = (struct weir_my_target){
        .form = from->form,
        .charset = from->utf8     ? WEIR_MY_UTF8
                   : from->latin1 ? WEIR_MY_LATIN1
                                  : WEIR_MY_OTHER_CHARSET,
        .is_unsigned = memmem(from->declared.ptr, from->declared.len, "unsigned", 8) != NULL,
        .type = to->type};
    (void)weir_number_decimal(to->type_name, &out->precision, &out->scale);
    if (weir_str_starts(size, WEIR_STR("binary("))) {
        (void)weir_str_cut(&size, '(');
        (void)weir_str_to_i64(weir_str_cut(&size, ')'), &length);
        out->length = (uint32_t)length;
    }
    if (!weir_my_target_fits(out)) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "the column \"" WEIR_STR_FMT "\" is of another type in the warehouse than "
                         "at the source (" WEIR_STR_FMT "); `weir sync --full` builds the table "
                         "anew",
                         WEIR_STR_ARG(from->name), WEIR_STR_ARG(from->declared));
    }
    bool labels = from->form == WEIR_MY_ENUM || from->form == WEIR_MY_SET;
    return labels ? weir_my_labels(from->declared, arena, &out->labels, &out->label_count, err) : 0;
}

int weir_my_rows_open(struct weir_my_rows *to, struct weir_arena *arena, struct weir_error *err)
{
    struct weir_source_changes *c = to->changes;
    const struct weir_my_table *t = c->own;
    int rc = 0;
    to->count = t->column_count;
    to->targets = weir_arena_calloc(arena, (to->count + 1) * sizeof *to->targets);
    to->columns = weir_arena_calloc(arena, (to->count + 1) * sizeof *to->columns);
    to->key = weir_arena_calloc(arena, (c->key_count + 1) * sizeof *to->key);
    if (!to->targets || !to->columns || !to->key) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table's columns");
    }
    for (size_t i = 0; rc == 0 && i < to->count; i++) {
        size_t at = to->columns[i] = t->columns[i].index;
        rc = at == SIZE_MAX ? 0
                            : make_target(&t->columns[i], &c->settled.columns[at], arena,
                                          &to->targets[i], err);
        for (size_t k = 0; k < c->key_count; k++) {
            to->key[k] = c->key[k] == at ? i : to->key[k];
        }
    }
    return rc;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static uint64_t hash_key(const struct weir_my_rows *to, const struct weir_str *values)
{
    uint64_t hash = 1;
    for (size_t k = 0; k < to->changes->key_count; k++) {
        const struct weir_str *v = &values[to->key[k]];
        hash = weir_hash64(&v->len, sizeof v->len, hash);
        hash = weir_hash64(v->ptr, v->len, hash);
    }
    return hash;
}

static bool same_key(const struct weir_my_rows *to, const struct weir_str *a,
                     const struct weir_str *b)
{
    for (size_t k = 0; k < to->changes->key_count; k++) {
        if (!weir_str_eq(a[to->key[k]], b[to->key[k]])) {
            return false;
        }
    }
    return true;
}

static int set_value(struct weir_my_rows *to, struct weir_my_images *im, size_t i,
                     struct weir_str bytes, bool *flawed, struct weir_error *err)
{
    struct weir_source_rows *rows = &to->changes->rows;
    size_t at = to->columns[i];
    struct weir_my_value v;
    const char *why = NULL;
    int rc = weir_my_value_read(to->map->types[i], to->map->metas[i], bytes, &to->targets[i],
                                &im->room, &v, &why, err);
    if (rc || why) {
        *flawed = true;
        return rc ? rc : weir_source_rows_flaw(rows, at, v.text, why, err);
    }
    switch (v.got) {
    case WEIR_MY_GOT_TEXT:
        return weir_source_rows_text(rows, at, v.text, err);
    case WEIR_MY_GOT_DOUBLE:
        weir_source_rows_double(rows, at, v.number);
        return 0;
    case WEIR_MY_GOT_INT:
        if (to->targets[i].type == WEIR_TYPE_BOOL) {
            weir_source_rows_bool(rows, at, v.whole != 0);
        } else {
            weir_source_rows_int(rows, at, v.whole);
        }
        return 0;
    default:
        return 0;
    }
}

static bool in_key(const struct weir_my_rows *to, size_t i)
{
    for (size_t k = 0; k < to->changes->key_count; k++) {
        if (to->key[k] == i) {
            return true;
        }
    }
    return false;
}

/* Of the key alone or all. */
static int set_row(struct weir_my_rows *to, struct weir_my_images *im,
                   const struct weir_str *values, bool key, struct weir_error *err)
{
    size_t bytes = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < to->count; i++) {
        bool mine = in_key(to, i), flawed = false;
        if (to->columns[i] == SIZE_MAX || !values[i].ptr || (key && !mine)) {
            continue;
        }
        bytes += values[i].len * 2;
        if (bytes > BYTES_MOST) {
            flawed = true;
            rc = weir_source_rows_flaw(&to->changes->rows, to->columns[i], values[i],
                                       "the row has more than 192 MB", err);
        } else {
            rc = set_value(to, im, i, values[i], &flawed, err);
        }
        const struct weir_vector *v = &to->changes->rows.vectors[to->columns[i]];
        if (rc == 0 && !flawed && mine && !weir_vector_valid(v, to->changes->rows.count)) {
            return weir_fail(err, WEIR_EUNSUPPORTED,
                             "a key of \"%s\" has the date 0000-00-00, which stands for none; load "
                             "it without `capture`",
                             to->changes->stream.name);
        }
    }
    return rc;
}

static int end_gone(struct weir_my_rows *to, struct weir_my_images *im,
                    const struct weir_str *values, struct weir_error *err)
{
    int rc = set_row(to, im, values, true, err);
    if (rc == 0 && weir_source_rows_flawed(&to->changes->rows)) { /* so it was never in the table */
        weir_source_rows_forget(&to->changes->rows);
        return 0;
    }
    return rc ? rc : weir_source_changes_gone(to->changes, hash_key(to, values), err);
}

static int put(struct weir_my_rows *to, struct weir_my_images *im, const struct weir_str *values,
               struct weir_error *err)
{
    int rc = set_row(to, im, values, false, err);
    if (rc == 0 && weir_source_rows_flawed(&to->changes->rows)) {
        rc = weir_source_rows_set_aside(&to->changes->rows, err);
        return rc ? rc : end_gone(to, im, values, err);
    }
    return rc ? rc
              : weir_source_changes_put(to->changes, hash_key(to, values), WEIR_STR(""), false,
                                        err);
}

int weir_my_rows_put(struct weir_my_rows *to, struct weir_my_images *im,
                     struct weir_my_change *change, struct weir_error *err)
{
    int rc = 0;
    while (rc == 0 && change->rest.len) {
        rc = weir_my_image_read(to->map, &change->rest, im->before, err);
        im->seen++;
        if (rc == 0 && change->kind == 'I') {
            rc = put(to, im, im->before, err);
        } else if (rc == 0 && change->kind == 'D') {
            rc = end_gone(to, im, im->before, err);
        } else if (rc == 0) {
            rc = weir_my_image_read(to->map, &change->rest, im->after, err);
            rc = rc || same_key(to, im->before, im->after) ? rc : end_gone(to, im, im->before, err);
            rc = rc ? rc : put(to, im, im->after, err);
        }
    }
    return rc;
}
