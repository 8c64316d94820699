/* Any bytes as what a tap of Singer (first byte even) or a source of Airbyte (odd) writes: rows in
 * a spool that read back as many, or an error; nothing else. */
#include <stdlib.h>

#include "source/airbyte/airbyte.h"
#include "source/singer/singer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int see_rows(struct weir_source_sink *sink, struct weir_str part,
                    const struct weir_batch *batch, struct weir_error *err)
{
    (void)part;
    (void)err;
    for (size_t i = 0; i < sink->column_count; i++) {
        const struct weir_vector *v = &batch->columns[i];
        for (size_t row = 0; v->ints && v->type >= WEIR_TYPE_TEXT && row < batch->rows; row++) {
            if (weir_vector_valid(v, row) && !weir_utf8_valid(v->strs[row])) {
                abort();
            }
        }
    }
    return 0;
}

/* As it would be staged into a new table. */
static void read_back(struct weir_feed_stream *s)
{
    struct weir_source_stream stream = {.name = "s", .table = "s"};
    struct weir_source_plan plan;
    struct weir_error err;
    weir_source_plan_init(&plan);
    int rc = weir_feed_settle_mode(s, &stream, &plan.arena, &err);
    rc = rc ? rc : weir_feed_plan(s, &stream, (struct weir_str){NULL, 0}, &plan, &err);
    struct weir_column *columns =
        weir_arena_calloc(&plan.arena, (plan.column_count + 1) * sizeof *columns);
    struct weir_source_sink sink = {.columns = columns, .rows = see_rows};
    for (size_t i = 0; columns && i < plan.column_count; i++) {
        const struct weir_source_column *c = &plan.columns[i];
        columns[sink.column_count++] = (struct weir_column){c->name, c->type, c->type_name};
    }
    if (rc == 0 && columns && weir_feed_read(s, &plan, &sink, &err) == WEIR_ECORRUPT) {
        abort();
    }
    weir_source_plan_free(&plan);
}

static const char catalog_text[] =
    "{\"streams\":[{\"name\":\"s\",\"json_schema\":{\"properties\":{\"a\":{\"type\":\"number\","
    "\"multipleOf\":0.01},\"t\":{\"type\":\"string\",\"format\":\"date-time\"}}},"
    "\"supported_sync_modes\":[\"incremental\"],\"source_defined_cursor\":true}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_source_config config = {0};
    struct weir_feed_wanted wanted = {.stream = {.name = "s", .cursor = "", .table = "s"}};
    struct weir_feed feed;
    struct weir_singer_reader singer;
    struct weir_airbyte_reader airbyte;
    struct weir_airbyte_catalog catalog;
    struct weir_buf line;
    struct weir_error err;
    if (size < 2 || weir_feed_open(&feed, "/tmp", 16u << 20, &err)) {
        return 0;
    }
    feed.config = &config;
    feed.wanted = &wanted;
    feed.wanted_count = 1;
    bool odd = data[0] % 2;
    struct weir_str rest = {(const char *)data + 1, size - 1};
    weir_buf_init(&line, 1u << 20);
    int rc = weir_singer_reader_init(&singer, &feed, &err);
    rc = rc ? rc : weir_airbyte_reader_init(&airbyte, &feed, &err);
    rc = rc ? rc : weir_airbyte_catalog_read(&catalog, WEIR_STR(catalog_text), &err);
    if (rc) {
        abort();
    }
    airbyte.catalog = &catalog;
    while (rc == 0 && rest.ptr) {
        struct weir_str one = weir_str_cut(&rest, '\n');
        if (memmem(one.ptr, one.len, "manifest", 8)) {
            continue; /* no files of this machine */
        }
        weir_buf_reset(&line);
        weir_buf_adds(&line, one);
        rc = odd ? weir_airbyte_line(&airbyte, weir_buf_str(&line), &err)
                 : weir_singer_line(&singer, weir_buf_str(&line), &err);
    }
    rc = rc    ? rc
         : odd ? weir_airbyte_lines_end(&airbyte, &err)
               : weir_singer_lines_end(&singer, &err);
    for (size_t i = 0; rc == 0 && i < feed.stream_count; i++) {
        read_back(feed.streams[i]);
    }
    weir_singer_reader_free(&singer);
    weir_airbyte_reader_free(&airbyte);
    weir_airbyte_catalog_free(&catalog);
    weir_feed_free(&feed);
    weir_buf_free(&line);
    return 0;
}
