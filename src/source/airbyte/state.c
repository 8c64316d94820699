/* Airbyte's state: of each stream, of all of them, or whatever an old source wrote. */
#include <stdlib.h>

#include "source/airbyte/airbyte.h"

#define MAX_STATE (64u << 20)
#define MAX_DEPTH 60

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a state");
}

static struct weir_airbyte_state *find(struct weir_airbyte_reader *r, int kind,
                                       struct weir_str name, struct weir_str space)
{
    for (size_t i = 0; i < r->state_count; i++) {
        struct weir_airbyte_state *s = &r->states[i];
        if ((int)s->kind == kind && weir_str_eq(s->name, name) && weir_str_eq(s->space, space)) {
            return s;
        }
    }
    if (r->state_count == r->state_room) {
        size_t room = r->state_room ? r->state_room * 2 : 16;
        struct weir_airbyte_state *grown = reallocarray(r->states, room, sizeof *grown);
        if (!grown) {
            return NULL;
        }
        r->states = grown;
        r->state_room = room;
    }
    struct weir_airbyte_state *s = &r->states[r->state_count];
    *s = (struct weir_airbyte_state){.name = weir_arena_dup(&r->arena, name),
                                     .space = weir_arena_dup(&r->arena, space),
                                     .kind = kind};
    weir_buf_init(&s->text, MAX_STATE);
    weir_buf_init(&s->saved, MAX_STATE);
    r->state_count += s->name.ptr && s->space.ptr;
    return s->name.ptr && s->space.ptr ? s : NULL;
}

static int put(struct weir_airbyte_reader *r, int kind, struct weir_json descriptor,
               struct weir_json value, struct weir_airbyte_state **out, struct weir_error *err)
{
    struct weir_airbyte_state *s = find(r, kind, weir_json_get_str(descriptor, "name"),
                                        weir_json_get_str(descriptor, "namespace"));
    *out = s;
    if (!s) {
        return no_memory(err);
    }
    weir_buf_reset(&s->text);
    weir_json_print(value, &s->text);
    return weir_buf_check(&s->text, "a state", err);
}

static int save(struct weir_airbyte_state *s, struct weir_error *err)
{
    weir_buf_reset(&s->saved);
    weir_buf_adds(&s->saved, weir_buf_str(&s->text));
    return weir_buf_check(&s->saved, "a state", err);
}

/* --- counts -------------------------------------------------------------------------------------
 */

static struct weir_airbyte_count *count_of(struct weir_airbyte_reader *r, struct weir_str name,
                                           struct weir_str space)
{
    for (size_t i = r->count_count; i > 0; i--) { /* mostly the latest */
        struct weir_airbyte_count *c = &r->counts[i - 1];
        if (weir_str_eq(c->name, name) && weir_str_eq(c->space, space)) {
            return c;
        }
    }
    return NULL;
}

int weir_airbyte_state_count(struct weir_airbyte_reader *r, struct weir_str name,
                             struct weir_str space, struct weir_error *err)
{
    struct weir_airbyte_count *c = count_of(r, name, space);
    if (!c && r->count_count == r->count_room) {
        size_t room = r->count_room ? r->count_room * 2 : 16;
        struct weir_airbyte_count *grown = reallocarray(r->counts, room, sizeof *grown);
        if (!grown) {
            return no_memory(err);
        }
        r->counts = grown;
        r->count_room = room;
    }
    if (!c) {
        c = &r->counts[r->count_count];
        *c = (struct weir_airbyte_count){weir_arena_dup(&r->arena, name),
                                         weir_arena_dup(&r->arena, space), 0};
        if (!c->name.ptr || !c->space.ptr) {
            return no_memory(err);
        }
        r->count_count++;
    }
    c->rows++;
    return 0;
}

