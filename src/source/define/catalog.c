#include "source/define/catalog.h"

#include "base/number.h"
#include "source/connector.h"

void weir_source_plan_init(struct weir_source_plan *plan)
{
    *plan = (struct weir_source_plan){0};
    weir_arena_init(&plan->arena, WEIR_SOURCE_PLAN_MEMORY);
}

void weir_source_plan_free(struct weir_source_plan *plan)
{
    weir_arena_free(&plan->arena);
}

int weir_source_plan_keep(struct weir_source_plan *plan, struct weir_buf *text,
                          struct weir_str *out, struct weir_error *err)
{
    int rc = weir_buf_check(text, "a plan", err);
    *out = rc ? (struct weir_str){NULL, 0} : weir_arena_dup(&plan->arena, weir_buf_str(text));
    weir_buf_free(text);
    return rc || out->ptr ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

/* Of two files' columns with one name: what made the type that both have now. */
static void join_guess(struct weir_source_plan *plan, struct weir_source_column *known,
                       enum weir_type before, const struct weir_source_column *column)
{
    if (!known->guess.ptr || !column->guess.ptr || known->type == before) {
        return;
    }
    if (known->type == column->type) {
        known->guess = weir_arena_dup(&plan->arena, column->guess);
        return;
    }
    known->guess = weir_str_of(weir_arena_printf(
        &plan->arena, "text: some files have " WEIR_STR_FMT ", others " WEIR_STR_FMT,
        WEIR_STR_ARG(known->guess), WEIR_STR_ARG(column->guess)));
}

static void join_column(struct weir_source_plan *plan, struct weir_source_column *known,
                        const struct weir_source_column *column)
{
    struct weir_column both = {known->name, known->type, known->type_name};
    const struct weir_column comes = {column->name, column->type, column->type_name};
    if (known->untyped) {
        both = comes;
    } else if (!column->untyped) {
        both = weir_source_types_join(&both, &comes, &plan->arena);
    }
    known->type = both.type;
    known->type_name = both.type_name;
    known->untyped = known->untyped && column->untyped;
}

struct weir_source_column *weir_source_plan_column(struct weir_source_plan *plan,
                                                   const struct weir_source_column *column,
                                                   size_t *index)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        struct weir_source_column *known = &plan->columns[i];
        if (weir_str_eq(known->name, column->name)) {
            enum weir_type before = known->untyped ? WEIR_TYPE_OTHER : known->type;
            join_column(plan, known, column);
            known->wide = known->wide || column->wide;
            known->written = known->written || column->written;
            known->type =
                known->wide && known->type == WEIR_TYPE_DOUBLE ? WEIR_TYPE_TEXT : known->type;
            join_guess(plan, known, before, column);
            *index = i;
            return known;
        }
    }
    if (!plan->columns) {
        plan->columns =
            weir_arena_alloc(&plan->arena, (WEIR_SOURCE_MAX_COLUMNS + 1) * sizeof *plan->columns);
    }
    if (!plan->columns || plan->column_count == WEIR_SOURCE_MAX_COLUMNS) {
        return NULL;
    }
    struct weir_source_column *added = &plan->columns[plan->column_count];
    *added = *column;
    added->name = weir_arena_dup(&plan->arena, column->name);
    added->original = weir_arena_dup(&plan->arena, column->original);
    added->guess = column->guess.ptr ? weir_arena_dup(&plan->arena, column->guess) : column->guess;
    *index = plan->column_count;
    plan->column_count += added->name.ptr && added->original.ptr;
    return added->name.ptr && added->original.ptr ? added : NULL;
}

size_t weir_source_plan_find(const struct weir_source_plan *plan, struct weir_str original)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        if (weir_str_eq(plan->columns[i].original, original)) {
            return i;
        }
    }
    return SIZE_MAX;
}

enum weir_type weir_source_type_join(enum weir_type a, enum weir_type b)
{
    if (a == b) {
        return a;
    }
    if ((a == WEIR_TYPE_INT && b == WEIR_TYPE_DOUBLE) ||
        (a == WEIR_TYPE_DOUBLE && b == WEIR_TYPE_INT)) {
        return WEIR_TYPE_DOUBLE;
    }
    if ((a == WEIR_TYPE_DATE && b == WEIR_TYPE_TIMESTAMP) ||
        (a == WEIR_TYPE_TIMESTAMP && b == WEIR_TYPE_DATE)) {
        return WEIR_TYPE_TIMESTAMP;
    }
    return WEIR_TYPE_TEXT;
}

static const char *type_sql(enum weir_type type)
{
    static const char *const names[] = {
        [WEIR_TYPE_BOOL] = "BOOLEAN",  [WEIR_TYPE_INT] = "BIGINT",
        [WEIR_TYPE_DOUBLE] = "DOUBLE", [WEIR_TYPE_TIMESTAMP] = "TIMESTAMP",
        [WEIR_TYPE_DATE] = "DATE",     [WEIR_TYPE_TEXT] = "VARCHAR",
        [WEIR_TYPE_JSON] = "JSON",     [WEIR_TYPE_OTHER] = "VARCHAR"};
    return names[type];
}

struct weir_str weir_source_column_sql(const struct weir_column *column)
{
    unsigned precision, scale;
    return column->type == WEIR_TYPE_OTHER &&
                   weir_number_decimal(column->type_name, &precision, &scale)
               ? column->type_name
               : weir_str_of(type_sql(column->type));
}

bool weir_source_same_type(const struct weir_column *a, const struct weir_column *b)
{
    return a->type == b->type &&
           (a->type != WEIR_TYPE_OTHER || weir_str_eq(a->type_name, b->type_name));
}

bool weir_source_column_reserved(struct weir_str name)
{
    return weir_str_starts(name, WEIR_STR("_weir_"));
}

bool weir_source_plan_excludes(const struct weir_source_plan *plan, struct weir_str name)
{
    return weir_text_list_has(plan->exclude, name);
}

bool weir_source_plan_leaves_out(struct weir_source_plan *plan, struct weir_str name,
                                 struct weir_str original)
{
    bool any = false;
    for (size_t i = 0; plan->exclude && i < plan->exclude->count; i++) {
        if (weir_str_is(name, plan->exclude->items[i]) ||
            weir_str_is(original, plan->exclude->items[i])) {
            any = true;
            plan->excluded = plan->excluded
                                 ? plan->excluded
                                 : weir_arena_calloc(&plan->arena,
                                                     plan->exclude->count * sizeof *plan->excluded);
            if (plan->excluded) {
                plan->excluded[i] = weir_arena_dup(&plan->arena, name);
            }
        }
    }
    return any;
}

int weir_source_catalog_named(const struct weir_source_config *config,
                              struct weir_source_catalog *out, struct weir_error *err)
{
    out->streams = weir_arena_calloc(&out->arena, config->stream_count * sizeof *out->streams);
    if (!out->streams) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the streams");
    }
    for (size_t i = 0; i < config->stream_count; i++) {
        out->streams[out->count++].name = weir_str_of(config->streams[i].name);
    }
    return 0;
}
