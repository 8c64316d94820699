/* No two streams may have one table. */
#include "source/run/run.h"

static int refuse(const char *one, const char *other, const char *table, struct weir_error *err)
{
    return weir_fail(err, WEIR_EINVAL,
                     "the streams \"%s\" and \"%s\" would share the table \"%s\"; give one of "
                     "them another `table:`",
                     one, other, table);
}

int weir_feed_check_table(struct weir_source_config *config, const struct weir_feed *feed,
                          const struct weir_feed_stream *s, struct weir_error *err)
{
    struct weir_source_stream mine, other;
    int rc = weir_source_config_stream(config, s->name, &mine, err);
    for (size_t i = 0; rc == 0 && i < feed->stream_count; i++) {
        if (feed->streams[i] == s || weir_feed_is_list(feed->streams[i])) {
            continue;
        }
        rc = weir_source_config_stream(config, feed->streams[i]->name, &other, err);
        if (rc == 0 && strcmp(other.table, mine.table) == 0) {
            rc = refuse(other.name, mine.name, mine.table, err);
        }
    }
    return rc;
}

static const char *table_of(const struct weir_stream_run *r, size_t i)
{
    return i ? r->lists[i - 1]->stream.table : r->stream.table;
}

int weir_feed_check_lists(struct weir_stream_run *const *streams, size_t count,
                          struct weir_error *err)
{
    const struct weir_stream_run *last = streams[count - 1];
    for (size_t k = 0; k + 1 < count; k++) {
        const struct weir_stream_run *other = streams[k];
        for (size_t i = 0; i <= other->list_count; i++) {
            for (size_t m = 0; m <= last->list_count; m++) {
                if (strcmp(table_of(other, i), table_of(last, m)) == 0) {
                    return refuse(other->stream.name, last->stream.name, table_of(last, m), err);
                }
            }
        }
    }
    return 0;
}
