/* What a tap measures of itself: lines "METRIC: {json}" of its stderr, added up. */
#include <stdio.h>

#include "source/schedule/watch.h"
#include "source/singer/singer.h"

#define MAX_DEPTH 10
#define MAX_ARENA (1u << 20)

int weir_singer_metrics_init(struct weir_singer_metrics *m, struct weir_error *err)
{
    *m = (struct weir_singer_metrics){.parser = weir_json_parser_new(MAX_DEPTH)};
    weir_arena_init(&m->arena, MAX_ARENA);
    return m->parser ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a tap's metrics");
}

void weir_singer_metrics_free(struct weir_singer_metrics *m)
{
    weir_json_parser_free(m->parser);
    weir_arena_free(&m->arena);
}

static struct weir_singer_metric *find(struct weir_singer_metrics *m, struct weir_str name,
                                       struct weir_str of, bool timer)
{
    for (size_t i = 0; i < m->count; i++) {
        struct weir_singer_metric *one = &m->items[i];
        if (weir_str_eq(one->name, name) && weir_str_eq(one->of, of)) {
            return one;
        }
    }
    if (m->count == WEIR_SINGER_METRICS) {
        return NULL;
    }
    struct weir_singer_metric *one = &m->items[m->count];
    *one = (struct weir_singer_metric){.name = weir_arena_dup(&m->arena, name),
                                       .of = weir_arena_dup(&m->arena, of),
                                       .timer = timer};
    m->count += one->name.ptr && one->of.ptr;
    return one->name.ptr && one->of.ptr ? one : NULL;
}

/* The stream, or whatever it is of. */
static struct weir_str tagged(struct weir_json tags)
{
    static const char *const names[] = {"endpoint", "stream", "job_type"};
    struct weir_str of = {NULL, 0};
    for (size_t i = 0; i < 3 && of.len == 0; i++) {
        of = weir_json_get_str(tags, names[i]);
    }
    return of.ptr ? weir_utf8_cut(of, 200) : WEIR_STR("");
}

bool weir_singer_metrics_hear(void *metrics, struct weir_str line)
{
    static const char mark[] = "METRIC: {";
    struct weir_singer_metrics *m = metrics;
    const char *at = memmem(line.ptr, line.len, mark, sizeof mark - 1);
    struct weir_buf text;
    struct weir_json root;
    struct weir_error ignored;
    double value;
    bool taken = false;
    if (!at) {
        return false;
    }
    at += sizeof mark - 2;
    weir_buf_init(&text, 64u << 10);
    weir_buf_add(&text, at, (size_t)(line.ptr + line.len - at));
    if (weir_buf_ok(&text) &&
        weir_json_parse(m->parser, weir_buf_str(&text), &root, &ignored) == 0 &&
        weir_json_double(weir_json_get(root, "value"), &value)) {
        struct weir_str type = weir_json_get_str(root, "type");
        struct weir_str name = weir_utf8_cut(weir_json_get_str(root, "metric"), 200);
        struct weir_json tags = weir_json_get(root, "tags");
        bool timer = weir_str_is(type, "timer");
        struct weir_singer_metric *one = name.len && (timer || weir_str_is(type, "counter"))
                                             ? find(m, name, tagged(tags), timer)
                                             : NULL;
        taken = one;
        if (one) {
            one->times++;
            one->sum += value;
            one->failed += weir_str_is(weir_json_get_str(tags, "status"), "failed");
        }
    }
    weir_buf_free(&text);
    return taken;
}

void weir_singer_metrics_tell(const struct weir_singer_metrics *m, struct weir_source_watch *watch)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct weir_singer_metric *one = &m->items[i];
        const char *of = one->of.len ? " of " : "";
        if (one->timer) {
            weir_source_watch_say(watch,
                                  "the tap measured " WEIR_STR_FMT "%s" WEIR_STR_FMT
                                  ": %llu times, %.1f s in all, %llu failed",
                                  WEIR_STR_ARG(one->name), of, WEIR_STR_ARG(one->of),
                                  (unsigned long long)one->times, one->sum,
                                  (unsigned long long)one->failed);
        } else {
            weir_source_watch_say(watch,
                                  "the tap counted " WEIR_STR_FMT "%s" WEIR_STR_FMT ": %.15g",
                                  WEIR_STR_ARG(one->name), of, WEIR_STR_ARG(one->of), one->sum);
        }
    }
}
