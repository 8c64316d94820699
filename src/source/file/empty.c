/* Files without rows: what is said of them, and which columns a table has of nothing but such. */
#include "source/file/file.h"
#include "source/run/contract.h"

/* Its table is what it is now. */
int weir_file_empty_say(const struct weir_file *file, struct weir_source_plan *plan,
                        struct weir_error *err)
{
    const char *text =
        file->format == WEIR_FILE_XLSX
            ? weir_arena_printf(&plan->arena,
                                WEIR_STR_FMT ": the sheet \"%s\" has no values any more",
                                WEIR_STR_ARG(file->name), file->sheet)
            : weir_arena_printf(&plan->arena, WEIR_STR_FMT ": it is empty",
                                WEIR_STR_ARG(file->name));
    return text ? weir_file_say(plan, weir_str_of(text), err)
                : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

/* One of several files has no rows; one that is alone is probably being written. */
void weir_file_empty_find(struct weir_file_stream *files, size_t there)
{
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < files->count; i++) {
            struct weir_file *file = &files->files[i];
            bool none = file->format != WEIR_FILE_PARQUET && file->format != WEIR_FILE_XLSX &&
                        (file->plain ? file->plain_size : (uint64_t)file->mark.size) == 0;
            count += pass == 0 && none;
            file->empty = file->empty || (pass == 1 && none && count < there);
        }
    }
}

/* Nothing tells its columns any more: they are what they were, without rows. */
int weir_file_empty_keep(struct weir_source_plan *plan, struct weir_error *err)
{
    const struct weir_table *t = plan->there;
    size_t at;
    for (size_t i = 0; t && i < t->column_count; i++) {
        const struct weir_source_column column = {.name = t->columns[i].name,
                                                  .original = t->columns[i].name,
                                                  .type = t->columns[i].type,
                                                  .type_name = t->columns[i].type_name};
        if (!weir_source_column_reserved(column.name) && !weir_source_of_history(column.name) &&
            !weir_source_plan_column(plan, &column, &at)) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
        }
    }
    return 0;
}

/* Nothing tells its columns. */
bool weir_file_empty_all(const struct weir_file_stream *files)
{
    bool none = files->count > 0;
    for (size_t i = 0; i < files->count; i++) {
        none = none && files->files[i].empty;
    }
    return none;
}
