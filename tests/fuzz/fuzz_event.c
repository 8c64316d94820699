/* An HTTP body becomes events, whatever the body is. The first byte picks the route; the rest is
 * the body. */
#include <stdlib.h>
#include <string.h>

#include "event/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const weir_time RECEIVED_AT = 1780315200 * WEIR_SECOND;

struct seen {
    const struct weir_event_limits *limits;
    uint64_t count;
};

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void object_or_absent(struct weir_json value)
{
    HOLDS(!weir_json_exists(value) || weir_json_type(value) == WEIR_JSON_OBJECT);
}

static int check(const struct weir_event *event, void *arg, struct weir_error *err)
{
    (void)err;
    struct seen *seen = arg;
    HOLDS(event->index == seen->count++);
    HOLDS((event->type == WEIR_EVENT_BAD) == (event->reason != NULL));
    if (event->index >= seen->limits->max_events) {
        HOLDS(strcmp(event->reason, "too_many_events") == 0); /* and nothing else is read of it */
        return 0;
    }
    HOLDS(event->message_id.ptr && event->message_id.len > 0);
    if (event->type != WEIR_EVENT_BAD) {
        HOLDS(event->user_id.len || event->anonymous_id.len || event->previous_id.len);
        HOLDS(event->type != WEIR_EVENT_TRACK || event->event.len);
        HOLDS(event->type != WEIR_EVENT_GROUP || event->group_id.len);
        HOLDS(event->index < seen->limits->max_events);
    }
    HOLDS(event->timestamp >= seen->limits->min_time);
    HOLDS(event->timestamp <= RECEIVED_AT + seen->limits->max_future);
    HOLDS(event->stray_count <= WEIR_EVENT_STRAYS);
    object_or_absent(event->properties);
    object_or_absent(event->context);
    object_or_absent(event->batch_context);
    object_or_absent(event->integrations);
    object_or_absent(event->batch_integrations);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"track", "batch",  "identify", "page",
                                          "group", "screen", "alias",    "import"};
    if (size == 0) {
        return 0;
    }
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_arena arena;
    struct weir_buf body;
    weir_arena_init(&arena, 16u << 20);
    weir_buf_init(&body, size + 1);
    weir_buf_add(&body, data + 1, size - 1);
    struct weir_event_request request = {weir_str_of(methods[data[0] % 8]),
                                         (const unsigned char *)"0123456789abcdef", RECEIVED_AT};
    struct weir_event_limits limits = WEIR_EVENT_LIMITS_DEFAULT;
    if (data[0] & 0x80) {
        limits.max_events = 2;
    }
    struct seen seen = {.limits = &limits};
    struct weir_json_repairs repairs;
    struct weir_error err = {0};
    int code = weir_event_each(parser, &arena, &request, weir_buf_str(&body), &limits, &repairs,
                               check, &seen, &err);
    HOLDS(code == 0 || err.message[0] != '\0');
    weir_buf_free(&body);
    weir_arena_free(&arena);
    weir_json_parser_free(parser);
    return 0;
}
