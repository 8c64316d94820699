/* Files packed by gzip and zstd: all of them, and nothing of what is damaged. */
#include "test.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "io/file.h"
#include "io/packed.h"
#include "tempdir.h"

static int take(void *arg, struct weir_str bytes, struct weir_error *err)
{
    struct weir_buf *out = arg;
    weir_buf_adds(out, bytes);
    return weir_buf_check(out, "a test", err);
}

static int unpack(const char *bytes, size_t n, uint64_t max, struct weir_buf *out,
                  struct weir_error *err)
{
    struct tempdir dir = tempdir_make();
    char path[512];
    tempdir_path(&dir, "packed", path);
    ASSERT_OK(weir_file_replace(path, (struct weir_str){bytes, n}, 0600, err), *err);
    weir_buf_reset(out);
    int rc = weir_packed_read(path, max, NULL, take, out, err);
    tempdir_remove(&dir);
    return rc;
}

/* Chance that does not compress to nothing, with lines that do. */
static void fill(char *text, size_t n)
{
    unsigned seed = 7;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        text[i] = i % 3000 < 1000 ? (char)('a' + (seed >> 16) % 26) : 'x';
    }
}

static size_t gzip(const char *text, size_t n, char *out, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                  .avail_in = (unsigned)n,
                  .next_out = (Bytef *)out,
                  .avail_out = (unsigned)room};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

#define LARGE (900u << 10) /* more than is read, and made, at once */

static void members_and_frames_are_one_text(void **state)
{
    struct weir_error err;
    struct weir_buf out;
    char *text = malloc(LARGE), *packed = malloc(4 * LARGE);
    (void)state;
    weir_buf_init(&out, 16u << 20);
    fill(text, LARGE);
    for (int kind = 0; kind < 2; kind++) {
        size_t n = 0;
        for (int part = 0; part < 3; part++) { /* the second is empty */
            size_t len = part == 1 ? 0 : LARGE;
            n += kind ? ZSTD_compress(packed + n, 4 * LARGE - n, text, len, 3)
                      : gzip(text, len, packed + n, 4 * LARGE - n);
        }
        ASSERT_OK(unpack(packed, n, 0, &out, &err), err);
        assert_int_equal(out.len, 2 * LARGE);
        assert_memory_equal(out.data, text, LARGE);
        assert_memory_equal(out.data + LARGE, text, LARGE);
        assert_int_equal(unpack(packed, n, LARGE, &out, &err), WEIR_ETOOBIG);
        if (kind == 0) {
            memset(packed + n, 0, 600);
            ASSERT_OK(unpack(packed, n + 600, 0, &out, &err), err);
            assert_int_equal(out.len, 2 * LARGE);
        }
        packed[n] = 'x';
        assert_int_equal(unpack(packed, n + 1, 0, &out, &err), WEIR_ECORRUPT);
    }
    free(text);
    free(packed);
    weir_buf_free(&out);
}

static void every_torn_file_is_an_error(void **state)
{
    struct weir_error err;
    struct weir_buf out;
    char text[5000], packed[6000];
    (void)state;
    weir_buf_init(&out, 1u << 20);
    fill(text, sizeof text);
    for (int kind = 0; kind < 2; kind++) {
        size_t n = kind ? ZSTD_compress(packed, sizeof packed, text, sizeof text, 3)
                        : gzip(text, sizeof text, packed, sizeof packed);
        for (size_t i = 0; i < n; i++) {
            assert_int_not_equal(unpack(packed, i, 0, &out, &err), 0);
        }
    }
    /* A byte that is another one: gzip has a sum of all of them. */
    size_t n = gzip(text, sizeof text, packed, sizeof packed);
    for (size_t i = 10; i < n; i++) {
        packed[i] ^= 0x10;
        int rc = unpack(packed, n, 0, &out, &err);
        assert_true(rc || (out.len == sizeof text && memcmp(out.data, text, sizeof text) == 0));
        packed[i] ^= 0x10;
    }
    weir_buf_free(&out);
}

static void bombs_end_early(void **state)
{
    struct weir_error err;
    struct weir_buf out;
    size_t n = 100u << 20, room = 1u << 20;
    char *text = calloc(1, n), *packed = malloc(room);
    (void)state;
    weir_buf_init(&out, 256u << 20);
    size_t len = ZSTD_compress(packed, room, text, n, 3);
    assert_int_equal(unpack(packed, len, 0, &out, &err), WEIR_ETOOBIG);
    assert_true(out.len < (66u << 20));
    len = gzip(text, n, packed, room);
    assert_int_equal(unpack(packed, len, 0, &out, &err), WEIR_ETOOBIG);
    assert_int_equal(unpack("id\n1\n", 5, 0, &out, &err), WEIR_EINVAL);
    free(text);
    free(packed);
    weir_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_frames_are_one_text),
        cmocka_unit_test(every_torn_file_is_an_error),
        cmocka_unit_test(bombs_end_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
