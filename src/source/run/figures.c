#include "source/run/figures.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/number.h"

#define SQL_BYTES    (8u << 20)
#define DECIMAL_REST ((__int128)1000000000000000000)
#define SUM_DIGITS   38 /* of the engine's sums of decimals */

int weir_figures_init(struct weir_figures *f, size_t columns, struct weir_arena *arena,
                      struct weir_error *err)
{
    *f = (struct weir_figures){
        .count = columns, .columns = weir_arena_calloc(arena, (columns + 1) * sizeof *f->columns)};
    return f->columns ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", columns);
}

static void see_double(struct weir_figure *f, double d)
{
    if (isnan(d)) {
        return;
    }
    f->least = f->any && f->least < d ? f->least : d;
    f->greatest = f->any && f->greatest > d ? f->greatest : d;
    f->any = true;
}

/* Not a day but "infinity". */
static bool is_endless(enum weir_type type, int64_t value)
{
    int64_t end = type == WEIR_TYPE_DATE ? INT32_MAX : INT64_MAX;
    return value == end || value == -end;
}

/* Of 128 bits what is behind the lowest is lost. */
static __int128 add(__int128 a, __int128 b)
{
    return (__int128)((unsigned __int128)a + (unsigned __int128)b);
}

static void see_decimal(struct weir_figure *f, struct weir_str text)
{
    __int128 value = weir_number_scaled(text);
    f->sum = add(f->sum, value);
    f->rest += value % DECIMAL_REST;
    size_t digits =
        text.len - (text.len && *text.ptr == '-') - (memchr(text.ptr, '.', text.len) != 0);
    f->digits = f->digits > digits ? f->digits : digits;
}

/* Each type has a loop of its own, so that it is not asked for each row. */
#define EACH_VALUE(add)                                                                            \
    for (size_t row = 0; row < rows; row++) {                                                      \
        if (weir_vector_valid(v, row)) {                                                           \
            f.values++;                                                                            \
            add;                                                                                   \
        }                                                                                          \
    }

static void see(struct weir_figure *to, const struct weir_vector *v, size_t rows)
{
    struct weir_figure f = *to;
    switch (v->scaled ? WEIR_TYPE_INT : v->type) {
    case WEIR_TYPE_BOOL:
        EACH_VALUE(f.sum += v->bools[row])
        break;
    case WEIR_TYPE_INT:
        EACH_VALUE(f.sum += v->ints[row])
        break;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_DATE:
        EACH_VALUE(f.sum += is_endless(v->type, v->ints[row]) ? 0 : v->ints[row])
        break;
    case WEIR_TYPE_DOUBLE:
        EACH_VALUE(see_double(&f, v->doubles[row]))
        break;
    case WEIR_TYPE_OTHER:
        EACH_VALUE(see_decimal(&f, v->strs[row]))
        break;
    default:
        EACH_VALUE(f.sum += (int64_t)v->strs[row].len)
    }
    *to = f;
}

void weir_figures_add(struct weir_figures *f, const struct weir_batch *batch)
{
    f->rows += batch->rows;
    for (size_t i = 0; i < batch->column_count; i++) {
        if (batch->columns[i].ints) {
            see(&f->columns[i], &batch->columns[i], batch->rows);
        }
    }
}

/* --- the warehouse's ----------------------------------------------------------------------------
 */

/* May the engine's sum of these decimals be too large for it? Then what is left of them is asked
 * for, which takes it some microseconds for each. */
static bool is_large(const struct weir_column *column, const struct weir_figure *read)
{
    size_t digits = read->digits;
    for (uint64_t n = read->values; n; n /= 10) {
        digits++;
    }
    return column->type == WEIR_TYPE_OTHER && digits > SUM_DIGITS;
}

