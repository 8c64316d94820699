#include "warehouse/texts.h"

uint64_t weir_texts_of(const struct weir_column *columns, size_t count,
                       const struct weir_batch *batch, size_t from, size_t to)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct weir_vector *v = &batch->columns[i];
        bool texts = columns[i].type == WEIR_TYPE_TEXT || columns[i].type == WEIR_TYPE_JSON;
        for (size_t row = from; texts && v->ints && row < to; row++) {
            bytes += weir_vector_valid(v, row) ? v->strs[row].len : 0;
        }
    }
    return bytes;
}

int weir_texts_check(struct weir_texts *w, const struct weir_session *session,
                     const struct weir_column *columns, size_t count,
                     const struct weir_batch *batch, uint64_t all, const char *what,
                     const char *advice, struct weir_error *err)
{
    uint64_t most = weir_session_texts_at_once(session);
    bool fit = w->bytes + all <= most;
    size_t from = 0, rows = w->rows + batch->rows;
    if (fit && rows >= WEIR_ROWS_AT_ONCE) { /* each is looked at only where they may be too many */
        from = batch->rows - rows % WEIR_ROWS_AT_ONCE;
        w->rows = w->bytes = 0;
    } else if (fit) {
        w->rows = rows;
        w->bytes += all;
        return 0;
    }
    for (size_t to; from < batch->rows; from = to) {
        size_t room = WEIR_ROWS_AT_ONCE - w->rows, left = batch->rows - from;
        to = from + (left < room ? left : room);
        w->rows += to - from;
        w->bytes += weir_texts_of(columns, count, batch, from, to);
        if (w->bytes > most) {
            return weir_fail(
                err, WEIR_ETOOBIG,
                "%zu %s have texts of %llu MB; the warehouse's engine takes %d rows at once, and "
                "its memory (warehouse.memory) is good for %llu MB of them: give it more, or %s",
                w->rows, what, (unsigned long long)w->bytes >> 20, WEIR_ROWS_AT_ONCE,
                (unsigned long long)most >> 20, advice);
        }
        if (w->rows == WEIR_ROWS_AT_ONCE) {
            w->rows = w->bytes = 0;
        }
    }
    return 0;
}
