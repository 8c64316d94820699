#include "event/event.h"

#include "base/hash.h"

const struct weir_event_limits WEIR_EVENT_LIMITS_DEFAULT = {
    .max_events = 50000,
    .max_future = 3600 * WEIR_SECOND,
    .min_time = 946684800 * WEIR_SECOND, /* 2000-01-01 */
};

/* The members of an event or a batch, as they came; absent ones have doc NULL. */
enum field {
    F_TYPE,
    F_MESSAGE_ID,
    F_USER_ID,
    F_ANONYMOUS_ID,
    F_EVENT,
    F_NAME,
    F_CATEGORY,
    F_GROUP_ID,
    F_PREVIOUS_ID,
    F_PROPERTIES,
    F_TRAITS,
    F_CONTEXT,
    F_INTEGRATIONS,
    F_TIMESTAMP,
    F_ORIGINAL_TIMESTAMP,
    F_SENT_AT,
    F_BATCH,
    F_WRITE_KEY,
    FIELD_COUNT,
    F_OTHER = FIELD_COUNT
};

struct fields {
    struct weir_json at[FIELD_COUNT];
};

struct walk {
    const struct weir_event_request *request;
    const struct weir_event_limits *limits;
    struct weir_arena *arena;
    struct weir_error *err;
    weir_time received_at;
    enum weir_event_type route; /* WEIR_EVENT_BAD: a batch; its items say their type */
    const struct fields *batch; /* NULL for a single call */
};

static bool same(struct weir_str key, const char *name)
{
    return memcmp(key.ptr, name, key.len) == 0;
}

/* At most two comparisons a key: by length first, then by a letter that tells apart. */
static enum field field_of(struct weir_str key)
{
    switch (key.len) {
    case 4:
        return same(key, "type") ? F_TYPE : same(key, "name") ? F_NAME : F_OTHER;
    case 5:
        return same(key, "event") ? F_EVENT : same(key, "batch") ? F_BATCH : F_OTHER;
    case 6:
        switch (key.ptr[0]) {
        case 'u':
            return same(key, "userId") ? F_USER_ID : F_OTHER;
        case 't':
            return same(key, "traits") ? F_TRAITS : F_OTHER;
        default:
            return same(key, "sentAt") ? F_SENT_AT : F_OTHER;
        }
    case 7:
        return same(key, "context") ? F_CONTEXT : same(key, "groupId") ? F_GROUP_ID : F_OTHER;
    case 8:
        return same(key, "writeKey") ? F_WRITE_KEY : same(key, "category") ? F_CATEGORY : F_OTHER;
    case 9:
        return same(key, "messageId")   ? F_MESSAGE_ID
               : same(key, "timestamp") ? F_TIMESTAMP
                                        : F_OTHER;
    case 10:
        return same(key, "properties")   ? F_PROPERTIES
               : same(key, "previousId") ? F_PREVIOUS_ID
                                         : F_OTHER;
    case 11:
        return same(key, "anonymousId") ? F_ANONYMOUS_ID : F_OTHER;
    case 12:
        return same(key, "integrations") ? F_INTEGRATIONS : F_OTHER;
    case 17:
        return same(key, "originalTimestamp") ? F_ORIGINAL_TIMESTAMP : F_OTHER;
    default:
        return F_OTHER;
    }
}

/* One pass; of a key that is there twice the last one counts, as for JavaScript's JSON.parse. */
static void read_fields(struct weir_json object, struct fields *out)
{
    *out = (struct fields){0};
    struct weir_json_iter it = weir_json_begin(object);
    struct weir_str key;
    struct weir_json value;
    while (weir_json_next(&it, &key, &value)) {
        enum field field = field_of(key);
        if (field != F_OTHER) {
            out->at[field] = value;
        }
    }
}

static bool type_of_name(struct weir_str name, enum weir_event_type *out)
{
    for (int type = WEIR_EVENT_IDENTIFY; type <= WEIR_EVENT_ALIAS; type++) {
        if (weir_str_eq_nocase(name, weir_str_of(weir_event_type_name(type)))) {
            *out = (enum weir_event_type)type;
            return true;
        }
    }
    return false;
}

static void stray(struct weir_event *event, const char *field, const char *reason,
                  struct weir_json value)
{
    if (event->stray_count < WEIR_EVENT_STRAYS) {
        event->strays[event->stray_count++] = (struct weir_event_stray){field, reason, value};
    }
}

