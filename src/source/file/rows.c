/* The texts of the rows of a JSON: the lines of an NDJSON, or the elements of a list. */
#include <errno.h>
#include <unistd.h>

#include "source/file/file.h"

#define MAX_ROW (64u << 20) /* as the engine takes an object */
#define AT_ONCE (256u << 10)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the rows of a file");
}

/* What is read and was not given yet. */
struct rest {
    struct weir_buf buf;
    uint64_t at;         /* of the file: where `buf` begins */
    size_t from, looked; /* of `buf`: where the next row begins, and what was looked at of it */
    enum { BEFORE, INSIDE, BEHIND } place; /* of the list's brackets */
    unsigned deep;
    bool quoted, escaped, some;
};

static int give(struct weir_file_rows *rows, struct rest *r, size_t end, struct weir_error *err)
{
    struct weir_str text = {r->buf.data + r->from, end - r->from};
    uint64_t at = r->at + r->from;
    r->from = end < r->buf.len ? end + 1 : end;
    return rows->row(rows->arg, text, at, err);
}

/* All lines of what was read; the rest stays. */
static int give_lines(struct weir_file_rows *rows, struct rest *r, bool last,
                      struct weir_error *err)
{
    struct weir_buf *buf = &r->buf;
    int rc = 0;
    while (rc == 0 && !rows->enough && r->from < buf->len) {
        const char *end = memchr(buf->data + r->looked, '\n', buf->len - r->looked);
        r->looked = end ? (size_t)(end - buf->data) + 1 : buf->len;
        if (!end && !last) {
            break;
        }
        rc = give(rows, r, end ? r->looked - 1 : buf->len, err);
    }
    return rc;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Past a string, as far as it is there. */
static void pass_string(struct rest *r)
{
    const char *text = r->buf.data;
    size_t i = r->looked;
    if (r->escaped) {
        r->escaped = false;
        i++;
    }
    while (i < r->buf.len && text[i] != '"' && text[i] != '\\') {
        i++;
    }
    if (i < r->buf.len) {
        r->quoted = text[i] != '"';
        r->escaped = text[i] == '\\';
        i++;
    }
    r->looked = i;
}

static int give_element(struct weir_file_rows *rows, struct rest *r, struct weir_error *err)
{
    size_t end = r->looked - 1;
    bool closed = r->buf.data[end] == ']';
    struct weir_str text = weir_str_trim((struct weir_str){r->buf.data + r->from, end - r->from});
    r->place = closed ? BEHIND : INSIDE;
    if (text.len == 0) {
        rows->enough = r->some || !closed; /* a comma too many */
        r->from = r->looked;
        return 0;
    }
    r->some = true;
    return give(rows, r, end, err);
}

static int give_elements(struct weir_file_rows *rows, struct rest *r, bool last,
                         struct weir_error *err)
{
    int rc = 0;
    while (rc == 0 && !rows->enough && r->looked < r->buf.len) {
        if (r->quoted) {
            pass_string(r);
            continue;
        }
        char c = r->buf.data[r->looked++];
        if (r->place != INSIDE) {
            bool begins = r->place == BEFORE && c == '[';
            rows->enough = !begins && !is_blank(c);
            r->place = begins ? INSIDE : r->place;
            r->from = r->looked;
        } else if (c == '"') {
            r->quoted = true;
        } else if (r->deep == 0 && (c == ',' || c == ']')) {
            rc = give_element(rows, r, err);
        } else if (c == '{' || c == '[') {
            r->deep++;
        } else if (c == '}' || c == ']') {
            rows->enough = r->deep == 0;
            r->deep -= r->deep > 0;
        }
    }
    rows->enough = rows->enough || (last && r->place != BEHIND);
    return rc;
}

static int each(struct weir_file_rows *rows, int fd, const atomic_bool *stop,
                int (*give_some)(struct weir_file_rows *rows, struct rest *r, bool last,
                                 struct weir_error *err),
                struct weir_error *err)
{
    struct rest r = {.place = BEFORE};
    ssize_t n = 1;
    int rc = 0;
    weir_buf_init(&r.buf, MAX_ROW + AT_ONCE);
    while (rc == 0 && n > 0 && !rows->enough) {
        char *room = weir_buf_room(&r.buf, AT_ONCE);
        rc = !room                       ? no_memory(err)
             : stop && atomic_load(stop) ? weir_fail(err, WEIR_ECANCELED, "the run was stopped")
                                         : 0;
        n = rc ? 0 : read(fd, room, AT_ONCE);
        rc = n < 0 ? weir_fail_errno(err, errno, "it cannot be read") : rc;
        if (rc == 0) {
            r.buf.len += (size_t)n;
            rc = give_some(rows, &r, n == 0, err);
            if (r.from) {
                memmove(r.buf.data, r.buf.data + r.from, r.buf.len - r.from);
            }
            r.buf.len -= r.from;
            r.looked -= r.from;
            r.at += r.from;
            r.from = 0;
        }
    }
    weir_buf_free(&r.buf);
    return rc;
}

int weir_file_rows_lines(struct weir_file_rows *rows, int fd, const atomic_bool *stop,
                         struct weir_error *err)
{
    return each(rows, fd, stop, give_lines, err);
}

int weir_file_rows_list(struct weir_file_rows *rows, int fd, const atomic_bool *stop,
                        struct weir_error *err)
{
    return each(rows, fd, stop, give_elements, err);
}
