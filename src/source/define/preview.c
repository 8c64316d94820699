/* The first rows of a stream, as they would be loaded. */
#include "base/cond.h"
#include "csv/columns.h"
#include "source/connector.h"

#define MOST_TIME 30                 /* seconds */
#define LOOK      (WEIR_SECOND / 10) /* whether somebody waits still */
#define MOST_BAD  10
#define MOST_TEXT 300 /* bytes of a value */
#define MAX_CELLS (8u << 20)

struct preview {
    struct weir_source_sink sink; /* first */
    const struct weir_source_preview *what;
    struct weir_column *columns;
    struct weir_buf rows, bad; /* JSON, with commas between */
    size_t count, bad_count;
    bool enough;
};

/* Ends what takes too long, or is waited for by nobody. */
struct alarm {
    const atomic_bool *left; /* set when nobody waits; or NULL */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    pthread_t thread;
    bool over, rang;
    atomic_bool stop;
};

static void *wait_for_end(void *arg)
{
    struct alarm *a = arg;
    weir_time end = weir_mono() + MOST_TIME * WEIR_SECOND;
    pthread_mutex_lock(&a->lock);
    while (!a->over && !a->rang && !(a->left && atomic_load(a->left))) {
        weir_cond_wait_until(&a->ended, &a->lock, weir_mono() + LOOK);
        a->rang = !a->over && weir_mono() > end;
    }
    atomic_store(&a->stop, true);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static int set_alarm(struct alarm *a, struct weir_error *err)
{
    pthread_mutex_init(&a->lock, NULL);
    weir_cond_init(&a->ended);
    return pthread_create(&a->thread, NULL, wait_for_end, a)
               ? weir_fail(err, WEIR_EBUSY, "no thread for a preview; try again in a moment")
               : 0;
}

static void end_alarm(struct alarm *a)
{
    pthread_mutex_lock(&a->lock);
    a->over = true;
    pthread_cond_signal(&a->ended);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->ended);
    pthread_mutex_destroy(&a->lock);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static void print_cell(struct preview *p, size_t column, const struct weir_vector *v, size_t row)
{
    struct weir_buf text;
    weir_buf_addz(&p->rows, column ? "," : "");
    if (!weir_vector_valid(v, row)) {
        weir_buf_addz(&p->rows, "null");
        return;
    }
    weir_buf_init(&text, MAX_CELLS);
    p->what->text(&text, &p->columns[column], v, row);
    struct weir_str whole = weir_buf_str(&text), shown = weir_utf8_cut(whole, MOST_TEXT);
    if (shown.len < whole.len) {
        text.len = shown.len;
        weir_buf_addz(&text, "…");
        shown = weir_buf_str(&text);
    }
    weir_json_quote(&p->rows, weir_buf_ok(&text) ? shown : WEIR_STR("…"));
    weir_buf_free(&text);
}

static int take_rows(struct weir_source_sink *sink, struct weir_str part,
                     const struct weir_batch *batch, struct weir_error *err)
{
    struct preview *p = (struct preview *)sink;
    (void)part;
    for (size_t row = 0; row < batch->rows && p->count < p->what->most; row++, p->count++) {
        weir_buf_addz(&p->rows, p->count ? ",[" : "[");
        for (size_t i = 0; i < sink->column_count; i++) {
            print_cell(p, i, &batch->columns[i], row);
        }
        weir_buf_addc(&p->rows, ']');
    }
    p->enough = p->count >= p->what->most;
    return p->enough ? weir_fail(err, WEIR_ECANCELED, "that is enough") : 0;
}

static void keep_line(struct preview *p, const struct weir_source_reject *what, bool above)
{
    struct weir_arena arena;
    struct weir_str text = what->row.len ? what->row : what->text;
    if (p->bad_count++ < MOST_BAD) {
        weir_arena_init(&arena, 16u << 20);
        struct weir_jw w = weir_jw_on(&p->bad);
        weir_buf_addz(&p->bad, p->bad_count > 1 ? "," : "");
        weir_jw_object(&w);
        if (what->line) {
            weir_jw_ku64(&w, "line", what->line);
        } else {
            weir_jw_keyz(&w, "line");
            weir_jw_null(&w);
        }
        weir_jw_kstr_or_null(&w, "column", what->column);
        weir_jw_kstr(&w, "text", weir_utf8_cut(weir_csv_readable(&arena, text), MOST_TEXT));
        weir_jw_kstrz(&w, "reason", what->reason);
        weir_jw_kbool(&w, "above", above);
        weir_jw_object_end(&w);
        weir_arena_free(&arena);
    }
}

static int take_bad(struct weir_source_sink *sink, const struct weir_source_reject *what,
                    struct weir_error *err)
{
    (void)err;
    keep_line((struct preview *)sink, what, false);
    return 0;
}

static int take_above(struct weir_source_sink *sink, const struct weir_source_reject *what,
                      struct weir_error *err)
{
    (void)err;
    keep_line((struct preview *)sink, what, true);
    return 0;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static int make_columns(struct preview *p, struct weir_source_plan *plan, struct weir_error *err)
{
    p->columns = weir_arena_calloc(&plan->arena, (plan->column_count + 1) * sizeof *p->columns);
    if (!p->columns) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", plan->column_count);
    }
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct weir_source_column *c = &plan->columns[i];
        p->columns[i] = (struct weir_column){c->name, c->type, c->type_name};
    }
    p->sink.columns = p->columns;
    p->sink.column_count = plan->column_count;
    return 0;
}

