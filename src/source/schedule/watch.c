#include "source/schedule/watch.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/ledger/ledger.h"
#include "source/source.h"

#define LINES     200
#define LINE_SIZE 2000
#define STREAMS   1000
#define WINDOW    (4 * WEIR_SECOND) /* over which a rate is taken, at least */

struct line {
    weir_time at;
    char *text;
};
struct stream {
    char *name, *error;
    const char *state; /* of the constants below, or a load's status */
    uint64_t rows, bytes, total;
    weir_time began; /* monotonic: the reading */
};
struct mark { /* how many rows there were when */
    weir_time at;
    uint64_t rows;
};
struct weir_source_watch {
    pthread_mutex_t lock; /* guards all below */
    struct stream *streams;
    size_t count, latest; /* the one that was told of last */
    uint64_t rows, bytes;
    struct mark marks[2]; /* older, newer */
    struct line lines[LINES];
    size_t line_count, line_first, left_out;
    bool loaded, failed, mismatch;
};

static const char *const looking = "looking", *const reading = "reading",
                         *const writing = "writing";

struct weir_source_watch *weir_source_watch_new(void)
{
    struct weir_source_watch *w = calloc(1, sizeof *w);
    if (w) {
        pthread_mutex_init(&w->lock, NULL);
        w->marks[0].at = w->marks[1].at = weir_mono();
    }
    return w;
}

struct weir_source_watch *weir_source_watch_of(const struct weir_source_progress *progress)
{
    return progress ? progress->watch : NULL;
}

void weir_source_watch_free(struct weir_source_watch *w)
{
    if (w) {
        for (size_t i = 0; i < w->count; i++) {
            free(w->streams[i].name);
            free(w->streams[i].error);
        }
        for (size_t i = 0; i < LINES; i++) {
            free(w->lines[i].text);
        }
        free(w->streams);
        pthread_mutex_destroy(&w->lock);
        free(w);
    }
}

/* With the lock. NULL: there are too many, or no memory; then it is not shown. */
static struct stream *find(struct weir_source_watch *w, const char *name, bool add)
{
    if (w->latest < w->count && strcmp(w->streams[w->latest].name, name) == 0) {
        return &w->streams[w->latest];
    }
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(w->streams[i].name, name) == 0) {
            w->latest = i;
            return &w->streams[i];
        }
    }
    if (!add || w->count == STREAMS) {
        return NULL;
    }
    struct stream *grown = realloc(w->streams, (w->count + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    w->streams = grown;
    grown[w->count] = (struct stream){.name = strdup(name), .state = looking};
    if (!grown[w->count].name) {
        return NULL;
    }
    w->latest = w->count;
    return &grown[w->count++];
}

static void add_line(struct weir_source_watch *w, const char *text)
{
    size_t at = (w->line_first + w->line_count) % LINES;
    char *copy = strdup(text);
    if (!copy) {
        return;
    }
    if (w->line_count == LINES) { /* the first one says where the run began */
        size_t second = (w->line_first + 1) % LINES;
        free(w->lines[second].text);
        w->lines[second] = w->lines[w->line_first];
        w->lines[w->line_first].text = NULL;
        w->line_first = second;
        w->line_count--;
        w->left_out++;
    }
    w->lines[at] = (struct line){weir_now(), copy};
    w->line_count++;
}

void weir_source_watch_say(struct weir_source_watch *w, const char *format, ...)
{
    char text[LINE_SIZE];
    va_list args;
    if (w) {
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        pthread_mutex_lock(&w->lock);
        add_line(w, text);
        pthread_mutex_unlock(&w->lock);
    }
}

void weir_source_watch_look(struct weir_source_watch *w, const char *name)
{
    if (w) {
        pthread_mutex_lock(&w->lock);
        (void)find(w, name, true);
        pthread_mutex_unlock(&w->lock);
    }
}

void weir_source_watch_read(struct weir_source_watch *w, const char *name, uint64_t bytes)
{
    if (w) {
        pthread_mutex_lock(&w->lock);
        struct stream *s = find(w, name, true);
        if (s) {
            s->state = reading;
            s->total = bytes;
            s->began = weir_mono();
        }
        pthread_mutex_unlock(&w->lock);
        weir_source_watch_say(w, "%s: reads", name);
    }
}

void weir_source_watch_more(struct weir_source_watch *w, const char *name, uint64_t rows,
                            uint64_t bytes)
{
    weir_time now = weir_mono();
    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    struct stream *s = find(w, name, false);
    if (s) {
        s->rows += rows;
        s->bytes += bytes;
    }
    w->rows += rows;
    w->bytes += bytes;
    if (now - w->marks[1].at > WINDOW) {
        w->marks[0] = w->marks[1];
        w->marks[1] = (struct mark){now, w->rows};
    }
    pthread_mutex_unlock(&w->lock);
}

void weir_source_watch_write(struct weir_source_watch *w, const char *name)
{
    if (w) {
        pthread_mutex_lock(&w->lock);
        struct stream *s = find(w, name, true);
        uint64_t rows = s ? s->rows : 0;
        if (s) {
            s->state = writing;
        }
        pthread_mutex_unlock(&w->lock);
        weir_source_watch_say(w, "%s: %llu row%s staged and proven; into the table next", name,
                              (unsigned long long)rows, rows == 1 ? "" : "s");
    }
}

static void say_end(struct weir_source_watch *w, const struct weir_source_load *l)
{
    if (strcmp(l->status, "loaded") == 0) {
        weir_source_watch_say(w, "%s: loaded %llu row%s into %s.%s", l->stream,
                              (unsigned long long)l->rows_written, l->rows_written == 1 ? "" : "s",
                              l->schema, l->table);
    } else if (strcmp(l->status, "unchanged") == 0) {
        weir_source_watch_say(w, "%s: nothing is new", l->stream);
    } else {
        weir_source_watch_say(w, "%s: %s", l->stream, l->error);
    }
    if (l->rows_discarded) {
        bool one = l->rows_discarded == 1;
        weir_source_watch_say(w, "%s: %llu %s not fit and %s in weir.source_discards", l->stream,
                              (unsigned long long)l->rows_discarded, one ? "row did" : "rows did",
                              one ? "is" : "are");
    }
}

void weir_source_watch_part(struct weir_source_watch *w, const struct weir_source_load *l)
{
    weir_source_watch_say(w,
                          "%s: loaded %llu rows into %s.%s on the way, with the state behind them",
                          l->stream, (unsigned long long)l->rows_written, l->schema, l->table);
}

void weir_source_watch_end(struct weir_source_watch *w, const struct weir_source_load *l)
{
    static const char *const states[] = {"loaded", "unchanged", "failed", "mismatch"};
    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    struct stream *s = find(w, l->stream, true);
    for (size_t i = 0; s && i < sizeof states / sizeof states[0]; i++) {
        s->state = strcmp(l->status, states[i]) == 0 ? states[i] : s->state;
    }
    if (s && *l->error) {
        free(s->error);
        s->error = strdup(l->error);
    }
    w->loaded = w->loaded || strcmp(l->status, "loaded") == 0;
    w->failed = w->failed || strcmp(l->status, "failed") == 0;
    w->mismatch = w->mismatch || strcmp(l->status, "mismatch") == 0;
    pthread_mutex_unlock(&w->lock);
    say_end(w, l);
}

const char *weir_source_watch_status(struct weir_source_watch *w)
{
    if (!w) {
        return "unchanged";
    }
    pthread_mutex_lock(&w->lock);
    const char *status = w->mismatch ? "mismatch"
                         : w->failed ? "failed"
                         : w->loaded ? "loaded"
                                     : "unchanged";
    pthread_mutex_unlock(&w->lock);
    return status;
}

/* --- telling ------------------------------------------------------------------------------------
 */

static void key_or_null(struct weir_jw *w, const char *key, bool there, uint64_t value)
{
    weir_jw_keyz(w, key);
    if (there) {
        weir_jw_u64(w, value);
    } else {
        weir_jw_null(w);
    }
}

/* What is left, if it goes on as it went; the total of a table is an estimate of its server's. */
static void print_left(const struct stream *s, struct weir_jw *w)
{
    weir_time took = weir_mono() - s->began;
    bool known = s->state == reading && s->total && s->bytes && took > WEIR_SECOND;
    uint64_t left = s->total > s->bytes ? s->total - s->bytes : 0;
    double seconds = known ? (double)took / WEIR_SECOND * (double)left / (double)s->bytes : 0;
    key_or_null(w, "seconds_left", known, (uint64_t)(seconds + 0.5));
}

static void print_stream(const struct stream *s, struct weir_jw *w)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "stream", s->name);
    weir_jw_kstrz(w, "state", s->state);
    weir_jw_ku64(w, "rows", s->rows);
    weir_jw_ku64(w, "bytes", s->bytes);
    key_or_null(w, "bytes_total", s->total && s->bytes, s->total > s->bytes ? s->total : s->bytes);
    print_left(s, w);
    weir_jw_kstr_or_null(w, "error", weir_str_of(s->error ? s->error : ""));
    weir_jw_object_end(w);
}

