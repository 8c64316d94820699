/* What is kept, in memory and in files. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#include "cache/cache.h"
#include "tempdir.h"

#define S(text) WEIR_STR(text)

static struct weir_error err;

static struct weir_kept *result(const char *key, size_t size, weir_time elapsed)
{
    static char bytes[1 << 20];
    const struct weir_kept_read reads[] = {{S("web"), S("pages"), 7}, {S("views"), S("mrr"), 1}};
    struct weir_kept model = {.key = weir_str_of(key),
                              .etag = {1, 2},
                              .computed_at = 3,
                              .elapsed = elapsed,
                              .expires_at = 5,
                              .rows = 6,
                              .truncated = true,
                              .life = WEIR_LIFE_TABLES,
                              .reads = reads,
                              .read_count = 2,
                              .bytes = {bytes, size}};
    memset(bytes, key[0], sizeof bytes);
    struct weir_kept *kept = weir_kept_new(&model);
    assert_non_null(kept);
    return kept;
}

static void assert_same(const struct weir_kept *a, const struct weir_kept *b)
{
    assert_true(weir_str_eq(a->key, b->key) && weir_str_eq(a->bytes, b->bytes));
    assert_true(a->etag.hi == b->etag.hi && a->etag.lo == b->etag.lo);
    assert_true(a->computed_at == b->computed_at && a->elapsed == b->elapsed &&
                a->expires_at == b->expires_at && a->rows == b->rows &&
                a->truncated == b->truncated && a->life == b->life);
    assert_int_equal(a->read_count, b->read_count);
    for (size_t i = 0; i < a->read_count; i++) {
        assert_true(weir_str_eq(a->reads[i].schema, b->reads[i].schema) &&
                    weir_str_eq(a->reads[i].table, b->reads[i].table) &&
                    a->reads[i].version == b->reads[i].version);
    }
}

static void a_file_gives_back_what_was_written(void **state)
{
    (void)state;
    struct weir_buf bytes = {.max = 1 << 20};
    struct weir_kept *kept = result("k", 1000, 4), *again;
    weir_kept_encode(kept, &bytes);
    ASSERT_OK(weir_kept_decode(weir_buf_str(&bytes), &again, &err), err);
    assert_same(kept, again);
    weir_kept_release(again);
    weir_kept_release(kept);
    weir_buf_free(&bytes);
}

static void a_damaged_file_is_none(void **state)
{
    (void)state;
    struct weir_buf bytes = {.max = 1 << 20};
    struct weir_kept *kept = result("key", 100, 4), *again;
    weir_kept_encode(kept, &bytes);
    for (size_t i = 0; i < bytes.len; i++) { /* each byte counts, and each length */
        struct weir_str part = {bytes.data, i};
        assert_int_equal(weir_kept_decode(part, &again, &err), WEIR_EINVAL);
        bytes.data[i] = (char)(bytes.data[i] ^ 1);
        assert_int_equal(weir_kept_decode(weir_buf_str(&bytes), &again, &err), WEIR_EINVAL);
        bytes.data[i] = (char)(bytes.data[i] ^ 1);
    }
    weir_kept_release(kept);
    weir_buf_free(&bytes);
}

static void memory_keeps_what_is_worth_most(void **state)
{
    (void)state;
    struct weir_cache *cache;
    struct weir_cache_size size;
    char key[32];
    ASSERT_OK(weir_cache_new(1 << 20, &cache, &err), err);
    struct weir_kept *dear = result("dear", 1000, 10 * WEIR_SECOND);
    weir_cache_add(cache, dear);
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "cheap %d", i);
        struct weir_kept *kept = result(key, 1000, 1000);
        weir_cache_add(cache, kept);
        assert_ptr_equal(weir_cache_find(cache, kept->key), kept);
        weir_kept_release(kept);
        weir_cache_size(cache, &size);
        assert_true(size.bytes <= size.budget);
    }
    assert_ptr_equal(weir_cache_find(cache, S("dear")), dear);
    assert_null(weir_cache_find(cache, S("cheap 0")));
    struct weir_kept *large = result("large", 1 << 19, WEIR_SECOND);
    weir_cache_add(cache, large); /* more than a quarter of the room */
    assert_null(weir_cache_find(cache, S("large")));
    weir_cache_remove(cache, S("dear"));
    weir_cache_remove(cache, S("dear"));
    assert_null(weir_cache_find(cache, S("dear")));
    assert_int_equal(dear->rows, 6); /* whoever holds it still has it */
    weir_cache_clear(cache);
    weir_cache_size(cache, &size);
    assert_int_equal(size.entries + size.bytes, 0);
    weir_kept_release(dear);
    weir_kept_release(large);
    weir_cache_free(cache);
}

