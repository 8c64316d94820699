/* Which comment belongs to what, by lines. */
#include <stdio.h>
#include <stdlib.h>

#include "base/yaml_write.h"

#define MAX_PATH 2000

struct finding {
    const char **paths; /* by line, from 1: the outermost key or item that begins there */
    const struct weir_yaml_node **nodes;
    int lines;
    char path[MAX_PATH];
    struct weir_comments *out;
    bool failed;
};

static struct weir_str identity(const struct weir_yaml_node *item)
{
    struct weir_str text;
    if (weir_yaml_str(weir_yaml_get(item, "id"), &text) ||
        weir_yaml_str(weir_yaml_get(item, "name"), &text)) {
        return text;
    }
    return (struct weir_str){0};
}

static void find_lines(struct finding *f, const struct weir_yaml_node *node)
{
    size_t index = 0;
    for (const struct weir_yaml_node *n = node->first; n && !f->failed; n = n->next, index++) {
        bool object = node->type == WEIR_YAML_MAPPING;
        struct weir_str part = object ? n->key : identity(n);
        int line = object ? n->key_line : n->line;
        size_t at = strlen(f->path);
        if (part.ptr) {
            snprintf(f->path + at, MAX_PATH - at, "/%.*s", (int)(part.len < 200 ? part.len : 200),
                     part.ptr);
        } else {
            snprintf(f->path + at, MAX_PATH - at, "/%zu", index);
        }
        if (line > 0 && line <= f->lines && !f->paths[line]) {
            f->paths[line] = weir_arena_strdup(&f->out->arena, f->path);
            f->failed = !f->paths[line];
        }
        if (line > 0 && line <= f->lines) {
            f->nodes[line] = n; /* the last one: what a block on this line belongs to */
        }
        find_lines(f, n);
        f->path[at] = '\0';
    }
}

/* Where "# ..." begins behind a value; the line's length when there is none. `open` tells that a
 * quote does not end here. */
static size_t comment_at(struct weir_str line, bool *open)
{
    char quote = 0;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (quote == '"' && c == '\\') {
            i++;
        } else if (quote) {
            quote = c == quote ? 0 : quote;
        } else if ((c == '"' || c == '\'') && i > 0 && strchr(" [{,:-", line.ptr[i - 1])) {
            quote = c;
        } else if (c == '#' && i > 0 && line.ptr[i - 1] == ' ') {
            return i;
        }
    }
    *open = quote;
    return line.len;
}

static size_t indent_of(struct weir_str line)
{
    size_t n = 0;
    while (n < line.len && line.ptr[n] == ' ') {
        n++;
    }
    return n;
}

/* Does a block ("|", ">-") begin at the end of this text? */
static bool begins_block(struct weir_str text)
{
    text = weir_str_trim(text);
    size_t n = text.len;
    while (n && strchr("+-0123456789", text.ptr[n - 1])) {
        n--;
    }
    return n > 1 && text.len - n <= 2 && (text.ptr[n - 1] == '|' || text.ptr[n - 1] == '>') &&
           text.ptr[n - 2] == ' ';
}

static void keep(struct finding *f, struct weir_map *map, const char *path, struct weir_str text)
{
    struct weir_str *copy = weir_arena_alloc(&f->out->arena, sizeof *copy);
    if (copy) {
        *copy = weir_arena_dup(&f->out->arena, text);
    }
    f->failed = f->failed || !copy || !copy->ptr || weir_map_put(map, weir_str_of(path), copy);
}

static void read_lines(struct finding *f, struct weir_str text)
{
    const char *pending = NULL; /* begin of the comment lines that wait for their key */
    bool inside = false;        /* of a value that goes on over lines */
    size_t block = 0;           /* its indent + 1 */
    struct weir_str rest = text;
    for (int no = 1; rest.ptr && !f->failed; no++) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        struct weir_str body = weir_str_trim(line);
        const char *path = no <= f->lines ? f->paths[no] : NULL;
        if (block && (body.len == 0 || indent_of(line) >= block)) {
            continue;
        }
        block = 0;
        if (!path && (body.len == 0 || (body.ptr[0] == '#' && !inside))) {
            pending = pending ? pending : line.ptr;
            continue;
        }
        if (!path) {
            pending = NULL;
            continue;
        }
        if (pending) {
            keep(f, &f->out->above, path, (struct weir_str){pending, (size_t)(line.ptr - pending)});
            pending = NULL;
        }
        bool open = false;
        size_t at = comment_at(line, &open);
        if (at < line.len) {
            keep(f, &f->out->beside, path,
                 weir_str_trim((struct weir_str){line.ptr + at, line.len - at}));
        }
        inside = open;
        if (begins_block((struct weir_str){line.ptr, at}) && f->nodes[no]->quoted) {
            block = indent_of(line) + 1;
        }
    }
    if (pending) {
        f->out->footer = weir_arena_dup(
            &f->out->arena, (struct weir_str){pending, (size_t)(text.ptr + text.len - pending)});
    }
}

int weir_comments_read(struct weir_comments *out, struct weir_str text, const struct weir_yaml *doc,
                       struct weir_error *err)
{
    struct finding f = {.out = out, .lines = 1};
    *out = (struct weir_comments){0};
    weir_map_init(&out->above);
    weir_map_init(&out->beside);
    weir_arena_init(&out->arena, 32u << 20);
    for (size_t i = 0; i < text.len; i++) {
        f.lines += text.ptr[i] == '\n';
    }
    size_t room = (size_t)f.lines + 1;
    f.paths = calloc(room, sizeof *f.paths);
    f.nodes = calloc(room, sizeof *f.nodes);
    f.failed = !f.paths || !f.nodes;
    if (!f.failed) {
        find_lines(&f, weir_yaml_root(doc));
        read_lines(&f, text);
    }
    free(f.paths);
    free(f.nodes);
    return f.failed ? weir_fail(err, WEIR_ENOMEM, "out of memory for the file's comments")
                    : WEIR_OK;
}

void weir_comments_free(struct weir_comments *comments)
{
    weir_map_free(&comments->above);
    weir_map_free(&comments->beside);
    weir_arena_free(&comments->arena);
}
