/* What an Airbyte source says, line by line. */
#include <stdio.h>
#include <stdlib.h>

#include "io/child.h"
#include "source/airbyte/airbyte.h"
#include "source/schedule/watch.h"

#define MAX_DEPTH    60
#define MAX_TEXT     (256u << 20)
#define MAX_EXACT    (512u << 20)
#define RECORD_DEPTH 3

int weir_airbyte_reader_init(struct weir_airbyte_reader *r, struct weir_feed *feed,
                             struct weir_error *err)
{
    *r = (struct weir_airbyte_reader){
        .feed = feed, .name = "the source", .parser = weir_json_parser_new(MAX_DEPTH)};
    weir_buf_init(&r->exact, MAX_EXACT);
    weir_buf_init(&r->catalog_text, MAX_TEXT);
    weir_buf_init(&r->spec_text, MAX_TEXT);
    weir_buf_init(&r->config, 16u << 20);
    weir_arena_init(&r->arena, 64u << 20);
    return r->parser ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a source's messages");
}

void weir_airbyte_reader_free(struct weir_airbyte_reader *r)
{
    for (size_t i = 0; i < r->state_count; i++) {
        weir_buf_free(&r->states[i].text);
        weir_buf_free(&r->states[i].saved);
    }
    free(r->states);
    free(r->counts);
    weir_json_parser_free(r->parser);
    weir_buf_free(&r->exact);
    weir_buf_free(&r->catalog_text);
    weir_buf_free(&r->spec_text);
    weir_buf_free(&r->config);
    weir_arena_free(&r->arena);
}

static int rubbish(const struct weir_airbyte_reader *r, struct weir_str line, const char *why,
                   struct weir_error *err)
{
    return weir_foreign_refuse("Airbyte", r->name, r->mask, r->line, line, why, err);
}

static struct weir_source_watch *watch_of(const struct weir_airbyte_reader *r)
{
    return weir_source_watch_of(r->feed ? r->feed->progress : NULL);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

/* The stream of a record, made with its schema and key; NULL: nobody wants it. */
static int stream_of(struct weir_airbyte_reader *r, struct weir_str own, struct weir_str space,
                     struct weir_feed_stream **out, struct weir_error *err)
{
    const struct weir_airbyte_entry *e = weir_airbyte_find_own(r->catalog, own, space);
    const struct weir_feed_wanted *w = e ? weir_feed_find_wanted(r->feed, e->name) : NULL;
    *out = NULL;
    if (!w) {
        return 0;
    }
    int rc = weir_feed_stream(r->feed, e->name, out, err);
    struct weir_feed_stream *s = *out;
    if (rc || s->came) {
        return rc;
    }
    s->incremental = weir_airbyte_is_incremental(e, w);
    s->whole = !s->incremental;
    struct weir_json_iter it = weir_json_begin(weir_json_get(e->stream, "default_cursor_field"));
    struct weir_json field, deeper;
    struct weir_str goes_by;
    if (weir_json_next(&it, NULL, &field) && weir_json_str(field, &goes_by) &&
        !weir_json_next(&it, NULL, &deeper)) {
        s->goes_by = weir_arena_dup(&r->feed->arena, goes_by);
    }
    int64_t before = weir_feed_generation(w->cursor);
    s->generation = w->anew || s->whole || before == 0 ? r->sync : before;
    rc = weir_feed_schema(s, weir_json_get(e->stream, "json_schema"), err);
    if (rc == 0 && s->incremental && e->keyed) {
        rc = weir_feed_set_key(s, weir_json_get(e->stream, "source_defined_primary_key"), err);
    }
    return rc;
}

static int put_record(struct weir_airbyte_reader *r, struct weir_feed_stream *s,
                      struct weir_json data, struct weir_str line, struct weir_error *err)
{
    struct weir_json root;
    struct weir_json_repairs ignored;
    if (!weir_feed_quote(s, line, RECORD_DEPTH, &r->exact)) {
        return weir_feed_record(s, data, err);
    }
    int rc = weir_json_parse_lenient(r->parser, weir_buf_str(&r->exact), &root, &ignored, err);
    r->feed->numbers_are_texts = true;
    rc = rc ? rc : weir_feed_record(s, weir_json_get(weir_json_get(root, "record"), "data"), err);
    r->feed->numbers_are_texts = false;
    return rc;
}

static void keep_stranger(struct weir_airbyte_reader *r, struct weir_str own, struct weir_str space)
{
    if (r->strange++ == 0) {
        own = weir_utf8_cut(own, 90);
        space = weir_utf8_cut(space, 90);
        snprintf(r->stranger, sizeof r->stranger, WEIR_STR_FMT "%s" WEIR_STR_FMT,
                 WEIR_STR_ARG(space), space.len ? "." : "", WEIR_STR_ARG(own));
    }
}

static int take_record(struct weir_airbyte_reader *r, struct weir_json record, struct weir_str line,
                       struct weir_error *err)
{
    struct weir_str own = weir_json_get_str(record, "stream");
    struct weir_str space = weir_json_get_str(record, "namespace");
    struct weir_json data = weir_json_get(record, "data");
    struct weir_feed_stream *s = NULL;
    if (!own.len || weir_json_type(data) != WEIR_JSON_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "it names no stream, or its `data` is no object");
    }
    int rc = weir_airbyte_state_count(r, own, space, err);
    rc = rc ? rc : stream_of(r, own, space, &s, err);
    if (rc || !s) {
        if (rc == 0 && !weir_airbyte_find_own(r->catalog, own, space)) {
            keep_stranger(r, own, space);
        } else {
            r->feed->ignored += rc == 0;
        }
        return rc;
    }
    s->odd.changed += weir_json_count(weir_json_get(weir_json_get(record, "meta"), "changes"));
    weir_feed_note_repairs(s, &r->repairs);
    if (weir_feed_is_done(s)) {
        return weir_fail(err, WEIR_EINVAL, "its stream was said to be complete");
    }
    return s->failed ? 0 : put_record(r, s, data, line, err);
}

