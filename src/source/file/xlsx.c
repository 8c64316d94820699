/* A workbook's parts: which sheets it has, its shared strings, its cell formats. */
#include "source/file/xlsx.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xml.h"

#define MOST_PART    (64u << 20) /* of parts that say what there is */
#define MOST_STRINGS (512u << 20)
#define MOST_SHEETS  4096
#define MOST_STYLES  65536 /* Excel's own limit is 65,490 */

/* --- a part -------------------------------------------------------------------------------------
 */

static int feed(void *arg, struct weir_str bytes, struct weir_error *err)
{
    return weir_xml_feed(arg, bytes, false, err);
}

static int read_part(struct weir_excel *x, const char *part, uint64_t max,
                     const struct weir_xml_handler *handler, void *arg, struct weir_error *err)
{
    struct weir_xml *xml = NULL;
    int rc = weir_xml_open(handler, arg, &xml, err);
    rc = rc ? rc : weir_zip_read(x->zip, part, max, x->stop, feed, xml, err);
    rc = rc ? rc : weir_xml_feed(xml, WEIR_STR(""), true, err);
    weir_xml_close(xml);
    return rc ? weir_error_prefix(err, rc, "%s", part) : 0;
}

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a workbook");
}

/* --- relations ----------------------------------------------------------------------------------
 */

struct relation {
    const char *id, *type, *target;
    struct relation *next;
};
struct relations {
    struct weir_excel *x;
    const char *folder; /* that targets are in: "" or "xl/" */
    struct relation *first;
    unsigned count;
};

/* "../media/a" in "xl/worksheets/" is xl/media/a. */
static const char *resolve(struct weir_arena *arena, const char *folder, const char *target)
{
    size_t n = strlen(folder);
    if (target[0] == '/') {
        return weir_arena_strdup(arena, target + 1);
    }
    while (strncmp(target, "../", 3) == 0 && n) {
        target += 3;
        n--;
        while (n && folder[n - 1] != '/') {
            n--;
        }
    }
    return weir_arena_printf(arena, "%.*s%s", (int)n, folder, target);
}

static int on_relation(void *arg, struct weir_str name, const char *const *attributes,
                       struct weir_error *err)
{
    struct relations *r = arg;
    const char *id = weir_xml_attribute(attributes, "Id"),
               *type = weir_xml_attribute(attributes, "Type"),
               *target = weir_xml_attribute(attributes, "Target");
    if (!weir_str_is(name, "Relationship") || !id || !type || !target) {
        return 0;
    }
    const char *slash = strrchr(type, '/');
    struct weir_arena *arena = &r->x->arena;
    struct relation *made = weir_arena_alloc(arena, sizeof *made);
    if (!made || r->count++ > MOST_SHEETS * 2) {
        return no_memory(err);
    }
    *made = (struct relation){weir_arena_strdup(arena, id),
                              weir_arena_strdup(arena, slash ? slash + 1 : type),
                              resolve(arena, r->folder, target), r->first};
    r->first = made;
    return made->id && made->type && made->target ? 0 : no_memory(err);
}

static int read_relations(struct weir_excel *x, const char *of, struct relations *out,
                          struct weir_error *err)
{
    static const struct weir_xml_handler handler = {.open = on_relation};
    const char *slash = strrchr(of, '/');
    size_t n = slash ? (size_t)(slash - of) + 1 : 0;
    const char *part = weir_arena_printf(&x->arena, "%.*s_rels/%s.rels", (int)n, of, of + n);
    *out = (struct relations){.x = x, .folder = weir_arena_printf(&x->arena, "%.*s", (int)n, of)};
    return !part || !out->folder ? no_memory(err)
                                 : read_part(x, part, MOST_PART, &handler, out, err);
}

static const char *target_of(const struct relations *r, const char *type, const char *id)
{
    for (const struct relation *i = r->first; i; i = i->next) {
        if (strcmp(i->type, type) == 0 && (!id || strcmp(i->id, id) == 0)) {
            return i->target;
        }
    }
    return NULL;
}

/* --- sheets -------------------------------------------------------------------------------------
 */

struct book {
    struct weir_excel *x;
    struct relations relations;
};

static bool is_true(const char *text)
{
    return text && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0 || strcmp(text, "on") == 0);
}

