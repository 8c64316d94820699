/* A stream costs a few hundred bytes and its connection. One event is printed once and added to
 * each. */
#include "serve/changes.h"

#include <stdlib.h>

#include "serve/embeds.h"
#include "serve/listeners.h"
#include "serve/shelf.h"
#include "serve/source.h"
#include "serve/source_ills.h"
#include "serve/views.h"

#define MAX_PENDING (64u << 10)
#define BEAT_EVERY  (15 * WEIR_SECOND)
#define MAX_RIGHTS  (4u << 20)
#define LOOK_EVERY  WEIR_SECOND
#define MAX_TABLES  500 /* of one event; more are told as "*" */
/* What an embedded page hears: something changed. No names of tables or people. */
#define EMBEDDED_TABLES  WEIR_STR("data: {\"kind\":\"tables\",\"tables\":[\"*\"]}\n\n")
#define EMBEDDED_VERSION WEIR_STR("data: {\"kind\":\"publication\"}\n\n")

struct stream {
    struct weir_listener page;
    struct weir_changes *changes;
    struct weir_str embed;      /* the token, in the request; ptr NULL: no embedded page */
    unsigned rights;            /* as of which change of rights the levels are */
    struct weir_access *access; /* NULL: she sees all tables */
    struct weir_levels levels;
    struct weir_arena arena;
};

struct weir_changes {
    struct weir_server *server;
    struct weir_listeners pages; /* struct stream */
    struct weir_timer *beat, *look;
    unsigned rights;          /* counts their changes */
    uint64_t change, catalog; /* of the warehouse, that was told last */
};

static struct stream *stream_of(struct weir_listener *page)
{
    return (struct stream *)page;
}

static void free_stream(struct weir_listener *page)
{
    struct stream *s = stream_of(page);
    weir_arena_free(&s->arena);
    free(s);
}

/* False when it cannot be said what she may hear. */
static bool renew(struct stream *s)
{
    struct weir_error ignored;
    struct weir_call call = {.server = s->changes->server, .req = s->page.req, .who = s->page.who};
    if (s->rights == s->changes->rights) {
        return true;
    }
    s->rights = s->changes->rights;
    weir_arena_free(&s->arena);
    weir_arena_init(&s->arena, MAX_RIGHTS);
    return weir_levels_of(&call, &s->arena, &s->levels, &ignored) == 0 &&
           weir_caller_access(call.server->state, &s->page.who, &s->arena, &s->access, &ignored) ==
               0;
}

/* `change` is NULL for what everybody may know. Viewers have no use for views and snippets, whose
 * names tell of tables. */
static bool may_hear(const struct stream *s, const struct weir_change *change)
{
    if (!change) {
        return true;
    }
    if (s->embed.ptr) {
        return change->event && strcmp(change->event, "publication") == 0 &&
               strcmp(change->id, s->page.who.only) == 0;
    }
    if (s->levels.viewer && strcmp(change->kind, "report") != 0 &&
        strcmp(change->kind, "collection") != 0) {
        return false;
    }
    if (!*change->collection) {
        return true;
    }
    enum weir_level level = weir_level_of(&s->levels, change->id, change->collection);
    return level == WEIR_LEVEL_EDIT ||
           (level == WEIR_LEVEL_VIEW &&
            !(change->draft && weir_levels_published(&s->levels, change->id)));
}

static bool is_over(struct stream *s)
{
    return weir_listener_is_over(&s->page) || !renew(s) ||
           (s->embed.ptr && !weir_embeds_hold(s->changes->server, s->embed));
}

/* The next stream that may go on; those that may not are ended. `*at` begins as the first page. */
static struct stream *next_stream(struct weir_listener **at)
{
    while (*at) {
        struct stream *s = stream_of(*at);
        *at = s->page.next;
        if (!is_over(s)) {
            return s;
        }
        weir_listener_end(&s->page);
    }
    return NULL;
}

static void send_all(struct weir_changes *c, struct weir_str text, const struct weir_change *change)
{
    struct weir_listener *at = c->pages.first;
    for (struct stream *s; (s = next_stream(&at));) {
        if (may_hear(s, change)) {
            weir_http_chunk(s->page.req, s->embed.ptr && change ? EMBEDDED_VERSION : text);
        }
    }
}

static void beat(void *arg)
{
    send_all(arg, WEIR_STR(": still here\n\n"), NULL);
}

