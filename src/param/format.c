/* [column:week], [column:pst:date], [sum(x):$], [column:ytd]: what follows the colons. */
#include "param/compile.h"

#define MAX_PARTS 6

struct formatting {
    struct weir_str grain;    /* "day", …; empty: none */
    struct weir_str field;    /* an aggregation parameter in its place */
    const char *zone;         /* NULL: the site's */
    struct weir_str currency; /* $, €, … */
    bool percent;
    struct param_bounds bounds;
    struct weir_str preset; /* of the bounds */
};

static const char *zone_of(struct weir_str word)
{
    static const struct {
        const char *names, *zone;
    } zones[] = {{"utc gmt", "UTC"},
                 {"pst pdt pt", "America/Los_Angeles"},
                 {"mst mdt mt", "America/Denver"},
                 {"cst cdt ct", "America/Chicago"},
                 {"est edt et", "America/New_York"},
                 {"bst", "Europe/London"},
                 {"cet cest", "Europe/Berlin"},
                 {"eet eest", "Europe/Helsinki"},
                 {"ist", "Asia/Kolkata"},
                 {"jst", "Asia/Tokyo"},
                 {"aest aedt", "Australia/Sydney"}};
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        struct weir_str rest = weir_str_of(zones[i].names);
        while (rest.ptr) {
            if (weir_str_eq_nocase(weir_str_cut(&rest, ' '), word)) {
                return zones[i].zone;
            }
        }
    }
    return NULL;
}

static const char *grain_of(struct weir_str word)
{
    static const char *const grains[] = {"minute", "hour",    "day", "week",
                                         "month",  "quarter", "year"};
    for (size_t i = 0; i < sizeof grains / sizeof grains[0]; i++) {
        if (weir_str_eq_nocase(word, weir_str_of(grains[i]))) {
            return grains[i];
        }
    }
    return weir_str_eq_nocase(word, WEIR_STR("date")) ? "day" : NULL;
}

/* `7days` is one word to the tokenizer. */
static struct weir_str preset_text(struct param_compiler *c, struct weir_str word)
{
    size_t digits = 0;
    while (digits < word.len && word.ptr[digits] >= '0' && word.ptr[digits] <= '9') {
        digits++;
    }
    if (digits == 0 || digits == word.len) {
        return word;
    }
    return weir_str_of(weir_arena_printf(c->arena, "%.*s " WEIR_STR_FMT, (int)digits, word.ptr,
                                         (int)(word.len - digits), word.ptr + digits));
}

static bool read_part(struct param_compiler *c, struct weir_str word, struct formatting *out)
{
    const struct weir_param_field *field = weir_param_field(c, word);
    const char *zone = zone_of(word), *grain = grain_of(word);
    struct weir_param_datum preset = {.kind = WEIR_DATUM_TEXT};
    bool nothing = !out->grain.len && !out->field.len && !out->currency.len && !out->percent &&
                   !out->preset.len;
    if (zone) {
        bool first = !out->zone && nothing;
        out->zone = zone;
        return first;
    }
    if (!nothing) {
        return false;
    }
    if (grain) {
        out->grain = weir_str_of(grain);
        return true;
    }
    if ((field && field->kind == WEIR_PARAM_AGGREGATION) ||
        weir_str_eq_nocase(word, WEIR_STR("aggregation"))) {
        out->field = word;
        return true;
    }
    if (weir_str_is(word, "$") || weir_str_is(word, "€") || weir_str_is(word, "£") ||
        weir_str_is(word, "¥")) {
        out->currency = word;
        return true;
    }
    if (weir_str_is(word, "%")) {
        out->percent = true;
        return true;
    }
    preset.s = preset_text(c, word);
    out->preset = word;
    struct param_clock clock = weir_param_clock(c, NULL);
    return preset.s.ptr && weir_param_range_parse(&preset, &clock, &out->bounds);
}

static int read_parts(struct param_compiler *c, const struct param_frame *f, size_t colon,
                      size_t end, struct formatting *out)
{
    size_t i = colon;
    for (unsigned parts = 0; i < end; parts++) {
        size_t word = param_skip(f, i + 1, end);
        size_t next = word < end ? param_skip(f, word + 1, end) : end;
        struct weir_str text = word < end ? param_text(f, word) : (struct weir_str){"", 0};
        const struct param_range *argument = weir_param_argument(f, text);
        if (argument && argument->end == argument->first + 1) {
            text = param_text(argument->frame, argument->first);
        }
        bool separated = next == end || param_is_mark(f, next, ':');
        if (parts == MAX_PARTS || !separated || text.len == 0 || !read_part(c, text, out)) {
            struct weir_str shown = weir_utf8_cut(text, 40);
            return weir_param_fail(
                c, f, param_at(f, word < end ? word : i),
                "the format \"" WEIR_STR_FMT "\" is not known here; there are date, "
                "hour, day, week, month, quarter, year, aggregation (a time zone may "
                "stand first: pst, est, utc, cet), $, %%, and today, yesterday, wtd, "
                "mtd, qtd, ytd, 7days",
                WEIR_STR_ARG(shown));
        }
        i = next;
    }
    return 0;
}