/* --- what it tells ------------------------------------------------------------------------------
 */

static void tell(struct weir_airbyte_reader *r, const char *what, struct weir_str text)
{
    char copy[1000];
    struct weir_str cut = weir_utf8_cut(text, sizeof copy);
    r->told = true;
    if (cut.len) {
        memcpy(copy, cut.ptr, cut.len);
        cut = (struct weir_str){copy, weir_mask_bytes(r->mask, copy, cut.len)};
        weir_source_watch_say(watch_of(r), "%s" WEIR_STR_FMT, what, WEIR_STR_ARG(cut));
    }
}

static void keep_error(struct weir_airbyte_reader *r, struct weir_str words)
{
    struct weir_str cut = weir_utf8_cut(words, 800);
    if (cut.len && !r->error[0]) {
        snprintf(r->error, sizeof r->error, WEIR_STR_FMT, WEIR_STR_ARG(cut));
        r->error[weir_mask_bytes(r->mask, r->error, strlen(r->error))] = 0;
    }
}

/* What it says to people of a failure that it did not expect is the same for each. */
static void keep_failure(struct weir_airbyte_reader *r, struct weir_json error)
{
    struct weir_str people = weir_utf8_cut(weir_json_get_str(error, "message"), 400);
    struct weir_str inner = weir_utf8_cut(weir_json_get_str(error, "internal_message"), 390);
    struct weir_str kind = weir_json_get_str(error, "failure_type");
    bool more = people.len && inner.len && !weir_str_eq(people, inner) &&
                (!kind.len || weir_str_is(kind, "system_error"));
    struct weir_str stream =
        weir_utf8_cut(weir_json_get_str(weir_json_get(error, "stream_descriptor"), "name"), 200);
    char text[1100];
    int n = snprintf(text, sizeof text, "%s" WEIR_STR_FMT "%s" WEIR_STR_FMT "%s" WEIR_STR_FMT,
                     stream.len ? "stream \"" : "", WEIR_STR_ARG(stream), stream.len ? "\": " : "",
                     WEIR_STR_ARG(people.len ? people : inner), more ? ": " : "",
                     WEIR_STR_ARG(more ? inner : WEIR_STR("")));
    keep_error(r, people.len + inner.len ? (struct weir_str){text, (size_t)n}
                                         : WEIR_STR("it failed without a word"));
}

