/* The reader: libfyaml's events in, weir's tree out.
 *
 * libfyaml could build a tree itself, but it would resolve aliases by copying and accept tags,
 * and the bounds below are easier to trust when they stand where the nodes are made. */
#include "base/yaml.h"

#include <libfyaml.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"

#define MAX_BYTES  (1u << 20) /* a settings file of a megabyte is a mistake */
#define MAX_DEPTH  32
#define MAX_NODES  100000 /* written or reached through aliases */
#define MAX_MEMORY (64u << 20)

struct weir_yaml {
    const char *name;
    struct weir_yaml_node *root;
    struct weir_arena arena;
};

/* A node while it is being built. `nodes` is what it weighs when an alias repeats it. */
struct item {
    struct weir_yaml_node node;
    uint64_t nodes;
    bool complete;
};

struct open { /* a sequence or mapping that has not ended */
    struct item *item;
    struct weir_yaml_node *last;
    struct weir_str key; /* read, its value not yet; ptr NULL: the next scalar is a key */
    int key_line;
};

struct build {
    struct weir_yaml *doc;
    struct open stack[MAX_DEPTH];
    unsigned depth;
    unsigned documents;
    uint64_t nodes;
    int line;                /* of the last event */
    struct weir_map anchors; /* name → struct item */
    struct weir_map keys;    /* mapping's address and key → the key's node */
    struct weir_error *err;
};

static int fail_at(struct build *b, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int fail_at(struct build *b, int line, int column, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int code = weir_failv(b->err, WEIR_EINVAL, fmt, args);
    va_end(args);
    return column ? weir_error_prefix(b->err, code, "%s:%d:%d", b->doc->name, line, column)
                  : weir_error_prefix(b->err, code, "%s:%d", b->doc->name, line);
}

static int fail_memory(struct build *b)
{
    return weir_fail(b->err, WEIR_ENOMEM, "%s: out of memory", b->doc->name);
}

/* A value that is not written ("key:" alone) has no place of its own: it gets the last one seen. */
static int line_of(struct build *b, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark && mark->line + 1 > b->line) {
        b->line = mark->line + 1;
    }
    return b->line;
}

static int column_of(struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    return mark ? mark->column + 1 : 1;
}

static struct weir_str token_text(struct build *b, struct fy_token *token)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;
    return weir_arena_dup(&b->doc->arena, (struct weir_str){text ? text : "", text ? len : 0});
}

static bool is_null(struct weir_str s)
{
    return s.len == 0 || weir_str_is(s, "~") || weir_str_is(s, "null") || weir_str_is(s, "Null") ||
           weir_str_is(s, "NULL");
}

static int check_duplicate(struct build *b, const struct open *in, struct item *item)
{
    char text[512];
    int line = in->key_line;
    size_t n = sizeof in->item;
    if (in->key.len > sizeof text - n) {
        return fail_at(b, line, 0, "a key is longer than %zu bytes", sizeof text - n);
    }
    memcpy(text, &in->item, n);
    memcpy(text + n, in->key.ptr, in->key.len);
    struct weir_str id = {text, n + in->key.len};
    const struct weir_yaml_node *before = weir_map_get(&b->keys, id);
    if (before) {
        return fail_at(b, line, 0,
                       "key \"" WEIR_STR_FMT "\" is there twice (first in line %d); keep one",
                       WEIR_STR_ARG(in->key), before->key_line);
    }
    return weir_map_put(&b->keys, id, item) ? fail_memory(b) : WEIR_OK;
}

/* Hangs the finished head of a node into what is open. */
static int attach(struct build *b, struct item *item)
{
    if (b->depth == 0) {
        b->doc->root = &item->node;
        return WEIR_OK;
    }
    struct open *in = &b->stack[b->depth - 1];
    if (in->item->node.type == WEIR_YAML_MAPPING) {
        if (!in->key.ptr) {
            return fail_at(b, item->node.line, item->node.column,
                           "a key must be plain text, not a list or a mapping");
        }
        int code = check_duplicate(b, in, item);
        if (code) {
            return code;
        }
        item->node.key = in->key;
        item->node.key_line = in->key_line;
        in->key.ptr = NULL;
    }
    if (in->last) {
        in->last->next = &item->node;
    } else {
        in->item->node.first = &item->node;
    }
    in->last = &item->node;
    return WEIR_OK;
}

static int weigh(struct build *b, struct item *item, uint64_t nodes)
{
    b->nodes += nodes;
    item->nodes = nodes;
    if (b->nodes > MAX_NODES) {
        return fail_at(b, item->node.line, 0,
                       "more than %d values, aliases counted at their full size; make the file "
                       "smaller",
                       MAX_NODES);
    }
    for (unsigned i = 0; i < b->depth; i++) {
        b->stack[i].item->nodes += nodes;
    }
    return WEIR_OK;
}

