#include "load/put.h"

#include <stdlib.h>

#include "base/json_write.h"

enum {
    SCRATCH_BYTES = 256 << 20,
    ARENA_BYTES = 256 << 20,
    /* A batch's context is written to the row of each event: one of a megabyte with thousands of
     * events, which a kilobyte of gzip can say, would take all memory. */
    CONTEXT_BYTES = 64 << 20
};

/* --- one event ---------------------------------------------------------------------------------
 */

static struct weir_str keep(struct weir_builder *b, struct weir_str s)
{
    if (b->learn) {
        return s;
    }
    struct weir_str copy = s.ptr ? weir_pool_dup(&b->batch->pool, s) : s;
    b->no_memory = b->no_memory || (s.ptr && !copy.ptr);
    return copy;
}

/* Whether the event gets the batch's context; where that would be too much, no event has it from
 * there on, and it is kept once. */
static bool takes_batch_context(struct weir_builder *b, const struct weir_event *event)
{
    if (!weir_json_exists(event->batch_context)) {
        return false;
    }
    if (!b->context_size) {
        weir_buf_reset(&b->scratch);
        weir_json_print(event->batch_context, &b->scratch);
        b->context_size = b->scratch.len;
    }
    if (b->context_spent > CONTEXT_BYTES) {
        return false;
    }
    b->context_spent += b->context_size;
    if (b->context_spent > CONTEXT_BYTES) {
        struct weir_discard discard = {
            .column = WEIR_STR("context"), .reason = WEIR_STR("too_big"), .index = event->index};
        weir_builder_discard_json(b, &discard, event->batch_context);
        return false;
    }
    return true;
}

/* A lookup walks the object: in a large one, once for each key of the batch's, it would take
 * minutes. Then its keys are in a map. */
static bool has_many_keys(struct weir_builder *b, struct weir_json context)
{
    enum { FEW = 100 };
    struct weir_str key;
    struct weir_json member;
    if (weir_json_count(context) <= FEW) {
        return false;
    }
    weir_map_free(&b->own_keys); /* clearing one that was huge would cost more */
    struct weir_json_iter it = weir_json_begin(context);
    while (weir_json_next(&it, &key, &member)) {
        b->no_memory = b->no_memory || weir_map_put(&b->own_keys, key, b);
    }
    return true;
}

static void flatten_context(struct weir_builder *b, const struct weir_event *event)
{
    struct weir_paths *paths = &b->source->context;
    struct weir_path *before = NULL;
    struct weir_str key;
    struct weir_json member;
    weir_catalog_trim_context(b->catalog, b->source);
    weir_builder_flatten(b, paths, &paths->root, event->context);
    struct weir_json batch = {NULL, 0};
    bool many = false;
    if (takes_batch_context(b, event)) {
        batch = event->batch_context;
        many = has_many_keys(b, event->context);
    }
    struct weir_json_iter it = weir_json_begin(batch);
    while (weir_json_next(&it, &key, &member)) {
        char name[64];
        if (many && weir_map_get(&b->own_keys, key)) {
            continue;
        }
        if (!many && key.len < sizeof name && weir_json_exists(event->context)) {
            memcpy(name, key.ptr, key.len);
            name[key.len] = '\0';
            if (weir_json_exists(weir_json_get(event->context, name))) {
                continue;
            }
        }
        before = weir_builder_flatten_member(b, paths, &paths->root, before, key, member);
    }
    /* What the server saw, where the event says nothing itself. */
    const struct {
        struct weir_str key, value;
    } seen[] = {{WEIR_STR("ip"), b->record->ip}, {WEIR_STR("userAgent"), b->record->user_agent}};
    for (int i = 0; i < 2; i++) {
        struct weir_path *path =
            seen[i].value.len ? weir_path_child(paths, &paths->root, before, seen[i].key) : NULL;
        bool said = path == NULL;
        for (uint32_t j = 0; j < b->leaf_count && !said; j++) {
            said = b->leaves[j].path == path;
        }
        if (!said) {
            struct weir_value value = weir_value_of_text(seen[i].value);
            weir_builder_add_leaf(b, path, &value);
        }
        before = path ? path : before;
    }
    b->context_count = b->leaf_count;
}

static void flatten_own(struct weir_builder *b, struct weir_load_table *table,
                        struct weir_load_table *other, const struct weir_event *event)
{
    if (!table) {
        b->no_memory = true;
        return;
    }
    b->label = table->label;
    weir_table_trim_paths(table, other);
    weir_builder_flatten(b, &table->paths, &table->paths.root, event->properties);
}

