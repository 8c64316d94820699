/* Files that are none of their stream's: a server that is busy, or does not know any more who asks,
 * may say so with the status 200 in the place of the file, and a program with its log. Such a line
 * would be the header of a table without rows. */
#include "source/file/file.h"
#include "source/run/contract.h"

#define MOST_SHOWN 100

/* One that is left out is known, too. */
static bool is_of_table(const struct weir_file *file, size_t column,
                        const struct weir_source_plan *plan)
{
    size_t at = file->columns[column];
    return at == WEIR_FILE_NO_COLUMN ||
           weir_source_find_column(plan->there, plan->columns[at].name);
}

/* Columns of the plan that some file has, and rows with them. */
static bool *with_rows(const struct weir_file_stream *files, struct weir_source_plan *plan,
                       bool *any)
{
    bool *out = weir_arena_calloc(&plan->arena, plan->column_count + 1);
    *any = false;
    for (size_t i = 0; out && i < files->count; i++) {
        const struct weir_file *file = &files->files[i];
        for (size_t k = 0; !file->bare && k < file->column_count; k++) {
            *any = true;
            if (file->columns[k] != WEIR_FILE_NO_COLUMN) {
                out[file->columns[k]] = true;
            }
        }
    }
    return out;
}

/* Nothing is known of the table yet: a header has no blanks where nothing separates fields, and no
 * full stop. */
static bool is_prose(const struct weir_file *file)
{
    struct weir_str line = weir_str_trim(file->line);
    bool ends = line.len && (line.ptr[line.len - 1] == '.' || line.ptr[line.len - 1] == '!');
    return file->format == WEIR_FILE_CSV && !file->titled && line.len &&
           memchr(line.ptr, ' ', line.len) && (ends || file->column_count == 1);
}

static int refuse(const struct weir_file *file, bool prose, struct weir_error *err)
{
    struct weir_str line = weir_utf8_cut(file->line, MOST_SHOWN);
    const char *more = line.len < file->line.len ? "…" : "";
    if (prose) {
        return weir_fail(err, WEIR_EINVAL,
                         WEIR_STR_FMT ": its only line, \"" WEIR_STR_FMT
                                      "%s\", is no table; if it is the header of one without rows, "
                                      "set `header: yes`",
                         WEIR_STR_ARG(file->name), WEIR_STR_ARG(line), more);
    }
    return weir_fail(err, WEIR_EINVAL,
                     WEIR_STR_FMT ": it has no rows, and none of the table's columns%s" WEIR_STR_FMT
                                  "%s; it may be an error in place of the file, so nothing was "
                                  "loaded",
                     WEIR_STR_ARG(file->name), line.len ? ", but the line " : "",
                     WEIR_STR_ARG(line), more);
}

/* Nor is one with rows, where none has anything of the table: another one lies in its place. */
static int find_stranger(const struct weir_file_stream *files, struct weir_source_plan *plan,
                         struct weir_error *err)
{
    const struct weir_table *t = plan->whole ? NULL : plan->there;
    for (size_t i = 0; t && i < t->column_count; i++) {
        for (size_t k = 0; k < plan->column_count; k++) {
            if (weir_str_eq_nocase(plan->columns[k].name, t->columns[i].name)) {
                return 0;
            }
        }
    }
    if (!t || !plan->column_count) {
        return 0;
    }
    plan->stranger = weir_arena_printf(
        &plan->arena,
        WEIR_STR_FMT ": no column of it is one of the table, whose rows are kept; it begins with "
                     "\"" WEIR_STR_FMT "\". If that is right, `weir sync --full` builds the table "
                     "anew",
        WEIR_STR_ARG(files->files[0].name),
        WEIR_STR_ARG(weir_utf8_cut(plan->columns[0].original, 100)));
    return plan->stranger ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

int weir_file_check_stray(const struct weir_file_stream *files, struct weir_source_plan *plan,
                          struct weir_error *err)
{
    bool others;
    bool *of_others = with_rows(files, plan, &others);
    if (!of_others) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", plan->column_count);
    }
    for (size_t i = 0; i < files->count; i++) {
        const struct weir_file *file = &files->files[i];
        if (!file->bare) {
            continue;
        }
        bool known = false;
        for (size_t k = 0; !known && k < file->column_count; k++) {
            known = is_of_table(file, k, plan) || of_others[file->columns[k]];
        }
        bool prose = !plan->there && !others;
        if (prose ? is_prose(file) : !known) {
            return refuse(file, prose, err);
        }
    }
    return files->count ? find_stranger(files, plan, err) : 0;
}