/* The source's own count of the rows since its state before must be what came. */
static int check_count(struct weir_airbyte_reader *r, struct weir_json state, bool all,
                       struct weir_json descriptor, struct weir_error *err)
{
    double said = 0;
    uint64_t came = 0;
    struct weir_str name = weir_json_get_str(descriptor, "name");
    struct weir_airbyte_count *one =
        all ? NULL : count_of(r, name, weir_json_get_str(descriptor, "namespace"));
    for (size_t i = 0; all && i < r->count_count; i++) {
        came += r->counts[i].rows;
        r->counts[i].rows = 0;
    }
    if (one) {
        came = one->rows;
        one->rows = 0;
    }
    struct weir_json stats = weir_json_get(state, "sourceStats");
    if (!weir_json_double(weir_json_get(stats, "recordCount"), &said) ||
        (said <= (double)came && said >= (double)came)) {
        return 0;
    }
    return weir_fail(err, WEIR_ECORRUPT,
                     "%s says that it sent %.0f rows%s" WEIR_STR_FMT
                     " since its last state, and %llu came; nothing was loaded",
                     r->name, said, all ? "" : " of ", WEIR_STR_ARG(all ? WEIR_STR("") : name),
                     (unsigned long long)came);
}

/* --- loads on the way ---------------------------------------------------------------------------
 */

static int print(struct weir_airbyte_reader *r, bool saved, struct weir_buf *out,
                 struct weir_error *err);

static struct weir_feed_stream *feed_stream_of(const struct weir_airbyte_reader *r,
                                               struct weir_str own, struct weir_str space)
{
    const struct weir_airbyte_entry *e = weir_airbyte_find_own(r->catalog, own, space);
    return e ? weir_map_get(&r->feed->by_name, e->name) : NULL;
}

/* The streams that are taken, and the states of what is loaded. */
static int load(struct weir_airbyte_reader *r, bool apart, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_STATE);
    int rc = print(r, true, &text, err);
    rc = rc ? rc : r->feed->load(r->feed, weir_buf_str(&text), apart, err);
    weir_buf_free(&text);
    return rc;
}

/* Are all states of streams? */
static bool is_apart(const struct weir_airbyte_reader *r)
{
    bool apart = true;
    for (size_t i = 0; apart && i < r->state_count; i++) {
        apart = r->states[i].kind == WEIR_AIRBYTE_STREAM;
    }
    return apart;
}

/* This one alone; `state` is its own, or NULL. */
static int load_alone(struct weir_airbyte_reader *r, struct weir_feed_stream *s,
                      struct weir_airbyte_state *state, struct weir_error *err)
{
    struct weir_buf before = {0};
    for (size_t i = 0; i < r->feed->stream_count; i++) {
        r->feed->streams[i]->taken = r->feed->streams[i] == s;
    }
    if (state) {
        before = state->saved;
        weir_buf_init(&state->saved, MAX_STATE);
    }
    int rc = state ? save(state, err) : 0;
    rc = rc ? rc : load(r, is_apart(r), err);
    if (state && s->failed) { /* it is read again from there */
        struct weir_buf after = state->saved;
        state->saved = before;
        before = after;
    }
    if (state) {
        weir_buf_free(&before);
    }
    return rc;
}

/* On the way, when it is time. */
static int load_stream(struct weir_airbyte_reader *r, struct weir_feed_stream *s,
                       struct weir_airbyte_state *state, struct weir_error *err)
{
    if (s->failed || !weir_feed_due(r->feed, s)) {
        return 0;
    }
    if (!weir_feed_flows(s)) {
        weir_feed_pass(r->feed, s);
        return 0;
    }
    return load_alone(r, s, state, err);
}

int weir_airbyte_complete(struct weir_airbyte_reader *r, struct weir_feed_stream *s,
                          struct weir_error *err)
{
    if (s->whole || weir_feed_repeatable(s)) {
        weir_feed_mark(s);
    }
    s->complete = s->complete || s->whole;
    return s->whole ? load_stream(r, s, NULL, err) : 0;
}

/* Its own state; NULL: there is none. */
static struct weir_airbyte_state *own_of(const struct weir_airbyte_reader *r,
                                         const struct weir_feed_stream *s)
{
    struct weir_airbyte_state *own = NULL;
    for (size_t k = 0; k < r->state_count; k++) {
        if (feed_stream_of(r, r->states[k].name, r->states[k].space) == s) {
            own = &r->states[k];
        }
    }
    return own;
}

