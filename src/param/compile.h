/* Private to src/param: one compilation, and what its parts share. */
#ifndef WEIR_PARAM_COMPILE_H
#define WEIR_PARAM_COMPILE_H

#include "base/map.h"
#include "param/param.h"
#include "param/token.h"

#define PARAM_LEVELS   256 /* open parentheses that are told apart */
#define PARAM_NESTING  64  /* conditions in conditions, brackets in brackets */
#define PARAM_INCLUDES 2000

/* A text that is compiled: the template itself, or a document that it names. */
struct param_source {
    enum weir_param_read_kind kind;
    struct weir_str name; /* empty: the template */
    struct weir_str text;
    struct param_tokens tokens;
    struct weir_str *args; /* a snippet's own parameters */
    size_t arg_count;
    bool missing;              /* asked for, and not there */
    struct param_source *next; /* those read so far */
};

/* Tokens first..end (end not included) of what `frame` runs. */
struct param_range {
    const struct param_frame *frame;
    size_t first, end;
};

struct param_frame {
    const struct param_source *source;
    const struct param_frame *up; /* who named it, NULL for the template */
    size_t at;                    /* where in up's text */
    const struct param_range *args;
    unsigned depth;
};

/* What stands between one pair of parentheses, as far as it was written. */
struct param_level {
    bool from;     /* in a FROM clause: a comma brings the next table */
    bool no_table; /* extract(… FROM …) and its like */
    bool in;       /* IN ( … */
};

struct param_compiler {
    struct weir_arena *arena;
    const struct weir_param_input *in;
    struct weir_param_output *out;
    struct weir_error *err;
    struct weir_buf sql;

    struct weir_param_field *fields; /* WEIR_PARAM_MAX_FIELDS */
    size_t field_count;
    struct weir_param_bound *bound; /* WEIR_PARAM_MAX_BOUND */
    size_t bound_count;
    struct weir_map values;          /* lower-case name → its weir_json */
    struct weir_map places;          /* placeholder → its weir_param_bound, or &by_hand */
    struct weir_param_bound by_hand; /* stands for each `$name` that the author wrote */
    size_t read_cap, segment_cap;
    struct param_source *sources;
    unsigned includes, source_count;
    unsigned nesting;

    /* What was written last. */
    bool operand;         /* a value or name: `[` now begins an index */
    bool after_dot;       /* … and the next word is a name whatever it is */
    bool table_next;      /* FROM or JOIN: `[` now begins a table */
    struct weir_str word; /* the last token when it was a word, else empty */
    size_t word_at;       /* where in the output it begins */
    char mark;            /* the last token when it was a mark, else 0 */
    struct param_level levels[PARAM_LEVELS];
    unsigned level;
};

/* --- compile.c --- */
/* Fails at a byte of the frame's text. */
int weir_param_fail(struct param_compiler *c, const struct param_frame *f, size_t at,
                    const char *fmt, ...) WEIR_PRINTF(4, 5);
/* The message is in c->err already. */
int weir_param_fail_at(struct param_compiler *c, const struct param_frame *f, size_t at, int code);
int weir_param_no_memory(struct param_compiler *c);
int weir_param_emit(struct param_compiler *c, const struct param_frame *f, size_t first,
                    size_t end) WEIR_MUST_CHECK;
/* Between parentheses that the caller writes: nothing outside is seen from the inside. */
int weir_param_emit_inner(struct param_compiler *c,
                          const struct param_range *range) WEIR_MUST_CHECK;
/* Forms are declarations: they hold for what stands before them too. */
int weir_param_read_forms(struct param_compiler *c, const struct param_frame *f) WEIR_MUST_CHECK;
struct param_level *weir_param_level(struct param_compiler *c);
/* Appends generated text that stands for the source at `at`. */
void weir_param_put(struct param_compiler *c, const struct param_frame *f, size_t at,
                    const char *text);
void weir_param_puts(struct param_compiler *c, const struct param_frame *f, size_t at,
                     struct weir_str text);
