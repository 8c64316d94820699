#include "cli/demo_ask.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/json_write.h"
#include "demo/demo.h"
#include "demo/question.h"
#include "io/client.h"

#define ANSWER_IN (120 * WEIR_SECOND)

static int ask(const struct weir_demo_asker *asker, struct weir_str sql,
               struct weir_json_parser *parser, struct weir_json *answer, weir_time *took,
               struct weir_error *err)
{
    struct weir_buf request, reply;
    int status = 0;
    weir_buf_init(&request, 1 << 16);
    weir_buf_init(&reply, 4u << 20);
    struct weir_jw w = weir_jw_on(&request);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "sql", sql);
    weir_jw_kstr(&w, "format", WEIR_STR("json"));
    weir_jw_kbool(&w, "history", false); /* nobody asked but the demo */
    weir_jw_object_end(&w);
    struct weir_client_call call = {.address = asker->socket,
                                    .method = "POST",
                                    .target = "/api/query",
                                    .type = "application/json",
                                    .body = weir_buf_str(&request),
                                    .timeout = ANSWER_IN};
    weir_time begun = weir_mono();
    int code = call.address && weir_buf_ok(&request)
                   ? weir_client_fetch(&call, &status, &reply, err)
                   : weir_fail(err, WEIR_ENOMEM, "out of memory");
    *took = weir_mono() - begun;
    if (!code && status != 200) {
        code = weir_fail(err, WEIR_EINVAL, "the server answers a query with %d: %.600s", status,
                         weir_buf_cstr(&reply));
    }
    code = code ? code : weir_json_parse(parser, weir_buf_str(&reply), answer, err);
    weir_buf_free(&request);
    weir_buf_free(&reply);
    return code;
}

static int ask_question(const struct weir_demo_asker *asker, size_t number,
                        const struct weir_demo_question *question, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_buf out;
    struct weir_json answer;
    weir_time took = 0;
    weir_buf_init(&out, 4u << 20);
    weir_demo_question_print(question, number, &asker->style, &out);
    int code = parser ? ask(asker, question->sql, parser, &answer, &took, err)
                      : weir_fail(err, WEIR_ENOMEM, "out of memory");
    code = code ? code
                : weir_demo_answer_print(question, answer, (double)took / 1000, &asker->style, &out,
                                         err);
    if (code) {
        code = weir_error_prefix(err, code, "question %s", question->name);
    }
    fwrite(weir_buf_cstr(&out), 1, out.len, stdout);
    fflush(stdout);
    weir_buf_free(&out);
    weir_json_parser_free(parser);
    return code;
}

int weir_demo_ask_all(const struct weir_demo_asker *asker, const volatile sig_atomic_t *stop,
                      struct weir_error *err)
{
    int code = 0;
    for (size_t i = 0; weir_demo_question_texts[i].name && !code; i++) {
        struct weir_demo_question question = weir_demo_question_read(&weir_demo_question_texts[i]);
        code = *stop ? weir_fail(err, WEIR_ECANCELED, "stopped")
                     : ask_question(asker, i + 1, &question, err);
    }
    return code;
}

/* --- the books ----------------------------------------------------------------------------------
 */

/* One row of numbers. */
static int ask_numbers(const struct weir_demo_asker *asker, const char *sql, uint64_t *out,
                       size_t count, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_json answer, row, value;
    weir_time took;
    int code = parser ? ask(asker, weir_str_of(sql), parser, &answer, &took, err)
                      : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (!code) {
        struct weir_json_iter rows = weir_json_begin(weir_json_get(answer, "rows"));
        size_t found = 0;
        if (weir_json_next(&rows, NULL, &row)) {
            struct weir_json_iter it = weir_json_begin(row);
            while (found < count && weir_json_next(&it, NULL, &value) &&
                   weir_json_u64(value, &out[found])) {
                found++;
            }
        }
        if (found < count) {
            code = weir_fail(err, WEIR_EIO, "the server's answer to \"%s\" has no numbers", sql);
        }
    }
    weir_json_parser_free(parser);
    return code;
}

static int count_table(const struct weir_demo_asker *asker, struct weir_json table, uint64_t *rows,
                       struct weir_error *err)
{
    static const char *const names[] = {"tracks", "pages",   "screens",
                                        "groups", "aliases", "identifies"};
    struct weir_str schema = weir_json_get_str(table, "schema");
    struct weir_str name = weir_json_get_str(table, "name");
    for (int source = 0; source < WEIR_DEMO_SOURCES; source++) {
        const char *own = weir_demo_source_name((enum weir_demo_source)source);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (weir_str_is(schema, own) && weir_str_is(name, names[i])) {
                char sql[128];
                uint64_t n = 0;
                snprintf(sql, sizeof sql, "select count(*) from %s.%s", own, names[i]);
                int code = ask_numbers(asker, sql, &n, 1, err);
                *rows += n;
                return code;
            }
        }
    }
    return 0;
}

/* Of the tables that are there: one that no event needed is not. */
static int count_rows(const struct weir_demo_asker *asker, uint64_t *rows, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_client_call call = {
        .address = asker->socket, .method = "GET", .target = "/api/schema", .timeout = ANSWER_IN};
    struct weir_buf reply;
    struct weir_json schema, table;
    int status = 0;
    *rows = 0;
    weir_buf_init(&reply, 64u << 20);
    int code = parser ? weir_client_fetch(&call, &status, &reply, err)
                      : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (!code && status != 200) {
        code = weir_fail(err, WEIR_EIO, "the server answers /api/schema with %d: %.200s", status,
                         weir_buf_cstr(&reply));
    }
    code = code ? code : weir_json_parse(parser, weir_buf_str(&reply), &schema, err);
    if (!code) {
        struct weir_json_iter it = weir_json_begin(weir_json_get(schema, "tables"));
        while (!code && weir_json_next(&it, NULL, &table)) {
            code = count_table(asker, table, rows, err);
        }
    }
    weir_buf_free(&reply);
    weir_json_parser_free(parser);
    return code;
}

const char *weir_demo_grouped(uint64_t value, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, value);
    char *at = out;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = digits[i];
    }
    *at = '\0';
    return out;
}

int weir_demo_books(const struct weir_demo_asker *asker, uint64_t acknowledged,
                    struct weir_error *err)
{
    uint64_t state[3], rows;
    int code = ask_numbers(
        asker, "select max(events), max(duplicates), max(discards) from weir.load_state", state, 3,
        err);
    code = code ? code : count_rows(asker, &rows, err);
    if (code) {
        return code;
    }
    char a[32], b[32], c[32];
    if (rows != state[0] || (acknowledged && acknowledged != rows + state[1])) {
        return weir_fail(err, WEIR_ECORRUPT,
                         "the books do not close: %s acknowledged, %s rows, %s duplicates left "
                         "out; please report this with the folder's log",
                         weir_demo_grouped(acknowledged, a), weir_demo_grouped(rows, b),
                         weir_demo_grouped(state[1], c));
    }
    char d[32];
    printf("The books close: %s rows and %s duplicates left out make %s; %" PRIu64
           " values set aside.\n",
           weir_demo_grouped(rows, a), weir_demo_grouped(state[1], b),
           weir_demo_grouped(rows + state[1], d), state[2]);
    return 0;
}