/* --- tables --------------------------------------------------------------------------------- */

/* Those that she sees; false when there are none. */
static bool print_tables(struct weir_buf *out, const struct weir_changed *changed,
                         const struct weir_access *access)
{
    struct weir_jw w = weir_jw_on(out);
    bool all = changed->all || changed->count > MAX_TABLES, any = all;
    weir_buf_reset(out);
    weir_buf_addz(out, "data: ");
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "kind", "tables");
    weir_jw_keyz(&w, "tables");
    weir_jw_array(&w);
    if (all) { /* which says nothing of any table */
        weir_jw_strz(&w, "*");
    }
    for (size_t i = 0; !all && i < changed->count; i++) {
        struct weir_changed_table t = changed->tables[i];
        struct weir_buf name;
        if (weir_str_is(t.schema, WEIR_STORED_SCHEMA)) { /* the table `views.mrr` of that view */
            t.schema = weir_str_cut(&t.table, '.');
        }
        if (t.table.ptr && (!access || weir_access_sees(access, t.schema, t.table))) {
            weir_buf_init(&name, 1 << 16);
            weir_buf_addf(&name, WEIR_STR_FMT "." WEIR_STR_FMT, WEIR_STR_ARG(t.schema),
                          WEIR_STR_ARG(t.table));
            weir_jw_str(&w, weir_buf_str(&name));
            weir_buf_free(&name);
            any = true;
        }
    }
    weir_jw_array_end(&w);
    weir_jw_object_end(&w);
    weir_buf_addz(out, "\n\n");
    return any && weir_buf_ok(out);
}

static void tell_tables(struct weir_changes *c, const struct weir_changed *changed)
{
    struct weir_buf everything, hers;
    weir_buf_init(&everything, 4u << 20);
    weir_buf_init(&hers, 4u << 20);
    bool any = print_tables(&everything, changed, NULL);
    struct weir_listener *at = c->pages.first;
    for (struct stream *s; (s = next_stream(&at));) {
        if (s->embed.ptr) {
            weir_http_chunk(s->page.req, EMBEDDED_TABLES);
        } else if (!s->access && any) {
            weir_http_chunk(s->page.req, weir_buf_str(&everything));
        } else if (s->access && print_tables(&hers, changed, s->access)) {
            weir_http_chunk(s->page.req, weir_buf_str(&hers));
        }
    }
    weir_buf_free(&everything);
    weir_buf_free(&hers);
}

/* Once a second, so that is how often a change of tables is told at most. */
static void look(void *arg)
{
    struct weir_changes *c = arg;
    struct weir_warehouse *warehouse = c->server->warehouse;
    uint64_t catalog = weir_warehouse_catalog_version(warehouse);
    uint64_t change = weir_warehouse_change(warehouse);
    if (c->pages.first && catalog != c->catalog) {
        send_all(c, WEIR_STR("data: {\"kind\":\"schema\"}\n\n"), NULL);
    }
    c->catalog = catalog;
    if (c->pages.first && change != c->change) {
        struct weir_arena arena;
        struct weir_changed changed;
        struct weir_error err;
        weir_arena_init(&arena, 64u << 20);
        if (weir_warehouse_changed_since(warehouse, c->change, &arena, &changed, &err)) {
            changed = (struct weir_changed){.change = change, .all = true};
        }
        tell_tables(c, &changed);
        change = changed.change;
        weir_arena_free(&arena);
    }
    c->change = change;
    struct weir_source_runs *runs = c->server->source_runs;
    bool fails = weir_stored_failed(weir_views_stored(weir_shelf_views(c->server->shelf)));
    if ((runs && weir_source_ills_changed(weir_source_runs_ills(runs))) ||
        fails) { /* what reads them says so */
        tell_tables(c, &(struct weir_changed){.change = change, .all = true});
    }
}

/* -------------------------------------------------------------------------------------------- */

int weir_changes_new(struct weir_server *server, struct weir_changes **out, struct weir_error *err)
{
    struct weir_changes *c = *out = calloc(1, sizeof *c);
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the streams of changes");
    }
    c->server = server;
    c->pages = (struct weir_listeners){
        .loop = server->loop, .free = free_stream, .max_pending = MAX_PENDING};
    c->change = weir_warehouse_change(server->warehouse);
    c->catalog = weir_warehouse_catalog_version(server->warehouse);
    return weir_timer_new(server->loop, BEAT_EVERY, BEAT_EVERY, beat, c, &c->beat) ||
                   weir_timer_new(server->loop, LOOK_EVERY, LOOK_EVERY, look, c, &c->look)
               ? weir_fail(err, WEIR_ENOMEM, "no memory for a timer")
               : WEIR_OK;
}