/* An id or a name: a string as it is, null and "" as missing, all else as its JSON text (numbers
 * are common). */
static int read_text(struct walk *w, struct weir_json value, struct weir_str *out)
{
    struct weir_str text;
    if (weir_json_str(value, &text)) {
        *out = text.len ? text : (struct weir_str){NULL, 0};
        return WEIR_OK;
    }
    if (weir_json_type(value) == WEIR_JSON_NULL) {
        return WEIR_OK;
    }
    struct weir_buf buf;
    weir_buf_init(&buf, w->arena->max);
    weir_json_print(value, &buf);
    int code = weir_buf_check(&buf, "an id that is no string", w->err);
    if (!code) {
        *out = weir_arena_dup(w->arena, weir_buf_str(&buf));
        code = out->ptr ? WEIR_OK : weir_fail(w->err, WEIR_ENOMEM, "no memory for an event's ids");
    }
    weir_buf_free(&buf);
    return code;
}

static struct weir_json read_object(struct weir_event *event, struct weir_json value,
                                    const char *field)
{
    if (weir_json_type(value) == WEIR_JSON_OBJECT) {
        return value;
    }
    if (weir_json_type(value) != WEIR_JSON_NULL) {
        stray(event, field, "not_an_object", value);
    }
    return (struct weir_json){NULL, 0};
}

/* --- time ---------------------------------------------------------------------------------------
 */

/* Seconds or milliseconds since the epoch, told apart as weir_time_parse_lenient does: by size. */
static bool time_of_number(double number, weir_time *out)
{
    double unit = number < 1e11 ? 1e6 : 1e3;
    if (!(number >= 0 && number < 1e14)) {
        return false;
    }
    weir_time when = (weir_time)(number * unit + 0.5);
    if (when > WEIR_TIME_MAX) {
        return false;
    }
    *out = when;
    return true;
}

/* True when the field says a time. One that says something else becomes a stray. */
static bool read_time(struct weir_event *event, struct weir_json value, const char *field,
                      weir_time *out)
{
    struct weir_str text;
    double number;
    enum { LONGEST = 100 }; /* a batch may say megabytes, and each of its events asks */
    if (weir_json_str(value, &text) && text.len > LONGEST) {
        stray(event, field, "not_a_time", value);
        return false;
    }
    if (weir_json_str(value, &text)) {
        if (weir_time_parse(text, out) || weir_time_parse_lenient(text, out)) {
            return true;
        }
        if (weir_str_trim(text).len == 0) {
            return false;
        }
    } else if (weir_json_double(value, &number)) {
        if (time_of_number(number, out)) {
            return true;
        }
    } else if (weir_json_type(value) == WEIR_JSON_NULL) {
        return false;
    }
    stray(event, field, "not_a_time", value);
    return false;
}

/* What a batch says wrongly is said once, with its first event: each of thousands repeating a value
 * of megabytes would take all memory. */
static void forget_repeated(struct weir_event *event, unsigned strays)
{
    if (event->index > 0) {
        event->stray_count = strays;
    }
}

/* Segment's rule: a device's clock may be wrong, but it is wrong by the same amount when the event
 * happens and when it is sent, so the age of the event is right. */
static void read_times(struct walk *w, const struct fields *f, struct weir_event *event)
{
    weir_time original = WEIR_TIME_NONE;
    weir_time sent = WEIR_TIME_NONE;
    /* `timestamp` is what the caller says; `originalTimestamp` is RudderStack's name for when the
     * SDK was called. */
    if (!read_time(event, f->at[F_TIMESTAMP], "timestamp", &original)) {
        read_time(event, f->at[F_ORIGINAL_TIMESTAMP], "originalTimestamp", &original);
    }
    bool unreadable = event->stray_count > 0;
    if (!read_time(event, f->at[F_SENT_AT], "sentAt", &sent) && w->batch) {
        unsigned strays = event->stray_count;
        read_time(event, w->batch->at[F_SENT_AT], "sentAt", &sent);
        forget_repeated(event, strays);
    }
    event->original_timestamp = original;
    event->sent_at = sent;
    event->timestamp = w->received_at;
    if (original == WEIR_TIME_NONE) {
        event->time_note = unreadable ? WEIR_TIME_UNREADABLE : WEIR_TIME_MISSING;
        return;
    }
    bool corrected = sent != WEIR_TIME_NONE;
    weir_time when = corrected ? w->received_at - (sent - original) : original;
    if (when < w->limits->min_time || when - w->received_at > w->limits->max_future) {
        event->time_note = WEIR_TIME_ABSURD;
        return;
    }
    event->timestamp = when;
    event->time_note = corrected ? WEIR_TIME_OK : WEIR_TIME_NO_SENT_AT;
}