static int on_book(void *arg, struct weir_str name, const char *const *attributes,
                   struct weir_error *err)
{
    struct book *b = arg;
    struct weir_excel *x = b->x;
    if (weir_str_is(name, "workbookPr")) {
        x->from_1904 = is_true(weir_xml_attribute(attributes, "date1904"));
    }
    const char *title = weir_xml_attribute(attributes, "name"),
               *id = weir_xml_attribute(attributes, "id"),
               *state = weir_xml_attribute(attributes, "state");
    const char *part = id ? target_of(&b->relations, "worksheet", id) : NULL;
    if (!weir_str_is(name, "sheet") || !title || !part) {
        return 0; /* sheets of charts and macros have no cells */
    }
    if (x->sheet_count == MOST_SHEETS) {
        return weir_fail(err, WEIR_ETOOBIG, "it has more than %d sheets", MOST_SHEETS);
    }
    struct weir_excel_sheet *sheet = &x->sheets[x->sheet_count++];
    *sheet = (struct weir_excel_sheet){weir_arena_strdup(&x->arena, title), part,
                                       state && strcmp(state, "visible") != 0};
    return sheet->name ? 0 : no_memory(err);
}

/* --- cell formats -------------------------------------------------------------------------------
 */

struct formats {
    struct weir_excel *x;
    struct {
        uint64_t id;
        enum weir_excel_kind kind;
    } * own;
    size_t own_count;
    bool in_cells;
};

static enum weir_excel_kind kind_of(const struct formats *f, uint64_t id)
{
    for (size_t i = 0; i < f->own_count; i++) {
        if (f->own[i].id == id) {
            return f->own[i].kind;
        }
    }
    return weir_excel_kind_of_builtin(id);
}

static int on_style(void *arg, struct weir_str name, const char *const *attributes,
                    struct weir_error *err)
{
    struct formats *f = arg;
    uint64_t id = 0;
    const char *number = weir_xml_attribute(attributes, "numFmtId"),
               *code = weir_xml_attribute(attributes, "formatCode");
    bool has = number && weir_str_to_u64(weir_str_of(number), &id);
    if (weir_str_is(name, "cellXfs")) {
        f->in_cells = true;
    } else if (weir_str_is(name, "numFmt") && has && code) {
        if (f->own_count == MOST_STYLES) {
            return weir_fail(err, WEIR_ETOOBIG, "it has more than %d formats", MOST_STYLES);
        }
        f->own[f->own_count].id = id;
        f->own[f->own_count++].kind = weir_excel_kind_of(weir_str_of(code));
    } else if (weir_str_is(name, "xf") && f->in_cells) {
        if (f->x->style_count == MOST_STYLES) {
            return weir_fail(err, WEIR_ETOOBIG, "it has more than %d formats", MOST_STYLES);
        }
        f->x->styles[f->x->style_count++] = has ? kind_of(f, id) : WEIR_EXCEL_NUMBER;
    }
    return 0;
}

static int on_style_end(void *arg, struct weir_str name, struct weir_error *err)
{
    struct formats *f = arg;
    (void)err;
    f->in_cells = f->in_cells && !weir_str_is(name, "cellXfs");
    return 0;
}

static int read_styles(struct weir_excel *x, const char *part, struct weir_error *err)
{
    static const struct weir_xml_handler handler = {.open = on_style, .close = on_style_end};
    struct formats f = {.x = x, .own = calloc(MOST_STYLES, sizeof *f.own)};
    x->styles = weir_arena_alloc(&x->arena, MOST_STYLES * sizeof *x->styles);
    int rc = f.own && x->styles ? read_part(x, part, MOST_PART, &handler, &f, err) : no_memory(err);
    free(f.own);
    return rc;
}

/* --- shared strings -----------------------------------------------------------------------------
 */

struct strings {
    struct weir_excel *x;
    struct weir_buf one;
    bool in_text;
    unsigned phonetic; /* how texts are spoken is no part of them */
};

static int on_string(void *arg, struct weir_str name, const char *const *attributes,
                     struct weir_error *err)
{
    struct strings *s = arg;
    (void)attributes, (void)err;
    s->phonetic += weir_str_is(name, "rPh");
    s->in_text = weir_str_is(name, "t") && !s->phonetic;
    return 0;
}

static int on_string_end(void *arg, struct weir_str name, struct weir_error *err)
{
    struct strings *s = arg;
    s->in_text = false;
    if (weir_str_is(name, "rPh") && s->phonetic) {
        s->phonetic--;
    } else if (weir_str_is(name, "si")) {
        weir_excel_unescape(&s->x->strings, weir_buf_str(&s->one));
        uint64_t end = s->x->strings.len;
        weir_buf_add(&s->x->ends, &end, sizeof end);
        weir_buf_reset(&s->one);
        int rc = weir_buf_check(&s->x->strings, "the texts of a workbook", err);
        return rc ? rc : weir_buf_check(&s->x->ends, "the texts of a workbook", err);
    }
    return 0;
}