void weir_changes_tell(struct weir_changes *c, const struct weir_change *change)
{
    struct weir_buf text;
    weir_buf_init(&text, 8192);
    weir_buf_addz(&text, "data: ");
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "kind", change->event ? change->event : "document");
    if (!change->event) {
        weir_jw_kstrz(&w, "document", change->kind);
    }
    weir_jw_kstrz(&w, "id", change->id);
    weir_jw_kstr_or_null(&w, "version", weir_str_of(change->version));
    weir_jw_kstrz(&w, "by", change->by);
    weir_jw_object_end(&w);
    weir_buf_addz(&text, "\n\n");
    if (weir_buf_ok(&text)) {
        send_all(c, weir_buf_str(&text), change);
    }
    weir_buf_free(&text);
}

static void print_source(struct weir_buf *out, const char *name, struct weir_str run)
{
    weir_buf_init(out, 4u << 20);
    weir_buf_addz(out, "data: ");
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "kind", "source");
    weir_jw_kstrz(&w, "id", name);
    weir_jw_keyz(&w, "run");
    weir_jw_raw(&w, run);
    weir_jw_object_end(&w);
    weir_buf_addz(out, "\n\n");
}

void weir_changes_tell_source(struct weir_changes *c, const char *name, struct weir_str run)
{
    struct weir_buf whole, short_one;
    if (!c->pages.first) {
        return;
    }
    print_source(&whole, name, run);
    print_source(&short_one, name, WEIR_STR("null"));
    struct weir_listener *at = c->pages.first;
    for (struct stream *s; (s = next_stream(&at));) {
        if (!s->embed.ptr && !s->levels.viewer) {
            bool all = weir_buf_ok(&whole) && (!s->access || weir_access_shows_all(s->access));
            weir_http_chunk(s->page.req, weir_buf_str(all ? &whole : &short_one));
        }
    }
    weir_buf_free(&whole);
    weir_buf_free(&short_one);
}

void weir_changes_rights(struct weir_changes *c)
{
    c->rights++;
}

struct weir_listeners *weir_changes_pages(struct weir_changes *c)
{
    return c ? &c->pages : NULL;
}

void weir_changes_free(struct weir_changes *c)
{
    if (c) {
        weir_timer_free(c->beat);
        weir_timer_free(c->look);
        free(c);
    }
}

/* Whoever has an embedded page's link may open it as often as she likes: a quarter of all for one.
 */
static bool has_its_share(const struct weir_changes *c, struct weir_str embed, size_t most)
{
    size_t count = 0;
    for (struct weir_listener *l = c->pages.first; embed.ptr && l; l = l->next) {
        const struct stream *s = stream_of(l);
        count += s->embed.ptr && weir_str_eq(s->embed, embed);
    }
    return count > 0 && count >= most / 4;
}

void weir_serve_changes(const struct weir_call *call)
{
    struct weir_changes *c = weir_shelf_changes(call->server->shelf);
    struct weir_error err;
    /* The last quarter of the connections is left to those who ask something. */
    size_t most = call->server->max_connections / 4 * 3;
    bool full = c->pages.ended || c->pages.count >= most || has_its_share(c, call->embed, most);
    struct stream *s = full ? NULL : calloc(1, sizeof *s);
    int rc = s ? WEIR_OK
               : weir_fail(&err, WEIR_EBUSY,
                           "too many pages follow changes; try again later, or raise "
                           "serve.max_connections");
    if (rc == 0) {
        weir_arena_init(&s->arena, MAX_RIGHTS);
        rc = weir_levels_of(call, &s->arena, &s->levels, &err);
        rc = rc ? rc
                : weir_caller_access(call->server->state, &call->who, &s->arena, &s->access, &err);
    }
    if (rc) {
        if (s) {
            weir_arena_free(&s->arena);
        }
        free(s);
        weir_serve_reply_error(call, &err);
        return;
    }
    s->changes = c;
    s->embed = call->embed;
    s->rights = c->rights;
    weir_listener_begin(&c->pages, &s->page, call);
}
