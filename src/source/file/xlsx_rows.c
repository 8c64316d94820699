/* A sheet's rows. Values of a row are kept as places in one buffer, which grows while it is read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/xml.h"
#include "source/file/xlsx.h"

#define MOST_SHEET ((uint64_t)64 << 30)
#define MOST_ROW   (64u << 20)

struct cell {
    size_t at, len;
    bool is_text, there;
};

enum cell_type { CELL_NUMBER, CELL_SHARED, CELL_TEXT, CELL_BOOL, CELL_ERROR, CELL_DATE };

struct reading {
    struct weir_excel *x;
    int (*fn)(void *arg, const struct weir_excel_row *row, struct weir_error *err);
    void *arg;
    uint64_t *errors;
    uint32_t row, column; /* of the cell that is read */
    uint32_t count;       /* behind the last that is there */
    struct cell *cells;
    struct weir_excel_value *values;
    struct weir_buf texts, text; /* of the row; of the cell */
    enum cell_type type;
    uint64_t style;
    bool in_value, in_inline, phonetic, valued;
};

/* --- a cell -------------------------------------------------------------------------------------
 */

static enum cell_type type_of(const char *t)
{
    static const struct {
        const char *name;
        enum cell_type type;
    } types[] = {{"s", CELL_SHARED}, {"str", CELL_TEXT}, {"inlineStr", CELL_TEXT},
                 {"b", CELL_BOOL},   {"e", CELL_ERROR},  {"d", CELL_DATE}};
    for (size_t i = 0; t && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(t, types[i].name) == 0) {
            return types[i].type;
        }
    }
    return CELL_NUMBER;
}

static int add_shared(struct reading *r, struct weir_str text, struct weir_error *err)
{
    uint64_t i = 0, count = r->x->ends.len / sizeof(uint64_t), from = 0, to;
    if (!weir_str_to_u64(text, &i) || i >= count) {
        return weir_fail(err, WEIR_ECORRUPT, "row %u names a text that the workbook has not",
                         r->row);
    }
    if (i) {
        memcpy(&from, r->x->ends.data + (i - 1) * sizeof from, sizeof from);
    }
    memcpy(&to, r->x->ends.data + i * sizeof to, sizeof to);
    weir_buf_add(&r->texts, r->x->strings.data + from, (size_t)(to - from));
    return 0;
}

/* False: it is none. */
static bool add_number(struct reading *r, const char *text)
{
    char *end = NULL;
    double v = strtod(text, &end);
    enum weir_excel_kind kind =
        r->style < r->x->style_count ? r->x->styles[r->style] : WEIR_EXCEL_NUMBER;
    if (end == text || *end) {
        weir_buf_addz(&r->texts, text); /* the column becomes a text */
        return false;
    }
    weir_excel_print(&r->texts, v, kind, r->x->from_1904);
    return true;
}

static int end_cell(struct reading *r, struct weir_error *err)
{
    struct weir_str text = weir_buf_str(&r->text);
    size_t at = r->texts.len;
    int rc = weir_buf_check(&r->text, "a cell", err);
    bool is_text = r->type == CELL_SHARED || r->type == CELL_TEXT;
    if (rc || !r->valued || (!is_text && !text.len)) {
        return rc;
    }
    switch (r->type) {
    case CELL_SHARED:
        rc = add_shared(r, weir_str_trim(text), err);
        break;
    case CELL_TEXT:
        weir_excel_unescape(&r->texts, text);
        break;
    case CELL_BOOL:
        weir_buf_addz(&r->texts,
                      weir_str_is(text, "1") || weir_str_is(text, "true") ? "true" : "false");
        break;
    case CELL_ERROR:
        *r->errors += 1;
        return 0;
    case CELL_DATE:
        weir_buf_adds(&r->texts, text);
        is_text = strspn(weir_buf_cstr(&r->text), "0123456789-:.TZ+ ") != text.len;
        break;
    case CELL_NUMBER:
        is_text = !add_number(r, weir_buf_cstr(&r->text));
        break;
    }
    r->cells[r->column] = (struct cell){at, r->texts.len - at, is_text, true};
    r->count = r->column >= r->count ? r->column + 1 : r->count;
    return rc ? rc : weir_buf_check(&r->texts, "a row of a sheet", err);
}

static int begin_cell(struct reading *r, const char *const *attributes, struct weir_error *err)
{
    const char *where = weir_xml_attribute(attributes, "r"),
               *style = weir_xml_attribute(attributes, "s");
    r->column++; /* that of the first is 0 */
    if (where && !weir_excel_reference(where, &r->column)) {
        return weir_fail(err, WEIR_ECORRUPT, "\"%.20s\" is no place of a cell", where);
    }
    if (r->column >= WEIR_EXCEL_MOST_COLUMNS) {
        return weir_fail(err, WEIR_ETOOBIG, "row %u has more than %d columns", r->row,
                         WEIR_EXCEL_MOST_COLUMNS);
    }
    r->type = type_of(weir_xml_attribute(attributes, "t"));
    r->style = 0;
    if (style && !weir_str_to_u64(weir_str_of(style), &r->style)) {
        r->style = 0;
    }
    r->valued = false;
    weir_buf_reset(&r->text);
    return 0;
}

