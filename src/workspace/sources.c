#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "io/file.h"
#include "workspace/files.h"
#include "workspace/kinds.h"
#include "workspace/name.h"
#include "workspace/workspace.h"

#define MAX_FILE    (1u << 20)
#define MAX_ARENA   (64u << 20)
#define MAX_SOURCES 10000

static const char *const ip_policies[] = {"keep", "anonymize", "drop", NULL};

/* The first is that of a file that says none. */
#define NAME(kind) #kind,
static const char *const kinds[] = {"tracking", WEIR_SOURCE_KINDS(NAME) NULL};

const struct weir_option weir_source_options[] = {
    {.name = "kind",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_source, kind),
     .fallback = "tracking",
     .choices = kinds,
     .help = "tracking: apps send events with the write key; others are read by weir, and their "
             "files hold other keys"},
    {.name = "write_key",
     .type = WEIR_OPT_TEXT,
     .offset = offsetof(struct weir_source, write_key),
     .help = "what SDKs are configured with; 16 to 128 letters, digits, `_` and `-`"},
    {.name = "old_write_keys",
     .type = WEIR_OPT_LIST,
     .offset = offsetof(struct weir_source, old_write_keys),
     .fallback = "",
     .help = "keys that are still accepted, while clients move to a new one"},
    {.name = "strict",
     .type = WEIR_OPT_BOOL,
     .offset = offsetof(struct weir_source, strict),
     .fallback = "false",
     .help = "when one source says true, write keys that belong to no source are answered 401 "
             "instead of being kept in quarantine"},
    {.name = "disabled",
     .type = WEIR_OPT_BOOL,
     .offset = offsetof(struct weir_source, disabled),
     .fallback = "false",
     .help = "true: its events are answered 200 and kept in quarantine, not loaded"},
    {.name = "ip",
     .type = WEIR_OPT_CHOICE,
     .offset = offsetof(struct weir_source, ip),
     .fallback = "keep",
     .choices = ip_policies,
     .help = "what is stored of the sender's address: all of it, all but the last part (the last 8 "
             "bits of IPv4, 80 of IPv6), or nothing"},
    {0}};

/* --- reading -----------------------------------------------------------------------------------
 */

struct reading {
    const char *dir; /* dir/sources */
    struct weir_sources *out;
    size_t room;
    char problems[sizeof((struct weir_error *)0)->message];
    int code; /* of the first problem */
};

/* A broken file must not hide the next one's mistake: all are told at once. */
static int note_problem(struct reading *r, const struct weir_error *one)
{
    size_t len = strlen(r->problems);
    snprintf(r->problems + len, sizeof r->problems - len, "%s%s", len ? "\n" : "", one->message);
    r->code = r->code ? r->code : one->code;
    return WEIR_OK;
}

static int note_broken(struct reading *r, struct weir_str name, const struct weir_error *one)
{
    struct weir_sources *out = r->out;
    if (!out->broken) {
        out->broken = weir_arena_alloc(&out->arena, MAX_SOURCES * sizeof *out->broken);
    }
    const char *copy = weir_arena_dup(&out->arena, name).ptr;
    if (out->broken && copy && out->broken_count < MAX_SOURCES) {
        out->broken[out->broken_count++] = copy;
    }
    return note_problem(r, one);
}

static bool ignored(struct weir_str name)
{
    return name.ptr[0] == '.' || weir_str_ends(name, WEIR_STR("~")) ||
           !(weir_str_ends(name, WEIR_STR(".yml")) || weir_str_ends(name, WEIR_STR(".yaml")));
}

static int check_keys(const struct weir_source *source, const struct weir_yaml *doc,
                      struct weir_error *err)
{
    const struct weir_yaml_node *root = weir_yaml_root(doc);
    struct weir_error why = {0};
    if (weir_write_key_check(weir_str_of(source->write_key), &why)) {
        return weir_yaml_fail(err, doc, weir_yaml_get(root, "write_key"), "%s", why.message);
    }
    for (size_t i = 0; i < source->old_write_keys.count; i++) {
        if (weir_write_key_check(weir_str_of(source->old_write_keys.items[i]), &why)) {
            return weir_yaml_fail(err, doc, weir_yaml_get(root, "old_write_keys"), "%s",
                                  why.message);
        }
    }
    return WEIR_OK;
}