/* --- one event -----------------------------------------------------------------------------------
 */

/* The same request read again gives the same id, so that a replay makes the same rows. A UUID of
 * version 8: "custom", RFC 9562 section 5.8. */
static int make_message_id(struct walk *w, struct weir_event *event)
{
    unsigned char seed[20];
    memcpy(seed, w->request->request_id, 16);
    memcpy(seed + 16, &event->index, sizeof event->index);
    struct weir_hash128 hash = weir_hash128(seed, sizeof seed);
    unsigned char bytes[16];
    memcpy(bytes, &hash.hi, 8);
    memcpy(bytes + 8, &hash.lo, 8);
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x80);
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    char *text = weir_arena_alloc(w->arena, 37);
    if (!text) {
        return weir_fail(w->err, WEIR_ENOMEM, "no memory for an event's ids");
    }
    weir_uuid_format(bytes, text);
    event->message_id = (struct weir_str){text, 36};
    event->made_id = true;
    return WEIR_OK;
}

static int read_ids(struct walk *w, const struct fields *f, struct weir_event *event)
{
    static const struct {
        enum field field;
        size_t offset;
    } texts[] = {
        {F_MESSAGE_ID, offsetof(struct weir_event, message_id)},
        {F_USER_ID, offsetof(struct weir_event, user_id)},
        {F_ANONYMOUS_ID, offsetof(struct weir_event, anonymous_id)},
        {F_EVENT, offsetof(struct weir_event, event)},
        {F_NAME, offsetof(struct weir_event, name)},
        {F_CATEGORY, offsetof(struct weir_event, category)},
        {F_GROUP_ID, offsetof(struct weir_event, group_id)},
        {F_PREVIOUS_ID, offsetof(struct weir_event, previous_id)},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct weir_json value = f->at[texts[i].field];
        if (weir_json_exists(value)) {
            int code = read_text(w, value, (struct weir_str *)((char *)event + texts[i].offset));
            if (code) {
                return code;
            }
        }
    }
    return event->message_id.len ? WEIR_OK : make_message_id(w, event);
}

/* Why the event cannot be kept as what it says it is; NULL when it can. */
static const char *fault_of(const struct weir_event *event)
{
    if (event->type == WEIR_EVENT_ALIAS) {
        return !event->previous_id.len ? "no_previous_id"
               : !event->user_id.len   ? "no_user_id"
                                       : NULL;
    }
    if (!event->user_id.len && !event->anonymous_id.len) {
        return "no_user_anon_id";
    }
    if (event->type == WEIR_EVENT_TRACK && !event->event.len) {
        return "no_event";
    }
    if (event->type == WEIR_EVENT_GROUP && !event->group_id.len) {
        return "no_group_id";
    }
    return NULL;
}

static const char *read_type(struct walk *w, const struct fields *f, struct weir_event *event)
{
    event->type = w->route;
    if (w->route != WEIR_EVENT_BAD) {
        return NULL;
    }
    struct weir_str name;
    if (weir_json_type(f->at[F_TYPE]) == WEIR_JSON_NULL) {
        return "no_type";
    }
    return weir_json_str(f->at[F_TYPE], &name) && type_of_name(name, &event->type) ? NULL
                                                                                   : "unknown_type";
}

static void read_objects(struct walk *w, const struct fields *f, struct weir_event *event)
{
    event->context = read_object(event, f->at[F_CONTEXT], "context");
    event->integrations = read_object(event, f->at[F_INTEGRATIONS], "integrations");
    if (w->batch) {
        unsigned strays = event->stray_count;
        event->batch_context = read_object(event, w->batch->at[F_CONTEXT], "context");
        event->batch_integrations =
            read_object(event, w->batch->at[F_INTEGRATIONS], "integrations");
        forget_repeated(event, strays);
    }
    if (event->type != WEIR_EVENT_IDENTIFY && event->type != WEIR_EVENT_GROUP) {
        event->properties = read_object(event, f->at[F_PROPERTIES], "properties");
        return;
    }
    event->properties = read_object(event, f->at[F_TRAITS], "traits");
    if (event->type == WEIR_EVENT_IDENTIFY && !weir_json_exists(event->properties)) {
        /* RudderStack's browser SDK puts them there, and only there. */
        struct weir_json traits = weir_json_get(event->context, "traits");
        if (weir_json_type(traits) == WEIR_JSON_OBJECT) {
            event->properties = traits;
        }
    }
}

