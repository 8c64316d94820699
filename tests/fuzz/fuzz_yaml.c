/* A settings file of any bytes is read or refused with its name and a reason; every node of what is
 * read has its place in the file; option tables take or refuse it in the same way. */
#include <stdlib.h>

#include "base/yaml.h"
#include "workspace/workspace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets a page for a quoted text with dozens of doubled quotes. It is its own
 * to mend, and costs 4 KB for each such file read; everything else that leaks is ours. */
const char *__lsan_default_suppressions(void)
{
    return "leak:fy_atom_iter_grow_chunk\n";
}

static void walk(const struct weir_yaml_node *node, int lines, unsigned *budget)
{
    if (node->line < 1 || node->line > lines + 1 || node->column < 1 || (*budget)-- == 0) {
        abort();
    }
    for (const struct weir_yaml_node *n = node->first; n; n = n->next) {
        walk(n, lines, budget);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_yaml *doc;
    struct weir_error err = {0};
    struct weir_arena arena;
    struct weir_source source = {0};
    unsigned budget = 100001; /* aliases must not make the tree larger than this */
    int lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n' || data[i] == '\r';
    }
    if (weir_yaml_parse((struct weir_str){(const char *)data, size}, "f.yml", &doc, &err)) {
        if (strncmp(err.message, "f.yml:", 6) != 0) {
            abort();
        }
        return 0;
    }
    walk(weir_yaml_root(doc), lines, &budget);
    weir_arena_init(&arena, 16u << 20);
    if (weir_options_default(weir_source_options, &source, &arena, &err) ||
        (weir_options_yaml(weir_source_options, &source, &arena, doc, weir_yaml_root(doc), &err) &&
         strncmp(err.message, "f.yml:", 6) != 0)) {
        abort();
    }
    weir_arena_free(&arena);
    weir_yaml_free(doc);
    return 0;
}