/* A source that weir reads from: nothing more of its file is looked at here, so a mistake in it
 * never keeps events from coming. */
static const char *kind_read(const struct weir_yaml *doc)
{
    struct weir_str kind;
    if (weir_yaml_str(weir_yaml_get(weir_yaml_root(doc), "kind"), &kind)) {
        for (size_t i = 1; kinds[i]; i++) {
            if (weir_str_is(kind, kinds[i])) {
                return kinds[i];
            }
        }
    }
    return NULL;
}

static int add_read(struct weir_sources *out, const char *name, const char *kind,
                    struct weir_error *err)
{
    if (!out->read) {
        out->read = weir_arena_alloc(&out->arena, MAX_SOURCES * sizeof *out->read);
    }
    if (!out->read || out->read_count == MAX_SOURCES) {
        return weir_fail(err, out->read ? WEIR_ETOOBIG : WEIR_ENOMEM,
                         "more sources than weir can hold (%d)", MAX_SOURCES);
    }
    out->read[out->read_count++] = (struct weir_source_read){name, kind};
    return WEIR_OK;
}

static int parse_source(struct reading *r, struct weir_str name, const struct weir_buf *text,
                        struct weir_source *source, struct weir_error *err)
{
    struct weir_arena *arena = &r->out->arena;
    struct weir_yaml *doc = NULL;
    source->name = weir_arena_dup(arena, name).ptr;
    source->path = weir_arena_printf(arena, "sources/" WEIR_STR_FMT ".yml", WEIR_STR_ARG(name));
    if (!source->name || !source->path) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the sources");
    }
    int code = weir_yaml_parse(weir_buf_str(text), source->path, &doc, err);
    const char *kind = code ? NULL : kind_read(doc);
    if (kind) {
        code = add_read(r->out, source->name, kind, err);
        source->name = NULL;
        weir_yaml_free(doc);
        return code;
    }
    code = code ? code : weir_options_default(weir_source_options, source, arena, err);
    code =
        code ? code
             : weir_options_yaml(weir_source_options, source, arena, doc, weir_yaml_root(doc), err);
    code = code ? code : check_keys(source, doc, err);
    weir_yaml_free(doc);
    return code;
}

static int add_source(struct weir_sources *out, size_t *room, const struct weir_source *source,
                      struct weir_error *err)
{
    if (out->count == *room) {
        size_t more = *room ? *room * 2 : 8;
        struct weir_source *items = weir_arena_alloc(&out->arena, more * sizeof *items);
        if (!items || out->count >= MAX_SOURCES) {
            return weir_fail(err, items ? WEIR_ETOOBIG : WEIR_ENOMEM,
                             "more sources than weir can hold (%d)", MAX_SOURCES);
        }
        if (out->count) {
            memcpy(items, out->items, out->count * sizeof *items);
        }
        out->items = items;
        *room = more;
    }
    out->items[out->count++] = *source;
    out->strict = out->strict || source->strict;
    return WEIR_OK;
}

static int read_source(const char *file, void *arg, struct weir_error *err)
{
    struct reading *r = arg;
    struct weir_error why = {0};
    struct weir_str full = weir_str_of(file);
    if (ignored(full)) {
        return WEIR_OK;
    }
    if (weir_str_ends(full, WEIR_STR(".yaml"))) {
        weir_fail(&why, WEIR_EINVAL, "sources/%s: source files end in .yml; rename it", file);
        return note_problem(r, &why);
    }
    struct weir_str name = {file, full.len - strlen(".yml")};
    if (weir_source_name_check(name, &why)) {
        weir_error_prefix(&why, why.code, "sources/%s", file);
        return note_problem(r, &why);
    }
    struct weir_buf text;
    struct weir_source source = {0};
    weir_buf_init(&text, MAX_FILE);
    int code = weir_files_read(r->dir, file, &text, &why);
    code = code ? code : parse_source(r, name, &text, &source, &why);
    weir_buf_free(&text);
    return code          ? note_broken(r, name, &why)
           : source.name ? add_source(r->out, &r->room, &source, err)
                         : WEIR_OK;
}

static bool has_key(const struct weir_source *source, const char *key)
{
    bool found = strcmp(source->write_key, key) == 0;
    for (size_t i = 0; i < source->old_write_keys.count; i++) {
        found = found || strcmp(source->old_write_keys.items[i], key) == 0;
    }
    return found;
}