static void what_is_not_asked_for_gets_old(void **state)
{
    (void)state;
    struct weir_cache *cache;
    char key[32];
    ASSERT_OK(weir_cache_new(1 << 18, &cache, &err), err);
    struct weir_kept *dear = result("dear", 1000, 100000);
    weir_cache_add(cache, dear);
    weir_kept_release(dear);
    for (int i = 0; i < 100000 && weir_cache_find(cache, S("cheap 0")) == NULL; i++) {
        snprintf(key, sizeof key, "cheap %d", i + 1); /* of equal cost, one after the other */
        struct weir_kept *kept = result(key, 1000, 50000);
        weir_cache_add(cache, kept);
        weir_kept_release(kept);
    }
    assert_null(weir_cache_find(cache, S("dear")));
    weir_cache_free(cache);
}

static void files_stay_within_their_room(void **state)
{
    struct tempdir dir = tempdir_make();
    struct weir_cache_files *files;
    struct weir_cache_size size;
    struct weir_kept *again;
    char path[512], key[32];
    (void)state;
    tempdir_path(&dir, "results", path);
    ASSERT_OK(weir_cache_files_new(path, 100000, false, &files, &err), err);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "key %d", i);
        struct weir_kept *kept = result(key, 10000, WEIR_SECOND);
        ASSERT_OK(weir_cache_files_put(files, kept, 0, &err), err);
        weir_kept_release(kept);
        ASSERT_OK(weir_cache_files_get(files, S("key 0"), &again, &err), err); /* it is used */
        weir_kept_release(again);
    }
    weir_cache_files_size(files, &size);
    assert_true(size.bytes <= 100000 && size.entries >= 8);
    assert_true(weir_cache_files_have(files, S("key 0")));
    assert_false(weir_cache_files_have(files, S("key 2")));
    assert_int_equal(weir_cache_files_get(files, S("key 2"), &again, &err), WEIR_ENOENT);
    weir_cache_files_free(files);

    ASSERT_OK(weir_cache_files_new(path, 100000, false, &files, &err), err); /* another process */
    ASSERT_OK(weir_cache_files_get(files, S("key 19"), &again, &err), err);
    assert_int_equal(again->bytes.len, 10000);
    weir_kept_release(again);
    /* What was on its way when all were thrown away does not come. */
    struct weir_kept *late = result("late", 10000, WEIR_SECOND);
    uint64_t before = weir_cache_files_cleared(files);
    weir_cache_files_clear(files);
    ASSERT_OK(weir_cache_files_put(files, late, before, &err), err);
    weir_cache_files_size(files, &size);
    assert_int_equal(size.entries, 0);
    assert_int_equal(weir_cache_files_get(files, S("late"), &again, &err), WEIR_ENOENT);
    ASSERT_OK(weir_cache_files_put(files, late, weir_cache_files_cleared(files), &err), err);
    assert_true(weir_cache_files_have(files, S("late")));
    weir_kept_release(late);
    weir_cache_files_free(files);
    ASSERT_OK(weir_cache_files_new(path, 100000, true, &files, &err), err);
    assert_false(weir_cache_files_have(files, S("late")));
    weir_cache_files_free(files);
    tempdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gives_back_what_was_written),
        cmocka_unit_test(a_damaged_file_is_none),
        cmocka_unit_test(memory_keeps_what_is_worth_most),
        cmocka_unit_test(what_is_not_asked_for_gets_old),
        cmocka_unit_test(files_stay_within_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