/* The column's wall clock in the zone asked for. */
static int put_local(struct param_compiler *c, const struct param_frame *f, size_t at,
                     const struct param_range *value, const char *zone)
{
    bool convert = !weir_str_eq_nocase(weir_str_of(zone), WEIR_STR("UTC"));
    if (convert) {
        weir_param_put(c, f, at, "timezone(");
        weir_param_put_text(c, f, at, weir_str_of(zone));
        weir_param_put(c, f, at, ", timezone('UTC', ");
    }
    int rc = weir_param_emit_inner(c, value);
    weir_param_put(c, f, at, convert ? "))" : "");
    return rc;
}

static int put_grain(struct param_compiler *c, const struct param_frame *f, size_t at,
                     const struct param_range *value, const struct formatting *how)
{
    const char *zone = how->zone ? how->zone : c->in->zone ? c->in->zone : "UTC";
    bool day = weir_str_is(how->grain, "day");
    bool date =
        how->grain.len && !weir_str_is(how->grain, "hour") && !weir_str_is(how->grain, "minute");
    const struct weir_param_bound *bound;
    struct param_value v;
    weir_param_put(c, f, at, date ? "CAST(" : "");
    weir_param_put(c, f, at, day ? "" : "date_trunc(");
    int rc = 0;
    if (how->field.len) {
        rc = weir_param_value_of(c, f, at, how->field, &v);
        rc = rc ? rc : weir_param_bind_datum(c, f, at, &v, &v.datum, v.field->name, "", &bound);
        if (rc == 0) {
            weir_param_put_place(c, f, at, bound);
        }
    } else if (!day) {
        weir_param_put_text(c, f, at, how->grain);
    }
    weir_param_put(c, f, at, day ? "" : ", ");
    rc = rc ? rc : put_local(c, f, at, value, zone);
    weir_param_put(c, f, at, day ? "" : ")");
    weir_param_put(c, f, at, date ? " AS DATE)" : "");
    return rc;
}

static int put_number(struct param_compiler *c, const struct param_frame *f, size_t at,
                      const struct param_range *value, const struct formatting *how)
{
    if (!how->percent) {
        weir_param_put(c, f, at, "(");
        weir_param_put_text(c, f, at, how->currency);
        weir_param_put(c, f, at, " || ");
    }
    weir_param_put(c, f, at,
                   how->percent ? "format('{:.1f}%', 100 * CAST(" : "format('{:,.2f}', CAST(");
    int rc = weir_param_emit_inner(c, value);
    weir_param_put(c, f, at, how->percent ? " AS DOUBLE))" : " AS DOUBLE)))");
    return rc;
}

int weir_param_format(struct param_compiler *c, const struct param_frame *f, size_t at,
                      const struct param_range *value, size_t colon, size_t end)
{
    struct formatting how = {0};
    struct param_range column = *value;
    while (column.end > column.first && param_is_kind(f, column.end - 1, PARAM_BLANK)) {
        column.end--;
    }
    if (column.end == column.first) {
        return weir_param_fail(c, f, at, "a format needs a column before it: [created_at:week]");
    }
    int rc = read_parts(c, f, colon, end, &how);
    if (rc) {
        return rc;
    }
    if (how.preset.len && how.zone) {
        return weir_param_fail(c, f, at,
                               "a range of days is one of the site's time zone; leave the zone "
                               "out");
    }
    if (how.preset.len) {
        struct weir_str name = weir_str_of(
            weir_arena_printf(c->arena, "range_" WEIR_STR_FMT, WEIR_STR_ARG(how.preset)));
        return name.ptr ? weir_param_put_range(c, f, at, &column, name, &how.bounds, true)
                        : weir_param_no_memory(c);
    }
    if (how.currency.len || how.percent) {
        return put_number(c, f, at, &column, &how);
    }
    if (how.grain.len || how.field.len) {
        return put_grain(c, f, at, &column, &how);
    }
    return put_local(c, f, at, &column, how.zone ? how.zone : "UTC");
}