static int on_string_text(void *arg, struct weir_str text, struct weir_error *err)
{
    struct strings *s = arg;
    if (s->in_text) {
        weir_buf_adds(&s->one, text);
    }
    return weir_buf_check(&s->one, "a text of a workbook", err);
}

static int read_strings(struct weir_excel *x, const char *part, struct weir_error *err)
{
    static const struct weir_xml_handler handler = {on_string, on_string_end, on_string_text};
    struct strings s = {.x = x};
    weir_buf_init(&s.one, 1u << 20);
    int rc = read_part(x, part, (uint64_t)4 << 30, &handler, &s, err);
    weir_buf_free(&s.one);
    return rc;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static int read_book(struct weir_excel *x, struct weir_error *err)
{
    static const struct weir_xml_handler handler = {.open = on_book};
    struct relations root;
    struct book book = {.x = x};
    int rc = read_relations(x, "", &root, err);
    const char *part = rc ? NULL : target_of(&root, "officeDocument", NULL);
    if (rc || !part) {
        return weir_fail(err, WEIR_EINVAL,
                         "it is no workbook of Excel (.xlsx)%s; save it as one, or as CSV",
                         weir_zip_has(x->zip, "content.xml") ? " but one of OpenDocument" : "");
    }
    if (strlen(part) > 4 && strcmp(part + strlen(part) - 4, ".bin") == 0) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "it is a binary workbook (.xlsb); save it as .xlsx");
    }
    x->sheets = weir_arena_calloc(&x->arena, MOST_SHEETS * sizeof *x->sheets);
    rc = x->sheets ? read_relations(x, part, &book.relations, err) : no_memory(err);
    rc = rc ? rc : read_part(x, part, MOST_PART, &handler, &book, err);
    const char *styles = rc ? NULL : target_of(&book.relations, "styles", NULL);
    const char *strings = rc ? NULL : target_of(&book.relations, "sharedStrings", NULL);
    rc = rc || !styles || !weir_zip_has(x->zip, styles) ? rc : read_styles(x, styles, err);
    return rc || !strings || !weir_zip_has(x->zip, strings) ? rc : read_strings(x, strings, err);
}

int weir_excel_open(struct weir_excel *x, const char *path, const atomic_bool *stop,
                    struct weir_error *err)
{
    *x = (struct weir_excel){.stop = stop};
    weir_arena_init(&x->arena, 64u << 20);
    weir_buf_init(&x->strings, MOST_STRINGS);
    weir_buf_init(&x->ends, MOST_STRINGS);
    int rc = weir_zip_open(path, &x->zip, err);
    if (rc == WEIR_EINVAL) {
        rc = weir_error_prefix(err, rc,
                               "it is no workbook of Excel (.xlsx), or one with a "
                               "password; save it as .xlsx without one");
    }
    rc = rc ? rc : read_book(x, err);
    if (rc == 0 && x->sheet_count == 0) {
        rc = weir_fail(err, WEIR_EINVAL, "it has no sheet with cells");
    }
    return rc;
}

void weir_excel_close(struct weir_excel *x)
{
    weir_zip_close(x->zip);
    weir_buf_free(&x->strings);
    weir_buf_free(&x->ends);
    weir_arena_free(&x->arena);
}

int weir_excel_sheet(const struct weir_excel *x, const char *which, size_t *out,
                     struct weir_error *err)
{
    uint64_t number = 0;
    for (size_t i = 0; i < x->sheet_count; i++) {
        if (*which ? strcmp(x->sheets[i].name, which) == 0 : !x->sheets[i].hidden) {
            *out = i;
            return 0;
        }
    }
    if (weir_str_to_u64(weir_str_of(which), &number) && number >= 1 && number <= x->sheet_count) {
        *out = (size_t)number - 1;
        return 0;
    }
    if (!*which) {
        *out = 0;
        return 0;
    }
    char names[400] = "";
    size_t at = 0;
    for (size_t i = 0; i < x->sheet_count && at < 300; i++) {
        at += (size_t)snprintf(names + at, sizeof names - at, "%s\"%.60s\"", i ? ", " : "",
                               x->sheets[i].name);
    }
    return weir_fail(err, WEIR_ENOENT, "it has no sheet \"%s\"; it has %s", which, names);
}

static int enough(void *arg, const struct weir_excel_row *row, struct weir_error *err)
{
    (void)row;
    *(bool *)arg = true;
    return weir_fail(err, WEIR_ECANCELED, "that is enough");
}

bool weir_excel_has_values(struct weir_excel *x, size_t sheet)
{
    struct weir_error ignored;
    uint64_t errors;
    bool any = false;
    (void)!weir_excel_rows(x, sheet, &errors, enough, &any, &ignored);
    return any;
}