static void keep_incomplete(struct weir_airbyte_reader *r, struct weir_str name)
{
    char text[300];
    snprintf(text, sizeof text, "the stream \"" WEIR_STR_FMT "\" was not read to its end",
             WEIR_STR_ARG(weir_utf8_cut(name, 200)));
    keep_error(r, weir_str_of(text));
}

static int take_stream_status(struct weir_airbyte_reader *r, struct weir_json status,
                              struct weir_error *err)
{
    struct weir_json descriptor = weir_json_get(status, "stream_descriptor");
    struct weir_str name = weir_json_get_str(descriptor, "name");
    struct weir_str is = weir_json_get_str(status, "status");
    struct weir_feed_stream *s;
    int rc = stream_of(r, name, weir_json_get_str(descriptor, "namespace"), &s, err);
    bool complete = weir_str_is(is, "COMPLETE");
    if (weir_str_is(is, "INCOMPLETE")) {
        keep_incomplete(r, name);
    }
    if (rc == 0 && s) {
        s->begun = complete ? false : s->begun || weir_str_is(is, "STARTED");
    }
    return rc || !s || !complete ? rc : weir_airbyte_complete(r, s, err);
}

static int take_trace(struct weir_airbyte_reader *r, struct weir_json trace, struct weir_error *err)
{
    struct weir_str type = weir_json_get_str(trace, "type");
    struct weir_json error = weir_json_get(trace, "error");
    struct weir_json estimate = weir_json_get(trace, "estimate");
    double bytes = 0;
    if (weir_str_is(type, "ERROR")) {
        keep_failure(r, error);
        tell(r, "error: ", weir_json_get_str(error, "message"));
        tell(r, "internal: ", weir_json_get_str(error, "internal_message"));
        tell(r, "stack: ", weir_json_get_str(error, "stack_trace"));
    } else if (weir_str_is(type, "STREAM_STATUS") && r->feed) {
        return take_stream_status(r, weir_json_get(trace, "stream_status"), err);
    } else if (weir_str_is(type, "ESTIMATE")) {
        struct weir_str name = weir_json_get_str(estimate, "name");
        if (name.len && name.len < 200 &&
            weir_json_double(weir_json_get(estimate, "byte_estimate"), &bytes) && bytes > 0 &&
            bytes < 1e18) {
            char copy[201];
            snprintf(copy, sizeof copy, WEIR_STR_FMT, WEIR_STR_ARG(name));
            weir_source_watch_read(watch_of(r), copy, (uint64_t)bytes);
        }
    }
    return 0;
}

static int take_control(struct weir_airbyte_reader *r, struct weir_json control,
                        struct weir_error *err)
{
    struct weir_json config = weir_json_get(weir_json_get(control, "connectorConfig"), "config");
    if (weir_json_type(config) != WEIR_JSON_OBJECT) {
        return 0; /* of a kind that is not known */
    }
    weir_buf_reset(&r->config);
    weir_json_print(config, &r->config);
    return weir_buf_check(&r->config, "the settings of a source", err);
}

static int take_text(struct weir_json value, struct weir_buf *out, struct weir_error *err)
{
    weir_buf_reset(out);
    weir_json_print(value, out);
    return weir_buf_check(out, "what a source tells", err);
}

static void take_status(struct weir_airbyte_reader *r, struct weir_json status)
{
    r->checked = true;
    r->well = weir_str_is(weir_json_get_str(status, "status"), "SUCCEEDED");
    if (!r->well) {
        r->error[0] = 0;
        keep_error(r, weir_json_get_str(status, "message"));
        keep_error(r, WEIR_STR("its check failed without a word"));
    }
}

