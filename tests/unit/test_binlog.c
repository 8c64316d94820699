/* Events of a binary log, and the values in their rows. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/mysql/capture.h"

#define BYTES(literal) ((struct weir_str){(literal), sizeof(literal) - 1})

static char shown[256];
static int64_t whole;
static const char *reason;

/* One value of a column, as a row has it. */
static int read_value(unsigned type, unsigned meta, struct weir_str bytes,
                      const struct weir_my_target *target)
{
    struct weir_my_map *map = calloc(1, sizeof *map);
    struct weir_my_value value = {0};
    struct weir_str row = bytes, one;
    struct weir_buf room;
    struct weir_error err;
    assert_non_null(map);
    map->count = 1;
    map->types[0] = (unsigned char)type;
    map->metas[0] = (uint16_t)meta;
    weir_buf_init(&room, 4096);
    reason = NULL;
    shown[0] = 0;
    int rc = weir_my_image_read(map, &row, &one, &err);
    rc = rc || !one.ptr ? rc
                        : weir_my_value_read(type, meta, one, target, &room, &value, &reason, &err);
    whole = value.whole;
    if (rc == 0 && value.got == WEIR_MY_GOT_TEXT) {
        snprintf(shown, sizeof shown, WEIR_STR_FMT, WEIR_STR_ARG(value.text));
    } else if (rc == 0) {
        snprintf(shown, sizeof shown, value.got == WEIR_MY_GOT_NULL ? "NULL" : "%lld",
                 (long long)value.whole);
    }
    weir_buf_free(&room);
    free(map);
    return rc;
}

static void events_are_read_with_and_without_checksums(void **state)
{
    (void)state;
    bool checksums = false;
    struct weir_my_event e;
    struct weir_error err;
    /* An XID of 31 bytes that ends at 1000: its body is 8 bytes, and 4 of a checksum. */
    struct weir_str xid = BYTES("\1\0\0\0\20\7\0\0\0\37\0\0\0\350\3\0\0\0\0"
                                "12345678abcd");
    assert_int_equal(weir_my_event_read(xid, &checksums, &e, &err), 0);
    assert_int_equal(e.kind, WEIR_MY_XID);
    assert_int_equal(e.begins, 969);
    assert_int_equal(e.ends, 1000);
    assert_int_equal(e.body.len, 12);
    checksums = true;
    assert_int_equal(weir_my_event_read(xid, &checksums, &e, &err), 0);
    assert_int_equal(e.body.len, 8);
    xid.len--;
    assert_int_equal(weir_my_event_read(xid, &checksums, &e, &err), WEIR_ECORRUPT);
}

static bool names(const char *database, const char *statement, const char *table)
{
    struct weir_my_query q = {WEIR_STR(""), weir_str_of(database), weir_str_of(statement)};
    return weir_my_query_names(&q, "shop", weir_str_of(table));
}

static void a_table_is_named_by_a_word_of_its_own(void **state)
{
    (void)state;
    static const char *const any[] = {"TRUNCATE a",
                                      "truncate `A`",
                                      "drop table x,a",
                                      "a",
                                      "alter table\n\"a\"add y int",
                                      "/*!50000a */",
                                      "truncate/*!50000 a*/",
                                      "drop table shop.a/* */",
                                      "TRUNCATE TABLE ab, a",
                                      "truncate table `Shop` . `a`",
                                      "truncate table .a",
                                      "truncate table -- it is theirs.\n a",
                                      "truncate table /*other.*/a",
                                      "drop table /*!50000shop*/.a",
                                      "drop table /*!50000shop.a*/",
                                      "rename table other.a to shop.a",
                                      "alter table a add check (a.x > 0)",
                                      "truncate\240a"};
    static const char *const none[] = {"TRUNCATE ab",
                                       "ALTER TABLE b ADD ca int",
                                       "drop table a_b, ba, a$, \303\244a, a\303\244",
                                       "CREATE TABLE z4 (login int)",
                                       "truncate other.a",
                                       "drop table `other`.`a`, `other` . a, other. a",
                                       "drop table \"other\".\"a\"",
                                       "alter table a.z4 add x int",
                                       "alter table `a` . z4 add x int",
                                       ""};
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        assert_true(names("shop", any[i], "a"));
        assert_true(names("", any[i], "a"));
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(names("shop", none[i], "a"));
        assert_false(names("other", none[i], "a"));
    }
    assert_true(names("SHOP", "truncate a", "a"));
    assert_false(names("other", "truncate a", "a"));
    assert_false(names("shops", "truncate a", "a"));
    assert_true(names("other", "truncate shop.a", "a"));
    assert_true(names("other", "truncate `shop` /* */ . /* */ `a`", "a"));
    assert_true(names("shop", "drop table `x y-z`", "y-"));
    assert_true(names("shop", "drop table `a``b`", "a`b"));
    assert_false(names("shop", "drop table ab", "a`b"));
}