int weir_airbyte_state_end(struct weir_airbyte_reader *r, struct weir_error *err)
{
    int rc = 0;
    bool each = r->feed->load && is_apart(r);
    for (size_t i = 0; each && rc == 0 && i < r->feed->stream_count; i++) {
        struct weir_feed_stream *s = r->feed->streams[i];
        if (!s->failed && !weir_feed_is_list(s) && !weir_feed_is_done(s)) {
            s->complete = true;
            rc = load_alone(r, s, own_of(r, s), err);
        }
    }
    for (size_t k = 0; rc == 0 && k < r->state_count; k++) {
        const struct weir_feed_stream *s = feed_stream_of(r, r->states[k].name, r->states[k].space);
        rc = s && s->failed ? 0 : save(&r->states[k], err);
    }
    return rc ? rc : print(r, true, &r->feed->new_state, err);
}

static bool is_held(const struct weir_airbyte_reader *r, struct weir_str own, struct weir_str space)
{
    const struct weir_feed_stream *s = feed_stream_of(r, own, space);
    return s && s->part.rows && !s->taken;
}

/* The members of `stream_states` that are held, or are not. */
static void add_states(const struct weir_airbyte_reader *r, struct weir_json global,
                       bool (*is)(const struct weir_airbyte_reader *r, struct weir_str own,
                                  struct weir_str space),
                       bool wanted, struct weir_buf *out)
{
    struct weir_json_iter it = weir_json_begin(weir_json_get(global, "stream_states"));
    struct weir_json item;
    while (weir_json_next(&it, NULL, &item)) {
        struct weir_json d = weir_json_get(item, "stream_descriptor");
        if (is(r, weir_json_get_str(d, "name"), weir_json_get_str(d, "namespace")) == wanted) {
            weir_buf_addz(out, out->len && out->data[out->len - 1] == '}' ? "," : "");
            weir_json_print(item, out);
        }
    }
}

static void begin_global(struct weir_json global, struct weir_buf *out)
{
    struct weir_json shared = weir_json_get(global, "shared_state");
    weir_buf_addc(out, '{');
    if (weir_json_exists(shared)) {
        weir_buf_addz(out, "\"shared_state\":");
        weir_json_print(shared, out);
        weir_buf_addc(out, ',');
    }
    weir_buf_addz(out, "\"stream_states\":[");
}

