/* What can be asked of a run. */
#include <stdlib.h>

#include "source/define/secret.h"
#include "source/run/run.h"
#include "source/schedule/follow.h"

bool weir_source_can_fill(const struct weir_source_stream *stream)
{
    return *stream->cursor && stream->key.count;
}

static int refuse_fill(const char *stream, struct weir_error *err)
{
    return weir_fail(err, WEIR_EINVAL,
                     "stream \"%s\" cannot be filled from some point on: that needs `cursor: "
                     "COLUMN` and `mode: merge` or `history`; `--full` reads all of it",
                     stream);
}

/* Both are numbers or both are times as people write them; of others nothing is known here. */
static bool is_turned_round(const char *from, const char *to)
{
    weir_time first, last;
    if (weir_source_is_numeral(weir_str_of(from)) && weir_source_is_numeral(weir_str_of(to))) {
        return strtod(from, NULL) >= strtod(to, NULL);
    }
    return strlen(from) >= 10 && strlen(to) >= 10 && from[4] == '-' && to[4] == '-' &&
           weir_time_parse_lenient(weir_str_of(from), &first) &&
           weir_time_parse_lenient(weir_str_of(to), &last) && first >= last;
}

static int check_range(const struct weir_source_run *run, const struct weir_source_config *config,
                       struct weir_error *err)
{
    if (run->from && config->connector->feed) {
        return weir_fail(err, WEIR_EINVAL,
                         "a source of kind %s cannot be filled from some point on: its program "
                         "decides what it reads; `--full` reads all of it",
                         config->connector->name);
    }
    return run->from && run->full
               ? weir_fail(err, WEIR_EINVAL, "a run reads everything, or from some point on")
           : run->to && !run->from
               ? weir_fail(err, WEIR_EINVAL, "a range needs its beginning, `from`")
           : run->to && is_turned_round(run->from, run->to)
               ? weir_fail(err, WEIR_EINVAL, "the range from %s to %s has nothing in it", run->from,
                           run->to)
               : 0;
}

/* Its tables come together, by their changes. */
static int check_follower(const struct weir_source_run *run,
                          const struct weir_source_config *config, struct weir_error *err)
{
    if (run->verify || !weir_source_follows(config)) {
        return 0;
    }
    return run->stream ? weir_fail(err, WEIR_EINVAL,
                                   "the tables of \"%s\" follow their source together; run `weir "
                                   "sync %s`",
                                   config->name, config->name)
           : run->from ? weir_fail(err, WEIR_EINVAL,
                                   "a source that follows changes has no cursor to be filled from; "
                                   "`--full` reads all of it")
                       : 0;
}

/* Is it such a value as the table has in this column? */
static int check_value(struct weir_stream_run *r, const struct weir_column *column,
                       const char *name, const char *value, struct weir_error *err)
{
    struct weir_buf sql;
    uint64_t fits = 0;
    if (!value || !column || column->type == WEIR_TYPE_TEXT) {
        return 0;
    }
    weir_buf_init(&sql, 4096);
    weir_buf_addz(&sql, "SELECT CAST(TRY_CAST(");
    weir_sql_text(&sql, weir_str_of(value));
    weir_buf_addf(&sql, " AS " WEIR_STR_FMT ") IS NOT NULL AS BIGINT)",
                  WEIR_STR_ARG(weir_source_column_sql(column)));
    int rc = weir_session_number_buf(r->session, &sql, &fits, err);
    weir_buf_free(&sql);
    if (rc || fits) {
        return rc;
    }
    r->asked = true;
    return weir_fail(err, WEIR_EINVAL,
                     "`%s` is \"%.100s\", and the column \"%s\", by which \"%s\" is read, has "
                     "values of the type %s; write one as the table shows them",
                     name, value, r->stream.cursor, r->stream.name, weir_type_name(column->type));
}

int weir_source_asked_range(struct weir_stream_run *r, struct weir_str cursor,
                            struct weir_error *err)
{
    char word[WEIR_SOURCE_WORD];
    r->asked = !weir_source_can_fill(&r->stream) || !cursor.len;
    if (!weir_source_can_fill(&r->stream)) {
        return refuse_fill(r->stream.name, err);
    }
    if (!cursor.len) {
        return weir_fail(err, WEIR_EINVAL,
                         "stream \"%s\" was not loaded yet; `weir sync %s` loads all of it",
                         r->stream.name, weir_source_word(r->config->name, r->stream.name, word));
    }
    const struct weir_column *column =
        weir_source_find_column(r->target, weir_str_of(r->stream.cursor));
    int rc = check_value(r, column, "from", r->run->from, err);
    return rc ? rc : check_value(r, column, "to", r->run->to, err);
}

int weir_source_asked_check(const struct weir_source_run *run,
                            const struct weir_source_config *config, struct weir_error *err)
{
    const struct weir_source_stream *one = weir_source_named(config, run->stream);
    bool fills = !config->stream_count || (one && weir_source_can_fill(one));
    int rc = check_range(run, config, err);
    rc = rc ? rc : check_follower(run, config, err);
    if (rc == 0 && run->stream && config->stream_count && !one) {
        return weir_fail(err, WEIR_EINVAL,
                         "source \"%s\" has no stream \"%s\"; `weir source discover %s` shows them",
                         config->name, run->stream, config->name);
    }
    for (size_t i = 0; !run->stream && i < config->stream_count; i++) {
        fills = fills || weir_source_can_fill(&config->streams[i]);
    }
    if (rc || !run->from || fills) {
        return rc;
    }
    return run->stream ? refuse_fill(run->stream, err)
                       : weir_fail(err, WEIR_EINVAL,
                                   "no stream of source \"%s\" has `cursor: COLUMN` and `mode: "
                                   "merge` or `history`, so none can be filled from some point on",
                                   config->name);
}

int weir_source_asked(const struct weir_source_run *run, struct weir_error *err)
{
    struct weir_source_config config;
    int rc = weir_source_config_read(run->site->dir, run->source, &config, err);
    rc = rc ? rc : weir_source_asked_check(run, &config, err);
    weir_source_config_free(&config);
    return rc;
}
