#include "serve/kept_versions.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_write.h"
#include "io/file.h"

#define MAX_FILE  (64u << 20)
#define MAX_DEPTH 8

struct weir_kept_versions {
    const char *path;      /* of versions.json */
    const char *warehouse; /* its file */
    const char *wal;
    struct weir_arena arena;
    struct weir_all_versions all;
    bool known;
};

/* What changes with every write to the file, and with every file in its place. */
static void print_looks(struct weir_jw *w, const struct stat *st)
{
    weir_jw_keyz(w, "warehouse");
    weir_jw_array(w);
    weir_jw_u64(w, (uint64_t)st->st_dev);
    weir_jw_u64(w, (uint64_t)st->st_ino);
    weir_jw_i64(w, (int64_t)st->st_size);
    weir_jw_i64(w, (int64_t)st->st_mtim.tv_sec);
    weir_jw_i64(w, (int64_t)st->st_mtim.tv_nsec);
    weir_jw_i64(w, (int64_t)st->st_ctim.tv_sec);
    weir_jw_i64(w, (int64_t)st->st_ctim.tv_nsec);
    weir_jw_array_end(w);
}

static bool looks_the_same(const struct weir_kept_versions *v, struct weir_json root)
{
    struct weir_buf now, then;
    struct stat st;
    if (stat(v->warehouse, &st) || access(v->wal, F_OK) == 0) {
        return false;
    }
    weir_buf_init(&now, 4096);
    weir_buf_init(&then, 4096);
    struct weir_jw w = weir_jw_on(&now);
    weir_jw_object(&w);
    print_looks(&w, &st);
    weir_jw_object_end(&w);
    weir_buf_addz(&then, "{\"warehouse\":");
    weir_json_print(weir_json_get(root, "warehouse"), &then);
    weir_buf_addc(&then, '}');
    bool same = weir_buf_ok(&now) && weir_buf_ok(&then) &&
                weir_str_eq(weir_buf_str(&now), weir_buf_str(&then));
    weir_buf_free(&now);
    weir_buf_free(&then);
    return same;
}

/* ["schema","table",version] */
static bool read_table(struct weir_kept_versions *v, struct weir_json item,
                       struct weir_table_read *out)
{
    struct weir_json value[3] = {{0}};
    struct weir_json_iter it = weir_json_begin(item);
    struct weir_str schema, table;
    for (size_t i = 0; i < 3 && weir_json_next(&it, NULL, &value[i]); i++) {
    }
    if (!weir_json_str(value[0], &schema) || !weir_json_str(value[1], &table) ||
        !weir_json_u64(value[2], &out->version)) {
        return false;
    }
    out->schema = weir_arena_dup(&v->arena, schema);
    out->table = weir_arena_dup(&v->arena, table);
    return out->schema.ptr && out->table.ptr;
}

static bool read_all(struct weir_kept_versions *v, struct weir_json root)
{
    struct weir_json tables = weir_json_get(root, "tables"), item;
    uint64_t format;
    size_t count = weir_json_count(tables);
    v->all.tables = weir_arena_calloc(&v->arena, (count + 1) * sizeof *v->all.tables);
    if (!v->all.tables || !weir_json_u64(weir_json_get(root, "format"), &format) || format != 1 ||
        !weir_json_u64(weir_json_get(root, "rest"), &v->all.rest) || !looks_the_same(v, root)) {
        return false;
    }
    struct weir_json_iter it = weir_json_begin(tables);
    while (weir_json_next(&it, NULL, &item)) {
        if (!read_table(v, item, &v->all.tables[v->all.count++])) {
            return false;
        }
    }
    return true;
}

int weir_kept_versions_read(struct weir_workspace *workspace, struct weir_kept_versions **out,
                            struct weir_error *err)
{
    struct weir_kept_versions *v = calloc(1, sizeof *v);
    struct weir_json root;
    struct weir_buf text;
    struct weir_error why;
    const char *dir = weir_workspace_path(workspace, "cache");
    *out = v;
    if (!v) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the versions of tables");
    }
    weir_arena_init(&v->arena, MAX_FILE);
    v->path = weir_workspace_path(workspace, "cache/versions.json");
    v->warehouse = weir_workspace_path(workspace, "warehouse.duckdb");
    v->wal = weir_workspace_path(workspace, "warehouse.duckdb.wal");
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    if (!dir || !v->path || !v->warehouse || !v->wal || !parser) {
        weir_json_parser_free(parser);
        return weir_fail(err, WEIR_ENOMEM, "no memory for the versions of tables");
    }
    weir_buf_init(&text, MAX_FILE);
    v->known = weir_file_read(v->path, &text, &why) == 0 &&
               weir_json_parse(parser, weir_buf_str(&text), &root, &why) == 0 && read_all(v, root);
    weir_buf_free(&text);
    weir_json_parser_free(parser);
    /* Gone before the first change: whatever happens now, they are not found again. */
    if (unlink(v->path) && errno != ENOENT) {
        v->known = false;
    }
    v->known = v->known && weir_dir_sync(dir, &why) == 0;
    return 0;
}

int weir_kept_versions_apply(struct weir_kept_versions *v, struct weir_warehouse *warehouse,
                             struct weir_error *err)
{
    return v->known ? weir_warehouse_set_versions(warehouse, &v->all, err)
                    : weir_fail(err, WEIR_ENOENT, "no versions of tables were kept");
}

void weir_kept_versions_note(struct weir_kept_versions *v, const struct weir_warehouse *warehouse)
{
    struct weir_error why;
    weir_arena_reset(&v->arena);
    v->known = warehouse && weir_warehouse_stillness(warehouse) &&
               weir_warehouse_versions(warehouse, &v->arena, &v->all, &why) == 0;
}

void weir_kept_versions_write(struct weir_kept_versions *v, const struct weir_log *log)
{
    struct weir_error why;
    struct weir_buf text;
    struct stat st;
    if (!v->known || stat(v->warehouse, &st) || access(v->wal, F_OK) == 0) {
        return;
    }
    weir_buf_init(&text, MAX_FILE);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_ku64(&w, "format", 1);
    print_looks(&w, &st);
    weir_jw_ku64(&w, "rest", v->all.rest);
    weir_jw_keyz(&w, "tables");
    weir_jw_array(&w);
    for (size_t i = 0; i < v->all.count; i++) {
        weir_jw_array(&w);
        weir_jw_str(&w, v->all.tables[i].schema);
        weir_jw_str(&w, v->all.tables[i].table);
        weir_jw_u64(&w, v->all.tables[i].version);
        weir_jw_array_end(&w);
    }
    weir_jw_array_end(&w);
    weir_jw_object_end(&w);
    int rc = weir_buf_check(&text, "the versions of tables", &why);
    rc = rc ? rc : weir_file_replace(v->path, weir_buf_str(&text), 0600, &why);
    if (rc) {
        weir_log(log, WEIR_LOG_WARN, "what is kept will not be used after the next start", "error",
                 why.message);
    }
    weir_buf_free(&text);
}

void weir_kept_versions_free(struct weir_kept_versions *v)
{
    if (v) {
        weir_arena_free(&v->arena);
        free(v);
    }
}
