/* Ranges of a table's primary key, each for a connection of its own.
 *
 * Where one ends, the next begins: a row is in the first range whose end is behind its key, so it
 * is in exactly one, whatever order the key's type or collation has. Only how even they are depends
 * on where the bounds are. For that the space of values that the key's first column may have is cut
 * into segments of about as many rows, the heaviest into parts each time. EXPLAIN weighs them, many
 * by one question: it dives into the index, and reads no rows. It may be wrong by a factor, and
 * thinks of no part as more than half the table; so many small segments are held against each
 * other. */
#include <stdio.h>
#include <string.h>

#include "source/mysql/mysql.h"

#define SQL_BYTES   (1u << 20)
#define SEGMENTS    4   /* for each range, at least */
#define PARTS       32  /* are weighed by one question */
#define QUESTIONS   16  /* 13 find the one value of 2^64 that has all rows */
#define MOST_UNEVEN 0.5 /* of a range: what is on the wrong side of a bound */

/* Of keys that are texts: these are in this order by nearly every collation. */
static const char letters[] = "-0123456789abcdefghijklmnopqrstuvwxyz";
#define LETTERS     (sizeof letters - 1)
#define TEXT_LENGTH 12 /* so many of them are a number of 64 bits */

/* Values are numbers: `least` and up to `span` more. */
struct space {
    enum weir_my_form form;
    uint64_t least, span;
};
struct segment {
    uint64_t from, to; /* both are in it */
    double rows;
};

static const struct weir_my_column *find_column(const struct weir_my_table *t, struct weir_str name)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (weir_str_eq(t->columns[i].name, name)) {
            return &t->columns[i];
        }
    }
    return NULL;
}