static int new_item(struct build *b, struct fy_event *event, enum weir_yaml_type type,
                    struct fy_token *anchor, struct fy_token *tag, struct item **out)
{
    struct item *item = weir_arena_calloc(&b->doc->arena, sizeof *item);
    if (!item) {
        return fail_memory(b);
    }
    item->node.type = type;
    item->node.line = line_of(b, event);
    item->node.column = column_of(event);
    item->complete = type == WEIR_YAML_SCALAR;
    *out = item;
    if (tag) {
        struct weir_str text = token_text(b, tag);
        return fail_at(b, item->node.line, item->node.column,
                       "tags (\"" WEIR_STR_FMT "\") are not allowed here; write the plain value",
                       WEIR_STR_ARG(text));
    }
    if (anchor) {
        struct weir_str name = token_text(b, anchor);
        if (!name.ptr || weir_map_put(&b->anchors, name, item)) {
            return fail_memory(b);
        }
    }
    return weigh(b, item, 1);
}

static int on_scalar(struct build *b, struct fy_event *event)
{
    struct open *in = b->depth ? &b->stack[b->depth - 1] : NULL;
    struct weir_str text = token_text(b, event->scalar.value);
    struct item *item;
    if (!text.ptr) {
        return fail_memory(b);
    }
    int code = new_item(b, event, WEIR_YAML_SCALAR, event->scalar.anchor, event->scalar.tag, &item);
    if (code) {
        return code;
    }
    item->node.quoted =
        event->scalar.value && fy_token_scalar_style(event->scalar.value) != FYSS_PLAIN;
    if (in && in->item->node.type == WEIR_YAML_MAPPING && !in->key.ptr) {
        in->key = text;
        in->key_line = item->node.line;
        return WEIR_OK;
    }
    item->node.scalar = text;
    if (!item->node.quoted && is_null(text)) {
        item->node.type = WEIR_YAML_NULL;
    }
    return attach(b, item);
}

static int on_alias(struct build *b, struct fy_event *event)
{
    struct weir_str name = token_text(b, event->alias.anchor);
    const struct item *target = name.ptr ? weir_map_get(&b->anchors, name) : NULL;
    int line = line_of(b, event), column = column_of(event);
    if (!target || !target->complete) {
        return fail_at(b, line, column,
                       target ? "alias *" WEIR_STR_FMT " stands inside the value it names"
                              : "alias *" WEIR_STR_FMT " has no anchor before it",
                       WEIR_STR_ARG(name));
    }
    struct item *item = weir_arena_alloc(&b->doc->arena, sizeof *item);
    if (!item) {
        return fail_memory(b);
    }
    /* The children are shared: reading costs what was written, and `nodes` bounds the walk. */
    *item = *target;
    item->node.line = line;
    item->node.column = column;
    item->node.next = NULL;
    item->node.key = (struct weir_str){0};
    int code = weigh(b, item, target->nodes);
    return code ? code : attach(b, item);
}

static int on_open(struct build *b, struct fy_event *event, enum weir_yaml_type type)
{
    bool mapping = type == WEIR_YAML_MAPPING;
    struct item *item;
    int code = new_item(b, event, type,
                        mapping ? event->mapping_start.anchor : event->sequence_start.anchor,
                        mapping ? event->mapping_start.tag : event->sequence_start.tag, &item);
    code = code ? code : attach(b, item);
    if (code) {
        return code;
    }
    if (b->depth == MAX_DEPTH) {
        return fail_at(b, item->node.line, item->node.column, "nested deeper than %d levels",
                       MAX_DEPTH);
    }
    b->stack[b->depth++] = (struct open){.item = item};
    return WEIR_OK;
}

static int on_event(struct build *b, struct fy_event *event)
{
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return ++b->documents > 1 ? fail_at(b, line_of(b, event), 0,
                                            "a second document begins (\"---\"); a file holds one")
                                  : WEIR_OK;
    case FYET_SCALAR:
        return on_scalar(b, event);
    case FYET_ALIAS:
        return on_alias(b, event);
    case FYET_SEQUENCE_START:
        return on_open(b, event, WEIR_YAML_SEQUENCE);
    case FYET_MAPPING_START:
        return on_open(b, event, WEIR_YAML_MAPPING);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        b->stack[--b->depth].item->complete = true;
        return WEIR_OK;
    default:
        return WEIR_OK;
    }
}

/* What libfyaml found wrong: its first error, in our form. */
static int fail_syntax(struct build *b, struct fy_diag *diag)
{
    void *at = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &at);
    if (!error) {
        return weir_fail(b->err, WEIR_EINVAL, "%s: it is not YAML", b->doc->name);
    }
    return fail_at(b, error->line, error->column, "%s", error->msg);
}

static int build(struct build *b, struct weir_str text)
{
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.level = FYET_ERROR;
    diag_cfg.colorize = false;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (!diag) {
        return fail_memory(b);
    }
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    int code = WEIR_OK;
    struct fy_event *event = NULL;
    if (!parser || fy_parser_set_string(parser, text.ptr, text.len)) {
        code = fail_memory(b);
    }
    while (!code && (event = fy_parser_parse(parser))) {
        bool end = event->type == FYET_STREAM_END;
        code = on_event(b, event);
        fy_parser_event_free(parser, event);
        if (end) {
            goto out;
        }
    }
    code = code ? code : fail_syntax(b, diag);
out:
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return code;
}