static bool share_key(const struct weir_source *a, const struct weir_source *b)
{
    bool shared = has_key(b, a->write_key);
    for (size_t i = 0; i < a->old_write_keys.count; i++) {
        shared = shared || has_key(b, a->old_write_keys.items[i]);
    }
    return shared;
}

static void fail_shared(struct weir_error *why, const struct weir_source *a,
                        const struct weir_source *b)
{
    weir_fail(why, WEIR_EINVAL,
              "%s has a write key of %s: an event could not say whose it is; give one of them "
              "another",
              a->path, b->path);
}

static bool check_shared_keys(struct reading *r)
{
    struct weir_error why = {0};
    bool any = false;
    const struct weir_sources *all = r->out;
    for (size_t i = 0; i < all->count; i++) {
        struct weir_source *a = &all->items[i];
        for (size_t k = 0; k < i; k++) {
            struct weir_source *b = &all->items[k];
            if (share_key(a, b)) {
                fail_shared(&why, a, b);
                note_problem(r, &why);
                a->shares = b->path;
                b->shares = a->path;
                any = true;
            }
        }
    }
    return any;
}

/* --- noticing changes --------------------------------------------------------------------------
 */

struct printing {
    const char *dir;
    uint64_t hash;
};

static int print_file(const char *file, void *arg, struct weir_error *err)
{
    struct printing *p = arg;
    struct stat st;
    (void)err;
    if (ignored(weir_str_of(file))) {
        return WEIR_OK;
    }
    char *path = weir_path_join(p->dir, file);
    int64_t facts[4] = {0};
    if (path && stat(path, &st) == 0) {
        facts[0] = st.st_size;
        facts[1] = st.st_mtim.tv_sec;
        facts[2] = st.st_mtim.tv_nsec;
        facts[3] = (int64_t)st.st_ino; /* a replaced file of the same size and second is another */
    }
    free(path);
    p->hash = weir_hash64(file, strlen(file), p->hash);
    p->hash = weir_hash64(facts, sizeof facts, p->hash);
    return WEIR_OK;
}

static uint64_t fingerprint(const char *dir)
{
    struct printing p = {dir, 1};
    struct weir_error ignored_error;
    /* A folder that is gone or unreadable is a state like another: it differs from before. */
    return weir_dir_each(dir, print_file, &p, &ignored_error) ? 0 : p.hash;
}

int weir_sources_load_most(const struct weir_workspace *workspace, struct weir_sources *out,
                           struct weir_error *err)
{
    char *dir = weir_path_join(workspace->dir, "sources");
    struct reading r = {.dir = dir, .out = out};
    *out = (struct weir_sources){0};
    weir_arena_init(&out->arena, MAX_ARENA);
    if (!dir) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the sources");
    }
    /* Taken before reading: a change in between is seen as one by the next check. */
    out->fingerprint = fingerprint(dir);
    int code = weir_dir_each(dir, read_source, &r, err);
    if (code == WEIR_ENOENT) {
        code = WEIR_OK; /* no sources yet */
    }
    if (!code) {
        (void)check_shared_keys(&r);
        out->partly = r.code;
        /* A key that is not known may be one of a file that cannot be read. */
        out->strict = out->strict && !r.code;
        code = r.code ? weir_fail(err, r.code, "%s", r.problems) : WEIR_OK;
    }
    free(dir);
    return code;
}

static bool copy_source(struct weir_arena *arena, const struct weir_source *from,
                        struct weir_source *to)
{
    const struct weir_text_list *old = &from->old_write_keys;
    const char **items = weir_arena_alloc(arena, (old->count + 1) * sizeof *items);
    *to = *from;
    to->name = weir_arena_strdup(arena, from->name);
    to->path = weir_arena_strdup(arena, from->path);
    to->write_key = weir_arena_strdup(arena, from->write_key);
    to->shares = from->shares ? weir_arena_strdup(arena, from->shares) : NULL;
    bool there = items && to->name && to->path && to->write_key && (to->shares || !from->shares);
    for (size_t i = 0; there && i < old->count; i++) {
        items[i] = weir_arena_strdup(arena, old->items[i]);
        there = items[i] != NULL;
    }
    to->old_write_keys.items = items;
    return there;
}