static int find_key(struct weir_my *my, const struct weir_my_table *t,
                    const struct weir_my_column **out, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT COLUMN_NAME FROM information_schema.STATISTICS");
    weir_my_where(&sql, my, "TABLE_SCHEMA", t->name);
    weir_buf_addz(&sql, " AND INDEX_NAME = 'PRIMARY' AND SEQ_IN_INDEX = 1");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    *out = row ? find_column(t, weir_my_cell(row, lengths, 0)) : NULL;
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

/* --- the space of values ------------------------------------------------------------------------
 */

static uint64_t number(struct weir_str text)
{
    int64_t value = 0;
    uint64_t large = 0;
    return weir_str_to_i64(text, &value) || !weir_str_to_u64(text, &large) ? (uint64_t)value
                                                                           : large;
}

/* Of what has an order of numbers. *why NULL, or why it cannot be split. */
static int ask_ends(struct weir_my *my, const struct weir_my_table *t, const char *form,
                    struct space *s, const char **why, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT ");
    for (int i = 0; i < 2; i++) {
        const char *at = strchr(form, '$');
        weir_buf_adds(&sql, (struct weir_str){form, (size_t)(at - form)});
        weir_buf_addz(&sql, i ? "max(" : "min(");
        weir_buf_adds(&sql, t->key);
        weir_buf_addc(&sql, ')');
        weir_buf_addz(&sql, at + 1);
        weir_buf_addz(&sql, i ? "" : ", ");
    }
    weir_my_from(&sql, my, t);
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    *why = row && row[0] && row[1] ? NULL
           : *form == '$'          ? "it is empty"
                                   : "its key begins or ends at no day ('0000-00-00')";
    if (!*why) {
        s->least = number(weir_my_cell(row, lengths, 0));
        s->span = number(weir_my_cell(row, lengths, 1)) - s->least;
    }
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

static int open_space(struct weir_my *my, const struct weir_my_table *t,
                      const struct weir_my_column *key, struct space *s, const char **why,
                      struct weir_error *err)
{
    *s = (struct space){.form = key->form};
    *why = NULL;
    switch (key->form) {
    case WEIR_MY_INT:
    case WEIR_MY_BIGINT_UNSIGNED:
        return ask_ends(my, t, "$", s, why, err);
    case WEIR_MY_DATE:
        return ask_ends(my, t, "to_days($) - 719528", s, why, err);
    case WEIR_MY_DATETIME:
    case WEIR_MY_TIMESTAMP:
        return ask_ends(my, t, "to_seconds($) - 719528 * 86400", s, why, err);
    case WEIR_MY_BYTES:
        s->span = UINT64_MAX;
        return 0;
    case WEIR_MY_TEXT:
        s->span = 1;
        for (int i = 0; i < TEXT_LENGTH; i++) {
            s->span *= LETTERS;
        }
        s->span--;
        return 0;
    default:
        *why = "the first column of its key is of a type that is not split";
        return 0;
    }
}

/* A value of it, as SQL. */
static void print(const struct space *s, uint64_t at, char out[80])
{
    uint64_t value = s->least + at;
    char text[TEXT_LENGTH + 1] = {0};
    switch (s->form) {
    case WEIR_MY_BIGINT_UNSIGNED:
        snprintf(out, 80, "%llu", (unsigned long long)value);
        break;
    case WEIR_MY_DATE:
        snprintf(out, 80, "(DATE '1970-01-01' + INTERVAL %lld DAY)", (long long)value);
        break;
    case WEIR_MY_DATETIME:
    case WEIR_MY_TIMESTAMP:
        snprintf(out, 80, "(TIMESTAMP '1970-01-01 00:00:00' + INTERVAL %lld SECOND)",
                 (long long)value);
        break;
    case WEIR_MY_BYTES:
        snprintf(out, 80, "x'%016llx'", (unsigned long long)value);
        break;
    case WEIR_MY_TEXT:
        for (int i = TEXT_LENGTH; i-- > 0; value /= LETTERS) {
            text[i] = letters[value % LETTERS];
        }
        snprintf(out, 80, "'%s'", text);
        break;
    default:
        snprintf(out, 80, "%lld", (long long)value);
        break;
    }
}

/* --- segments -----------------------------------------------------------------------------------
 */

/* The server uses the key as it is meant: it might think that the whole is as cheap as a part. */
static void add_from(struct weir_buf *sql, const struct weir_my *my, const struct weir_my_table *t)
{
    weir_buf_addz(sql, " FROM ");
    weir_sql_table(sql, weir_str_of(my->settings->database), t->name);
    weir_buf_addz(sql, " FORCE INDEX (PRIMARY)");
}

static void add_segment(struct weir_buf *sql, const struct weir_my *my,
                        const struct weir_my_table *t, const struct space *s,
                        const struct segment *g)
{
    char bound[80];
    weir_buf_addz(sql, "SELECT 1");
    add_from(sql, my, t);
    weir_buf_addz(sql, " WHERE ");
    weir_buf_adds(sql, t->key);
    print(s, g->from, bound);
    weir_buf_addf(sql, " >= %s", bound);
    if (g->to < s->span) {
        weir_buf_addz(sql, " AND ");
        weir_buf_adds(sql, t->key);
        print(s, g->to + 1, bound);
        weir_buf_addf(sql, " < %s", bound);
    }
}

/* How many rows the server thinks that it would look at in each of them. */
static int weigh(struct weir_my *my, const struct weir_my_table *t, const struct space *s,
                 struct segment *parts, size_t count, struct weir_error *err)
{
    struct weir_buf sql;
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    unsigned at = 0;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "EXPLAIN FORMAT=TRADITIONAL ");
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(&sql, i ? " UNION ALL " : "");
        add_segment(&sql, my, t, s, &parts[i]);
    }
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    unsigned fields = rc ? 0 : mysql_num_fields(result);
    while (at < fields && strcmp(mysql_fetch_field_direct(result, at)->name, "rows") != 0) {
        at++;
    }
    for (size_t i = 0; i < count; i++) {
        MYSQL_ROW row = at < fields ? weir_my_next(result, &lengths) : NULL;
        parts[i].rows = row && row[at] ? (double)number(weir_my_cell(row, lengths, at)) : 0;
    }
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

struct segments { /* in order; where nothing is, none */
    struct segment all[PARTS * QUESTIONS];
    size_t count;
};

/* Of as many rows, the wider one: those that have more than half the table all weigh that. */
static bool is_heavier(const struct segment *a, const struct segment *b)
{
    return a->rows > b->rows || (a->rows == b->rows && a->to - a->from > b->to - b->from);
}

/* Those that weigh more than this, and can be cut; half as many as there are parts at most: the
 * heaviest. In order. */
static size_t find_heavy(const struct segments *s, double most, size_t heavy[PARTS / 2])
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct segment *g = &s->all[i];
        if (g->rows <= most || g->from == g->to) {
            continue;
        }
        size_t lightest = 0;
        for (size_t k = 1; count == PARTS / 2 && k < count; k++) {
            lightest = is_heavier(&s->all[heavy[lightest]], &s->all[heavy[k]]) ? k : lightest;
        }
        if (count == PARTS / 2) {
            if (!is_heavier(g, &s->all[heavy[lightest]])) {
                continue;
            }
            count--;
            memmove(&heavy[lightest], &heavy[lightest + 1], (count - lightest) * sizeof *heavy);
        }
        heavy[count++] = i;
    }
    return count;
}

/* Into so many parts, or as many as it has values. */
static size_t cut(const struct segment *g, size_t wanted, struct segment *out)
{
    uint64_t step = (g->to - g->from) / wanted + 1, from = g->from;
    size_t count = 0;
    for (; count < wanted; count++, from += step) {
        bool last = g->to - from < step;
        out[count] = (struct segment){.from = from, .to = last ? g->to : from + step - 1};
        if (last) {
            return count + 1;
        }
    }
    return count;
}

