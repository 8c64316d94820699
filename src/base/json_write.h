/* JSON out: a small writer over a capped buffer.
 *
 * Commas and nesting are kept by the writer; errors stick in the buffer (weir_buf_ok). Strings are
 * escaped per RFC 8259; bytes that are not UTF-8 are written as U+FFFD, so the output is always
 * valid JSON. NaN and infinities are written as null. */
#ifndef WEIR_BASE_JSON_WRITE_H
#define WEIR_BASE_JSON_WRITE_H

#include "base/buf.h"
#include "base/time.h"

struct weir_jw {
    struct weir_buf *out;
    bool comma; /* the next item needs one */
};

static inline struct weir_jw weir_jw_on(struct weir_buf *out)
{
    return (struct weir_jw){out, false};
}

void weir_jw_object(struct weir_jw *w);     /* { */
void weir_jw_object_end(struct weir_jw *w); /* } */
void weir_jw_array(struct weir_jw *w);      /* [ */
void weir_jw_array_end(struct weir_jw *w);  /* ] */
void weir_jw_key(struct weir_jw *w, struct weir_str key);
void weir_jw_keyz(struct weir_jw *w, const char *key);

void weir_jw_null(struct weir_jw *w);
void weir_jw_bool(struct weir_jw *w, bool value);
void weir_jw_i64(struct weir_jw *w, int64_t value);
void weir_jw_u64(struct weir_jw *w, uint64_t value);
void weir_jw_double(struct weir_jw *w, double value); /* shortest text that reads back the same */
void weir_jw_str(struct weir_jw *w, struct weir_str value);
void weir_jw_strz(struct weir_jw *w, const char *value);
void weir_jw_raw(struct weir_jw *w, struct weir_str json); /* already valid JSON */

/* key and value in one call, the common case */
void weir_jw_kstr(struct weir_jw *w, const char *key, struct weir_str value);
void weir_jw_kstrz(struct weir_jw *w, const char *key, const char *value);
void weir_jw_ki64(struct weir_jw *w, const char *key, int64_t value);
void weir_jw_ku64(struct weir_jw *w, const char *key, uint64_t value);
void weir_jw_kbool(struct weir_jw *w, const char *key, bool value);
void weir_jw_ktime(struct weir_jw *w, const char *key, weir_time value); /* RFC 3339 */
/* null for what is not there: an empty text, the time 0 */
void weir_jw_kstr_or_null(struct weir_jw *w, const char *key, struct weir_str value);
void weir_jw_ktime_or_null(struct weir_jw *w, const char *key, weir_time value);

/* Quoted and escaped, without a writer. */
void weir_json_quote(struct weir_buf *out, struct weir_str value);
/* JavaScript's number text (ECMA-262 Number::toString): "1", "0.1", "1e+21". Finite values only. */
void weir_json_number(struct weir_buf *out, double value);

#endif