/* One token as it is, and what it says about the next. */
void weir_param_put_verbatim(struct param_compiler *c, const struct param_frame *f, size_t token);
void weir_param_put_place(struct param_compiler *c, const struct param_frame *f, size_t at,
                          const struct weir_param_bound *bound);
void weir_param_put_ident(struct param_compiler *c, const struct param_frame *f, size_t at,
                          struct weir_str name);
void weir_param_put_text(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str text); /* as an SQL literal */
/* What was put counts as one value or table. */
void weir_param_operand(struct param_compiler *c);
int weir_param_add_read(struct param_compiler *c, enum weir_param_read_kind kind,
                        struct weir_str name) WEIR_MUST_CHECK;

static inline struct weir_str param_text(const struct param_frame *f, size_t token)
{
    const struct param_token *t = &f->source->tokens.items[token];
    return (struct weir_str){f->source->text.ptr + t->at, t->len};
}
static inline bool param_is_mark(const struct param_frame *f, size_t token, char c)
{
    return f->source->tokens.items[token].kind == PARAM_MARK && param_text(f, token).ptr[0] == c;
}
static inline bool param_is_kind(const struct param_frame *f, size_t token, uint8_t kind)
{
    return f->source->tokens.items[token].kind == kind;
}
static inline size_t param_at(const struct param_frame *f, size_t token)
{
    return token < f->source->tokens.count ? f->source->tokens.items[token].at
                                           : f->source->text.len;
}
/* The first token from `i` on that is no blank, or end. */
static inline size_t param_skip(const struct param_frame *f, size_t i, size_t end)
{
    while (i < end && f->source->tokens.items[i].kind == PARAM_BLANK) {
        i++;
    }
    return i;
}

/* --- keyword.c --- */
bool weir_param_opens_value(struct weir_str word);   /* SELECT, WHERE, AND, …: a value follows */
bool weir_param_ends_from(struct weir_str word);     /* WHERE, GROUP, SELECT, … */
bool weir_param_follows_table(struct weir_str word); /* may stand behind a table and is no alias */
bool weir_param_type_word(struct weir_str word);     /* DATE, TIMESTAMP, …: before a literal */
bool weir_param_takes_from(
    struct weir_str word); /* extract, substring, …: FROM inside is no clause */

/* --- value.c --- */
struct param_value {
    const struct weir_param_field *field;
    struct weir_param_datum datum; /* NONE: not set */
    bool previous;                 /* of a range: the one that it is compared with */
    bool part;                     /* one part of it, which is a plain value */
};
/* The declared field, case ignored, or NULL. */
const struct weir_param_field *weir_param_field(const struct param_compiler *c,
                                                struct weir_str name);
