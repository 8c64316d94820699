/* What weir finds the columns of a JSON to be, against what the engine finds: the same names,
 * types and values, wherever weir says that it is sure. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "io/file.h"
#include "source/file/file.h"
#include "tempdir.h"

#define MOST_COLUMNS 6
#define FILES        150

static struct weir_error err;
static uint64_t state_of;

static unsigned any(unsigned below)
{
    state_of = state_of * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((state_of >> 33) % below);
}

/* Values that are much alike; a column has those of one line, sometimes of another, too. */
static const char *const pools[][8] = {
    {"1", "0", "-7", "123456789012", "9007199254740993", "-0"},
    {"1.5", "0.1", "-2.25e3", "1e300", "-0.0", "1.0"},
    {"true", "false"},
    {"18446744073709551615", "9223372036854775808", "12"},
    {"\"2026-01-02\"", "\"1999-12-31\"", "\"2024-02-29\""},
    {"\"2026-01-02T03:04:05Z\"", "\"1999-12-31T23:59:59Z\""},
    {"\"2026-01-02T03:04:05.123Z\"", "\"1999-12-31T23:59:59.000Z\""},
    {"\"2026-01-02T03:04:05.123456Z\"", "\"1999-12-31T23:59:59.000001Z\""},
    {"\"2026-01-02T03:04:05.123456\"", "\"1999-12-31T23:59:59.000001\""},
    {"\"2026-01-02T03:04:05\"", "\"1999-12-31T23:59:59\""},
    {"\"2026-01-02 03:04:05\"", "\"1999-12-31 23:59:59\""},
    {"\"2026-01-02 03:04:05.250\"", "\"1999-12-31 23:59:59.999\""},
    {"\"2026-01-02 03:04:05.250001\"", "\"1999-12-31 23:59:59.999999\""},
    {"\"2026-01-02T03:04:05+02:00\"", "\"2026-01-02T03:04Z\"", "\"2026-01-02T24:00:00Z\""},
    {"\"2026-02-30\"", "\"2026-01-02T03:04:60Z\"", "\"2026-1-2\"", "\"2026-01-02 \""},
    {"\"31-12-2026\"", "\"01/02/2026\"", "\"2026/01/02\"", "\"20260102\"", "\"12.01.2026\""},
    {"\"infinity\"", "\"-infinity\"", "\"epoch\"", "\" infinity\"", "\"Infinity\"", "\"info\""},
    {"\"d3b07384-d9a0-4c9b-8f3e-1234567890ab\"", "\"{d3b07384-d9a0-4c9b-8f3e-1234567890ab}\"",
     "\"D3B07384D9A04C9B8F3E1234567890AB\""},
    {"\"d3b07384-d9a0-4c9b-8f3e-1234567890ab\"", "\"D3B07384-D9A0-4C9B-8F3E-1234567890AB\"",
     "\"20260102-0101-0101-0101-010101010101\""},
    {"\"12:30\"", "\"1:05\""},
    {"\"1234\"", "\"01234\"", "\"1.5\"", "\"1e5\"", "\"0x1F\"", "\"+43 1 23\""},
    {"\"\"", "\" \"", "\"a\"", "\"fee\"", "\"12-34\""},
    {"\"Wien\"", "\"customer 1\"",
     "\"Stra\xC3\x9F"
     "e\"",
     "\"x@y.at\"", "\"a\\u0000b\"", "\"\\n\""},
    {"\"12:30:00\"", "\"10 PM\"", "\"12-31-2026 10:00:00 PM\"", "\"today\"", "\"now\""},
    {"{}", "{\"a\":1}", "{\"a\":[1,{\"b\":null}],\"c\":\"2026-01-02\"}"},
    {"[]", "[1,2]", "[\"a\",null]", "[{\"a\":1}]"},
};
static const char *const names[] = {"id",       "at",  "Name", "name", "\xC3\x84",
                                    "\xC3\xA4", "a b", "C1",   "id_1", "json",
                                    "q\\\"q",   "",    "x",    "_y",   "filename"};
#define POOLS (sizeof pools / sizeof *pools)
#define NAMES (sizeof names / sizeof *names)

static const char *value_of(size_t pool)
{
    size_t count = 0;
    while (count < 8 && pools[pool][count]) {
        count++;
    }
    return pools[pool][any((unsigned)count)];
}