static void add_track(struct weir_builder *b, struct weir_kept *kept)
{
    static const struct weir_str none = {NULL, 0};
    const struct weir_event *event = kept->event;
    struct weir_event_table *own = weir_catalog_event(b->catalog, b->source, event->event);
    if (!own) {
        b->no_memory = true;
        return;
    }
    kept->text = keep(b, event->event);
    kept->slug = keep(b, own->slug);
    weir_builder_put_row(b, weir_catalog_table(b->catalog, b->source, WEIR_TABLE_TRACKS), kept,
                         none, false);
    b->label = own->table ? own->table->label : own->slug;
    if (own->table) {
        if (own->table->is_new && own->odd) {
            weir_builder_name(b, own->table, none, event->event);
        }
        own->table->is_new = false;
        flatten_own(b, own->table, NULL, event);
        weir_builder_put_row(b, own->table, kept, none, true);
        return;
    }
    struct weir_discard discard = {.table = own->slug,
                                   .message_id = event->message_id,
                                   .reason = WEIR_STR("too_many_tables"),
                                   .index = event->index};
    if (weir_json_exists(event->properties)) {
        weir_builder_discard_json(b, &discard, event->properties);
    }
}

/* users takes identify's traits under their own names, so it maps identifies' paths. */
static void add_traits(struct weir_builder *b, struct weir_kept *kept, enum weir_table_kind calls,
                       enum weir_table_kind latest, struct weir_str key)
{
    static const struct weir_str none = {NULL, 0};
    struct weir_load_table *table = weir_catalog_table(b->catalog, b->source, calls);
    struct weir_load_table *upserted = weir_catalog_table(b->catalog, b->source, latest);
    flatten_own(b, table, upserted, kept->event);
    weir_builder_put_row(b, table, kept, none, true);
    if (key.ptr) {
        b->stamp++;
        weir_builder_put_row(b, upserted, kept, key, true);
    }
}

static void add_event(struct weir_builder *b, const struct weir_event *event)
{
    static const struct weir_str none = {NULL, 0};
    struct weir_catalog *catalog = b->catalog;
    struct weir_kept kept = {.event = event,
                             .id = keep(b, event->message_id),
                             .user_id = keep(b, event->user_id),
                             .anonymous_id = keep(b, event->anonymous_id)};
    struct weir_load_table *table;
    b->leaf_count = 0;
    b->label = WEIR_STR("aliases"); /* the others say theirs below */
    b->stamp++;
    flatten_context(b, event);
    switch (event->type) {
    case WEIR_EVENT_TRACK:
        add_track(b, &kept);
        break;
    case WEIR_EVENT_IDENTIFY:
        add_traits(b, &kept, WEIR_TABLE_IDENTIFIES, WEIR_TABLE_USERS, kept.user_id);
        break;
    case WEIR_EVENT_GROUP:
        kept.text = keep(b, event->group_id);
        add_traits(b, &kept, WEIR_TABLE_GROUPS, WEIR_TABLE_ACCOUNTS, kept.text);
        break;
    case WEIR_EVENT_PAGE:
    case WEIR_EVENT_SCREEN:
        kept.text = keep(b, event->name);
        kept.slug = keep(b, event->category);
        table = weir_catalog_table(catalog, b->source,
                                   event->type == WEIR_EVENT_PAGE ? WEIR_TABLE_PAGES
                                                                  : WEIR_TABLE_SCREENS);
        flatten_own(b, table, NULL, event);
        weir_builder_put_row(b, table, &kept, none, true);
        break;
    case WEIR_EVENT_ALIAS:
        kept.text = keep(b, event->previous_id);
        table = weir_catalog_table(catalog, b->source, WEIR_TABLE_ALIASES);
        weir_builder_put_row(b, table, &kept, none, false);
        break;
    case WEIR_EVENT_BAD:
        break;
    }
    b->batch->events += !b->learn;
}