static int line_at(struct weir_str text, size_t at)
{
    int line = 1;
    for (size_t i = 0; i < at; i++) {
        line += text.ptr[i] == '\n';
    }
    return line;
}

/* What must not reach the parser: it would stop early, say something unhelpful or, with a tab in
 * the wrong place, crash (libfyaml 0.7.12). */
static int check_bytes(struct build *b, struct weir_str text)
{
    if (text.len > MAX_BYTES) {
        weir_fail(b->err, WEIR_ETOOBIG, "%s: the file is larger than %u bytes", b->doc->name,
                  MAX_BYTES);
        return WEIR_ETOOBIG;
    }
    if (text.len >= 2 &&
        (memcmp(text.ptr, "\xff\xfe", 2) == 0 || memcmp(text.ptr, "\xfe\xff", 2) == 0)) {
        return fail_at(b, 1, 0, "the file is UTF-16; save it as UTF-8");
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\t') {
            return fail_at(b, line_at(text, i), 0, "a tab; use blanks (\"\\t\" inside quotes)");
        }
        if ((c < 0x20 && c != '\n' && c != '\r') || c == 0x7F) {
            return fail_at(b, line_at(text, i), 0,
                           c ? "control character 0x%02x; remove it"
                             : "NUL character (0x%02x); is this a text file?",
                           c);
        }
    }
    size_t valid = weir_utf8_valid_prefix(text);
    if (valid < text.len) {
        return fail_at(b, line_at(text, valid), 0,
                       "byte 0x%02x is not UTF-8; save the file as "
                       "UTF-8",
                       (unsigned char)text.ptr[valid]);
    }
    return WEIR_OK;
}

static const struct weir_yaml_node EMPTY = {.type = WEIR_YAML_NULL, .line = 1, .column = 1};

int weir_yaml_parse(struct weir_str text, const char *name, struct weir_yaml **out,
                    struct weir_error *err)
{
    struct weir_yaml *doc = calloc(1, sizeof *doc);
    *out = NULL;
    if (!doc) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", name);
    }
    weir_arena_init(&doc->arena, MAX_MEMORY);
    struct build b = {.doc = doc, .line = 1, .err = err};
    weir_map_init(&b.anchors);
    weir_map_init(&b.keys);
    doc->name = weir_arena_strdup(&doc->arena, name);
    int code = WEIR_OK;
    if (!doc->name) {
        doc->name = "";
        code = fail_memory(&b);
    }
    code = code ? code : check_bytes(&b, text);
    if (!code && text.len > 0) {
        code = build(&b, text);
    }
    weir_map_free(&b.anchors);
    weir_map_free(&b.keys);
    if (code) {
        weir_yaml_free(doc);
        return code;
    }
    *out = doc;
    return WEIR_OK;
}

void weir_yaml_free(struct weir_yaml *doc)
{
    if (doc) {
        weir_arena_free(&doc->arena);
        free(doc);
    }
}

const struct weir_yaml_node *weir_yaml_root(const struct weir_yaml *doc)
{
    return doc->root ? doc->root : &EMPTY;
}

const char *weir_yaml_name(const struct weir_yaml *doc)
{
    return doc->name;
}

const struct weir_yaml_node *weir_yaml_get(const struct weir_yaml_node *mapping, const char *key)
{
    if (!mapping || mapping->type != WEIR_YAML_MAPPING) {
        return NULL;
    }
    for (const struct weir_yaml_node *n = mapping->first; n; n = n->next) {
        if (weir_str_is(n->key, key)) {
            return n;
        }
    }
    return NULL;
}

bool weir_yaml_bool(const struct weir_yaml_node *node, bool *out)
{
    if (!node || node->type != WEIR_YAML_SCALAR || node->quoted) {
        return false;
    }
    bool yes = weir_str_is(node->scalar, "true") || weir_str_is(node->scalar, "True") ||
               weir_str_is(node->scalar, "TRUE");
    bool no = weir_str_is(node->scalar, "false") || weir_str_is(node->scalar, "False") ||
              weir_str_is(node->scalar, "FALSE");
    if (yes || no) {
        *out = yes;
    }
    return yes || no;
}

bool weir_yaml_i64(const struct weir_yaml_node *node, int64_t *out)
{
    return node && node->type == WEIR_YAML_SCALAR && !node->quoted &&
           weir_str_to_i64(node->scalar, out);
}

bool weir_yaml_str(const struct weir_yaml_node *node, struct weir_str *out)
{
    if (!node || node->type != WEIR_YAML_SCALAR) {
        return false;
    }
    *out = node->scalar;
    return true;
}

int weir_yaml_fail(struct weir_error *err, const struct weir_yaml *doc,
                   const struct weir_yaml_node *node, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int code = weir_failv(err, WEIR_EINVAL, fmt, args);
    va_end(args);
    int line = node ? (node->key_line ? node->key_line : node->line) : 0;
    return line ? weir_error_prefix(err, code, "%s:%d", doc->name, line)
                : weir_error_prefix(err, code, "%s", doc->name);
}

const char *weir_yaml_library_version(void)
{
    return fy_library_version();
}