static void add_sums(struct weir_buf *sql, const struct weir_column *column, bool large)
{
    static const char *const sums[] = {
        [WEIR_TYPE_BOOL] = "CAST(count_if($) AS VARCHAR)",
        [WEIR_TYPE_INT] = "CAST(sum($) AS VARCHAR)",
        [WEIR_TYPE_DOUBLE] = "'0', min($), -min(-$)", /* NaN, also -NaN, is the greatest */
        /* No FILTER: for each, the engine keeps room for all columns of the question. */
        [WEIR_TYPE_TIMESTAMP] = "CAST(sum(CASE WHEN isfinite($) THEN epoch_us($) END) AS VARCHAR)",
        [WEIR_TYPE_DATE] =
            "CAST(sum(CASE WHEN isfinite($) THEN $ - DATE '1970-01-01' END) AS VARCHAR)",
        [WEIR_TYPE_TEXT] = "CAST(sum(strlen($)) AS VARCHAR)",
        [WEIR_TYPE_JSON] = "CAST(sum(strlen(CAST($ AS VARCHAR))) AS VARCHAR)",
        [WEIR_TYPE_OTHER] = "CAST(sum($) AS VARCHAR)"};
    static const char rests[] = "CAST(sum(CAST(replace(CAST($ AS VARCHAR), '.', '') AS HUGEINT) "
                                "% 1000000000000000000) AS VARCHAR)";
    weir_buf_addz(sql, ", count(");
    weir_sql_ident(sql, column->name);
    weir_buf_addz(sql, "), ");
    for (const char *p = large ? rests : sums[column->type]; *p; p++) {
        if (*p == '$') {
            weir_sql_ident(sql, column->name);
        } else {
            weir_buf_addc(sql, *p);
        }
    }
}

static void read_answer(struct weir_figures *f, const struct weir_figures *read,
                        const struct weir_column *columns, const struct weir_batch *b)
{
    size_t at = 1;
    f->rows = (uint64_t)b->columns[0].ints[0];
    for (size_t i = 0; i < f->count && at + 1 < b->column_count; i++) {
        struct weir_figure *figure = &f->columns[i];
        figure->values = (uint64_t)b->columns[at++].ints[0];
        const struct weir_vector *sum = &b->columns[at++];
        figure->sum = weir_vector_valid(sum, 0) ? weir_number_scaled(sum->strs[0]) : 0;
        if (is_large(&columns[i], &read->columns[i])) { /* as far from it as what is left is */
            figure->sum = add(add(figure->sum, read->columns[i].sum), -read->columns[i].rest);
        }
        if (columns[i].type == WEIR_TYPE_DOUBLE) {
            double least = weir_vector_valid(&b->columns[at], 0) ? b->columns[at].doubles[0] : NAN;
            figure->any = !isnan(least);
            figure->least = figure->any ? least : 0;
            figure->greatest = figure->any ? b->columns[at + 1].doubles[0] : 0;
            at += 2;
        }
    }
}

int weir_figures_ask(struct weir_figures *f, const struct weir_figures *read,
                     struct weir_session *session, struct weir_str schema, struct weir_str table,
                     const struct weir_column *columns, struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT count(*)");
    for (size_t i = 0; i < f->count; i++) {
        add_sums(&sql, &columns[i], is_large(&columns[i], &read->columns[i]));
    }
    weir_buf_addz(&sql, " FROM ");
    weir_sql_table(&sql, schema, table);
    int rc = weir_buf_check(&sql, "the sums of a table", err);
    rc = rc ? rc : weir_session_query(session, weir_buf_cstr(&sql), NULL, 0, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    if (rc == 0) {
        read_answer(f, read, columns, &batch);
    }
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc;
}

/* --- comparing ----------------------------------------------------------------------------------
 */

static bool same_double(double a, double b)
{
    return !(a < b) && !(a > b);
}

bool weir_figures_differ(const struct weir_figures *a, const struct weir_figures *b, size_t *column)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct weir_figure *x = &a->columns[i], *y = &b->columns[i];
        if (x->values != y->values || x->sum != y->sum || x->any != y->any ||
            !same_double(x->least, y->least) || !same_double(x->greatest, y->greatest)) {
            *column = i;
            return true;
        }
    }
    *column = a->count;
    return a->rows != b->rows;
}

void weir_figures_checksum(const struct weir_figures *f, char out[17])
{
    uint64_t hash = weir_hash64(&f->rows, sizeof f->rows, 1);
    for (size_t i = 0; i < f->count; i++) {
        const struct weir_figure *x = &f->columns[i];
        /* + 0.0: the two zeros are one value */
        double ends[] = {x->least + 0.0, x->greatest + 0.0};
        hash = weir_hash64(&x->values, sizeof x->values, hash);
        hash = weir_hash64(&x->sum, sizeof x->sum, hash);
        hash = weir_hash64(ends, sizeof ends, hash);
    }
    snprintf(out, 17, "%016" PRIx64, hash);
}