/* Of many keys each row has some: few enough, and the engine takes the rows for maps. */
static void write_sparse(struct weir_buf *out, bool list)
{
    unsigned keys = 8 + any(40), rows = 10 + any(60), seldom = 1 + any(25);
    weir_buf_reset(out);
    weir_buf_addz(out, list ? "[" : "");
    for (unsigned row = 0; row < rows; row++) {
        bool first = true;
        weir_buf_addz(out, list && row ? ",{" : "{");
        for (unsigned i = 0; i < keys; i++) {
            if (i == row % keys || any(seldom) == 0) {
                weir_buf_addf(out, "%s\"k%u\":%u", first ? "" : ",", i, any(100));
                first = false;
            }
        }
        weir_buf_addz(out, list ? "}" : "}\n");
    }
    weir_buf_addz(out, list ? "]" : "");
}

/* Lines, or the elements of a list. */
static void write_file(struct weir_buf *out, bool list)
{
    static const char *const between[] = {",", ",\n", " ,\r\n  ", "\n,\t"};
    unsigned columns = 1 + any(MOST_COLUMNS), rows = 1 + any(30), mixed = any(4);
    size_t name[MOST_COLUMNS], pool[MOST_COLUMNS], other[MOST_COLUMNS];
    weir_buf_reset(out);
    for (unsigned i = 0; i < columns; i++) {
        name[i] = any(8) ? any(NAMES) : 0; /* now and then one twice */
        pool[i] = any(POOLS);
        other[i] = mixed ? pool[i] : any(POOLS);
    }
    weir_buf_addz(out, !list ? "" : any(2) ? "[" : " \n[\n ");
    for (unsigned row = 0; row < rows; row++) {
        weir_buf_addz(out, list && row ? between[any(4)] : "");
        weir_buf_addc(out, '{');
        bool first = true;
        for (unsigned i = 0; i < columns; i++) {
            if (any(6) == 0) {
                continue;
            }
            weir_buf_addf(out, "%s\"%s\":%s",
                          first                 ? ""
                          : list && any(9) == 0 ? ",\n"
                                                : ",",
                          names[name[i]],
                          any(7) == 0 ? "null" : value_of(any(9) ? pool[i] : other[i]));
            first = false;
        }
        weir_buf_addz(out, list ? "}" : any(20) ? "}\n" : "}\r\n");
    }
    weir_buf_addz(out, !list ? "" : any(2) ? "]" : "\n ]\n\n");
}

/* Of whole numbers, of which some are negative, the engine makes 128 bits. UUIDs and clocks are
 * texts to weir, as they stand in the file. */
static const char *plain_type(struct weir_str t)
{
    if (weir_str_is(t, "HUGEINT")) {
        return "BIGINT";
    }
    if (weir_str_is(t, "UUID") || weir_str_is(t, "TIME")) {
        return "VARCHAR";
    }
    bool nested = weir_str_starts(t, WEIR_STR("STRUCT(")) || weir_str_starts(t, WEIR_STR("MAP(")) ||
                  weir_str_ends(t, WEIR_STR("]"));
    return nested ? "JSON" : t.ptr;
}

static void add_written(struct weir_buf *sql, struct weir_str name, const char *type)
{
    weir_buf_addz(sql, "coalesce(CAST(TRY_CAST(CAST(");
    weir_sql_ident(sql, name);
    weir_buf_addf(sql, " AS VARCHAR) AS %s) AS VARCHAR), ", type);
}

/* Names and types of columns; values as texts but for JSON, of which it is looked whether there is
 * one. `kinds`: of the file, whichever way it is read. */
