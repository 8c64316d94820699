/* What keeps a row from being loaded, and the row as JSON: so that whoever sees it among the
 * discards finds it at its source. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/json_write.h"
#include "csv/columns.h"
#include "source/run/rows.h"

#define TEXT_SHOWN 1000        /* bytes of a text */
#define ROW_SHOWN  (64u << 10) /* of a row; of texts behind that: */
#define LATE_SHOWN 20
#define ROW_MOST   (64u << 20)

/* --- flaws --------------------------------------------------------------------------------------
 */

static struct weir_str cut(struct weir_arena *arena, struct weir_str text, size_t most)
{
    struct weir_str shown = weir_utf8_cut(text, most);
    struct weir_str out = weir_csv_readable(arena, shown);
    if (out.ptr && shown.len < text.len) {
        const char *more = weir_arena_printf(arena, WEIR_STR_FMT "…", WEIR_STR_ARG(out));
        out = more ? weir_str_of(more) : (struct weir_str){NULL, 0};
    }
    return out;
}

int weir_source_rows_flaw(struct weir_source_rows *r, size_t column, struct weir_str text,
                          const char *reason, struct weir_error *err)
{
    struct weir_source_flaws *f = &r->flaws;
    if (!f->columns) {
        f->columns = weir_arena_calloc(&r->own, r->sink->column_count * sizeof *f->columns);
    }
    struct weir_str shown =
        text.ptr ? cut(&r->blocks[r->now].texts, text, TEXT_SHOWN) : (struct weir_str){NULL, 0};
    if (!f->columns || (text.ptr && !shown.ptr)) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a row that cannot be loaded");
    }
    f->columns[column] = (struct weir_source_flaw){true, shown};
    f->first = f->reason ? f->first : column;
    f->reason = f->reason ? f->reason : reason;
    return 0;
}

bool weir_source_rows_flawed(const struct weir_source_rows *r)
{
    return r->flaws.reason != NULL;
}

/* --- the row ------------------------------------------------------------------------------------
 */

void weir_source_time_print(struct weir_buf *out, int64_t days, int64_t micros)
{
    int64_t seconds = micros / WEIR_SECOND, rest = micros % WEIR_SECOND;
    weir_date_print(out, days);
    weir_buf_addf(out, " %02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
                  (int)(seconds % 60));
    if (rest) {
        weir_buf_addf(out, ".%06d", (int)rest);
    }
}

static void add_time(struct weir_jw *w, enum weir_type type, int64_t value)
{
    int64_t endless = type == WEIR_TYPE_DATE ? INT32_MAX : INT64_MAX;
    struct weir_buf text;
    weir_buf_init(&text, 64);
    if (value == endless || value == -endless) {
        weir_buf_addz(&text, value > 0 ? "infinity" : "-infinity");
    } else if (type == WEIR_TYPE_DATE) {
        weir_date_print(&text, value);
    } else {
        int64_t rest = value % WEIR_DAY;
        rest += rest < 0 ? WEIR_DAY : 0;
        weir_source_time_print(&text, value / WEIR_DAY - (value % WEIR_DAY < 0), rest);
    }
    weir_jw_str(w, weir_buf_str(&text));
    weir_buf_free(&text);
}

static void add_scaled(struct weir_jw *w, int64_t value, unsigned scale)
{
    char digits[32];
    struct weir_buf text;
    int n = snprintf(digits, sizeof digits, "%0*" PRIu64, (int)scale + 1,
                     value < 0 ? -(uint64_t)value : (uint64_t)value);
    weir_buf_init(&text, 64);
    weir_buf_addf(&text, "%s%.*s%s%s", value < 0 ? "-" : "", n - (int)scale, digits,
                  scale ? "." : "", digits + n - scale);
    weir_jw_raw(w, weir_buf_str(&text));
    weir_buf_free(&text);
}

/* A decimal that is a number of JSON, of so few digits that whoever reads it keeps them. */
static bool is_number(struct weir_str text)
{
    size_t i = text.len && text.ptr[0] == '-', from = i, point = SIZE_MAX;
    if (text.len - from > WEIR_FIGURES_DIGITS || from == text.len ||
        (text.ptr[from] == '0' && text.len > from + 1 && text.ptr[from + 1] != '.')) {
        return false;
    }
    for (; i < text.len; i++) {
        bool is_point = text.ptr[i] == '.' && point == SIZE_MAX && i > from && i + 1 < text.len;
        if (!is_point && (text.ptr[i] < '0' || text.ptr[i] > '9')) {
            return false;
        }
        point = is_point ? i : point;
    }
    return true;
}

static void add_double(struct weir_jw *w, double value)
{
    if (isfinite(value)) {
        weir_jw_double(w, value);
    } else {
        weir_jw_strz(w, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }
}

static int add_text(struct weir_jw *w, struct weir_str text, struct weir_error *err)
{
    struct weir_arena arena;
    weir_arena_init(&arena, 1u << 20);
    struct weir_str shown = cut(&arena, text, w->out->len < ROW_SHOWN ? TEXT_SHOWN : LATE_SHOWN);
    weir_jw_str(w, shown.ptr ? shown : WEIR_STR(""));
    weir_arena_free(&arena);
    return shown.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a row's texts");
}

static int add_value(struct weir_jw *w, const struct weir_vector *v, size_t row,
                     struct weir_error *err)
{
    if (!weir_vector_valid(v, row)) {
        weir_jw_null(w);
        return 0;
    }
    switch (v->type) {
    case WEIR_TYPE_BOOL:
        weir_jw_bool(w, v->bools[row]);
        return 0;
    case WEIR_TYPE_INT:
        weir_jw_i64(w, v->ints[row]);
        return 0;
    case WEIR_TYPE_DOUBLE:
        add_double(w, v->doubles[row]);
        return 0;
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIMESTAMP:
        add_time(w, v->type, v->ints[row]);
        return 0;
    default:
        if (v->scaled) {
            add_scaled(w, v->ints[row], v->scale);
            return 0;
        }
        if (v->type == WEIR_TYPE_OTHER && is_number(v->strs[row])) {
            weir_jw_raw(w, v->strs[row]);
            return 0;
        }
        return add_text(w, v->strs[row], err);
    }
}

int weir_source_rows_set_aside(struct weir_source_rows *r, struct weir_error *err)
{
    const struct weir_source_flaws *f = &r->flaws;
    struct weir_buf row;
    int rc = 0;
    weir_buf_init(&row, ROW_MOST);
    struct weir_jw w = weir_jw_on(&row);
    weir_jw_object(&w);
    for (size_t i = 0; rc == 0 && i < r->sink->column_count; i++) {
        const struct weir_source_flaw *flaw = &f->columns[i];
        struct weir_str name = r->sink->columns[i].name;
        if (weir_source_column_reserved(name) || (flaw->any && !flaw->text.ptr)) {
            continue;
        }
        weir_jw_key(&w, name);
        rc = flaw->any ? add_text(&w, flaw->text, err)
                       : add_value(&w, &r->vectors[i], r->count, err);
    }
    weir_jw_object_end(&w);
    rc = rc ? rc : weir_buf_check(&row, "a row that cannot be loaded", err);
    const struct weir_source_reject what = {.part = r->part,
                                            .column = r->sink->columns[f->first].name,
                                            .text = f->columns[f->first].text,
                                            .row = weir_buf_str(&row),
                                            .reason = f->reason};
    rc = rc ? rc : weir_source_rows_turn_away(r, &what, err);
    weir_buf_free(&row);
    return rc;
}
