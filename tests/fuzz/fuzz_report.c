/* A report.yml of any bytes is refused with its name and a reason, or read; what is read is written
 * back so that reading it again gives the same report, with and without its comments, and the same
 * data gives the same bytes. */
#include <stdlib.h>

#include "base/yaml_write.h"
#include "workspace/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* See fuzz_yaml.c. */
const char *__lsan_default_suppressions(void)
{
    return "leak:fy_atom_iter_grow_chunk\n";
}

static void need(bool well)
{
    if (!well) {
        abort();
    }
}

static int read_report(struct weir_arena *arena, struct weir_str yml, struct weir_report *out,
                       struct weir_error *err)
{
    const struct weir_file files[] = {
        {.path = "a.sql", .bytes = WEIR_STR("select {{ x }}\n")},
        {.path = "b.sql", .bytes = WEIR_STR("select 2")},
        {.path = "q.sql", .bytes = WEIR_STR("select 1\r\n, 2\r\n")},
        {.path = "report.yml", .bytes = yml},
    };
    return weir_report_parse(arena, "reports/f", files, 4, out, err);
}

static struct weir_str write_report(struct weir_arena *arena, const struct weir_data *report,
                                    const struct weir_comments *comments)
{
    struct weir_buf text;
    struct weir_error err;
    weir_buf_init(&text, 64u << 20);
    need(weir_yaml_write(&text, report, comments, &err) == 0);
    struct weir_str copy = weir_arena_dup(arena, weir_buf_str(&text));
    weir_buf_free(&text);
    need(copy.ptr);
    return copy;
}

static void check_again(struct weir_arena *arena, struct weir_str yml,
                        const struct weir_report *was)
{
    struct weir_report again;
    struct weir_error err;
    need(read_report(arena, yml, &again, &err) == 0);
    need(weir_data_equal(was->data, again.data) && weir_data_equal(was->queries, again.queries));
    need(strcmp(was->id, again.id) == 0 && strcmp(was->title, again.title) == 0);
    need(strcmp(was->collection, again.collection) == 0 && was->archived == again.archived);
    need(was->count == again.count);
}

static void round_trip(struct weir_arena *arena, struct weir_str yml,
                       const struct weir_report *report)
{
    struct weir_comments comments;
    struct weir_yaml *doc;
    struct weir_error err;
    struct weir_str lf = weir_text_lf(arena, yml);
    struct weir_data *ordered = weir_report_order(arena, report->data);
    need(ordered && weir_data_equal(ordered, report->data));
    struct weir_str plain = write_report(arena, ordered, NULL);
    check_again(arena, plain, report);
    struct weir_report again;
    need(read_report(arena, plain, &again, &err) == 0);
    need(weir_str_eq(plain, write_report(arena, again.data, NULL)));
    if (weir_yaml_parse(lf, "report.yml", &doc, &err) == 0) {
        if (weir_comments_read(&comments, lf, doc, &err) == 0) {
            check_again(arena, write_report(arena, report->data, &comments), report);
        }
        weir_comments_free(&comments);
        weir_yaml_free(doc);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_arena arena;
    struct weir_report report;
    struct weir_error err = {0};
    struct weir_str yml = {(const char *)data, size};
    weir_arena_init(&arena, 256u << 20);
    if (read_report(&arena, yml, &report, &err) == 0) {
        round_trip(&arena, yml, &report);
    } else {
        need(strncmp(err.message, "reports/f", 9) == 0);
    }
    weir_arena_free(&arena);
    return 0;
}
