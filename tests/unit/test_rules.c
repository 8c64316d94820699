/* What a person may see, through the real driver: tests/cases/rules. A case is a block of lines:
 *
 *     --as ann                  who asks (until the next such line)
 *     SELECT ...                the statement
 *     --> 1|golf                its rows, in order; or
 *     --! does not exist        a part of its error; or
 *     --= SELECT ...            what the owner gets for another statement */
#include "rules_fixture.h"

struct block {
    struct weir_buf sql;
    struct weir_buf rows;
    bool expects_rows;
    struct weir_str error;
    struct weir_str like;
};

static unsigned wrong;

static void judge(struct block *b)
{
    const char *sql = weir_buf_cstr(&b->sql);
    char *got = strdup(ask(reader, sql, NULL, 0));
    bool failed = strncmp(got, "error ", 6) == 0;
    bool good;
    if (b->error.ptr) {
        good = failed && memmem(got, strlen(got), b->error.ptr, b->error.len);
    } else if (b->like.ptr) {
        char other[4096];
        snprintf(other, sizeof other, WEIR_STR_FMT, WEIR_STR_ARG(b->like));
        const char *want = ask(owner, other, NULL, 0);
        good = strcmp(got, want) == 0 && !failed;
    } else {
        good = strcmp(got, weir_buf_cstr(&b->rows)) == 0;
    }
    if (!good) {
        print_error("%s\n    got: %s\n", sql, got);
        wrong++;
    }
    free(got);
}

static void add_line(struct weir_buf *to, struct weir_str line)
{
    if (to->len) {
        weir_buf_addc(to, '\n');
    }
    weir_buf_adds(to, line);
}

static void end_block(struct block *b, size_t *count)
{
    if (b->sql.len) {
        judge(b);
        ++*count;
    }
    weir_buf_reset(&b->sql);
    weir_buf_reset(&b->rows);
    b->error = b->like = (struct weir_str){0};
}

static void run_file(const char *name, size_t least)
{
    struct weir_buf text = cases_read(name);
    struct weir_str rest = weir_buf_str(&text);
    struct block b = {0};
    size_t count = 0;
    char who[64];
    wrong = 0;
    weir_buf_init(&b.sql, 1 << 20);
    weir_buf_init(&b.rows, 1 << 20);
    while (rest.ptr) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        if (line.len == 0) {
            end_block(&b, &count);
        } else if (weir_str_starts(line, WEIR_STR("--@ "))) {
            read_person_line((struct weir_str){line.ptr + 4, line.len - 4});
        } else if (weir_str_starts(line, WEIR_STR("--as "))) {
            snprintf(who, sizeof who, WEIR_STR_FMT, (int)line.len - 5, line.ptr + 5);
            become(reader, who);
        } else if (weir_str_starts(line, WEIR_STR("--> "))) {
            add_line(&b.rows, (struct weir_str){line.ptr + 4, line.len - 4});
        } else if (weir_str_starts(line, WEIR_STR("--! "))) {
            b.error = (struct weir_str){line.ptr + 4, line.len - 4};
        } else if (weir_str_starts(line, WEIR_STR("--= "))) {
            b.like = (struct weir_str){line.ptr + 4, line.len - 4};
        } else if (!weir_str_starts(line, WEIR_STR("--|"))) {
            add_line(&b.sql, line);
        }
    }
    end_block(&b, &count);
    weir_buf_free(&b.sql);
    weir_buf_free(&b.rows);
    weir_buf_free(&text);
    assert_int_equal(wrong, 0);
    assert_true(count >= least);
}

static void rules_are_applied(void **state)
{
    (void)state;
    run_file("rules/seen.sql", 30);
}

static void groups_unite(void **state)
{
    (void)state;
    run_file("rules/union.sql", 25);
}

static void known_ways_round_are_closed(void **state)
{
    (void)state;
    run_file("rules/bypass.sql", 90);
}

/* --- statements that see everything --------------------------------------------------------- */

static bool has_word(const char *sql, const char *const *words)
{
    for (; *words; words++) {
        if (strcasestr(sql, *words)) {
            return true;
        }
    }
    return false;
}

/* What is refused, and what differs from one run to the next. */
static bool comparable(const char *sql)
{
    static const char *const words[] = {
        "explain",  "pivot t on v using", "<> 'zz'",    "pivot x on", "tablesample",
        "current_", "pg_class",           "pg_catalog", "duckdb_",    "information",
        "show",     "localtime",          NULL};
    return !has_word(sql, words);
}

/* The engine prints the rewritten tree; for somebody who sees everything the results must be what
 * they are without it. */
static void the_way_through_the_tree_keeps_results(void **state)
{
    (void)state;
    ASSERT_OK(weir_session_exec(owner,
                                "CREATE VIEW v AS SELECT * FROM t; CREATE TABLE "
                                "web.pg_viewed AS SELECT 1 AS i",
                                &err),
              err);
    read_person_line(WEIR_STR("person all"));
    read_person_line(WEIR_STR("grant everyone *.*"));
    struct weir_buf text = cases_read("sandbox/allowed.sql");
    struct weir_str rest = weir_buf_str(&text);
    size_t count = 0, differ = 0;
    while (rest.ptr) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        char sql[4096];
        snprintf(sql, sizeof sql, WEIR_STR_FMT, WEIR_STR_ARG(line));
        if (line.len == 0 || weir_str_starts(line, WEIR_STR("--|")) || !comparable(sql)) {
            continue;
        }
        become(reader, NULL);
        char *first = strdup(ask(reader, sql, NULL, 0)), *before = sorted_lines(first);
        become(reader, "all");
        char *second = strdup(ask(reader, sql, NULL, 0)), *after = sorted_lines(second);
        if (strcmp(before, after) != 0) {
            print_error("%s\n  before: %s\n  after: %s\n", sql, before, after);
            differ++;
        }
        count++;
        free(first);
        free(second);
        free(before);
        free(after);
    }
    weir_buf_free(&text);
    assert_int_equal(differ, 0);
    assert_true(count > 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules_are_applied, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(groups_unite, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(known_ways_round_are_closed, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(the_way_through_the_tree_keeps_results, make_rules,
                                        unmake_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
