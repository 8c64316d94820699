/* Files that are written compressed and read back whole. */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "io/pack.h"
#include "tempdir.h"

struct box {
    struct tempdir dir;
    char path[512];
    struct weir_error err;
};

static int setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);
    b->dir = tempdir_make();
    tempdir_path(&b->dir, "x.zst", b->path);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct box *b = *state;
    tempdir_remove(&b->dir);
    free(b);
    return 0;
}

static void write_pack(struct box *b, const char *text, size_t times)
{
    struct weir_pack *pack;
    uint64_t size;
    struct stat st;
    ASSERT_OK(weir_pack_new(b->path, &pack, &b->err), b->err);
    for (size_t i = 0; i < times; i++) {
        ASSERT_OK(weir_pack_add(pack, weir_str_of(text), &b->err), b->err);
    }
    ASSERT_OK(weir_pack_end(pack, &size, &b->err), b->err);
    assert_int_equal(stat(b->path, &st), 0);
    assert_int_equal((uint64_t)st.st_size, size);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static int read_pack(struct box *b, size_t max, struct weir_buf *out)
{
    weir_buf_init(out, max);
    return weir_pack_read(b->path, out, &b->err);
}

static void what_was_packed_comes_back(void **state)
{
    struct box *b = *state;
    struct weir_buf out;
    write_pack(b, "twelve bytes", 500000);
    ASSERT_OK(read_pack(b, 8u << 20, &out), b->err);
    assert_int_equal(out.len, 6000000);
    assert_memory_equal(out.data + 5999988, "twelve bytes", 12);
    weir_buf_free(&out);
    assert_int_equal(read_pack(b, 5999999, &out), WEIR_ETOOBIG);
    weir_buf_free(&out);
    struct weir_pack *pack;
    assert_int_equal(weir_pack_new(b->path, &pack, &b->err), WEIR_EEXIST);
    unlink(b->path);
    write_pack(b, "", 0);
    ASSERT_OK(read_pack(b, 10, &out), b->err);
    assert_int_equal(out.len, 0);
    weir_buf_free(&out);
}

/* Each byte turned, each shorter length, and something behind the end. */
static void damage_is_found(void **state)
{
    struct box *b = *state;
    struct weir_buf out;
    char bytes[4096];
    write_pack(b, "some text, ", 9);
    FILE *file = fopen(b->path, "r");
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 0; cut < n; cut++) {
        file = fopen(b->path, "w");
        fwrite(bytes, 1, cut, file);
        fclose(file);
        assert_int_equal(read_pack(b, 4096, &out), WEIR_ECORRUPT);
        weir_buf_free(&out);
    }
    for (size_t at = 0; at < n; at++) {
        bytes[at] ^= 4;
        file = fopen(b->path, "w");
        fwrite(bytes, 1, n, file);
        fclose(file);
        bytes[at] ^= 4;
        int rc = read_pack(b, 4096, &out);
        bool same = rc == 0 && out.len == 99 && memcmp(out.data, "some text, some", 15) == 0;
        assert_true(rc != 0 || same); /* a bit of the head that means nothing */
        weir_buf_free(&out);
    }
    file = fopen(b->path, "w");
    fwrite(bytes, 1, n, file);
    fputc(0, file);
    fclose(file);
    assert_int_equal(read_pack(b, 4096, &out), WEIR_ECORRUPT);
    weir_buf_free(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_packed_comes_back),
        TEST(damage_is_found),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