/* As it came, but for streams that are held back: of these it is as it was saved. */
static int save_part(struct weir_airbyte_reader *r, struct weir_airbyte_state *s,
                     struct weir_json global, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    struct weir_buf text;
    struct weir_json before = {0};
    weir_buf_init(&text, MAX_STATE);
    int rc = parser ? 0 : no_memory(err);
    if (rc == 0 && s->saved.len) {
        rc = weir_json_parse(parser, weir_buf_str(&s->saved), &before, err);
    }
    begin_global(global, &text);
    add_states(r, global, is_held, false, &text);
    add_states(r, before, is_held, true, &text);
    weir_buf_addz(&text, "]}");
    rc = rc ? rc : weir_buf_check(&text, "a state", err);
    if (rc == 0) {
        weir_buf_reset(&s->saved);
        weir_buf_adds(&s->saved, weir_buf_str(&text));
        rc = weir_buf_check(&s->saved, "a state", err);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    return rc;
}

/* A state of all would be behind rows that were set aside: only what is read as a whole comes again
 * whatever it says. */
static int check_aside(const struct weir_airbyte_reader *r, struct weir_error *err)
{
    for (size_t i = 0; i < r->feed->stream_count; i++) {
        const struct weir_feed_stream *s = r->feed->streams[i];
        if (s->failed && !s->whole && !weir_feed_is_list(s)) {
            return weir_fail(err, WEIR_ECORRUPT,
                             "%s told the state of all streams after those of each, and the "
                             "stream \"" WEIR_STR_FMT "\" could not be loaded",
                             r->name, WEIR_STR_ARG(s->name));
        }
    }
    return 0;
}

/* A state of all: `global`, or no value of one that cannot be taken apart. */
static int load_all(struct weir_airbyte_reader *r, struct weir_airbyte_state *state,
                    struct weir_json global, struct weir_error *err)
{
    bool any, held;
    int rc = check_aside(r, err);
    if (rc) {
        return rc;
    }
    weir_feed_take(r->feed, &any, &held);
    if (!any || (held && !weir_json_exists(global))) {
        weir_feed_pass(r->feed, NULL);
        return 0;
    }
    rc = held ? save_part(r, state, global, err) : save(state, err);
    return rc ? rc : load(r, false, err);
}

/* On the way, when it is time. */
static int take_all(struct weir_airbyte_reader *r, struct weir_airbyte_state *state,
                    struct weir_json global, struct weir_error *err)
{
    for (size_t i = 0; i < r->feed->stream_count; i++) {
        r->feed->streams[i]->covered = true;
        weir_feed_mark(r->feed->streams[i]);
    }
    return weir_feed_due(r->feed, NULL) ? load_all(r, state, global, err) : check_aside(r, err);
}

static int load_global(struct weir_airbyte_reader *r, struct weir_airbyte_state *state,
                       struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    struct weir_json root = {0}, none = {0};
    int rc = !parser ? no_memory(err)
             : state->kind == WEIR_AIRBYTE_GLOBAL
                 ? weir_json_parse(parser, weir_buf_str(&state->text), &root, err)
                 : 0;
    rc = rc ? rc : load_all(r, state, state->kind == WEIR_AIRBYTE_GLOBAL ? root : none, err);
    weir_json_parser_free(parser);
    return rc;
}

int weir_airbyte_state_rest(struct weir_airbyte_reader *r, struct weir_error *err)
{
    bool apart = is_apart(r);
    int rc = weir_feed_cut(r->feed, err);
    for (size_t i = 0; rc == 0 && i < r->feed->stream_count; i++) {
        struct weir_feed_stream *s = r->feed->streams[i];
        bool may = !s->failed && !weir_feed_is_list(s) && !weir_feed_is_done(s) &&
                   (s->whole ? s->complete : apart && s->part.rows);
        rc = may && weir_feed_flows(s) ? load_alone(r, s, own_of(r, s), err) : 0;
    }
    /* One state of all, and none of streams beside it: what it covers. */
    return rc || apart || r->state_count > 1 ? rc : load_global(r, &r->states[0], err);
}

int weir_airbyte_state_take(struct weir_airbyte_reader *r, struct weir_json state,
                            struct weir_error *err)
{
    struct weir_str type = weir_json_get_str(state, "type");
    struct weir_json none = {0}, stream = weir_json_get(state, "stream");
    struct weir_json global = weir_json_get(state, "global"), data = weir_json_get(state, "data");
    struct weir_json descriptor = weir_json_get(stream, "stream_descriptor");
    struct weir_airbyte_state *put_there;
    bool of_stream = weir_str_is(type, "STREAM");
    int rc = check_count(r, state, !of_stream, descriptor, err);
    if (rc) {
        return rc;
    }
    if (of_stream && weir_json_get_str(descriptor, "name").ptr) {
        struct weir_feed_stream *s = feed_stream_of(r, weir_json_get_str(descriptor, "name"),
                                                    weir_json_get_str(descriptor, "namespace"));
        rc = put(r, WEIR_AIRBYTE_STREAM, descriptor, stream, &put_there, err);
        if (rc || !s) {
            return rc;
        }
        s->covered = true;
        weir_feed_mark(s);
        return load_stream(r, s, put_there, err);
    }
    if (weir_str_is(type, "GLOBAL") && weir_json_exists(global)) {
        rc = put(r, WEIR_AIRBYTE_GLOBAL, none, global, &put_there, err);
        return rc ? rc : take_all(r, put_there, global, err);
    }
    if (!weir_json_exists(data) || of_stream) {
        return weir_fail(err, WEIR_EINVAL, "it is a STATE of nothing that weir knows");
    }
    rc = put(r, WEIR_AIRBYTE_LEGACY, none, data, &put_there, err);
    return rc ? rc : take_all(r, put_there, none, err);
}

/* --- kept ---------------------------------------------------------------------------------------
 */

static bool begins_anew(const struct weir_airbyte_reader *r, struct weir_str own,
                        struct weir_str space)
{
    const struct weir_airbyte_entry *e = weir_airbyte_find_own(r->catalog, own, space);
    const struct weir_feed_wanted *w = e ? weir_feed_find_wanted(r->feed, e->name) : NULL;
    return w && (w->anew || !weir_airbyte_is_incremental(e, w));
}

static bool any_anew(const struct weir_feed *feed)
{
    for (size_t i = 0; i < feed->wanted_count; i++) {
        if (feed->wanted[i].anew && feed->wanted[i].cursor.len) {
            return true;
        }
    }
    return false;
}

/* Of all streams: those that begin anew are taken out. */
static int put_global(struct weir_airbyte_reader *r, struct weir_json global,
                      struct weir_error *err)
{
    struct weir_airbyte_state *s = find(r, WEIR_AIRBYTE_GLOBAL, WEIR_STR(""), WEIR_STR(""));
    if (!s) {
        return no_memory(err);
    }
    begin_global(global, &s->text);
    add_states(r, global, begins_anew, false, &s->text);
    weir_buf_addz(&s->text, "]}");
    return weir_buf_check(&s->text, "a state", err);
}

int weir_airbyte_state_read(struct weir_airbyte_reader *r, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    struct weir_buf text;
    struct weir_json root, item, none = {0};
    struct weir_airbyte_state *put_there;
    weir_buf_init(&text, 256u << 20);
    weir_buf_adds(&text, r->feed->state);
    int rc = parser ? weir_buf_check(&text, "a state", err) : no_memory(err);
    rc = rc || !text.len ? rc : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    if (rc == 0 && text.len && weir_json_type(root) == WEIR_JSON_OBJECT) {
        rc = any_anew(r->feed) ? weir_feed_forget(r->feed, err)
                               : put(r, WEIR_AIRBYTE_LEGACY, none, root, &put_there, err);
    }
    struct weir_json_iter it = {0};
    if (rc == 0 && text.len && weir_json_type(root) == WEIR_JSON_ARRAY) {
        it = weir_json_begin(root);
        while (rc == 0 && weir_json_next(&it, NULL, &item)) {
            struct weir_json stream = weir_json_get(item, "stream");
            struct weir_json d = weir_json_get(stream, "stream_descriptor");
            if (weir_json_exists(weir_json_get(item, "global"))) {
                rc = put_global(r, weir_json_get(item, "global"), err);
            } else if (!begins_anew(r, weir_json_get_str(d, "name"),
                                    weir_json_get_str(d, "namespace"))) {
                rc = put(r, WEIR_AIRBYTE_STREAM, d, stream, &put_there, err);
            }
        }
    }
    for (size_t i = 0; rc == 0 && i < r->state_count; i++) {
        rc = save(&r->states[i], err);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    return rc;
}

static int print(struct weir_airbyte_reader *r, bool saved, struct weir_buf *out,
                 struct weir_error *err)
{
    bool any = false;
    for (size_t i = 0; i < r->state_count; i++) {
        const struct weir_airbyte_state *s = &r->states[i];
        struct weir_str text = weir_buf_str(saved ? &s->saved : &s->text);
        if (s->kind == WEIR_AIRBYTE_LEGACY) {
            if (r->state_count == 1) {
                weir_buf_adds(out, text);
                return weir_buf_check(out, "a state", err);
            }
            continue;
        }
        if (text.len == 0) {
            continue;
        }
        weir_buf_addz(out, any ? "," : "[");
        weir_buf_addz(out, s->kind == WEIR_AIRBYTE_GLOBAL ? "{\"type\":\"GLOBAL\",\"global\":"
                                                          : "{\"type\":\"STREAM\",\"stream\":");
        weir_buf_adds(out, text);
        weir_buf_addc(out, '}');
        any = true;
    }
    weir_buf_addz(out, any ? "]" : "");
    return weir_buf_check(out, "a state", err);
}

int weir_airbyte_state_print(struct weir_airbyte_reader *r, struct weir_buf *out,
                             struct weir_error *err)
{
    return print(r, false, out, err);
}