int weir_param_add_field(struct param_compiler *c, const struct weir_param_field *field,
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_param_read_values(struct param_compiler *c) WEIR_MUST_CHECK;
bool weir_param_given(const struct param_compiler *c, struct weir_str name);
/* Is there a field or a value of this name? (`daterange` and `aggregation` always are.) */
bool weir_param_known(struct param_compiler *c, struct weir_str name);
/* The value of this name, checked against its field; an unknown name is an error. */
int weir_param_value_of(struct param_compiler *c, const struct param_frame *f, size_t at,
                        struct weir_str name, struct param_value *out) WEIR_MUST_CHECK;
/* Values that nobody has asked for. */
int weir_param_check_values(struct param_compiler *c) WEIR_MUST_CHECK;
/* A datum as its text (for literals). A list is joined by `joint`. */
int weir_param_datum_text(struct param_compiler *c, const struct weir_param_datum *d,
                          const char *joint, struct weir_str *out) WEIR_MUST_CHECK;

/* --- bind.c --- */
/* The placeholder for this value: `name`, or `name_2`, … when that is another value's. */
int weir_param_bind(struct param_compiler *c, struct weir_str name, const char *suffix,
                    const struct weir_param_bound *value,
                    const struct weir_param_bound **out) WEIR_MUST_CHECK;
/* A scalar as its field's type wants it. */
int weir_param_bind_datum(struct param_compiler *c, const struct param_frame *f, size_t at,
                          const struct param_value *v, const struct weir_param_datum *datum,
                          struct weir_str name, const char *suffix,
                          const struct weir_param_bound **out) WEIR_MUST_CHECK;
int weir_param_bind_text(struct param_compiler *c, struct weir_str name, const char *suffix,
                         struct weir_str text, const struct weir_param_bound **out) WEIR_MUST_CHECK;
/* A placeholder that the author wrote: `$name`. */
int weir_param_see_place(struct param_compiler *c, const struct param_frame *f,
                         size_t token) WEIR_MUST_CHECK;
/* `$a_1, $a_2`, … */
int weir_param_put_items(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_value *v) WEIR_MUST_CHECK;
/* A value where a value may stand: `$a`, a list, or a checked name; the template goes on at token
 * `next`. `name` is the placeholder's. */
int weir_param_put_value(struct param_compiler *c, const struct param_frame *f, size_t at,
                         size_t next, struct weir_str name,
                         const struct param_value *v) WEIR_MUST_CHECK;

/* --- range.c --- */
struct param_bounds {
    bool none;            /* there is no such range: nothing is in it */
    bool instant;         /* UTC, else a wall clock in the site's zone */
    weir_time start, end; /* end not included */
};
/* What "today" is, and in which month the fiscal year begins. */
struct param_clock {
    weir_time now;
    int64_t utc_offset;
    int fiscal; /* 1 to 12 */
};
struct param_clock weir_param_clock(const struct param_compiler *c,
                                    const struct weir_param_field *field);
/* False when it is no range. */
bool weir_param_range_parse(const struct weir_param_datum *datum, const struct param_clock *clock,
                            struct param_bounds *out);
/* What the members of a range were called: a sum of these is in its `i`. */
enum { PARAM_RANGE_DATES = 1, PARAM_RANGE_NUMBERS = 2 };
/* Where a range's member of this name goes: one of its items, or its third, which is what it is
 * compared with. NULL: there is no such member. */
struct weir_param_datum *weir_param_range_part(struct weir_param_datum *range, struct weir_str key);
bool weir_param_date_parse(struct weir_str text, weir_time now, int64_t utc_offset, int64_t *days);
/* Not one part of it, but both ends. */
static inline bool weir_param_is_range(const struct param_value *v)
{
    return !v->part &&
           (v->datum.kind == WEIR_DATUM_RANGE || v->field->kind == WEIR_PARAM_DATERANGE ||
            v->field->kind == WEIR_PARAM_NUMBER_RANGE);
}
/* What its placeholders' names begin with. */
struct weir_str weir_param_range_place(struct param_compiler *c, const struct param_value *v);
/* `name_start` or `name_end` when start / end; the value is a UTC timestamp. */
int weir_param_put_bound(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_value *v, bool end, bool zoned) WEIR_MUST_CHECK;
/* `(column >= start AND column < end)`; the column is tokens first..end. */
int weir_param_put_range(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_range *column, struct weir_str name,
                         const struct param_bounds *bounds, bool zoned) WEIR_MUST_CHECK;
int weir_param_bounds_of(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_value *v, struct param_bounds *out) WEIR_MUST_CHECK;

/* --- match.c --- */
enum param_match_part { PARAM_MATCH_NONE, PARAM_MATCH_COLUMN, PARAM_MATCH_VALUE };
/* What the three tokens from `i` on are: [column], [value], or neither. */
enum param_match_part weir_param_match_part(const struct param_frame *f, size_t i);
/* The value's expression, once for each of its values. */
int weir_param_put_match(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_range *column,
                         const struct param_value *v) WEIR_MUST_CHECK;
/* `(column >= from AND column <= to)`, or what is left of it. */
int weir_param_put_number_range(struct param_compiler *c, const struct param_frame *f, size_t at,
                                const struct param_range *column,
                                const struct param_value *v) WEIR_MUST_CHECK;

/* --- liquid.c --- */
/* The part `size`, `compare`, `from` or `to` of a value takes its place. */
int weir_param_take_part(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str part, struct param_value *v) WEIR_MUST_CHECK;
/* {{ … }} among tokens; `at` is the token. */
int weir_param_expr(struct param_compiler *c, const struct param_frame *f, size_t token,
                    size_t end) WEIR_MUST_CHECK;
/* A tag and, for `{% if %}`, everything up to its end: *token becomes the last one of it. */
int weir_param_tag(struct param_compiler *c, const struct param_frame *f, size_t *token,
                   size_t end) WEIR_MUST_CHECK;
/* What a parameter inside a quoted text becomes: a bound text, or a range's end. */
struct param_piece {
    struct weir_str name;
    const char *suffix; /* of the placeholder */
    struct weir_str text;
    bool made; /* by a filter or default */
    bool range, end;
    struct param_value value;
};
int weir_param_expr_text(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str expr, struct param_piece *out) WEIR_MUST_CHECK;
int weir_param_piece_of(struct param_compiler *c, const struct param_frame *f, size_t at,
                        const struct param_value *v, bool made,
                        struct param_piece *out) WEIR_MUST_CHECK;
/* `daterange_start` and its like: is the name such, and of which field (NULL: the implied one)? */
bool weir_param_range_name(struct param_compiler *c, struct weir_str name, bool *end,
                           const struct weir_param_field **field);
/* The range behind `daterange`, `daterange_start` or `daterange_end`. */
int weir_param_range_value(struct param_compiler *c, const struct param_frame *f, size_t at,
                           struct weir_str name, struct param_value *v) WEIR_MUST_CHECK;

/* --- condition.c --- */
int weir_param_condition(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str text, bool *out) WEIR_MUST_CHECK;

/* --- literal.c --- */
int weir_param_literal(struct param_compiler *c, const struct param_frame *f,
                       size_t token) WEIR_MUST_CHECK;
int weir_param_name_literal(struct param_compiler *c, const struct param_frame *f,
                            size_t token) WEIR_MUST_CHECK;

/* --- bracket.c, format.c --- */
/* `[` where a value may stand. *handled is false when it is the engine's own list. */
int weir_param_bracket(struct param_compiler *c, const struct param_frame *f, size_t token,
                       bool *handled) WEIR_MUST_CHECK;
int weir_param_format(struct param_compiler *c, const struct param_frame *f, size_t at,
                      const struct param_range *value, size_t colon, size_t end) WEIR_MUST_CHECK;
bool weir_param_is_set(const struct weir_param_datum *d);
/* `(tokens)`, without parentheses around a bare name. */
int weir_param_put_column(struct param_compiler *c, const struct param_frame *f, size_t at,
                          const struct param_range *column) WEIR_MUST_CHECK;
/* A snippet's own parameter of this name, or NULL. */
const struct param_range *weir_param_argument(const struct param_frame *f, struct weir_str name);

/* --- table.c, include.c --- */
/* `[` where a table must stand. */
int weir_param_table_bracket(struct param_compiler *c, const struct param_frame *f, size_t token,
                             size_t end) WEIR_MUST_CHECK;
/* The source of a document; *out is NULL when there is none of this name. */
int weir_param_find_source(struct param_compiler *c, const struct param_frame *f, size_t at,
                           enum weir_param_read_kind kind, struct weir_str name,
                           const struct param_source **out) WEIR_MUST_CHECK;
/* `(statement)` of a view or definition, with ` AS alias` unless alias is empty. */
int weir_param_put_query(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_source *source, struct weir_str alias) WEIR_MUST_CHECK;
/* snippet(a, b): arguments are the tokens open..close of f, or none when open == close. */
int weir_param_put_snippet(struct param_compiler *c, const struct param_frame *f, size_t at,
                           const struct param_source *source, size_t open,
                           size_t close) WEIR_MUST_CHECK;
/* Does an alias follow at token `i`? */
bool weir_param_alias_follows(const struct param_frame *f, size_t i, size_t end);

#endif