static void print(const struct preview *p, const struct weir_source_stream *stream,
                  const struct weir_source_plan *plan, struct weir_jw *w)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "stream", stream->name);
    weir_jw_kstrz(w, "table", stream->table);
    weir_source_print_columns(plan, stream->table, w);
    weir_jw_keyz(w, "rows");
    weir_jw_array(w);
    weir_jw_raw(w, weir_buf_str(&p->rows));
    weir_jw_array_end(w);
    weir_jw_kbool(w, "more", p->enough);
    weir_jw_keyz(w, "bad_lines");
    weir_jw_array(w);
    weir_jw_raw(w, weir_buf_str(&p->bad));
    weir_jw_array_end(w);
    weir_jw_object_end(w);
}

static int read_some(struct weir_source_config *config, void *connection, struct preview *p,
                     struct alarm *a, struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_stream stream;
    struct weir_source_plan plan;
    struct weir_figures told = {0};
    weir_source_plan_init(&plan);
    int rc = weir_source_config_stream(config, p->what->stream, &stream, err);
    if (rc == 0) {
        plan.exclude = p->what->whole ? NULL : &stream.exclude;
        plan.stop = &a->stop;
        rc = config->connector->plan(connection, &stream, (struct weir_str){NULL, 0}, &plan, err);
    }
    if (rc == 0 && !config->connector->read) { /* its program tells columns only */
        print(p, &stream, &plan, w);
        weir_source_plan_free(&plan);
        return 0;
    }
    rc = rc ? rc : make_columns(p, &plan, err);
    rc = rc ? rc : weir_figures_init(&told, plan.column_count, &plan.arena, err);
    p->sink.source = &told;
    p->sink.stop = &a->stop;
    rc = rc ? rc : config->connector->read(connection, &plan, &p->sink, err);
    rc = p->enough ? 0 : rc;
    rc = rc ? rc : weir_buf_check(&p->rows, "a preview", err);
    if (rc == 0) {
        print(p, &stream, &plan, w);
    }
    weir_source_plan_free(&plan);
    return rc;
}

int weir_source_preview(const struct weir_source_site *site, const struct weir_source_preview *what,
                        struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_config config;
    void *connection = NULL;
    struct alarm a = {.left = site->stop};
    struct weir_source_site own = *site;
    own.stop = &a.stop;
    struct preview p = {.what = what,
                        .sink = {.rows = take_rows, .reject = take_bad, .pass = take_above}};
    weir_buf_init(&p.rows, MAX_CELLS);
    weir_buf_init(&p.bad, 1u << 20);
    int rc = what->text_of_file.ptr
                 ? weir_source_config_parse(what->text_of_file, what->source, "sources/<new>.yml",
                                            &config, err)
                 : weir_source_config_read(site->dir, what->source, &config, err);
    rc = rc ? rc : set_alarm(&a, err);
    if (rc == 0) {
        rc = weir_source_open(&own, &config, &connection, err);
        rc = rc ? rc : read_some(&config, connection, &p, &a, w, err);
        config.connector->close(connection);
        end_alarm(&a);
        rc = rc && a.rang ? weir_fail(err, WEIR_ETIMEDOUT,
                                      "the first rows did not come within %d s; a run has all the "
                                      "time it needs",
                                      MOST_TIME)
                          : rc;
    }
    weir_source_config_free(&config);
    weir_buf_free(&p.rows);
    weir_buf_free(&p.bad);
    return rc;
}
