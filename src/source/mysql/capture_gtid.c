/* Where the log is, said so that another server with the same transactions knows it, too. */
#include <inttypes.h>
#include <stdio.h>

#include "source/mysql/capture.h"

bool weir_my_gtids_known(const struct weir_my_gtids *g)
{
    return !g->unknown && (g->count || g->set.count);
}

void weir_my_gtids_free(struct weir_my_gtids *g)
{
    weir_my_set_free(&g->set);
    g->count = 0;
    g->unknown = false;
}

void weir_my_gtids_forget(struct weir_my_gtids *g)
{
    weir_my_gtids_free(g);
    g->unknown = true;
}

void weir_my_gtids_add(struct weir_my_gtids *g, uint32_t domain, uint32_t server, uint64_t number)
{
    size_t i = 0;
    if (g->unknown) {
        return;
    }
    while (i < g->count && g->last[i].domain != domain) {
        i++;
    }
    if (i == WEIR_MY_DOMAINS) { /* a part of them would say of the others that nothing was read */
        weir_my_gtids_forget(g);
        return;
    }
    g->count = i == g->count ? i + 1 : g->count;
    g->last[i].domain = domain;
    g->last[i].server = server;
    g->last[i].number = number;
}

void weir_my_gtids_add_range(struct weir_my_gtids *g, const struct weir_my_range *range)
{
    struct weir_error ignored;
    if (!g->unknown && weir_my_set_add(&g->set, range, &ignored)) {
        weir_my_gtids_forget(g);
    }
}

int weir_my_gtids_read(struct weir_my_gtids *g, struct weir_str body, struct weir_error *err)
{
    weir_my_gtids_free(g);
    int rc = weir_my_set_read(&g->set, body, err);
    if (rc) {
        weir_my_gtids_forget(g);
    }
    return rc == WEIR_ETOOBIG ? 0 : rc; /* only another server would have to know them */
}

static void parse_domains(struct weir_my_gtids *g, struct weir_str text)
{
    while (text.len) {
        struct weir_str one = weir_str_cut(&text, ',');
        struct weir_str domain = weir_str_cut(&one, '-'), server = weir_str_cut(&one, '-');
        int64_t d, s, n;
        if (!weir_str_to_i64(weir_str_trim(domain), &d) || !weir_str_to_i64(server, &s) ||
            !weir_str_to_i64(weir_str_trim(one), &n) || d < 0 || s < 0 || n < 0 || d > UINT32_MAX ||
            s > UINT32_MAX) {
            weir_my_gtids_forget(g);
            return;
        }
        weir_my_gtids_add(g, (uint32_t)d, (uint32_t)s, (uint64_t)n);
    }
}

void weir_my_gtids_parse(struct weir_my_gtids *g, struct weir_str text)
{
    struct weir_error ignored;
    weir_my_gtids_free(g);
    if (!text.len || !memchr(text.ptr, ':', text.len)) {
        parse_domains(g, text);
    } else if (weir_my_set_parse(&g->set, text, &ignored)) {
        weir_my_gtids_forget(g);
    }
}

void weir_my_gtids_print(const struct weir_my_gtids *g, struct weir_buf *out)
{
    for (size_t i = 0; i < g->count; i++) {
        weir_buf_addf(out, "%s%" PRIu32 "-%" PRIu32 "-%" PRIu64, i ? "," : "", g->last[i].domain,
                      g->last[i].server, g->last[i].number);
    }
    weir_my_set_print(&g->set, out);
}

int weir_my_gtids_ask(struct weir_my *my, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    struct weir_buf sql;
    weir_my_gtids_forget(&c->gtids);
    if (!my->mariadb) {
        return weir_my_behind_ask(my, &c->position, &c->gtids, err);
    }
    weir_buf_init(&sql, 4096);
    weir_buf_addz(&sql, "SELECT BINLOG_GTID_POS(");
    weir_sql_text(&sql, weir_str_of(c->position.file));
    weir_buf_addf(&sql, ", %" PRIu64 ")", c->position.at);
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    if (row && row[0]) {
        weir_my_gtids_parse(&c->gtids, weir_my_cell(row, lengths, 0));
    }
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

/* The first transaction that is sent begins there. The name of the file comes before the format,
 * which says that it has a checksum behind it. */
static int look(struct weir_my *my, MYSQL *con, struct weir_my_position *out,
                struct weir_error *err)
{
    struct weir_my_position at = {.at = 0};
    struct weir_str bytes = WEIR_STR(""), file;
    struct weir_my_event e;
    bool checksums = false, described = false;
    uint64_t ignored;
    size_t len = 0;
    int rc = 0;
    while (rc == 0) {
        rc = weir_my_log_next(my, con, &bytes, err);
        if (rc || !bytes.ptr) {
            return rc;
        }
        rc = weir_my_event_read(bytes, &checksums, &e, err);
        if (rc == 0 && e.kind == WEIR_MY_ROTATE) {
            rc = weir_my_rotate_read(e.body, &file, &ignored, err);
            if (rc == 0 && file.len < sizeof at.file) {
                memcpy(at.file, file.ptr, len = file.len);
                at.file[len] = '\0';
            }
        } else if (rc == 0 && e.kind == WEIR_MY_FORMAT && !described) {
            at.file[checksums && len > 4 ? len - 4 : len] = '\0';
            described = true;
        } else if (rc == 0 && e.kind == WEIR_MY_GTID_MARIADB && described) {
            at.at = e.begins;
            *out = at;
            return 0;
        }
    }
    return rc;
}

static int find_behind(struct weir_my *my, const char *gtids, struct weir_my_position *out,
                       struct weir_error *err)
{
    const struct weir_my_gtids *g = &my->capture->gtids;
    MYSQL *con = NULL;
    if (my->mariadb != (g->count != 0)) {
        return weir_fail(err, WEIR_EINVAL, "MySQL and MariaDB name transactions otherwise");
    }
    if (!my->mariadb) {
        return weir_my_behind_find(my, &g->set, out, err);
    }
    int rc = weir_my_log_open_behind(my, gtids, &con, err);
    rc = rc ? rc : look(my, con, out, err);
    weir_my_log_close(con);
    return rc;
}

int weir_my_gtids_find(struct weir_my *my, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    struct weir_my_position found;
    struct weir_error why;
    struct weir_buf gtids;
    weir_buf_init(&gtids, 1u << 20);
    weir_my_gtids_print(&c->gtids, &gtids);
    int rc = weir_buf_check(&gtids, "transactions' ids", err);
    rc = rc ? rc : weir_my_capture_end(my, &found, err);
    if (rc == 0) {
        struct weir_str shown = weir_utf8_cut(weir_buf_str(&gtids), 300);
        rc = find_behind(my, weir_buf_cstr(&gtids), &found, &why);
        rc = rc ? weir_fail(err, rc,
                            "this is another server than the one that was followed, and it does "
                            "not go on where that one was (" WEIR_STR_FMT
                            "): %s; changes may be missing, and "
                            "nothing was loaded; `weir sync %s --full` reads all tables anew",
                            WEIR_STR_ARG(shown), why.message, my->config->name)
                : 0;
    }
    if (rc == 0) {
        c->position = found;
        c->born = 0;
    }
    weir_buf_free(&gtids);
    return rc;
}
