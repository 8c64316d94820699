/* Files that people upload: what their bytes, lines and columns are taken for. */
#include "test.h"

#include <stdio.h>

#include "csv/csv.h"
#include "csv/guess.h"
#include "io/file.h"
#include "tempdir.h"
#include "upload/upload.h"

/* --- guesses ------------------------------------------------------------------------------------
 */

static enum weir_guess_format guess_of(const char *values, bool commas, char words[256])
{
    struct weir_guess g;
    struct weir_buf out;
    struct weir_str rest = weir_str_of(values);
    weir_guess_init(&g);
    while (rest.ptr) {
        weir_guess_see(&g, weir_str_cut(&rest, '~'));
    }
    weir_guess_settle(&g, commas, false);
    weir_buf_init(&out, 256);
    weir_guess_words(&g, &out);
    snprintf(words, 256, "%s", weir_buf_cstr(&out));
    weir_buf_free(&out);
    return g.format;
}

static void the_narrowest_type_that_loses_nothing(void **state)
{
    static const struct {
        const char *values;
        enum weir_guess_format format;
        const char *words;
    } cases[] = {
        {"1~-2~0", WEIR_GUESS_INT, "whole"},
        {"9223372036854775807", WEIR_GUESS_INT, ""},
        {"9223372036854775808", WEIR_GUESS_TEXT, "more digits"},
        {"1~2.5", WEIR_GUESS_DOUBLE, "decimal point"},
        {"1.5e+10~-2.5E-3", WEIR_GUESS_DOUBLE, ""},
        {"12E5~13E5", WEIR_GUESS_TEXT, "text"},
        {"007~1", WEIR_GUESS_TEXT, "begin with zeros"},
        {"0~0.5~-0.25", WEIR_GUESS_DOUBLE, ""},
        {"1,5~2", WEIR_GUESS_DOUBLE_COMMA, "decimal comma"},
        {"1.234.567,89", WEIR_GUESS_DOUBLE_COMMA, ""},
        {"1,234~5,678", WEIR_GUESS_TEXT, "thousands or of decimals"},
        {"1,23,456", WEIR_GUESS_TEXT, ""},
        {"+49 30 123", WEIR_GUESS_TEXT, ""},
        {"0.12345678901234567890", WEIR_GUESS_TEXT, "more digits"},
        {"true~No~FALSE~yes", WEIR_GUESS_BOOL, "yes or no"},
        {"2026-02-28~1999-12-31", WEIR_GUESS_DATE, "year first"},
        {"2026-02-30", WEIR_GUESS_TEXT, "text"},
        {"31.12.2026~1.2.2026", WEIR_GUESS_DATE_DMY, "day first"},
        {"12/31/2026~01/02/2026", WEIR_GUESS_DATE_MDY, "month first"},
        {"01/02/2026~03/04/2026", WEIR_GUESS_TEXT, "day or the month"},
        {"2026-01-02~2026-01-02 03:04", WEIR_GUESS_TIME, "year first"},
        {"12/31/2026 1:02 PM", WEIR_GUESS_TIME_MDY, ""},
        {"2026-01-02T25:00:00", WEIR_GUESS_TEXT, ""},
        {"2026-01-02T10:00:00.1234560Z~2026-01-02 10:00", WEIR_GUESS_TIME, ""},
        {"2026-01-02T10:00:00.1234567Z~2026-01-02 10:00", WEIR_GUESS_TEXT,
         "behind the microsecond"},
        {"2026-01-02 10:00~02.01.2026 10:00:00,1234567", WEIR_GUESS_TEXT, "behind the microsecond"},
        {"1~NULL~n/a~2", WEIR_GUESS_INT, "2 NULL, NA"},
        {"", WEIR_GUESS_TEXT, "empty"},
        {"NO~NO", WEIR_GUESS_TEXT, "a country"},
        {"NO~YES", WEIR_GUESS_BOOL, ""},
        {"99999999999999.99~1.5", WEIR_GUESS_TEXT, "more digits"},
        {"0.1234567890123456~0.10000000000000001", WEIR_GUESS_DOUBLE, ""},
        {"1.5e+999", WEIR_GUESS_TEXT, ""},
        {"1.5e-999", WEIR_GUESS_TEXT, ""},
        {"1~2~x", WEIR_GUESS_TEXT, "\"x\" is no such value"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char words[256];
        enum weir_guess_format format = guess_of(cases[i].values, false, words);
        if (format != cases[i].format || !strstr(words, cases[i].words)) {
            fail_msg("%s: %d, %s", cases[i].values, format, words);
        }
    }
    char words[256];
    assert_int_equal(guess_of("1.234~5.678", false, words), WEIR_GUESS_DOUBLE);
    assert_int_equal(guess_of("1.234~5.678", true, words), WEIR_GUESS_TEXT);
    assert_int_equal(guess_of("1,234~5,678", true, words), WEIR_GUESS_DOUBLE_COMMA);
}

static int64_t time_of(enum weir_guess_format format, const char *text)
{
    struct weir_guess_value value;
    assert_true(weir_guess_value(format, weir_str_of(text), &value));
    return value.i;
}

static void values_are_what_their_column_says(void **state)
{
    (void)state;
    struct weir_guess_value value;
    const int64_t noon = (20455LL * 86400 + 43200) * WEIR_SECOND; /* 2026-01-02T12:00Z */
    assert_int_equal(time_of(WEIR_GUESS_DATE, "1970-01-02"), 1);
    assert_int_equal(time_of(WEIR_GUESS_DATE, "1969-12-31"), -1);
    assert_int_equal(time_of(WEIR_GUESS_DATE_DMY, "02.01.2026"), 20455);
    assert_int_equal(time_of(WEIR_GUESS_TIME, "2026-01-02 12:00"), noon);
    assert_int_equal(time_of(WEIR_GUESS_TIME, "2026-01-02T13:30:00+01:30"), noon);
    assert_int_equal(time_of(WEIR_GUESS_TIME, "2026-01-02T12:00:00.000001Z"), noon + 1);
    assert_int_equal(time_of(WEIR_GUESS_TIME_MDY, "1/2/2026 12:00 PM"), noon);
    assert_int_equal(time_of(WEIR_GUESS_TIME_MDY, "1/2/2026 12:00 AM"), noon - 43200 * WEIR_SECOND);
    assert_true(weir_guess_value(WEIR_GUESS_DOUBLE_COMMA, WEIR_STR("-1.234,5"), &value));
    assert_true(value.d == -1234.5);
    assert_true(weir_guess_value(WEIR_GUESS_INT, WEIR_STR(" NA "), &value) && value.null);
    assert_false(weir_guess_value(WEIR_GUESS_INT, WEIR_STR("1x"), &value));
    assert_false(weir_guess_value(WEIR_GUESS_DATE, WEIR_STR("2026-01-02 12:00"), &value));
    assert_false(
        weir_guess_value(WEIR_GUESS_TIME, WEIR_STR("2026-01-02T12:00:00.0000001Z"), &value));
}

/* --- records ------------------------------------------------------------------------------------
 */

struct reading {
    struct tempdir dir;
    struct weir_csv_text text;
    struct weir_csv csv;
    struct weir_error err;
};

static int open_bytes(struct reading *r, const void *bytes, size_t n)
{
    char path[512];
    memset(r, 0, sizeof *r);
    r->dir = tempdir_make();
    tempdir_path(&r->dir, "file.csv", path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    int rc = weir_csv_text_open(&r->text, path, NULL, &r->err);
    return rc ? rc : weir_csv_open(&r->csv, &r->text, &r->err);
}

static void close_reading(struct reading *r)
{
    weir_csv_free(&r->csv);
    weir_csv_text_free(&r->text);
    tempdir_remove(&r->dir);
}

static void records_cross_the_pieces_in_which_they_are_read(void **state)
{
    (void)state;
    struct weir_buf file;
    struct reading r;
    struct weir_csv_record record;
    uint64_t line = 1;
    weir_buf_init(&file, 64u << 20);
    for (unsigned i = 0; i < 60000; i++) { /* 2 MB: pieces end anywhere */
        weir_buf_addf(&file, "%u,\"ü \"\"%u\"\"%s\",%.*s\r\n", i, i, i % 3 ? "" : "\n,",
                      (int)(i % 40), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    }
    ASSERT_OK(open_bytes(&r, file.data, file.len), r.err);
    for (unsigned round = 0; round < 2; round++) {
        line = 1;
        for (unsigned i = 0; i < 60000; i++) {
            char wanted[64];
            ASSERT_OK(weir_csv_next(&r.csv, &record, &r.err), r.err);
            assert_null(record.bad);
            assert_int_equal(record.count, 3);
            assert_int_equal(record.line, line);
            snprintf(wanted, sizeof wanted, "ü \"%u\"%s", i, i % 3 ? "" : "\n,");
            assert_true(weir_str_is(record.fields[1].text, wanted));
            assert_int_equal(record.fields[2].text.len, i % 40);
            line += i % 3 ? 1 : 2;
        }
        ASSERT_OK(weir_csv_next(&r.csv, &record, &r.err), r.err);
        assert_int_equal(record.count, 0);
        assert_null(record.bad);
        weir_csv_rewind(&r.csv);
    }
    close_reading(&r);
    weir_buf_free(&file);
}

/* Titles above a table are no header, and make no table of one column; a table that is short in its
 * first line is no title. */
static void what_stands_above_a_table_is_set_aside(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t skip;
        const char *names; /* of the columns */
        unsigned rows, above;
    } cases[] = {
        {"Report: Sales\nGenerated 2026-01-01\n\nid,total\n1,5.5\n2,6.5\nTotal,12.0\n", 0,
         "id total", 3, 2},
        {"Sales;\nPeriod;2026-01\nid;name;total\n1;a, b;5\n2;c, d;6\n", 0, "id name total", 2, 2},
        {"Export of customers\ncode,name,\nA,Alice,\nB,Bob,\nC,Carl,remark\nD,Dora,\n", 0,
         "column_1 column_2 column_3", 5, 1}, /* a name is missing: it may be a row */
        {"Sales,,,\nFrom,2026-01-01,,\nid,name,city,total\n1,a,,5\n2,b,c,6\n", 0,
         "id name city total", 2, 2},
        {"\"A title, with\na line\"\nid,total\n1,5\n2,6\n", 0, "id total", 2, 1},
        /* As wide as the table, and no names below: rows. */
        {"x,,\ny,2,3\nz,5,6\n", 0, "column_1 column_2 column_3", 3, 0},
        {"Alice,,\nBob,Berlin,red\nCarl,Paris,blue\nDora,Rome,green\n", 0,
         "column_1 column_2 column_3", 4, 0},
        {"word,,\nbig,,\nsmall,tiny,little\nfast,,\n", 0, "column_1 column_2 column_3", 4, 0},
        {"name,city,tags,,,,,,,\nBob,Berlin,a,b,,,,,,\nEve,Bonn,a,,,,,,,\n"
         "Carl,Paris,p,q,r,s,t,u,v,w\nDora,Rome,x,,,,,,,\n",
         0,
         "column_1 column_2 column_3 column_4 column_5 column_6 column_7 column_8 column_9 "
         "column_10",
         5, 0},
        {"id,name\n1,a\n2,b\n", 0, "id name", 2, 0},
        {"id,name\n1,a,x\n2,b,y\n", 0, "id name", 0, 0}, /* rows that do not fit are bad */
        {"email\na@x.org\nb@x.org\n", 0, "email", 2, 0},
        {"name\nSmith\n\n\nMiller\n", 0, "name", 2, 0},
        {"only a title\n", 0, "only_a_title", 0, 0},
        {"sep=;\nSales\nid;total\n1;5\n2;6\n", 0, "id total", 2, 1},
        {"a,\"b\nid,total\n1,5\n", 1, "id total", 1,
         0}, /* the line is no CSV, and is passed over */
        {"id,total\n1,5\n", 9, "", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r;
        struct weir_csv_columns columns;
        struct weir_csv_record record;
        struct weir_buf names;
        unsigned rows = 0, above = 0;
        char room[160];
        weir_buf_init(&names, 4096);
        ASSERT_OK(open_bytes(&r, cases[i].text, strlen(cases[i].text)), r.err);
        r.csv.skip = cases[i].skip;
        int rc = weir_csv_columns_read(&columns, &r.csv, WEIR_CSV_HEADER_GUESS, 100, &r.err);
        assert_int_equal(rc, *cases[i].names ? 0 : WEIR_EINVAL);
        for (size_t k = 0; rc == 0 && k < columns.count; k++) {
            weir_buf_addz(&names, k ? " " : "");
            weir_buf_adds(&names, columns.columns[k].name);
        }
        assert_string_equal(weir_buf_cstr(&names), cases[i].names);
        if (rc == 0) {
            weir_csv_columns_rewind(&columns, &r.csv);
        }
        while (rc == 0 && (rc = weir_csv_columns_next(&columns, &r.csv, &record, &r.err)) == 0 &&
               (record.count || record.bad)) {
            above += record.bad && strcmp(record.bad, "it stands above the table") == 0;
            rows += !weir_csv_bad(&columns, &record, room);
        }
        assert_int_equal(rows, cases[i].rows);
        assert_int_equal(above, cases[i].above);
        weir_csv_columns_free(&columns);
        weir_buf_free(&names);
        close_reading(&r);
    }
}

/* An index has no name, and columns of pivots are called by numbers that count; but rows of files
 * without a header look much the same. */
static void names_that_look_like_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names; /* "": the first line is a row */
    } cases[] = {
        {",name,city\n0,Bob,Rome\n1,Ann,Paris\n", "column_1 name city"},
        {",name,city\n0,Bob,Rome\n", "column_1 name city"},
        {"\"\",\"name\",\"city\"\n\"1\",\"Bob\",\"Rome\"\n\"2\",\"Ann\",\"Paris\"\n",
         "column_1 name city"},
        {",name\na,Bob\nb,Ann\n", "column_1 name"},
        {",name\n17,Bob\n23,Ann\n", "column_1 name"},
        {",0,1,2\n0,5.1,3.5,1.4\n1,4.9,3.0,1.4\n", "column_1 _0 _1 _2"},
        {",0,1\n0,7,8\n1,8,9\n", "column_1 _0 _1"},
        {",2024\nN,1\nS,2\n", "column_1 _2024"},
        {"Region,2023,2024,2025\nN,10,20,30\nS,40,50,60\n", "region _2023 _2024 _2025"},
        {"Region,2019,2021\nN,10,2020\nS,2019,2022\nE,7,\n", "region _2019 _2021"},
        {"Region;2025;2024\nN;1,5;2\nS;;2,5\n", "region _2025 _2024"},
        {"Region,Note,2023,2024\nN,a,2001,7\nS,b,2002,8\n", "region note _2023 _2024"},
        {"Region,2024\nN,10\nS,20\n", "region _2024"},
        {"Region,1,2,3\nN,10,20,35\nS,40,50,61\n", "region _1 _2 _3"},
        {"Name,2023,2024\nBob,passed,\nAnn,passed,failed\n", "name _2023 _2024"},
        {"2023,2024,2025\n10,20,30\n11,21,31\n", "_2023 _2024 _2025"},
        {"Sales by region\nRegion,2023,2024\nN,10,20\nS,40,50\n", "region _2023 _2024"},
        {"Sales,,,\nRegion,2023,2024,2025\nN,10,20,30\nS,40,50,60\n", "region _2023 _2024 _2025"},
        /* rows */
        {",Bob,Rome\n2,Ann,Paris\n3,Eve,Bonn\n", ""}, /* the first has lost its number */
        {",Bob\n,Ann\nc,Eve\n", ""},
        {"Bob,2026-01-02T10:00:00.1234567Z\nAnn,2026-01-02T10:00:00.1234568Z\n", ""},
        {",Bob\na,Bob\nb,Ann\n", ""},
        {"a,Bob,\nb,Ann,x\n", ""},
        {"Bob,2023,2024\nAnn,2021,2022\nEve,2019,2021\n", ""},
        {"Bob,2024\nAnn,2023\n", ""},
        {"Bob,2024\nAnn,17\nEve,1999\n", ""},
        {"N,10,20,30\nS,40,50,60\n", ""},
        {"N,1,2,3\nS,4,5,6\nE,7,8,9\n", ""},
        {"N,1,2\nS,4,5\n", ""},
        {"1,2,3\n7,3,1\n", ""},
        {"2023,2024\n10,20\n", ""},
        {"N,2023,N,2024\nS,1,S,2\n", ""},
        {"N,2023,2024\n", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r;
        struct weir_csv_columns columns;
        struct weir_buf names;
        weir_buf_init(&names, 4096);
        ASSERT_OK(open_bytes(&r, cases[i].text, strlen(cases[i].text)), r.err);
        ASSERT_OK(weir_csv_columns_read(&columns, &r.csv, WEIR_CSV_HEADER_GUESS, 100, &r.err),
                  r.err);
        for (size_t k = 0; columns.has_header && k < columns.count; k++) {
            weir_buf_addz(&names, k ? " " : "");
            weir_buf_adds(&names, columns.columns[k].name);
        }
        if (strcmp(weir_buf_cstr(&names), cases[i].names) != 0) {
            fail_msg("%s: %s", cases[i].text, weir_buf_cstr(&names));
        }
        weir_csv_columns_free(&columns);
        weir_buf_free(&names);
        close_reading(&r);
    }
}

/* Whatever the bytes are: it ends, and every record has fields or a reason. */
static void any_bytes_are_read_to_their_end(void **state)
{
    (void)state;
    static const char letters[] = "a1\",;\t|\n\r \0\xff\xc3\xbc=";
    unsigned seed = 7;
    for (unsigned round = 0; round < 300; round++) {
        char bytes[400];
        size_t n = 1 + round % sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1103515245 + 12345;
            bytes[i] = letters[(seed >> 16) % (sizeof letters - 1)];
        }
        struct reading r;
        struct weir_csv_record record = {0};
        int rc = open_bytes(&r, bytes, n);
        for (size_t records = 0; rc == 0 && records <= n; records++) {
            rc = weir_csv_next(&r.csv, &record, &r.err);
            if (rc || (!record.count && !record.bad)) {
                break;
            }
            assert_true(records < n);
        }
        assert_true(rc == 0 || rc == WEIR_EINVAL);
        close_reading(&r);
    }
}

static void a_quote_that_is_never_closed_costs_its_line(void **state)
{
    (void)state;
    struct weir_buf file;
    struct reading r;
    struct weir_csv_record record;
    unsigned good = 0, bad = 0;
    weir_buf_init(&file, 8u << 20);
    weir_buf_addz(&file, "a,b\n1,\"open\n");
    for (unsigned i = 0; i < 150000; i++) { /* 1.5 MB: more than a record may have */
        weir_buf_addf(&file, "%u,fine\n", i % 1000);
    }
    ASSERT_OK(open_bytes(&r, file.data, file.len), r.err);
    while (weir_csv_next(&r.csv, &record, &r.err) == 0 && (record.count || record.bad)) {
        good += !record.bad;
        bad += record.bad != NULL;
    }
    assert_int_equal(bad, 1);
    assert_int_equal(good, 150001);
    close_reading(&r);
    weir_buf_free(&file);
}

static void names_of_uploads(void **state)
{
    (void)state;
    assert_true(weir_upload_name_ok("a"));
    assert_true(weir_upload_name_ok("sales_2026"));
    static const char *const wrong[] = {"", "A", "1a", "_a", "a-b", "a b", "a\"", "ü"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(weir_upload_name_ok(wrong[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_narrowest_type_that_loses_nothing),
        cmocka_unit_test(values_are_what_their_column_says),
        cmocka_unit_test(records_cross_the_pieces_in_which_they_are_read),
        cmocka_unit_test(what_stands_above_a_table_is_set_aside),
        cmocka_unit_test(names_that_look_like_values),
        cmocka_unit_test(any_bytes_are_read_to_their_end),
        cmocka_unit_test(a_quote_that_is_never_closed_costs_its_line),
        cmocka_unit_test(names_of_uploads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