static int read_event(struct walk *w, struct weir_json root, uint32_t index,
                      struct weir_event *event)
{
    memset(event, 0, offsetof(struct weir_event, strays));
    event->index = index;
    event->root = root;
    if (index >= w->limits->max_events) { /* there may be millions: nothing is made of them */
        event->reason = "too_many_events";
        return WEIR_OK;
    }
    struct fields f;
    read_fields(root, &f);
    read_times(w, &f, event);
    int code = read_ids(w, &f, event);
    if (code) {
        return code;
    }
    event->reason =
        weir_json_type(root) != WEIR_JSON_OBJECT ? "not_an_object" : read_type(w, &f, event);
    if (!event->reason) {
        read_objects(w, &f, event);
        event->reason = fault_of(event);
    }
    if (event->reason) {
        event->type = WEIR_EVENT_BAD;
    }
    return WEIR_OK;
}

/* --- a body --------------------------------------------------------------------------------------
 */

static int each_of_batch(struct walk *w, struct weir_json items, weir_event_fn fn, void *arg)
{
    struct weir_json_iter it = weir_json_begin(items);
    struct weir_json item;
    struct weir_event event;
    for (uint32_t index = 0; weir_json_next(&it, NULL, &item); index++) {
        int code = read_event(w, item, index, &event);
        if (!code) {
            code = fn(&event, arg, w->err);
        }
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

static int begin(struct walk *w)
{
    const struct weir_event_request *request = w->request;
    weir_time at = request->received_at;
    w->received_at = at < WEIR_TIME_MIN ? WEIR_TIME_MIN : at > WEIR_TIME_MAX ? WEIR_TIME_MAX : at;
    w->route = WEIR_EVENT_BAD;
    if (weir_str_is(request->method, "batch") || weir_str_is(request->method, "import") ||
        type_of_name(request->method, &w->route)) {
        return WEIR_OK;
    }
    return weir_fail(w->err, WEIR_EINVAL, "\"" WEIR_STR_FMT "\" is no tracking call",
                     WEIR_STR_ARG(request->method));
}

int weir_event_walk(struct weir_json root, struct weir_arena *arena,
                    const struct weir_event_request *request,
                    const struct weir_event_limits *limits, weir_event_fn fn, void *arg,
                    struct weir_error *err)
{
    struct walk w = {.request = request, .limits = limits, .arena = arena, .err = err};
    int code = begin(&w);
    if (code) {
        return code;
    }
    if (weir_json_type(root) != WEIR_JSON_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "the body of a tracking call must be a JSON object");
    }
    if (w.route != WEIR_EVENT_BAD) {
        struct weir_event event;
        code = read_event(&w, root, 0, &event);
        return code ? code : fn(&event, arg, err);
    }
    struct fields batch;
    read_fields(root, &batch);
    if (weir_json_type(batch.at[F_BATCH]) != WEIR_JSON_ARRAY) {
        return weir_fail(err, WEIR_EINVAL, "the batch call has no array \"batch\"");
    }
    w.batch = &batch;
    return each_of_batch(&w, batch.at[F_BATCH], fn, arg);
}

int weir_event_each(struct weir_json_parser *parser, struct weir_arena *arena,
                    const struct weir_event_request *request, struct weir_str body,
                    const struct weir_event_limits *limits, struct weir_json_repairs *repairs,
                    weir_event_fn fn, void *arg, struct weir_error *err)
{
    struct weir_json root;
    int code = weir_json_parse_lenient(parser, body, &root, repairs, err);
    return code ? code : weir_event_walk(root, arena, request, limits, fn, arg, err);
}

struct weir_str weir_event_write_key(struct weir_json root)
{
    struct fields f;
    struct weir_str key = {NULL, 0};
    if (weir_json_type(root) == WEIR_JSON_OBJECT) {
        read_fields(root, &f);
        if (!weir_json_str(f.at[F_WRITE_KEY], &key) || key.len == 0) {
            key = (struct weir_str){NULL, 0};
        }
    }
    return key;
}

const char *weir_event_type_name(enum weir_event_type type)
{
    static const char *const names[] = {"bad",    "identify", "track", "page",
                                        "screen", "group",    "alias"};
    return names[type];
}