/* What is left of the parts stands where their segments were. */
static void replace(struct segments *s, const size_t *heavy, size_t count,
                    const struct segment *parts, size_t part_count)
{
    struct segments was = *s;
    size_t k = 0, part = 0;
    s->count = 0;
    for (size_t i = 0; i < was.count; i++) {
        if (k == count || heavy[k] != i) {
            s->all[s->count++] = was.all[i];
            continue;
        }
        for (; part < part_count && parts[part].from <= was.all[i].to; part++) {
            if (parts[part].rows > 1) { /* of none, the server says 1, too */
                s->all[s->count++] = parts[part];
            }
        }
        k++;
    }
}

/* None of them weighs more than one of so many, where they can be cut. */
static int find_segments(struct weir_my *my, const struct weir_my_table *t, const struct space *s,
                         size_t wanted, struct segments *out, struct weir_error *err)
{
    int rc = 0;
    out->all[0] = (struct segment){.to = s->span, .rows = 1};
    out->count = 1;
    for (int i = 0; rc == 0 && i < QUESTIONS - 1; i++) {
        size_t heavy[PARTS / 2], part_count = 0;
        struct segment parts[PARTS];
        double total = 0;
        for (size_t k = 0; k < out->count; k++) {
            total += out->all[k].rows;
        }
        size_t count = find_heavy(out, total / (double)wanted, heavy);
        if (!count) {
            break;
        }
        for (size_t k = 0; k < count; k++) {
            part_count += cut(&out->all[heavy[k]], PARTS / count, &parts[part_count]);
        }
        rc = weigh(my, t, s, parts, part_count, err);
        if (rc == 0) {
            replace(out, heavy, count, parts, part_count);
        }
    }
    return rc;
}

/* --- ranges -------------------------------------------------------------------------------------
 */

/* Bounds between segments, where they are even enough. */
static int find_bounds(struct weir_my_table *t, const struct space *s, const struct segment *all,
                       size_t segments, size_t count, struct weir_source_plan *plan,
                       struct weir_error *err)
{
    double total = 0, range, before = 0;
    size_t at = 0;
    char bound[80];
    for (size_t i = 0; i < segments; i++) {
        total += all[i].rows;
    }
    range = total / (double)count;
    for (size_t number = 1; number < count; number++) {
        double wanted = range * (double)number;
        size_t was = at;
        while (at + 1 < segments && before + all[at].rows / 2 < wanted) {
            before += all[at++].rows;
        }
        double off = before < wanted ? wanted - before : before - wanted;
        if (at == was || off > MOST_UNEVEN * range) {
            continue;
        }
        print(s, all[at].from, bound);
        struct weir_str *to = &t->bounds[t->bound_count++];
        *to = weir_arena_dup(&plan->arena, weir_str_of(bound));
        if (!to->ptr) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
        }
    }
    return 0;
}

int weir_my_ranges_find(struct weir_my *my, struct weir_my_table *t, struct weir_source_plan *plan,
                        struct weir_error *err)
{
    const struct weir_my_column *key = NULL;
    struct space space;
    struct weir_buf name;
    struct segments segments = {.count = 0};
    const char *why = "it has no primary key";
    size_t count = my->beside_count; /* the connection itself, and each but the one that sums up */
    if (count < 2 || t->condition.len || plan->nothing) {
        return 0;
    }
    int rc = find_key(my, t, &key, err);
    if (rc == 0 && key) {
        weir_buf_init(&name, SQL_BYTES);
        weir_sql_ident(&name, key->name);
        rc = weir_source_plan_keep(plan, &name, &t->key, err);
        rc = rc ? rc : open_space(my, t, key, &space, &why, err);
    }
    rc = rc || why ? rc : find_segments(my, t, &space, SEGMENTS * count, &segments, err);
    rc = rc ? rc : find_bounds(t, &space, segments.all, segments.count, count, plan, err);
    if (rc == 0 && !t->bound_count) {
        snprintf(t->alone, sizeof t->alone, "%s",
                 why ? why : "the first column of its key does not split it evenly");
    }
    return rc;
}

void weir_my_ranges_from(struct weir_buf *sql, const struct weir_my *my,
                         const struct weir_my_table *t, size_t number)
{
    if (!t->bound_count) {
        weir_my_from(sql, my, t);
        return;
    }
    add_from(sql, my, t);
    for (size_t i = 0; i <= number && i < t->bound_count; i++) {
        weir_buf_addz(sql, i ? " AND " : " WHERE ");
        weir_buf_adds(sql, t->key);
        weir_buf_addz(sql, i < number ? " >= " : " < ");
        weir_buf_adds(sql, t->bounds[i]);
    }
}