static void describe(struct weir_session *session, const struct weir_file *file,
                     const struct weir_file_kind *kinds, size_t count, struct weir_buf *out)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_batch b;
    weir_buf_reset(out);
    weir_buf_init(&sql, 1 << 20);
    weir_buf_addz(&sql, "SELECT *");
    weir_file_engine_from(&sql, file, NULL);
    weir_buf_addz(&sql, " LIMIT 0");
    if (weir_file_engine_ask(session, &sql, file, &result, &err)) {
        weir_buf_addf(out, "error: %s", err.message);
        weir_buf_free(&sql);
        return;
    }
    for (size_t i = 0; i < weir_result_column_count(result); i++) {
        const struct weir_column *c = &weir_result_columns(result)[i];
        weir_buf_addf(out, WEIR_STR_FMT ":%s ", WEIR_STR_ARG(c->name), plain_type(c->type_name));
    }
    weir_result_free(result);
    weir_buf_reset(&sql);
    for (size_t i = 0; i < count; i++) {
        bool json = strcmp(kinds[i].type, "JSON") == 0;
        weir_buf_addz(&sql, i ? ", " : "SELECT ");
        if (strcmp(kinds[i].type, "VARCHAR") == 0) { /* as the engine writes them */
            add_written(&sql, kinds[i].name, "UUID");
            add_written(&sql, kinds[i].name, "TIME");
            weir_buf_addz(&sql, "CAST(");
            weir_sql_ident(&sql, kinds[i].name);
            weir_buf_addz(&sql, " AS VARCHAR)))");
            continue;
        }
        weir_buf_addz(&sql, "CAST(");
        weir_sql_ident(&sql, kinds[i].name);
        weir_buf_addz(&sql, json ? " IS NULL AS VARCHAR)" : " AS VARCHAR)");
    }
    weir_file_engine_from(&sql, file, NULL);
    ASSERT_OK(weir_file_engine_ask(session, &sql, file, &result, &err), err);
    while (weir_file_engine_next(result, &b, file, &err) == 0 && b.rows) {
        for (size_t row = 0; row < b.rows; row++) {
            weir_buf_addc(out, '\n');
            for (size_t i = 0; i < b.column_count; i++) {
                struct weir_str s = weir_vector_valid(&b.columns[i], row) ? b.columns[i].strs[row]
                                                                          : WEIR_STR("NULL");
                weir_buf_adds(out, s);
                weir_buf_addc(out, '|');
            }
        }
    }
    weir_result_free(result);
    weir_buf_free(&sql);
}

static void it_finds_what_the_engine_finds(void **unused)
{
    (void)unused;
    const char *given = getenv("WEIR_SEED"), *rounds = getenv("WEIR_ROUNDS");
    long files = rounds ? 20 * atol(rounds) : FILES, sure = 0, lists = 0;
    struct tempdir dir = tempdir_make();
    struct weir_buf text, mine, theirs;
    char path[512];
    /* What keeps a change from landing is the same each time; the nightly rounds look further. */
    state_of = given ? strtoull(given, NULL, 10) : rounds ? weir_random_u64() >> 20 : 20260102;
    print_message("WEIR_SEED=%llu\n", (unsigned long long)state_of);
    weir_buf_init(&text, 1 << 20);
    weir_buf_init(&mine, 1 << 20);
    weir_buf_init(&theirs, 1 << 20);
    tempdir_path(&dir, "a.json", path);
    for (long i = 0; i < files; i++) {
        struct weir_arena arena;
        struct weir_warehouse *engine;
        struct weir_session *session;
        struct weir_file file = {.name = WEIR_STR("a.json"),
                                 .path = path,
                                 .format = any(3) ? WEIR_FILE_JSON : WEIR_FILE_NDJSON};
        bool list = file.format == WEIR_FILE_JSON && any(3);
        struct weir_file_stream stream = {.files = &file, .count = 1};
        weir_arena_init(&arena, 1 << 20);
        (any(5) ? write_file : write_sparse)(&text, list);
        ASSERT_OK(weir_file_replace(path, weir_buf_str(&text), 0600, &err), err);
        ASSERT_OK(weir_file_kinds_find(&file, NULL, &arena, &err), err);
        if (file.kinds) {
            assert_int_equal(file.list, list);
            sure++;
            lists += list;
            ASSERT_OK(weir_file_engine_open(&stream, &engine, &session, &err), err);
            struct weir_file other = file;
            other.kinds = NULL;
            other.kind_count = 0;
            describe(session, &file, file.kinds, file.kind_count, &mine);
            describe(session, &other, file.kinds, file.kind_count, &theirs);
            if (strcmp(weir_buf_cstr(&mine), weir_buf_cstr(&theirs)) != 0) {
                fail_msg("%s\nweir: %s\nthe engine: %s", weir_buf_cstr(&text), weir_buf_cstr(&mine),
                         weir_buf_cstr(&theirs));
            }
            weir_session_free(session);
            weir_warehouse_close(engine);
        }
        weir_arena_free(&arena);
    }
    print_message("sure of %ld of %ld files, %ld lists\n", sure, files, lists);
    assert_true(sure >= files / 30 && lists >= files / 90);
    weir_buf_free(&text);
    weir_buf_free(&mine);
    weir_buf_free(&theirs);
    tempdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_finds_what_the_engine_finds)};
    return cmocka_run_group_tests_name("file_kinds", tests, NULL, NULL);
}