void weir_source_watch_print(struct weir_source_watch *watch, bool runs, size_t most,
                             struct weir_jw *w)
{
    weir_time now = weir_mono();
    pthread_mutex_lock(&watch->lock);
    struct mark since = watch->marks[0];
    double seconds = (double)(now - since.at) / WEIR_SECOND;
    weir_jw_ku64(w, "rows", watch->rows);
    weir_jw_ku64(w, "bytes", watch->bytes);
    key_or_null(w, "rate", runs && watch->rows && seconds > 0.2,
                (uint64_t)((double)(watch->rows - since.rows) / (seconds > 0 ? seconds : 1)));
    weir_jw_keyz(w, "streams");
    weir_jw_array(w);
    for (size_t i = 0; i < watch->count && i < most; i++) {
        print_stream(&watch->streams[i], w);
    }
    weir_jw_array_end(w);
    pthread_mutex_unlock(&watch->lock);
}

static void print_line(weir_time at, const char *text, struct weir_jw *w)
{
    weir_jw_object(w);
    weir_jw_ktime(w, "at", at);
    weir_jw_kstrz(w, "text", text);
    weir_jw_object_end(w);
}

void weir_source_watch_print_log(struct weir_source_watch *watch, size_t most, struct weir_jw *w)
{
    char room[80];
    size_t bytes = 0, from;
    pthread_mutex_lock(&watch->lock);
    const struct line *first = &watch->lines[watch->line_first];
    for (from = watch->line_count; from > 1; from--) {
        bytes += strlen(watch->lines[(watch->line_first + from - 1) % LINES].text);
        if (bytes > most) {
            break;
        }
    }
    weir_jw_array(w);
    if (watch->line_count) {
        print_line(first->at, first->text, w);
    }
    size_t left_out = watch->left_out + (from > 1 ? from - 1 : 0);
    if (left_out) {
        snprintf(room, sizeof room, "… %zu lines are left out …", left_out);
        print_line(first->at, room, w);
    }
    for (size_t i = from; i > 0 && i < watch->line_count; i++) {
        const struct line *line = &watch->lines[(watch->line_first + i) % LINES];
        print_line(line->at, line->text, w);
    }
    weir_jw_array_end(w);
    pthread_mutex_unlock(&watch->lock);
}