/* `shares`: also one that had a key of another before. */
static int keep_source(struct reading *r, const char *name, const struct weir_sources *before,
                       bool shares, struct weir_error *err)
{
    int code = WEIR_OK;
    for (size_t k = 0; !code && k < before->count; k++) {
        struct weir_source kept;
        if (strcmp(before->items[k].name, name) == 0 && (shares || !before->items[k].shares)) {
            code = copy_source(&r->out->arena, &before->items[k], &kept)
                       ? add_source(r->out, &r->room, &kept, err)
                       : weir_fail(err, WEIR_ENOMEM, "out of memory for the sources");
        }
    }
    return code;
}

/* A key that two had before is nobody's while the file of one of them cannot be read. */
static bool check_kept_keys(struct reading *r)
{
    struct weir_error why = {0};
    bool any = false;
    for (size_t i = 0; i < r->out->count; i++) {
        struct weir_source *a = &r->out->items[i];
        for (size_t k = 0; k < i; k++) {
            struct weir_source *b = &r->out->items[k];
            if (share_key(a, b) && !a->shares && !b->shares) {
                fail_shared(&why, a, b);
                note_problem(r, &why);
                any = true;
            } else if (share_key(a, b)) {
                a->shares = b->path;
                b->shares = a->path;
            }
        }
    }
    return any;
}

int weir_sources_keep(struct weir_sources *sources, const struct weir_sources *before,
                      struct weir_error *err)
{
    struct reading r = {.out = sources};
    const struct weir_source *read = sources->items;
    size_t count = sources->count;
    bool strict = sources->strict;
    int code = WEIR_OK;
    sources->items = NULL;
    sources->count = 0;
    for (size_t i = 0; !code && i < count; i++) {
        code = read[i].shares ? keep_source(&r, read[i].name, before, false, err)
                              : add_source(sources, &r.room, &read[i], err);
    }
    for (size_t i = 0; !code && i < sources->broken_count; i++) {
        code = keep_source(&r, sources->broken[i], before, true, err);
    }
    sources->strict = strict; /* its file may hold another key by now */
    return code || !check_kept_keys(&r) ? code : weir_fail(err, r.code, "%s", r.problems);
}

int weir_sources_load(const struct weir_workspace *workspace, struct weir_sources *out,
                      struct weir_error *err)
{
    int code = weir_sources_load_most(workspace, out, err);
    if (code) {
        weir_sources_free(out);
    }
    return code;
}

int weir_sources_load_good(const struct weir_workspace *workspace, struct weir_sources *out,
                           struct weir_error *err)
{
    int code = weir_sources_load_most(workspace, out, err);
    code = out->partly ? WEIR_OK : code;
    if (code) {
        weir_sources_free(out);
    }
    return code;
}

void weir_sources_free(struct weir_sources *sources)
{
    weir_arena_free(&sources->arena);
    *sources = (struct weir_sources){0};
}

bool weir_sources_changed(const struct weir_workspace *workspace,
                          const struct weir_sources *sources)
{
    char *dir = weir_path_join(workspace->dir, "sources");
    bool changed = dir && fingerprint(dir) != sources->fingerprint;
    free(dir);
    return changed;
}

bool weir_sources_gone(const struct weir_sources *sources)
{
    return sources->fingerprint == 0;
}

/* Looks at every byte of `key`, however early they differ. */
static bool same_key(struct weir_str key, const char *known)
{
    size_t len = strlen(known);
    unsigned char differ = len != key.len;
    for (size_t i = 0; i < key.len; i++) {
        differ |= (unsigned char)(key.ptr[i] ^ (i < len ? known[i] : 0));
    }
    return differ == 0;
}

const struct weir_source *weir_sources_by_key(const struct weir_sources *sources,
                                              struct weir_str write_key)
{
    const struct weir_source *found = NULL;
    for (size_t i = 0; i < sources->count && write_key.len > 0; i++) {
        const struct weir_source *s = &sources->items[i];
        bool match = same_key(write_key, s->write_key);
        for (size_t k = 0; k < s->old_write_keys.count; k++) {
            match |= same_key(write_key, s->old_write_keys.items[k]);
        }
        found = match && !s->shares ? s : found;
    }
    return found;
}
