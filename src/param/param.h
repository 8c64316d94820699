/* Parameters: a template in Mode's or Periscope's dialect becomes SQL with bound values.
 *
 * A template is DuckDB's SQL with `{{ name }}`, `{% if … %}`, `[column=filter]`, `[date:week]`, …
 * in it. The compiler tokenises it (strings, quoted names, dollar quotes, nested comments), so that
 * `[1, 2]`, `x[1]` and `{'a': 1}` stay what they are; docs/format/parameters.md has the rules.
 *
 * The promise: a value is bound, never spliced. What the output is made of depends on the template,
 * on which parameters are set, on how many items a list has and on the outcome of `{% if %}`, never
 * on what stands in a value. The one exception, a column or table that is chosen from a closed
 * list, is looked up in the catalog and quoted.
 *
 * Pure: no I/O, no clock, no engine. Documents and the catalog are asked for through callbacks.
 * Everything that is returned lives in the caller's arena. Any thread. */
#ifndef WEIR_PARAM_PARAM_H
#define WEIR_PARAM_PARAM_H

#include "base/arena.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/time.h"
#include "base/yaml.h"

#define WEIR_PARAM_MAX_TEXT   (1u << 20) /* bytes of one template, view, snippet or definition */
#define WEIR_PARAM_MAX_OUTPUT (4u << 20) /* bytes of compiled SQL */
#define WEIR_PARAM_MAX_FIELDS 200
#define WEIR_PARAM_MAX_BOUND  5000 /* bound values, items of lists included */
#define WEIR_PARAM_MAX_DEPTH  16   /* a view in a snippet in a view … */

/* --- fields: what a person may choose -----------------------------------------------------------
 */

enum weir_param_kind {
    WEIR_PARAM_TEXT,
    WEIR_PARAM_NUMBER,
    WEIR_PARAM_DATE,
    WEIR_PARAM_SELECT,
    WEIR_PARAM_MULTISELECT,
    WEIR_PARAM_DATERANGE,
    WEIR_PARAM_AGGREGATION,
    WEIR_PARAM_BOOLEAN,
    WEIR_PARAM_NUMBER_RANGE,
    WEIR_PARAM_ANY /* not declared: what its value is */
};
enum weir_param_as { WEIR_PARAM_AS_VALUE, WEIR_PARAM_AS_COLUMN, WEIR_PARAM_AS_TABLE };

/* A value before it is bound. */
enum weir_param_datum_kind {
    WEIR_DATUM_NONE, /* not set */
    WEIR_DATUM_BOOL,
    WEIR_DATUM_INT,
    WEIR_DATUM_DOUBLE,
    WEIR_DATUM_TEXT,
    WEIR_DATUM_LIST,
    WEIR_DATUM_RANGE /* items[0] and items[1]: its ends, either may be NONE. Of dates: with `b`,
                        items[0] is the whole range in words; `s`: what it is compared with */
};
struct weir_param_datum {
    enum weir_param_datum_kind kind;
    bool b;
    int64_t i;
    double d;
    struct weir_str s;
    struct weir_param_datum *items;
    size_t count;
};

struct weir_param_option {
    struct weir_str label, value;
};
struct weir_param_field {
    struct weir_str name, label, description;
    enum weir_param_kind kind;
    enum weir_param_as as;
    struct weir_param_datum initial; /* NONE: no default */
    bool hidden;                     /* not to be shown */
    bool compare;                    /* dates: may be held against an earlier range */
    int fiscal_year_start;           /* dates: the month; 0: the input's */
    double min, max;                 /* numbers: what is offered; NAN: not said */
    struct weir_str match; /* an expression of [column] and [value] in place of `=`; "": none */
    struct weir_param_option *options;
    size_t option_count;
    struct weir_str query, query_value,
        query_label; /* options that a query makes; query "" = none */
    bool asked;      /* after compiling: the statement, or a condition in it, asked for its value */
};

const char *weir_param_kind_name(enum weir_param_kind kind);
/* Is it an expression to match by: SQL with [column] and [value] in it, in balance, and nothing of
 * a template besides? */
