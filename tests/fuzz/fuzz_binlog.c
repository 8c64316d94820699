/* Any bytes as events of MySQL's binary log: an error, or what lies within the bytes; rows are read
 * by a table that the bytes describe, and their values by columns of any form. So are the events
 * that a compressed transaction has in it. A set of ids is the same when it was printed and read
 * again.
 *
 * Input: the column's form, its character set and checksums (three bytes), the length of the
 * table's description (one), that, then an event. */
#include <stdlib.h>

#include "source/mysql/gtid_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct weir_str text, struct weir_str all)
{
    if (text.len && (text.ptr < all.ptr || text.ptr + text.len > all.ptr + all.len)) {
        abort();
    }
}

static void see_values(const struct weir_my_map *map, const struct weir_str *values,
                       struct weir_my_target *target, struct weir_str all)
{
    struct weir_my_value value;
    struct weir_buf room;
    struct weir_error err;
    weir_buf_init(&room, 1u << 20);
    for (size_t i = 0; i < map->count; i++) {
        const char *why = NULL;
        if (!values[i].ptr) {
            continue;
        }
        within(values[i], all);
        if (weir_my_value_read(map->types[i], map->metas[i], values[i], target, &room, &value, &why,
                               &err) == 0 &&
            !why && value.got == WEIR_MY_GOT_TEXT && !weir_utf8_valid(value.text)) {
            abort();
        }
    }
    weir_buf_free(&room);
}

static void see_ids(const struct weir_my_event *e)
{
    struct weir_my_gtid_set set = {0}, again = {0};
    struct weir_my_range one;
    struct weir_error err;
    struct weir_buf text;
    weir_buf_init(&text, 4u << 20);
    if (weir_my_set_read(&set, e->body, &err) == 0) {
        (void)(weir_my_range_read(e, &one, &err) || weir_my_set_add(&set, &one, &err));
        weir_my_set_print(&set, &text);
        if (weir_buf_check(&text, "ids", &err) ||
            weir_my_set_parse(&again, weir_buf_str(&text), &err) ||
            !weir_my_set_has_all(&set, &again) || !weir_my_set_has_all(&again, &set)) {
            abort();
        }
    }
    (void)!weir_my_range_read(e, &one, &err);
    weir_my_set_free(&set);
    weir_my_set_free(&again);
    weir_buf_free(&text);
}

static void see_event(struct weir_str bytes, bool checksums, struct weir_my_map *map,
                      struct weir_my_target *target);

static void see_payload(struct weir_str body, struct weir_my_map *map,
                        struct weir_my_target *target)
{
    struct weir_my_payload *p;
    struct weir_str bytes = WEIR_STR("");
    struct weir_error err;
    int rc = weir_my_payload_open(body, &p, &err);
    for (size_t i = 0; rc == 0 && i < 8 && bytes.ptr; i++) {
        rc = weir_my_payload_next(p, &bytes, &err);
        if (rc == 0 && bytes.ptr && bytes.ptr[4] != WEIR_MY_PAYLOAD) {
            see_event(bytes, false, map, target);
        }
    }
    weir_my_payload_close(p);
}

static void see_event(struct weir_str bytes, bool checksums, struct weir_my_map *map,
                      struct weir_my_target *target)
{
    static struct weir_str values[WEIR_MY_MAX_COLUMNS];
    struct weir_my_event e;
    struct weir_my_change change;
    struct weir_my_query query;
    struct weir_str a;
    struct weir_error err;
    uint64_t at;
    uint32_t domain;
    if (weir_my_event_read(bytes, &checksums, &e, &err)) {
        return;
    }
    within(e.body, bytes);
    if (weir_my_query_read(&e, &query, &err) == 0) {
        within(query.database, bytes);
        within(query.statement, bytes);
        (void)weir_my_query_reach(&query, "shop", &a);
        within(a, bytes);
        (void)weir_my_query_names(&query, "shop", WEIR_STR("a"));
    }
    if (weir_my_rotate_read(e.body, &a, &at, &err) == 0) {
        within(a, bytes);
    }
    see_ids(&e);
    if (e.kind == WEIR_MY_PAYLOAD) {
        see_payload(e.body, map, target);
    }
    (void)weir_my_gtid_opens(e.body);
    (void)weir_my_gtid_prepares(e.body);
    (void)!weir_my_gtid_read(e.body, &domain, &at, &err);
    if (weir_my_change_read(&e, &change, &err) == 0) {
        within(change.rest, bytes);
        while (change.rest.len && weir_my_image_read(map, &change.rest, values, &err) == 0) {
            see_values(map, values, target, bytes);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum weir_type types[] = {WEIR_TYPE_INT,       WEIR_TYPE_DOUBLE, WEIR_TYPE_DATE,
                                           WEIR_TYPE_TIMESTAMP, WEIR_TYPE_TEXT,   WEIR_TYPE_OTHER};
    static struct weir_my_map map;
    struct weir_str labels[] = {WEIR_STR("a"), WEIR_STR("b")};
    struct weir_error err;
    if (size < 4 || (size_t)data[3] + 4 > size) {
        return 0;
    }
    size_t len = size - 4 - data[3];
    struct weir_my_target target = {.form = data[0] % (WEIR_MY_OTHER + 1),
                                    .is_unsigned = data[2] & 2,
                                    .charset = data[1] % 2,
                                    .length = data[2] / 16,
                                    .labels = labels,
                                    .label_count = 2,
                                    .type = types[data[1] / 2 % 6],
                                    .precision = 20,
                                    .scale = data[1] / 16};
    char *event = malloc(len ? len : 1); /* of its own: a read behind it is seen */
    if (!event) {
        abort();
    }
    memcpy(event, data + 4 + data[3], len);
    if (weir_my_map_read((struct weir_str){(const char *)data + 4, data[3]}, &map, &err) == 0) {
        see_event((struct weir_str){event, len}, data[2] & 1, &map, &target);
    }
    free(event);
    return 0;
}
