/* The texts of rows of JSON, wherever what is read at once ends. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "io/file.h"
#include "source/file/file.h"
#include "tempdir.h"

#define MOST 4096

static struct weir_error err;
static uint64_t state_of = 7;

static unsigned any(unsigned below)
{
    state_of = state_of * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((state_of >> 33) % below);
}

struct seen {
    struct tempdir dir;
    char path[512];             /* of the file that is read */
    struct weir_buf text, want; /* row after row, each with a byte 1 behind it */
    struct weir_str whole;      /* what is in the file */
    size_t count, most;
    struct weir_file_rows rows;
};

static int see(void *arg, struct weir_str text, uint64_t at, struct weir_error *e)
{
    struct seen *s = arg;
    (void)e;
    assert_memory_equal(text.ptr, s->whole.ptr + at, text.len);
    weir_buf_adds(&s->text, weir_str_trim(text));
    weir_buf_addc(&s->text, 1);
    s->rows.enough = ++s->count == s->most;
    return 0;
}

static struct seen begin(void)
{
    struct seen s = {.dir = tempdir_make()};
    weir_buf_init(&s.text, 64u << 20);
    weir_buf_init(&s.want, 64u << 20);
    tempdir_path(&s.dir, "rows", s.path);
    return s;
}

static void end(struct seen *s)
{
    weir_buf_free(&s->text);
    weir_buf_free(&s->want);
    tempdir_remove(&s->dir);
}

static void read_rows(struct seen *s, struct weir_str whole, bool list)
{
    s->whole = whole;
    ASSERT_OK(weir_file_replace(s->path, whole, 0600, &err), err);
    int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    s->count = 0;
    s->rows = (struct weir_file_rows){.row = see, .arg = s};
    weir_buf_reset(&s->text);
    ASSERT_OK((list ? weir_file_rows_list : weir_file_rows_lines)(&s->rows, fd, NULL, &err), err);
    close(fd);
}

static void add_value(struct weir_buf *out, unsigned deep)
{
    static const char *const texts[] = {"\"a\"",       "\"]\"",     "\"\\\"],[\"", "\"\\\\\"",
                                        "\"{\\\\\\\"", "\"\\u005d", "\"",          "1"};
    unsigned kind = any(deep < 4 ? 6 : 3), count = any(4);
    if (kind == 0) { /* long: it is read by several times */
        weir_buf_addc(out, '"');
        for (unsigned i = any(5) ? any(40) : any(90000); i; i--) {
            weir_buf_addz(out, any(3) ? "pad ,][}{" : "\\\"\\\\");
        }
        weir_buf_addc(out, '"');
    } else if (kind < 3) {
        unsigned which = any(8);
        weir_buf_addz(out, texts[which]);
        weir_buf_addz(out, which > 3 && which < 7 ? "\"" : "");
    } else {
        weir_buf_addc(out, kind == 3 ? '[' : '{');
        for (unsigned i = 0; i < count; i++) {
            weir_buf_addz(out, i ? " , " : "");
            weir_buf_addz(out, kind == 3 ? "" : "\"k,]\" : ");
            add_value(out, deep + 1);
        }
        weir_buf_addc(out, kind == 3 ? ']' : '}');
    }
}

static void it_gives_each_element(void **unused)
{
    (void)unused;
    static const char *const blanks[] = {"", "", " ", "\n", "\r\n\t"};
    struct weir_buf text;
    struct seen s = begin();
    weir_buf_init(&text, 64u << 20);
    for (unsigned round = 0; round < 60; round++) {
        unsigned count = any(round % 3 ? 20 : 400);
        weir_buf_reset(&text);
        weir_buf_reset(&s.want);
        weir_buf_addf(&text, "%s[%s", blanks[any(5)], blanks[any(5)]);
        for (unsigned i = 0; i < count; i++) {
            size_t from = text.len;
            weir_buf_addz(&text, i ? "," : "");
            weir_buf_addz(&text, blanks[any(5)]);
            from = text.len;
            add_value(&text, 0);
            weir_buf_adds(&s.want, (struct weir_str){text.data + from, text.len - from});
            weir_buf_addc(&s.want, 1);
            weir_buf_addz(&text, blanks[any(5)]);
        }
        weir_buf_addf(&text, "]%s", blanks[any(5)]);
        assert_true(weir_buf_ok(&text) && weir_buf_ok(&s.want));
        s.most = 0;
        read_rows(&s, weir_buf_str(&text), true);
        assert_false(s.rows.enough);
        assert_int_equal(s.count, count);
        assert_true(weir_str_eq(weir_buf_str(&s.text), weir_buf_str(&s.want)));
        if (count > 1) {
            s.most = count / 2;
            read_rows(&s, weir_buf_str(&text), true);
            assert_int_equal(s.count, s.most);
        }
        s.most = 0;
        size_t cut = any((unsigned)text.len); /* what is not closed is no list */
        read_rows(&s, (struct weir_str){text.data, cut}, true);
        bool blank_rest =
            weir_str_trim((struct weir_str){text.data + cut, text.len - cut}).len == 0;
        assert_int_equal(s.rows.enough, !blank_rest);
    }
    weir_buf_free(&text);
    end(&s);
}

static void it_says_what_is_no_list(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        size_t count;
        bool enough;
    } some[] = {{"[]", 0, false},      {" [ ]\n", 0, false},     {"[1]", 1, false},
                {"[1,]", 1, true},     {"[,1]", 0, true},        {"[1,,2]", 1, true},
                {"[1] 2", 1, true},    {"[1][2]", 1, true},      {"[1]]", 1, true},
                {"[{]", 0, true},      {"[\"]", 0, true},        {"{\"a\":1}", 0, true},
                {"", 0, true},         {"[1}", 0, true},         {"\xEF\xBB\xBF[1]", 0, true},
                {"[\"\\\"]", 0, true}, {"[\"\\\\\"]", 1, false}, {"[[],{}]", 2, false}};
    struct seen s = begin();
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        read_rows(&s, weir_str_of(some[i].text), true);
        if (s.count != some[i].count || s.rows.enough != some[i].enough) {
            fail_msg("%s: %zu rows, %d", some[i].text, s.count, s.rows.enough);
        }
    }
    end(&s);
}

static void it_gives_each_line(void **unused)
{
    (void)unused;
    struct weir_buf text;
    struct seen s = begin();
    weir_buf_init(&text, 64u << 20);
    for (unsigned i = 0; i < MOST; i++) {
        size_t from = text.len;
        for (unsigned n = any(50) ? any(60) : any(400000); n; n--) {
            weir_buf_addc(&text, (char)('a' + n % 26));
        }
        weir_buf_adds(&s.want, (struct weir_str){text.data + from, text.len - from});
        weir_buf_addc(&s.want, 1);
        weir_buf_addz(&text, i + 1 < MOST ? "\n" : "last");
    }
    s.want.len--;
    weir_buf_addf(&s.want, "last%c", 1);
    assert_true(weir_buf_ok(&text) && weir_buf_ok(&s.want));
    read_rows(&s, weir_buf_str(&text), false);
    assert_int_equal(s.count, MOST);
    assert_true(weir_str_eq(weir_buf_str(&s.text), weir_buf_str(&s.want)));
    weir_buf_free(&text);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_gives_each_element),
                                       cmocka_unit_test(it_says_what_is_no_list),
                                       cmocka_unit_test(it_gives_each_line)};
    return cmocka_run_group_tests_name("file_rows", tests, NULL, NULL);
}