int weir_param_match_check(struct weir_arena *arena, struct weir_str match,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* One parameter of a form or of a report's `parameters:`. `name` is NULL when the mapping has a key
 * `name`. Errors read `FILE:LINE: what`. */
int weir_param_field_read(struct weir_arena *arena, const struct weir_yaml *doc,
                          const struct weir_yaml_node *node, const struct weir_str *name,
                          struct weir_param_field *out, struct weir_error *err) WEIR_MUST_CHECK;
/* {"name","label","type","default",…} as GET and POST /api/compile answer. */
void weir_param_field_print(struct weir_jw *w, const struct weir_param_field *field);

/* --- what is looked up ---------------------------------------------------------------------------
 */

enum weir_param_read_kind {
    WEIR_PARAM_READ_VIEW,
    WEIR_PARAM_READ_SNIPPET,
    WEIR_PARAM_READ_DEFINITION,
    WEIR_PARAM_READ_TABLE
};
const char *weir_param_read_name(enum weir_param_read_kind kind); /* "view", … */

struct weir_param_foreign_key {
    struct weir_str column, table, to;
};
struct weir_param_table {
    struct weir_str schema, name;
    const struct weir_str *columns;
    size_t column_count;
    struct weir_str primary_key; /* "" when none is known */
    const struct weir_param_foreign_key *keys;
    size_t key_count;
};

/* Each may be NULL: nothing of that kind is there. WEIR_ENOENT says "not found" and needs no
 * message; any other failure ends the compilation with its own message. */
struct weir_param_library {
    /* The text of a view, snippet or definition, in the arena. */
    int (*document)(void *arg, enum weir_param_read_kind kind, struct weir_str name,
                    struct weir_arena *arena, struct weir_str *text, struct weir_error *err);
    /* A table of the warehouse by `name` or `schema.name`, case ignored. */
    int (*table)(void *arg, struct weir_str name, struct weir_arena *arena,
                 struct weir_param_table *out, struct weir_error *err);
    /* Is there a table with such a column? 0 or WEIR_ENOENT. */
    int (*column)(void *arg, struct weir_str name, struct weir_error *err);
    void *arg;
};

/* --- compiling
 * ------------------------------------------------------------------------------------ */

struct weir_param_input {
    struct weir_str text;
    struct weir_json values; /* an object, or absent */
    const struct weir_param_field *fields;
    size_t field_count;    /* those of the report; forms in the text add to them */
    bool lenient;          /* values that nothing asks for are no error */
    weir_time now;         /* what "today" is made of */
    const char *zone;      /* IANA name of the site's time zone; NULL: UTC */
    int64_t utc_offset;    /* of that zone at `now`, in microseconds */
    int fiscal_year_start; /* the month in which it begins, from 1; 0: January */
    struct weir_param_library library;
};

enum weir_param_type {
    WEIR_PARAM_BOUND_BOOL,
    WEIR_PARAM_BOUND_INT,
    WEIR_PARAM_BOUND_DOUBLE,
    WEIR_PARAM_BOUND_TIMESTAMP, /* microseconds; a wall clock's, when it is a range's */
    WEIR_PARAM_BOUND_DATE,      /* days */
    WEIR_PARAM_BOUND_TEXT
};
struct weir_param_bound {
    struct weir_str name; /* without the dollar */
    enum weir_param_type type;
    bool null;
    union {
        bool b;
        int64_t i;
        double d;
        struct weir_str s;
    };
};

struct weir_param_read {
    enum weir_param_read_kind kind;
    struct weir_str name;
};

/* Output bytes from `out` on come from source bytes from `source` on, one by one when `verbatim`,
 * else all of them from that one place. */
struct weir_param_segment {
    uint32_t out, source;
    bool verbatim;
};

struct weir_param_output {
    struct weir_str sql; /* followed by a NUL */
    struct weir_param_bound *bound;
    size_t bound_count;
    struct weir_param_field *fields;
    size_t field_count;
    struct weir_param_read *reads; /* each once */
    size_t read_count;
    struct weir_param_segment *segments;
    size_t segment_count;
    int64_t error_offset; /* into the text, when compiling failed; -1: of no place */
};

/* `asked` of the output's fields says which of them decided what was compiled, with these values:
 * what stands in a branch that was not taken did not.
 * The code and sentence of a failure name the view or snippet in which it is, by its whole chain.
 * After a failure `fields` and `reads` hold what was seen before it. */
int weir_param_compile(struct weir_arena *arena, const struct weir_param_input *input,
                       struct weir_param_output *out, struct weir_error *err) WEIR_MUST_CHECK;

/* Where in the template the output's byte at `offset` comes from; -1 stays -1. */
int64_t weir_param_source_offset(const struct weir_param_output *out, int64_t offset);

const char *weir_param_type_name(enum weir_param_type type); /* "bool", "int", … */
/* {"name","type","value"} */
void weir_param_bound_print(struct weir_jw *w, const struct weir_param_bound *bound);

#endif
