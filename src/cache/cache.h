/* Results that were computed, for whoever asks the same again.
 *
 * It knows bytes, keys and what was read in which version; whether these versions still hold is for
 * whoever asks to say. Two tiers: memory, for one thread, and files, for any
 * (docs/format/cache.md). What is worth least for its room goes first: what took little time, is
 * large, and was not asked for lately (greedy dual size). */
#ifndef WEIR_CACHE_CACHE_H
#define WEIR_CACHE_CACHE_H

#include "base/error.h"
#include "base/log.h"
#include "cache/kept.h"
#include "conf/option.h"

extern const struct weir_option weir_cache_options[]; /* section `cache` of weir.yml */

struct weir_cache_settings { /* what weir_cache_options fills */
    uint64_t memory;
    uint64_t disk;
    uint64_t result;
    weir_time clock;
    weir_time worth;
    int64_t warm;
};

/* --- memory: one thread ---------------------------------------------------------------------- */
struct weir_cache;

int weir_cache_new(uint64_t budget, struct weir_cache **out,
                   struct weir_error *err) WEIR_MUST_CHECK;
void weir_cache_free(struct weir_cache *cache); /* NULL is fine */
/* Borrowed until the next call; NULL: it is not there. It counts as used. */
struct weir_kept *weir_cache_find(struct weir_cache *cache, struct weir_str key);
/* Takes a hold of its own, and the place of another one of the key. What does not fit is not kept.
 */
void weir_cache_add(struct weir_cache *cache, struct weir_kept *kept);
void weir_cache_remove(struct weir_cache *cache, struct weir_str key);
void weir_cache_clear(struct weir_cache *cache);

struct weir_cache_size {
    uint64_t entries, bytes, budget;
};
void weir_cache_size(const struct weir_cache *cache, struct weir_cache_size *out);

/* --- files: any thread ----------------------------------------------------------------------- */
struct weir_cache_files;

/* Uses the files of `dir` (made when missing) that an earlier process left; with `anew` removes
 * them first. */
int weir_cache_files_new(const char *dir, uint64_t budget, bool anew, struct weir_cache_files **out,
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_cache_files_free(struct weir_cache_files *files); /* leaves them; NULL is fine */
/* May there be one of this key? Cheap. */
bool weir_cache_files_have(struct weir_cache_files *files, struct weir_str key);
/* WEIR_ENOENT: there is none. A file that is not as it should be is removed, and is none. The
 * result is the caller's to release. */
int weir_cache_files_get(struct weir_cache_files *files, struct weir_str key,
                         struct weir_kept **out, struct weir_error *err) WEIR_MUST_CHECK;
/* How often all were removed. */
uint64_t weir_cache_files_cleared(struct weir_cache_files *files);
/* Makes room by removing others. After a failure (a full disk) nothing is left of it; nor when all
 * were removed since `cleared`, which is no failure. */
int weir_cache_files_put(struct weir_cache_files *files, const struct weir_kept *kept,
                         uint64_t cleared, struct weir_error *err) WEIR_MUST_CHECK;
void weir_cache_files_remove(struct weir_cache_files *files, struct weir_str key);
void weir_cache_files_clear(struct weir_cache_files *files);
void weir_cache_files_size(struct weir_cache_files *files, struct weir_cache_size *out);

/* The bytes of a file, and back: verified before it is decoded. WEIR_EINVAL: it is none. */
void weir_kept_encode(const struct weir_kept *kept, struct weir_buf *out);
int weir_kept_decode(struct weir_str bytes, struct weir_kept **out,
                     struct weir_error *err) WEIR_MUST_CHECK;

#endif