/* The event is kept; what it said where it should have said something else is kept beside it. */
static void note_strays(struct weir_builder *b, const struct weir_event *event)
{
    struct weir_discard discard = {
        .table = b->label, .message_id = event->message_id, .index = event->index};
    for (unsigned i = 0; i < event->stray_count; i++) {
        discard.column = weir_str_of(event->strays[i].field);
        discard.reason = weir_str_of(event->strays[i].reason);
        weir_builder_discard_json(b, &discard, event->strays[i].value);
    }
    if (event->time_note == WEIR_TIME_ABSURD) {
        discard.column = WEIR_STR("timestamp");
        discard.reason = WEIR_STR("absurd_time");
        struct weir_json said = weir_json_get(event->root, "timestamp");
        weir_builder_discard_json(
            b, &discard,
            weir_json_exists(said) ? said : weir_json_get(event->root, "originalTimestamp"));
    }
}

static int is_duplicate(struct weir_builder *b, const struct weir_event *event, bool *out,
                        struct weir_error *err)
{
    struct weir_hash128 id = weir_seen_id(b->seen, b->record->source, event->message_id);
    uint64_t position = weir_position(b->record->seq, event->index);
    if (!b->only_ask) {
        return weir_seen_check(b->seen, id, position, out, err);
    }
    uint64_t first;
    int code = weir_seen_find(b->seen, id, &first, err);
    *out = !code && first && first < position;
    return code;
}

/* They may be millions, and are one row. */
static int keep_rest(struct weir_builder *b, const struct weir_event *event)
{
    if (!b->rest.len) {
        b->rest_first = event->index;
    }
    weir_buf_addc(&b->rest, b->rest.len ? ',' : '[');
    weir_json_print(event->root, &b->rest);
    return WEIR_OK;
}

static void discard_rest(struct weir_builder *b)
{
    if (b->rest.len) {
        weir_buf_addc(&b->rest, ']');
        weir_builder_discard(b, &(struct weir_discard){.reason = WEIR_STR("too_many_events"),
                                                       .value = weir_buf_str(&b->rest),
                                                       .index = b->rest_first});
        weir_buf_free(&b->rest);
    }
}

static int on_event(const struct weir_event *event, void *arg, struct weir_error *err)
{
    struct weir_builder *b = arg;
    const char *reason = event->reason;
    if (event->index < b->begun_event && b->record->seq == b->begun_seq) {
        return WEIR_OK;
    }
    if (b->wanted && !b->wanted(b->record, event, b->wanted_arg, &reason)) {
        return WEIR_OK;
    }
    if (b->learn && reason) {
        return WEIR_OK;
    }
    if (reason && strcmp(reason, "too_many_events") == 0) {
        return keep_rest(b, event);
    }
    if (reason) {
        struct weir_discard discard = {
            .message_id = event->message_id, .reason = weir_str_of(reason), .index = event->index};
        weir_builder_discard_json(b, &discard, event->root);
        return WEIR_OK;
    }
    bool duplicate;
    int code = is_duplicate(b, event, &duplicate, err);
    if (code) {
        return b->failed = code;
    }
    if (duplicate) {
        b->batch->duplicates++;
        return WEIR_OK;
    }
    add_event(b, event);
    note_strays(b, event);
    return b->no_memory ? (b->failed = weir_fail(err, WEIR_ENOMEM, "no memory to load events"))
                        : WEIR_OK;
}

static int on_event_remember(const struct weir_event *event, void *arg, struct weir_error *err)
{
    struct weir_builder *b = arg;
    bool duplicate;
    if (event->reason) {
        return WEIR_OK;
    }
    int code = weir_seen_check(b->seen, weir_seen_id(b->seen, b->record->source, event->message_id),
                               weir_position(b->record->seq, event->index), &duplicate, err);
    return b->failed = code;
}

/* --- records -----------------------------------------------------------------------------------
 */

static void discard_record(struct weir_builder *b, struct weir_str reason)
{
    weir_builder_discard(
        b, &(struct weir_discard){.reason = reason, .value = b->record->body, .index = -1});
}

static void note_repairs(struct weir_builder *b, const struct weir_json_repairs *repairs)
{
    if (!(repairs->bad_utf8 | repairs->surrogates | repairs->big_numbers | repairs->control |
          repairs->not_finite)) {
        return;
    }
    struct weir_buf text;
    weir_buf_init(&text, 1024);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_ku64(&w, "bad_utf8", repairs->bad_utf8);
    weir_jw_ku64(&w, "surrogates", repairs->surrogates);
    weir_jw_ku64(&w, "big_numbers", repairs->big_numbers);
    weir_jw_ku64(&w, "control", repairs->control);
    weir_jw_ku64(&w, "not_finite", repairs->not_finite);
    weir_jw_object_end(&w);
    weir_builder_discard(b, &(struct weir_discard){.reason = WEIR_STR("repaired"),
                                                   .value = weir_buf_str(&text),
                                                   .index = -1});
    weir_buf_free(&text);
}