static void a_table_with_letters_beyond_ascii_is_named_in_any_case(void **state)
{
    (void)state;
    assert_true(names("shop", "truncate b\303\274cher", "b\303\274cher"));
    assert_true(names("shop", "truncate `B\303\234CHER`", "b\303\274cher"));
    assert_true(names("shop", "drop table \320\240\320\220, x", "\321\200\320\260"));
    assert_true(names("shop", "drop table x,\350\241\250", "\350\241\250"));
    assert_true(names("shop", "truncate b\374cher", "b\303\274cher")); /* latin1 */
    assert_false(names("shop", "truncate x", "b\303\274cher"));
    assert_false(names("shop", "truncate b\303\274cher2", "b\303\274cher"));
    assert_false(names("shop", "truncate \346\227\245", "\350\241\250"));
    assert_false(names("shop", "truncate \346\227\245\350\241\250", "\350\241\250"));
    assert_false(names("other", "truncate b\303\274cher", "b\303\274cher"));
}

static enum weir_my_reach reach(const char *statement)
{
    struct weir_str verb;
    return weir_my_query_reach(&(struct weir_my_query){.status = WEIR_STR(""),
                                                       .database = WEIR_STR("shop"),
                                                       .statement = weir_str_of(statement)},
                               "shop", &verb);
}

static void statements_that_may_change_any_table_are_told(void **state)
{
    (void)state;
    static const char *const any[] = {
        "INSERT INTO t VALUES (1)",
        "  \n\tinsert\tinto t values (1)",
        "/* app:1 */ update t set a = 1",
        "-- one\n# two\nDELETE FROM t",
        "/*!40000 REPLACE INTO t VALUES (1) */",
        "/*M!100100 delete from t */",
        "(SELECT f())",
        "SELECT `shop`.`f`(1)",
        "WITH x AS (SELECT 1) UPDATE t, x SET a = 1",
        "DO f()",
        "CALL p()",
        "LOAD DATA INFILE 'x' INTO TABLE t",
        "SET @a = f()",
        "SET STATEMENT max_statement_time = 5 FOR INSERT INTO t VALUES (1)",
        "set statement a='for', b=2 for (select f())",
        "CREATE TABLE x SELECT f()",
        "create or replace temporary table x (a int) as (select 1)",
        "CREATE TABLE x VALUES ROW(f())",
        "create table x values (f())",
        "create table x (a char default '#') select f()",
        "DROP DATABASE shop",
        "drop schema /* */ `shop`",
        "EXECUTE IMMEDIATE 'x'",
        "?",
        "INSERTED"};
    static const char *const named[] = {
        "CREATE TABLE x (a int) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (5))",
        "create table x (a int) partition by list (a) (partition p values in (5))",
        "CREATE TABLE x (a int)",
        "CREATE TABLE `x` (`a` int) START TRANSACTION",
        "create view v as select 1",
        "CREATE TRIGGER t AFTER INSERT ON o FOR EACH ROW DELETE FROM p",
        "ALTER TABLE x ADD y int",
        "TRUNCATE `x`",
        "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `x`",
        "DROP DATABASE others",
        "RENAME TABLE a TO b",
        "SET STATEMENT lock_wait_timeout=1 FOR ALTER TABLE x ADD y int",
        "ROLLBACK TO `s`",
        "/*!40000 ALTER TABLE t DISABLE KEYS */",
        "XA END X'61',X'',1",
        "BEGIN",
        "START TRANSACTION"};
    static const char *const nothing[] = {"COMMIT",
                                          "SAVEPOINT s",
                                          "GRANT SELECT ON *.* TO a",
                                          "flush tables",
                                          "SET PASSWORD FOR a = 'x'",
                                          "ANALYZE TABLE t",
                                          "set default role r to a",
                                          "# Dummy event",
                                          "/* x */",
                                          "",
                                          "/*",
                                          "OPTIMIZE TABLE t",
                                          "--"};
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        assert_int_equal(reach(any[i]), WEIR_MY_ANYTHING);
    }
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        assert_int_equal(reach(named[i]), WEIR_MY_NAMED);
    }
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        assert_int_equal(reach(nothing[i]), WEIR_MY_NOTHING);
    }
}

