/* The frames of a page (docs/format/page.md), and when they go out. */
#include <endian.h>
#include <stdio.h>

#include "serve/page.h"
#include "serve/shelf.h"
#include "serve/source.h"
#include "serve/source_ills.h"
#include "serve/views.h"

#define MAX_HEAD    (1u << 20)
#define MAX_PENDING (1u << 20)   /* bytes that wait for the client */
#define PART        (256u << 10) /* bytes of a result in one frame; a multiple of 8 */

enum frame { FRAME_HEAD = 1, FRAME_BYTES, FRAME_END, FRAME_SAME, FRAME_ERROR, FRAME_DONE };

/* --- frames ----------------------------------------------------------------------------------- */

static void add_frame(struct weir_buf *out, enum frame kind, uint16_t index, struct weir_str bytes)
{
    size_t fill = -bytes.len & 7;
    uint32_t len = htole32((uint32_t)(bytes.len + fill));
    uint16_t place = htole16(index);
    const char kinds[2] = {(char)kind};
    weir_buf_add(out, &len, sizeof len);
    weir_buf_add(out, kinds, sizeof kinds);
    weir_buf_add(out, &place, sizeof place);
    weir_buf_adds(out, bytes);
    weir_buf_add(out, "       ", fill);
}

static void print_etag(const struct weir_kept *kept, char out[33])
{
    uint64_t bytes[2] = {htobe64(kept->etag.hi), htobe64(kept->etag.lo)};
    weir_hex(bytes, sizeof bytes, out);
}

static struct weir_stored *stored_of(const struct page *p)
{
    return weir_views_stored(weir_shelf_views(p->call.server->shelf));
}

static void print_ills(const struct weir_stored_ill *ills, struct weir_jw *w)
{
    static const char *const names[WEIR_SOURCE_ILL_KINDS] = {[WEIR_SOURCE_GONE] = "gone_since",
                                                             [WEIR_SOURCE_REMOVED] =
                                                                 "removed_since",
                                                             [WEIR_SOURCE_BROKEN] = "broken_since",
                                                             [WEIR_SOURCE_PAUSED] = "paused_since"};
    weir_jw_ktime_or_null(w, "failing_since", ills->source.of[WEIR_SOURCE_FAILS]);
    weir_jw_ktime_or_null(w, "view_failing_since", ills->view);
    for (size_t i = 0; i < WEIR_SOURCE_ILL_KINDS; i++) {
        if (names[i] && ills->source.of[i]) {
            weir_jw_ktime(w, names[i], ills->source.of[i]);
        }
    }
}

/* Names of what she sees of it, when the latest of that came, if she sees all of its rows, and
 * since when no new rows come of a source of it, or a materialized view fails, which tells of no
 * row. */
static void print_reads(const struct page *p, const struct weir_kept *kept, struct weir_jw *w)
{
    struct weir_source_ills *ills = weir_source_runs_ills(p->call.server->source_runs);
    weir_time fresh_at = 0;
    struct weir_stored_ill first = {.view = 0};
    bool all = true;
    struct weir_buf name;
    weir_buf_init(&name, 4096);
    weir_jw_keyz(w, "reads");
    weir_jw_array(w);
    for (size_t i = 0; i < kept->read_count; i++) {
        const struct weir_kept_read *r = &kept->reads[i];
        struct weir_table_version v =
            weir_warehouse_version_of(p->call.server->warehouse, r->schema, r->table);
        if (weir_str_eq(r->schema, WEIR_STR(WEIR_STORED_SCHEMA))) { /* its view was named already */
            struct weir_str view = r->table;                        /* views.NAME */
            (void)weir_str_cut(&view, '.');
            weir_time at = weir_stored_at(stored_of(p), view);
            fresh_at = at > fresh_at ? at : fresh_at;
            weir_stored_add_ills(stored_of(p), view, &first);
            continue;
        }
        if (weir_str_eq_nocase(r->schema, WEIR_STR(WEIR_VIEWS_SCHEMA))) {
            v.changed_at = 0; /* when it was made, which is no row's time */
        }
        if (!p->access || weir_access_sees(p->access, r->schema, r->table)) {
            weir_buf_reset(&name);
            weir_buf_adds(&name, r->schema);
            weir_buf_addc(&name, '.');
            weir_buf_adds(&name, r->table);
            weir_jw_str(w, weir_buf_str(&name));
        }
        all = all && (!p->access || weir_access_all_rows(p->access, r->schema, r->table));
        fresh_at = v.changed_at > fresh_at ? v.changed_at : fresh_at;
        weir_source_ills_add(ills, r->schema, r->table, &first.source);
    }
    weir_jw_array_end(w);
    weir_jw_ktime_or_null(w, "fresh_at", all ? fresh_at : 0);
    print_ills(&first, w);
    weir_buf_free(&name);
}