static int walk(struct weir_builder *b, const struct weir_record *record, weir_event_fn fn,
                struct weir_json_repairs *repairs, struct weir_error *err)
{
    const struct weir_event_request request = {.method = record->method,
                                               .request_id = record->request_id,
                                               .received_at = record->received_at};
    /* The parser wants readable bytes behind the text; the log's buffer promises none. */
    weir_buf_reset(&b->body);
    weir_buf_adds(&b->body, record->body);
    int code = weir_buf_check(&b->body, "a request's body", err);
    if (code) {
        return b->failed = code;
    }
    b->failed = WEIR_OK;
    b->no_memory = false;
    b->context_size = b->context_spent = 0;
    weir_buf_reset(&b->rest);
    weir_arena_reset(&b->arena);
    code = weir_event_each(b->parser, &b->arena, &request, weir_buf_str(&b->body), &b->limits,
                           repairs, fn, b, err);
    weir_buf_trim(&b->body, 8 << 20);
    return code;
}

int weir_builder_add(struct weir_builder *b, struct weir_load_batch *batch,
                     const struct weir_record *record, struct weir_error *err)
{
    struct weir_error why = {0};
    struct weir_json_repairs repairs = {0};
    b->batch = batch;
    b->record = record;
    b->no_memory = false;
    if (!weir_system_tables(b->catalog)) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to load events");
    }
    if (record->kind == WEIR_RECORD_CALL) {
        b->source = weir_catalog_source(b->catalog, record->source);
        if (!b->source) {
            return weir_fail(err, WEIR_ENOMEM, "no memory to load events");
        }
        int code = walk(b, record, on_event, &repairs, &why);
        if (b->failed || code == WEIR_ENOMEM) {
            return weir_fail(err, code, "%s", why.message);
        }
        discard_rest(b);
        if (!b->only_events && code) {
            discard_record(b, WEIR_STR("not_a_call"));
        } else if (!b->only_events) {
            note_repairs(b, &repairs);
        }
    } else if (record->kind == WEIR_RECORD_REFUSED) {
        discard_record(b, record->note.len ? record->note : WEIR_STR("refused"));
    }
    batch->records++;
    batch->body_bytes += record->body.len;
    if (!batch->first_seq) {
        batch->first_seq = record->seq;
        batch->oldest = record->received_at;
    }
    batch->next_seq = record->seq + 1;
    return b->no_memory ? weir_fail(err, WEIR_ENOMEM, "no memory to load events") : WEIR_OK;
}

int weir_builder_remember(struct weir_builder *b, const struct weir_record *record,
                          struct weir_error *err)
{
    struct weir_json_repairs repairs;
    b->record = record;
    if (record->kind != WEIR_RECORD_CALL) {
        return WEIR_OK;
    }
    int code = walk(b, record, on_event_remember, &repairs, err);
    return b->failed || code == WEIR_ENOMEM ? code : WEIR_OK;
}

int weir_builder_init(struct weir_builder *b, struct weir_catalog *catalog, struct weir_seen *seen,
                      struct weir_error *err)
{
    *b = (struct weir_builder){
        .catalog = catalog, .seen = seen, .limits = WEIR_EVENT_LIMITS_DEFAULT};
    weir_arena_init(&b->arena, ARENA_BYTES);
    weir_map_init(&b->own_keys);
    struct weir_buf *bufs[] = {&b->scratch, &b->overflow, &b->lost, &b->rest, &b->body};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        weir_buf_init(bufs[i], SCRATCH_BYTES);
    }
    b->parser = weir_json_parser_new(WEIR_EVENT_MAX_DEPTH);
    return b->parser ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory to load events");
}

void weir_builder_free(struct weir_builder *b)
{
    weir_json_parser_free(b->parser);
    weir_arena_free(&b->arena);
    weir_map_free(&b->own_keys);
    weir_buf_free(&b->scratch);
    weir_buf_free(&b->overflow);
    weir_buf_free(&b->lost);
    weir_buf_free(&b->rest);
    weir_buf_free(&b->body);
    free(b->leaves);
    *b = (struct weir_builder){0};
}
