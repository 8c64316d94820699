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

/* --- values, exports, lists, changes -------------------------------------------------------- */

static void make_ann(void)
{
    static const char *const lines[] = {"person ann",
                                        "list sports golf,rug'by",
                                        "int level 2",
                                        "grant sales web.users",
                                        "rows sport in (user.sports) and id > user.level",
                                        "hide secret",
                                        "mask email",
                                        "grant sales main.t",
                                        "person all",
                                        "grant everyone *.*"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        read_person_line(weir_str_of(lines[i]));
    }
    become(reader, "ann");
}

static void parameters_keep_working(void **state)
{
    (void)state;
    make_ann();
    struct weir_param named = {.name = S("low"), .type = WEIR_TYPE_INT, .i = 5};
    struct weir_param two[] = {{.type = WEIR_TYPE_INT, .i = 5},
                               {.type = WEIR_TYPE_TEXT, .s = S("x")}};
    struct weir_param theirs = {.name = S("weir_1_0"), .type = WEIR_TYPE_TEXT, .s = S("chess")};
    assert_string_equal(ask(reader, "SELECT id, $low FROM web.users WHERE id >= $low", &named, 1),
                        "5|5");
    assert_string_equal(ask(reader, "SELECT id, ? || ? FROM web.users", two, 2), "5|5x");
    assert_string_equal(ask(reader, "SELECT $2, $1 FROM web.users", two, 2), "x|5");
    assert_non_null(strstr(ask(reader, "SELECT id FROM web.users", &theirs, 1), "error"));
    assert_non_null(strstr(ask(reader, "SELECT id FROM web.users", two, 1), "no parameter"));
}

static void what_would_run_can_be_shown(void **state)
{
    (void)state;
    make_ann();
    struct weir_arena arena;
    struct weir_compiled compiled;
    struct weir_param one = {.type = WEIR_TYPE_INT, .i = 5};
    weir_arena_init(&arena, 1 << 20);
    ASSERT_OK(weir_session_compile(reader, "SELECT id FROM web.users u WHERE id = ?", &one, 1,
                                   &arena, &compiled, &err),
              err);
    assert_non_null(strstr(compiled.sql.ptr, "FROM warehouse.web.users AS t WHERE"));
    assert_null(strstr(compiled.sql.ptr, "golf")); /* values are bound */
    assert_null(strstr(compiled.sql.ptr, "secret"));
    assert_int_equal(compiled.param_count, 4);
    assert_true(weir_str_is(compiled.params[0].name, "p1"));
    assert_true(weir_str_is(compiled.params[2].s, "rug'by"));
    assert_int_equal(compiled.params[3].i, 2);
    /* It is a statement: the owner gets the same rows from it. */
    assert_string_equal(ask(owner, compiled.sql.ptr, compiled.params, 4), "5");
    assert_int_equal(
        weir_session_compile(reader, "FROM hr.salaries", NULL, 0, &arena, &compiled, &err),
        WEIR_ENOENT);
    become(reader, NULL);
    ASSERT_OK(weir_session_compile(reader, "FROM t", NULL, 0, &arena, &compiled, &err), err);
    assert_true(weir_str_is(compiled.sql, "FROM t"));
    weir_arena_free(&arena);
}

static void exports_and_lists_obey(void **state)
{
    (void)state;
    char file[192], sql[512];
    struct weir_export out;
    struct weir_arena arena;
    struct weir_table *tables;
    size_t count;
    make_ann();
    snprintf(file, sizeof file, "%s/x.parquet", exports);
    ASSERT_OK(
        weir_session_export(reader, "FROM web.users", NULL, 0, "parquet", file, 0, &out, &err),
        err);
    snprintf(sql, sizeof sql, "SELECT id, email, sport, paid FROM read_parquet('%s')", file);
    assert_string_equal(ask(owner, sql, NULL, 0), "5|NULL|golf|50");
    assert_int_equal(
        weir_session_export(reader, "FROM hr.salaries", NULL, 0, "parquet", file, 0, &out, &err),
        WEIR_ENOENT);
    weir_arena_init(&arena, 1 << 20);
    ASSERT_OK(weir_session_describe(reader, &arena, &tables, &count, &err), err);
    assert_int_equal(count, 2);
    assert_true(weir_str_is(tables[1].name, "users"));
    assert_int_equal(tables[1].column_count, 5);
    assert_int_equal(tables[1].estimated_rows, -1);
    weir_arena_free(&arena);
}