static void add_head(struct page *p, const struct tile *t, enum frame kind)
{
    static const char *const lives[] = {"none", "seconds", "tables"};
    char etag[33];
    struct weir_buf json;
    weir_buf_init(&json, MAX_HEAD);
    struct weir_jw w = weir_jw_on(&json);
    print_etag(t->kept, etag);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "query", t->query);
    weir_jw_kstrz(&w, "etag", etag);
    weir_jw_kbool(&w, "cached", t->cached);
    weir_jw_ktime(&w, "computed_at", t->kept->computed_at);
    print_reads(p, t->kept, &w);
    if (t->params.ptr) {
        weir_jw_keyz(&w, "params");
        weir_jw_raw(&w, t->params);
    }
    weir_jw_kstrz(&w, "life", lives[t->kept->life]);
    if (t->kept->expires_at) {
        weir_jw_ktime(&w, "expires_at", t->kept->expires_at);
    }
    weir_jw_object_end(&w);
    add_frame(&p->out, kind, t->index, weir_buf_str(&json));
    weir_buf_free(&json);
}

static void add_error(struct page *p, const struct tile *t)
{
    struct weir_buf json;
    weir_buf_init(&json, 16384);
    weir_serve_print_error(&json, &t->err, t->from ? t->from->body.request.sql : NULL, t->offset);
    add_frame(&p->out, FRAME_ERROR, t->index, weir_buf_str(&json));
    weir_buf_free(&json);
}

static void add_end(struct page *p, const struct tile *t)
{
    char json[128];
    long long took = t->kept->elapsed;
    int n =
        snprintf(json, sizeof json, "{\"rows\":%llu,\"truncated\":%s,\"elapsed_ms\":%lld.%03lld}",
                 (unsigned long long)t->kept->rows, t->kept->truncated ? "true" : "false",
                 took / 1000, took % 1000);
    add_frame(&p->out, FRAME_END, t->index, (struct weir_str){json, (size_t)n});
}

void weir_page_add_done(struct page *p)
{
    char json[128];
    long long took = weir_mono() - p->began;
    int n = snprintf(json, sizeof json, "{\"elapsed_ms\":%lld.%03lld,\"hits\":%u,\"misses\":%u}",
                     took / 1000, took % 1000, p->hits, p->misses);
    add_frame(&p->out, FRAME_DONE, 0, (struct weir_str){json, (size_t)n});
}

/* --- sending ---------------------------------------------------------------------------------- */

void weir_page_drop(struct tile *t)
{
    weir_kept_release(t->kept);
    weir_compiling_free(t->from);
    t->kept = NULL;
    t->from = NULL;
    t->state = TILE_SENT;
    t->page->unsent--;
}

/* A frame or more of this tile; true when that was all. */
static bool add_part(struct page *p, struct tile *t)
{
    char etag[33];
    if (!t->kept) {
        add_error(p, t);
        return true;
    }
    if (!t->headed) {
        print_etag(t->kept, etag);
        t->headed = true;
        if (weir_str_is(t->known, etag)) {
            add_head(p, t, FRAME_SAME);
            return true;
        }
        add_head(p, t, FRAME_HEAD);
    }
    struct weir_str rest = {t->kept->bytes.ptr + t->sent, t->kept->bytes.len - t->sent};
    rest.len = rest.len > PART ? PART : rest.len;
    add_frame(&p->out, FRAME_BYTES, t->index, rest);
    t->sent += rest.len;
    if (t->sent < t->kept->bytes.len) {
        return false;
    }
    add_end(p, t);
    return true;
}

static struct tile *next_ready(const struct page *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->tiles[i].state == TILE_READY) {
            return &p->tiles[i];
        }
    }
    return NULL;
}

static void begin(struct page *p)
{
    if (!p->begun) {
        p->begun = true;
        p->call.server->requests[2]++;
        weir_http_begin(p->call.req, 200, "application/vnd.weir.page");
    }
}

bool weir_page_is_clogged(const struct page *p)
{
    return p->begun && weir_http_pending(p->call.req) > MAX_PENDING;
}

static void pass_on(struct page *p)
{
    begin(p);
    weir_http_chunk(p->call.req, weir_buf_str(&p->out));
    weir_buf_reset(&p->out);
}

void weir_page_send(struct page *p)
{
    for (struct tile *t; p->warmed && (t = next_ready(p));) {
        weir_page_drop(t);
    }
    while (!p->gone && !weir_page_is_clogged(p)) {
        p->sending = p->sending ? p->sending : next_ready(p);
        if (!p->sending) {
            break;
        }
        if (add_part(p, p->sending)) {
            weir_page_drop(p->sending);
            p->sending = NULL;
        }
        if (p->out.len > PART) {
            pass_on(p);
        }
    }
    if (p->out.len && !p->gone && p->unsent) {
        pass_on(p);
    }
}