static int take(struct weir_airbyte_reader *r, struct weir_json root, struct weir_str type,
                struct weir_str line, struct weir_error *err)
{
    if (r->feed && weir_str_is(type, "RECORD")) {
        return take_record(r, weir_json_get(root, "record"), line, err);
    }
    if (r->feed && weir_str_is(type, "STATE")) {
        return weir_airbyte_state_take(r, weir_json_get(root, "state"), err);
    }
    if (weir_str_is(type, "CATALOG")) {
        return take_text(weir_json_get(root, "catalog"), &r->catalog_text, err);
    }
    if (weir_str_is(type, "SPEC")) {
        return take_text(weir_json_get(root, "spec"), &r->spec_text, err);
    }
    if (weir_str_is(type, "CONTROL")) {
        return take_control(r, weir_json_get(root, "control"), err);
    }
    if (weir_str_is(type, "TRACE")) {
        return take_trace(r, weir_json_get(root, "trace"), err);
    }
    if (weir_str_is(type, "CONNECTION_STATUS")) {
        take_status(r, weir_json_get(root, "connectionStatus"));
    } else if (weir_str_is(type, "LOG")) {
        tell(r, "", weir_json_get_str(weir_json_get(root, "log"), "message"));
    } /* others are permitted, and say nothing to us */
    return 0;
}

int weir_airbyte_line(struct weir_airbyte_reader *r, struct weir_str line, struct weir_error *err)
{
    struct weir_json root;
    struct weir_error why;
    r->line++;
    if (r->feed) {
        r->feed->bytes += line.len + 1;
    }
    if (weir_str_trim(line).len == 0) {
        return 0;
    }
    int rc = weir_json_parse_lenient(r->parser, line, &root, &r->repairs, &why);
    if (rc) {
        return rubbish(r, line, why.message, err);
    }
    struct weir_str type = weir_json_get_str(root, "type");
    if (!type.ptr) {
        return rubbish(r, line, "it has no `type`", err);
    }
    rc = take(r, root, type, line, &why);
    if (rc == WEIR_EINVAL && !(r->feed && r->feed->load_failed)) {
        return rubbish(r, line, why.message, err);
    }
    return rc ? weir_fail(err, rc, "%s", why.message) : 0;
}

void weir_airbyte_look_at_end(struct weir_airbyte_reader *r)
{
    struct weir_feed *feed = r->feed;
    for (size_t i = 0; i < feed->stream_count; i++) {
        if (feed->streams[i]->begun) {
            keep_incomplete(r, feed->streams[i]->name);
        }
    }
    for (size_t i = 0; r->line == 0 && i < r->catalog->count; i++) {
        const struct weir_airbyte_entry *e = &r->catalog->entries[i];
        const struct weir_feed_wanted *w = weir_feed_find_wanted(feed, e->name);
        if (w && !weir_airbyte_is_incremental(e, w)) {
            keep_error(r, WEIR_STR("it wrote nothing at all, which does not say that what is read "
                                   "as a whole is empty: tables stay as they are"));
        }
    }
}

void weir_airbyte_tell_strange(const struct weir_airbyte_reader *r)
{
    if (r->strange) {
        weir_source_watch_say(watch_of(r),
                              "%llu rows are left out, of streams that the source's catalog does "
                              "not have; the first: \"%s\"",
                              (unsigned long long)r->strange, r->stranger);
        weir_log(r->feed->log, WEIR_LOG_WARN,
                 "rows of streams that the source's catalog does not have were left out", "source",
                 r->feed->config->name, "first", r->stranger, "rows",
                 weir_log_num((int64_t)r->strange).text);
    }
}

int weir_airbyte_lines_failed(struct weir_airbyte_reader *r, int rc)
{
    struct weir_error ignored; /* the source's own error is what counts */
    if (weir_feed_saves(r->feed, rc)) {
        (void)!weir_airbyte_state_rest(r, &ignored);
    }
    return rc;
}

/* A stream that is read as a whole and has no row is empty now; it came all the same. */
int weir_airbyte_lines_end(struct weir_airbyte_reader *r, struct weir_error *err)
{
    struct weir_feed_stream *s;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->catalog->count; i++) {
        rc = stream_of(r, r->catalog->entries[i].own, r->catalog->entries[i].space, &s, err);
    }
    rc = rc ? rc : weir_airbyte_state_end(r, err);
    return rc ? rc : weir_feed_end(r->feed, err);
}