static void changed_tables_are_noticed(void **state)
{
    (void)state;
    make_ann();
    assert_string_equal(ask(reader, "SELECT * FROM t WHERE i = 1", NULL, 0), "1|a");
    ASSERT_OK(weir_session_exec(owner, "ALTER TABLE t ADD COLUMN z BIGINT DEFAULT 9", &err), err);
    assert_string_equal(ask(reader, "SELECT * FROM t WHERE i = 1", NULL, 0), "1|a|9");
    assert_string_equal(ask(reader, "SELECT * FROM web.users", NULL, 0), "5|NULL|golf|fr|50");
    ASSERT_OK(weir_session_exec(owner, "ALTER TABLE web.users RENAME COLUMN sport TO game", &err),
              err);
    assert_non_null(strstr(ask(reader, "SELECT * FROM web.users", NULL, 0), "mend the rule"));
    ASSERT_OK(weir_session_begin(owner, &err), err);
    ASSERT_OK(weir_session_exec(owner, "ALTER TABLE web.users RENAME COLUMN game TO sport", &err),
              err);
    assert_non_null(strstr(ask(reader, "SELECT * FROM web.users", NULL, 0), "mend the rule"));
    ASSERT_OK(weir_session_commit(owner, &err), err);
    assert_string_equal(ask(reader, "SELECT * FROM web.users", NULL, 0), "5|NULL|golf|fr|50");
    ASSERT_OK(weir_session_exec(owner, "CREATE SCHEMA IF NOT EXISTS hr; DROP TABLE t", &err), err);
    assert_non_null(strstr(ask(reader, "SELECT * FROM t", NULL, 0), "does not exist"));
}

static void conditions_are_checked_for_the_administrator(void **state)
{
    (void)state;
    static const struct {
        const char *rows, *why; /* NULL: it is good */
    } cases[] = {
        {"sport in (user.sports)", NULL},
        {"sport = 'golf' or (country = user.country and paid > 10.5)", NULL},
        {"users.sport = 'golf' and web.users.id = 1", "no column \"web\""},
        {"nothing = 1", "there is no column \"nothing\""},
        {"sport =", "syntax error"},
        {"sport = 'a' limit 1", "one expression"},
        {"true) or (true", "syntax error"},
        {"id in (select 1)", "\"SUBQUERY\" is not allowed"},
        {"getenv('x') = sport", "\"getenv\" is not allowed"},
        {"count(*) > 1", "aggregates"},
        {"sport = $1", "\"PARAMETER\" is not allowed"},
        {"list_filter([1], lambda x: x > 0) = [1]", "\"LAMBDA\" is not allowed"},
        {"paid", NULL},
        {"sport like 'g%' -- and no more", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc =
            weir_session_check_rows(owner, S("web"), S("users"), weir_str_of(cases[i].rows), &err);
        if (!cases[i].why != !rc || (rc && !strstr(err.message, cases[i].why))) {
            fail_msg("%s: %d %s", cases[i].rows, rc, rc ? err.message : "");
        }
    }
    assert_int_equal(weir_session_check_rows(owner, S("web"), S("none"), S("true"), &err),
                     WEIR_ENOENT);
}

/* One session serves many people in turn. */
static void a_session_forgets_who_was_there(void **state)
{
    (void)state;
    make_ann();
    struct weir_access nothing = {0};
    assert_string_equal(ask(reader, "SELECT count(*) FROM web.users", NULL, 0), "1");
    become(reader, "all");
    assert_string_equal(ask(reader, "SELECT count(*) FROM web.users", NULL, 0), "6");
    become(reader, "ann");
    assert_string_equal(ask(reader, "SELECT count(*) FROM web.users", NULL, 0), "1");
    ASSERT_OK(weir_access_seal(&nothing, &err), err);
    ASSERT_OK(weir_session_set_access(reader, &nothing, &err), err);
    assert_non_null(
        strstr(ask(reader, "SELECT count(*) FROM web.users", NULL, 0), "does not exist"));
    become(reader, NULL);
    assert_string_equal(ask(reader, "SELECT count(*) FROM web.users", NULL, 0), "6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules_are_applied, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(groups_unite, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(known_ways_round_are_closed, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(parameters_keep_working, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(what_would_run_can_be_shown, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(exports_and_lists_obey, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(changed_tables_are_noticed, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(conditions_are_checked_for_the_administrator, make_rules,
                                        unmake_rules),
        cmocka_unit_test_setup_teardown(a_session_forgets_who_was_there, make_rules, unmake_rules),
        cmocka_unit_test_setup_teardown(the_way_through_the_tree_keeps_results, make_rules,
                                        unmake_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