/* --- a row --------------------------------------------------------------------------------------
 */

static int begin_row(struct reading *r, const char *const *attributes, struct weir_error *err)
{
    const char *where = weir_xml_attribute(attributes, "r");
    uint64_t number = (uint64_t)r->row + 1;
    if ((where && !weir_str_to_u64(weir_str_of(where), &number)) || number <= r->row ||
        number > WEIR_EXCEL_MOST_ROWS) {
        return weir_fail(err, WEIR_ECORRUPT, "row \"%.20s\" comes behind row %u",
                         where ? where : "", r->row);
    }
    r->row = (uint32_t)number;
    r->column = UINT32_MAX;
    memset(r->cells, 0, r->count * sizeof *r->cells);
    r->count = 0;
    weir_buf_reset(&r->texts);
    return 0;
}

static int end_row(struct reading *r, struct weir_error *err)
{
    struct weir_str all = weir_buf_str(&r->texts);
    for (size_t i = 0; i < r->count; i++) {
        const struct cell *c = &r->cells[i];
        r->values[i] = (struct weir_excel_value){{all.ptr + c->at, c->len}, c->is_text, c->there};
    }
    struct weir_excel_row row = {r->row, r->values, r->count};
    return r->count ? r->fn(r->arg, &row, err) : 0;
}

static int on_open(void *arg, struct weir_str name, const char *const *attributes,
                   struct weir_error *err)
{
    struct reading *r = arg;
    r->in_value = false;
    if (weir_str_is(name, "row")) {
        return begin_row(r, attributes, err);
    }
    if (weir_str_is(name, "c")) {
        return r->row ? begin_cell(r, attributes, err)
                      : weir_fail(err, WEIR_ECORRUPT, "a cell is in no row");
    }
    r->in_inline = r->in_inline || weir_str_is(name, "is");
    r->phonetic = r->phonetic || weir_str_is(name, "rPh");
    r->in_value =
        weir_str_is(name, "v") || (r->in_inline && !r->phonetic && weir_str_is(name, "t"));
    r->valued = r->valued || r->in_value;
    return 0;
}

static int on_close(void *arg, struct weir_str name, struct weir_error *err)
{
    struct reading *r = arg;
    r->in_value = false;
    if (weir_str_is(name, "c")) {
        return end_cell(r, err);
    }
    if (weir_str_is(name, "row")) {
        return end_row(r, err);
    }
    r->in_inline = r->in_inline && !weir_str_is(name, "is");
    r->phonetic = r->phonetic && !weir_str_is(name, "rPh");
    return 0;
}

static int on_text(void *arg, struct weir_str text, struct weir_error *err)
{
    struct reading *r = arg;
    (void)err;
    if (r->in_value) {
        weir_buf_adds(&r->text, text);
    }
    return 0;
}

static int feed(void *arg, struct weir_str bytes, struct weir_error *err)
{
    return weir_xml_feed(arg, bytes, false, err);
}

int weir_excel_rows(struct weir_excel *x, size_t sheet, uint64_t *errors,
                    int (*fn)(void *arg, const struct weir_excel_row *row, struct weir_error *err),
                    void *arg, struct weir_error *err)
{
    static const struct weir_xml_handler handler = {on_open, on_close, on_text};
    struct reading r = {.x = x,
                        .fn = fn,
                        .arg = arg,
                        .errors = errors,
                        .cells = calloc(WEIR_EXCEL_MOST_COLUMNS, sizeof *r.cells),
                        .values = calloc(WEIR_EXCEL_MOST_COLUMNS, sizeof *r.values)};
    struct weir_xml *xml = NULL;
    weir_buf_init(&r.texts, MOST_ROW);
    weir_buf_init(&r.text, 1u << 20);
    *errors = 0;
    int rc = r.cells && r.values ? weir_xml_open(&handler, &r, &xml, err)
                                 : weir_fail(err, WEIR_ENOMEM, "no memory for a sheet");
    rc =
        rc ? rc : weir_zip_read(x->zip, x->sheets[sheet].part, MOST_SHEET, x->stop, feed, xml, err);
    rc = rc ? rc : weir_xml_feed(xml, WEIR_STR(""), true, err);
    weir_xml_close(xml);
    weir_buf_free(&r.texts);
    weir_buf_free(&r.text);
    free(r.cells);
    free(r.values);
    return rc ? weir_error_prefix(err, rc, "sheet \"%s\"", x->sheets[sheet].name) : 0;
}