/* MySQL says which databases' tables a statement locked. */
static void statements_of_other_databases_change_what_they_name(void **state)
{
    (void)state;
    static const struct {
        struct weir_str status;
        enum weir_my_reach reach;
    } cases[] = {
        {BYTES("\14\1other\0"), WEIR_MY_NAMED},
        {BYTES("\14\2other\0shop\0"), WEIR_MY_ANYTHING},
        {BYTES("\14\2other\0Shop\0"), WEIR_MY_ANYTHING},
        {BYTES("\0\1\2\3\4\1\1\2\3\4\5\6\7\10\6\3std\4\1\2\3\4\5\6\14\1other\0"), WEIR_MY_NAMED},
        {BYTES("\3\1\2\3\4\5\3UTC\7\1\2\10\1\2\11\1\2\3\4\5\6\7\10\13\1a\2bc\14\1other\0"),
         WEIR_MY_NAMED},
        {BYTES("\2\3std\0\14\1other\0"), WEIR_MY_NAMED},
        {BYTES("\14\376"), WEIR_MY_ANYTHING},
        {BYTES("\14\1\0"), WEIR_MY_ANYTHING},
        {BYTES("\14\1other"), WEIR_MY_ANYTHING},
        {BYTES("\14"), WEIR_MY_ANYTHING},
        {BYTES("\200\1\2\3\14\1other\0"), WEIR_MY_ANYTHING},
        {BYTES("\6\11std"), WEIR_MY_ANYTHING},
        {BYTES(""), WEIR_MY_ANYTHING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_str verb;
        struct weir_my_query q = {.status = cases[i].status,
                                  .database = WEIR_STR("other"),
                                  .statement = WEIR_STR("insert into t values (1)")};
        assert_int_equal(weir_my_query_reach(&q, "shop", &verb), cases[i].reach);
        assert_true(weir_str_is(verb, "insert"));
    }
}

static void statements_and_files_are_read(void **state)
{
    (void)state;
    struct weir_str file;
    struct weir_my_query q;
    struct weir_error err;
    uint64_t at;
    struct weir_my_event e = {.kind = WEIR_MY_QUERY,
                              .body = BYTES("\1\0\0\0\0\0\0\0\4\0\0\2\0xxshop\0BEGIN")};
    assert_int_equal(weir_my_query_read(&e, &q, &err), 0);
    assert_true(weir_str_is(q.database, "shop"));
    assert_true(weir_str_is(q.statement, "BEGIN"));
    e.body.len = 16;
    assert_int_equal(weir_my_query_read(&e, &q, &err), WEIR_ECORRUPT);
    e = (struct weir_my_event){.kind = WEIR_MY_LOAD_QUERY,
                               .body = BYTES("\1\0\0\0\0\0\0\0\4\0\0\2\0"
                                             "0123456789abc"
                                             "xxshop\0LOAD")};
    assert_int_equal(weir_my_query_read(&e, &q, &err), 0);
    assert_true(weir_str_is(q.database, "shop") && weir_str_is(q.statement, "LOAD"));
    assert_int_equal(weir_my_rotate_read(BYTES("\4\0\0\0\0\0\0\0log.000002"), &file, &at, &err), 0);
    assert_true(weir_str_is(file, "log.000002"));
    assert_int_equal(at, 4);
    assert_int_equal(weir_my_rotate_read(BYTES("\4\0\0"), &file, &at, &err), WEIR_ECORRUPT);
    assert_true(weir_my_gtid_opens(BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\2")));
    assert_false(weir_my_gtid_opens(BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\51")));
    assert_true(weir_my_gtid_prepares(BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\114")));
    assert_false(weir_my_gtid_prepares(BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\14")));
    assert_false(weir_my_gtid_prepares(BYTES("\1\0\0\0\0\0\0\0\0\0\0\0")));
    uint32_t domain;
    assert_int_equal(weir_my_gtid_read(BYTES("\1\2\0\0\0\0\0\0\3\0\0\0\2"), &domain, &at, &err), 0);
    assert_int_equal(at, 0x201);
    assert_int_equal(domain, 3);
    assert_int_equal(weir_my_gtid_read(BYTES("\1\2\0\0\0"), &domain, &at, &err), WEIR_ECORRUPT);
}

static void tables_and_their_rows_are_read(void **state)
{
    (void)state;
    struct weir_my_map *map = calloc(1, sizeof *map);
    struct weir_my_event event = {.kind = WEIR_MY_WRITE_1 + 1};
    struct weir_my_change change;
    struct weir_str values[2];
    struct weir_error err;
    assert_non_null(map);
    /* int, varchar(300) */
    struct weir_str body = BYTES("\22\0\0\0\0\0\1\0\4shop\0\1t\0\2\3\17\2\54\1\2");
    assert_int_equal(weir_my_map_read(body, map, &err), 0);
    assert_int_equal(map->number, 18);
    assert_true(weir_str_is(map->table, "t"));
    assert_int_equal(map->metas[1], 300);
    body.len = 19;
    assert_int_equal(weir_my_map_read(body, map, &err), WEIR_ECORRUPT);
    map->count = 2;
    event.body = BYTES("\22\0\0\0\0\0\1\0\2\3\3\0\7\0\0\0\2\0hi\2\10\0\0\0");
    assert_int_equal(weir_my_change_read(&event, &change, &err), 0);
    assert_int_equal(change.kind, 'U');
    assert_true(change.whole);
    assert_int_equal(weir_my_image_read(map, &change.rest, values, &err), 0);
    assert_true(weir_str_is(values[1], "hi"));
    assert_int_equal(weir_my_image_read(map, &change.rest, values, &err), 0);
    assert_null(values[1].ptr);
    assert_int_equal(change.rest.len, 0);
    assert_int_equal(weir_my_image_read(map, &change.rest, values, &err), WEIR_ECORRUPT);
    event.body = BYTES("\22\0\0\0\0\0\1\0\2\3\1\0\7\0\0\0");
    assert_int_equal(weir_my_change_read(&event, &change, &err), 0);
    assert_false(change.whole); /* binlog_row_image is not FULL */
    map->types[0] = 200;
    struct weir_str rest = BYTES("\0abcdef");
    assert_int_equal(weir_my_image_read(map, &rest, values, &err), WEIR_ECORRUPT);
    free(map);
}

static void numbers_are_exact(void **state)
{
    (void)state;
    struct weir_my_target t = {
        .form = WEIR_MY_DECIMAL, .type = WEIR_TYPE_OTHER, .precision = 14, .scale = 4};
    assert_int_equal(read_value(246, 14 | 4 << 8, BYTES("\0\201\r\373\70\322\4\322"), &t), 0);
    assert_string_equal(shown, "1234567890.1234");
    assert_int_equal(read_value(246, 14 | 4 << 8, BYTES("\0~\362\4\307-\373-"), &t), 0);
    assert_string_equal(shown, "-1234567890.1234");
    assert_int_equal(read_value(246, 14 | 4 << 8, BYTES("\0\200\0\0\0\0\0\0"), &t), 0);
    assert_string_equal(shown, "0.0000");
    t.scale = 6; /* the warehouse's column has more of them */
    assert_int_equal(read_value(246, 14 | 4 << 8, BYTES("\0\200\0\0\0\1\0\1"), &t), 0);
    assert_string_equal(shown, "1.000100");
    t = (struct weir_my_target){
        .form = WEIR_MY_BIGINT_UNSIGNED, .is_unsigned = true, .type = WEIR_TYPE_OTHER};
    assert_int_equal(read_value(8, 0, BYTES("\0\377\377\377\377\377\377\377\377"), &t), 0);
    assert_string_equal(shown, "18446744073709551615");
    t = (struct weir_my_target){.form = WEIR_MY_INT, .type = WEIR_TYPE_INT};
    assert_int_equal(read_value(9, 0, BYTES("\0\377\377\377"), &t), 0);
    assert_int_equal(whole, -1);
    assert_int_equal(read_value(9, 0, BYTES("\0\377\377"), &t), WEIR_ECORRUPT);
    assert_int_equal(read_value(5, 0, BYTES("\0abcdefgh"), &t), WEIR_ECORRUPT);
}

static void times_are_read_and_days_that_are_none_are_told(void **state)
{
    (void)state;
    struct weir_my_target t = {.form = WEIR_MY_DATE, .type = WEIR_TYPE_DATE};
    assert_int_equal(read_value(10, 0, BYTES("\0\135\320\17"), &t), 0); /* 2024-02-29 */
    assert_int_equal(whole, 19782);
    assert_int_equal(read_value(10, 0, BYTES("\0\0\0\0"), &t), 0);
    assert_string_equal(shown, "NULL");
    assert_null(reason);
    assert_int_equal(read_value(10, 0, BYTES("\0\17\320\17"), &t), 0); /* 2024-00-15 */
    assert_non_null(reason);
    t = (struct weir_my_target){.form = WEIR_MY_TIMESTAMP, .type = WEIR_TYPE_TIMESTAMP};
    assert_int_equal(read_value(17, 3, BYTES("\0\0\0\0\1\23\210"), &t), 0);
    assert_int_equal(whole, 1500000);
    t = (struct weir_my_target){.form = WEIR_MY_TIME, .type = WEIR_TYPE_TEXT};
    assert_int_equal(read_value(19, 0, BYTES("\0\200\20\203"), &t), 0);
    assert_string_equal(shown, "01:02:03");
    assert_int_equal(read_value(19, 1, BYTES("\0\177\377\377\316"), &t), 0);
    assert_string_equal(shown, "-00:00:00.5");
}

static void texts_become_utf8(void **state)
{
    (void)state;
    struct weir_my_target t = {
        .form = WEIR_MY_TEXT, .type = WEIR_TYPE_TEXT, .charset = WEIR_MY_LATIN1};
    assert_int_equal(read_value(15, 20, BYTES("\0\3\344\200x"), &t), 0);
    assert_string_equal(shown, "ä€x");
    t.charset = WEIR_MY_UTF8;
    assert_int_equal(read_value(15, 20, BYTES("\0\1\344"), &t), 0);
    assert_non_null(reason);
    t = (struct weir_my_target){.form = WEIR_MY_BYTES, .type = WEIR_TYPE_TEXT, .length = 4};
    assert_int_equal(read_value(254, 254 | 4 << 8, BYTES("\0\2\0\377"), &t), 0);
    assert_string_equal(shown, "\\x00ff0000");
}

static void ids_of_transactions_are_kept_by_domain(void **state)
{
    (void)state;
    struct weir_my_gtids g = {.count = 0};
    struct weir_buf out;
    weir_buf_init(&out, 4096);
    weir_my_gtids_parse(&g, WEIR_STR("0-1-100,\n7-4294967295-9223372036854775807"));
    weir_my_gtids_add(&g, 0, 2, 101);
    weir_my_gtids_add(&g, 3, 2, 1);
    weir_my_gtids_print(&g, &out);
    assert_string_equal(weir_buf_cstr(&out), "0-2-101,7-4294967295-9223372036854775807,3-2-1");
    static const char *const wrong[] = {"0-1",    "a-1-1",          "0-1-",
                                        "-1-1-1", "0-4294967296-1", "0-1-1;"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        weir_my_gtids_parse(&g, weir_str_of(wrong[i]));
        assert_int_equal(g.count, 0);
    }
    weir_my_gtids_parse(&g, WEIR_STR(""));
    for (uint32_t i = 0; i <= WEIR_MY_DOMAINS; i++) { /* too many: not known any more */
        weir_my_gtids_add(&g, i, 1, 1);
        assert_int_equal(g.count, i < WEIR_MY_DOMAINS ? i + 1 : 0);
    }
    weir_my_gtids_add(&g, 1, 1, 2); /* else the next one alone were taken for all of them */
    assert_int_equal(g.count, 0);
    weir_buf_reset(&out);
    for (uint32_t i = 0; i <= WEIR_MY_DOMAINS; i++) { /* the server has too many */
        weir_buf_addf(&out, "%s%u-1-1", i ? "," : "", (unsigned)i);
    }
    weir_my_gtids_parse(&g, weir_buf_str(&out));
    weir_my_gtids_add(&g, 0, 1, 2);
    assert_int_equal(g.count, 0);
    weir_my_gtids_parse(&g, WEIR_STR("")); /* there is none yet, which is known */
    weir_my_gtids_add(&g, 0, 1, 1);
    assert_int_equal(g.count, 1);
    weir_my_gtids_parse(&g, WEIR_STR("6f5d9bc7-e9ef-11f1-aff0-02fc00000001:1-5"));
    assert_true(weir_my_gtids_known(&g) && g.count == 0);
    weir_my_gtids_free(&g);
    weir_buf_free(&out);
}

static void decimals_are_numbers_without_their_point(void **state)
{
    (void)state;
    int64_t v;
    assert_true(weir_my_scaled(WEIR_STR("-1.50"), 2, &v));
    assert_int_equal(v, -150);
    assert_true(weir_my_scaled(WEIR_STR("000000000000000000012.3"), 1, &v)); /* zerofill */
    assert_int_equal(v, 123);
    assert_true(weir_my_scaled(WEIR_STR("999999999999999999"), 0, &v));
    assert_int_equal(v, 999999999999999999);
    assert_true(weir_my_scaled(WEIR_STR("-0.01"), 2, &v));
    assert_int_equal(v, -1);
    static const char *const wrong[] = {"",       "-",     "1.5",   "1.555",
                                        "1.5x",   "1..5",  ".",     "1e10",
                                        "--1.50", "+1.50", " 1.50", "10000000000000000.00",
                                        "1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(weir_my_scaled(weir_str_of(wrong[i]), 2, &v));
    }
}

static void labels_stand_for_numbers(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_error err;
    struct weir_my_target t = {.form = WEIR_MY_ENUM, .type = WEIR_TYPE_TEXT};
    weir_arena_init(&arena, 1u << 16);
    assert_int_equal(
        weir_my_labels(WEIR_STR("enum('a','b,''c')"), &arena, &t.labels, &t.label_count, &err), 0);
    assert_int_equal(t.label_count, 2);
    assert_int_equal(read_value(254, 247 | 1 << 8, BYTES("\0\2"), &t), 0);
    assert_string_equal(shown, "b,'c");
    assert_int_equal(read_value(254, 247 | 1 << 8, BYTES("\0\3"), &t), 0);
    assert_non_null(reason);
    t.form = WEIR_MY_SET;
    assert_int_equal(read_value(254, 248 | 1 << 8, BYTES("\0\3"), &t), 0);
    assert_string_equal(shown, "a,b,'c");
    weir_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read_with_and_without_checksums),
        cmocka_unit_test(statements_and_files_are_read),
        cmocka_unit_test(a_table_is_named_by_a_word_of_its_own),
        cmocka_unit_test(a_table_with_letters_beyond_ascii_is_named_in_any_case),
        cmocka_unit_test(statements_that_may_change_any_table_are_told),
        cmocka_unit_test(statements_of_other_databases_change_what_they_name),
        cmocka_unit_test(tables_and_their_rows_are_read),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(times_are_read_and_days_that_are_none_are_told),
        cmocka_unit_test(texts_become_utf8),
        cmocka_unit_test(ids_of_transactions_are_kept_by_domain),
        cmocka_unit_test(decimals_are_numbers_without_their_point),
        cmocka_unit_test(labels_stand_for_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
