/* What only MySQL's log has: JSON, transactions that were compressed, sets of ids. The bytes are a
 * server's own (9.7). */
#include "test.h"

#include <stdlib.h>

#include "source/mysql/binlog_bytes.h"
#include "source/mysql/gtid_set.h"

#define BYTES(literal) ((struct weir_str){(literal), sizeof(literal) - 1})

static char *memory; /* of its own: a read behind it is seen */

static struct weir_str from_hex(const char *hex)
{
    size_t n = strlen(hex) / 2;
    free(memory);
    memory = malloc(n ? n : 1);
    assert_non_null(memory);
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        memory[i] = (char)strtoul(pair, NULL, 16);
    }
    return (struct weir_str){memory, n};
}

static int free_memory(void **state)
{
    (void)state;
    free(memory);
    memory = NULL;
    return 0;
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static const struct {
    const char *hex, *text;
} documents[] = {
    {"020c0088000b28000b30000b38000b40000b48000b50000b58000b60000b68000b70000b78000b800000000000000"
     "0f03f000000000000f83f0000901ec4bcd64200003426f56b0c43350f63bab4697b432d431cebe2361a3f9b2ba186"
     "9b84d63cbc89d897b2d29c3c00000000000000809c7500883ce4377e010000000000000003eb2af2548b1143",
     "[1.0, 1.5, 100000000000000.0, 1e15, 1.2345678901234568e17, 0.0001, 0.00000000000000125, "
     "1e-16, -0.0, 1e300, 5e-324, 1234567890123456.8]"},
    {"020e00c0000f2e000f37000f44000f4e000f58000f62000f66000401000400000aa40009ac0007b40007b80007"
     "bc00f6070b028000000132f60b140b7ffffffffffffffff50a080000000000bab2190c0840e2018310bab2190b"
     "08e05ef8febff9ffff0f0200ff0f3c616161616161616161616161616161616161616161616161616161616161"
     "616161616161616161616161616161616161616161616161616161616161ffffffffffffffff00000000000000"
     "80ffff0000c063ffff70110100",
     "[1.50, -0.00000000010, \"2024-02-29\", \"2024-02-29 01:02:03.123456\", "
     "\"-100:00:01.500000\", "
     "\"base64:type15:AP8=\", "
     "\"base64:type15:"
     "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\\nYWFh\", "
     "true, null, 18446744073709551615, -9223372036854775808, 65535, -40000, 70000]"},
    {"000400df00200000002000010021000100220004000502000026000040000cd80061626162220a01001a000b00010"
     "0"
     "020c006202000e00050100000a000000040003009800190003001c00040020000b00002b000c7800027e006372737"
     "4"
     "797065636f6f7264696e6174657302004d001200040016000a000c20000025007479706570726f706572746965730"
     "4"
     "6e616d65010028000b0004000c0f006e616d651875726e3a6f67633a6465663a6372733a4d7953514c3a3a3005506"
     "f"
     "696e7402001a000b0a000b1200000000000000f03f000000000000004006c3bcf09f8e89",
     "{\"\": 2, \"a\": {\"b\": [1, {}]}, \"b\": {\"crs\": {\"type\": \"name\", \"properties\": "
     "{\"name\": \"urn:ogc:def:crs:MySQL::0\"}}, \"type\": \"Point\", \"coordinates\": [1.0, "
     "2.0]}, "
     "\"ab\\\"\\n\": \"ü🎉\"}"},
    {"0400", "null"},
    {"0c0173", "\"s\""},
    {"050100", "1"},
    {"0000000400", "{}"},
    {"0200000400", "[]"},
    {"", "null"}, /* where a value was never given */
};

static void json_is_printed_as_the_server_prints_it(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 1u << 20);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        weir_buf_reset(&out);
        assert_true(weir_my_json_text(from_hex(documents[i].hex), &out));
        assert_string_equal(weir_buf_cstr(&out), documents[i].text);
    }
    weir_buf_free(&out);
}

static void json_that_is_cut_or_shared_ends(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 1u << 20);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        struct weir_str whole = from_hex(documents[i].hex);
        for (size_t n = 1; n < whole.len; n++) { /* into an error, or something else */
            char *part = malloc(n);
            assert_non_null(part);
            memcpy(part, whole.ptr, n);
            weir_buf_reset(&out);
            (void)weir_my_json_text((struct weir_str){part, n}, &out);
            free(part);
        }
    }
    /* An array in itself; and one whose hundred values are one text. */
    weir_buf_reset(&out);
    assert_false(weir_my_json_text(BYTES("\2\1\0\7\0\2\7\0"), &out));
    char shared[1 + 4 + 3 * 100 + 102];
    shared[0] = 2;
    shared[1] = 100;
    shared[2] = 0;
    shared[3] = (char)((sizeof shared - 1) & 255);
    shared[4] = (char)((sizeof shared - 1) >> 8);
    for (size_t i = 0; i < 100; i++) {
        memcpy(shared + 5 + 3 * i, "\14\60\1", 3);
    }
    memset(shared + 305, 'x', 102);
    shared[305] = 100;
    weir_buf_reset(&out);
    assert_false(weir_my_json_text((struct weir_str){shared, sizeof shared}, &out));
    assert_true(out.len < 8 * sizeof shared + 200);
    /* Arrays of two that are one, in sixty levels: no room ends it, however long it may become. */
    char *twice = calloc(1, 1u << 16);
    assert_non_null(twice);
    twice[0] = 2;
    size_t begin = 1;
    for (unsigned level = 0; level < 60; level++, begin += 10) {
        unsigned left = (1u << 16) - (unsigned)begin - 1;
        unsigned char one[10] = {
            2, 0, left & 255, left >> 8, level < 59 ? 2 : 4, level < 59 ? 10 : 0, 0};
        memcpy(one + 7, one + 4, 3);
        memcpy(twice + begin, one, sizeof one);
    }
    struct weir_buf narrow;
    weir_buf_init(&narrow, 1000);
    assert_false(weir_my_json_text((struct weir_str){twice, 1u << 16}, &narrow));
    weir_buf_free(&narrow);
    free(twice);
    /* Nested deeper than a server lets one be. */
    char deep[1 + 7 * 200];
    size_t at = 1;
    deep[0] = 2;
    for (size_t left = sizeof deep - 1; left; left -= 7, at += 7) {
        char one[7] = {1, 0, (char)(left & 255), (char)(left >> 8), left > 7 ? 2 : 4, 7, 0};
        memcpy(deep + at, one, 7);
    }
    weir_buf_reset(&out);
    assert_false(weir_my_json_text((struct weir_str){deep, sizeof deep}, &out));
    weir_buf_free(&out);
}

/* --- compressed ---------------------------------------------------------------------------------
 */

static const char payload_hex[] =
    "0201000301b60101800028b52ffd20b6bd030002c61421a029ad01c3ffffd61f57d515e6be9877d05f26b1f68c5bbf"
    "e4"
    "efde8e4636d93205ff4821b0beaa0a12cc3bb56ea2a8d16df71e230810931c4783f128b6d3e0b4d9ac164114c02379"
    "b8"
    "862f935d7c5110939c0f00a004c4857a8409c354b01434032636650bb401bf1f6107cb7a403c30f200bc";

static void compressed_transactions_are_their_events(void **state)
{
    (void)state;
    static const unsigned kinds[] = {WEIR_MY_QUERY, WEIR_MY_TABLE_MAP, WEIR_MY_WRITE_2,
                                     WEIR_MY_XID};
    struct weir_my_payload *p;
    struct weir_my_event e;
    struct weir_str bytes;
    struct weir_error err;
    bool none = false;
    size_t n = 0;
    assert_int_equal(weir_my_payload_open(from_hex(payload_hex), &p, &err), 0);
    while (weir_my_payload_next(p, &bytes, &err) == 0 && bytes.ptr) {
        assert_int_equal(weir_my_event_read(bytes, &none, &e, &err), 0);
        assert_true(n < 4);
        assert_int_equal(e.kind, kinds[n++]);
    }
    assert_int_equal(n, 4);
    weir_my_payload_close(p);
    /* Cut anywhere, and not by a compression that there is. */
    for (size_t cut = 2; cut < sizeof payload_hex - 1; cut += 2) {
        char part[sizeof payload_hex];
        memcpy(part, payload_hex, cut);
        part[cut] = 0;
        int rc = weir_my_payload_open(from_hex(part), &p, &err);
        for (size_t i = 0; rc == 0 && i < 5; i++) {
            rc = weir_my_payload_next(p, &bytes, &err);
        }
        weir_my_payload_close(p);
    }
    assert_int_equal(weir_my_payload_open(from_hex("02010700"), &p, &err), WEIR_ECORRUPT);
    weir_my_payload_close(p);
}

/* --- ids ----------------------------------------------------------------------------------------
 */

static struct weir_my_range one_of(unsigned kind, const char *hex)
{
    struct weir_my_event e = {.kind = kind, .body = from_hex(hex)};
    struct weir_my_range r;
    struct weir_error err;
    assert_int_equal(weir_my_range_read(&e, &r, &err), 0);
    return r;
}

static void ids_are_sets_of_ranges(void **state)
{
    (void)state;
    struct weir_my_gtid_set set = {0}, other = {0};
    struct weir_error err;
    struct weir_buf out;
    weir_buf_init(&out, 65536);
    struct weir_str previous = from_hex("0103000000000001111111112222333344445555555555551467726565"
                                        "6e5f666c61670100000000000000070000"
                                        "000000000008000000000000006f5d9bc7e9ef11f1aff002fc00000001"
                                        "0001000000000000000100000000000000"
                                        "05000000000000006f5d9bc7e9ef11f1aff002fc0000000108626c7565"
                                        "0100000000000000010000000000000003"
                                        "00000000000000");
    assert_int_equal(weir_my_set_read(&set, previous, &err), 0);
    weir_my_set_print(&set, &out);
    assert_string_equal(weir_buf_cstr(&out), "11111111-2222-3333-4444-555555555555:green_flag:7,"
                                             "6f5d9bc7-e9ef-11f1-aff0-02fc00000001:1-4:blue:1-2");
    assert_int_equal(weir_my_set_parse(&other, weir_buf_str(&out), &err), 0);
    assert_true(weir_my_set_has_all(&other, &set) && weir_my_set_has_all(&set, &other));
    struct weir_my_range plain =
        one_of(WEIR_MY_GTID_MYSQL, "006f5d9bc7e9ef11f1aff002fc00000001050000000000000002");
    struct weir_my_range tagged = one_of(
        WEIR_MY_GTID_TAGGED,
        "027400000002deba6d021d03a503bd0322c503bd02c10304f1030000000204080608626c756508040a0c");
    assert_true(!weir_my_set_has(&set, &plain) && weir_my_set_has(&set, &tagged));
    assert_int_equal(weir_my_set_add(&set, &plain, &err), 0);
    assert_true(weir_my_set_has(&set, &plain) && !weir_my_set_has_all(&other, &set));
    other.ranges[0] = plain;
    other.count = 1;
    assert_true(weir_my_set_meets(&other, &set) && weir_my_set_meets(&set, &other));
    other.ranges[0].first = other.ranges[0].last = plain.last + 1;
    assert_false(weir_my_set_meets(&other, &set));
    weir_my_set_free(&set);
    assert_false(weir_my_set_meets(&other, &set));
    /* Ranges that touch are one, whatever the order they come in. */
    static const uint64_t numbers[] = {5, 1, 9, 2, 8, 4, 3, 7, 12, 6};
    for (size_t i = 0; i < 10; i++) {
        plain.first = plain.last = numbers[i];
        assert_int_equal(weir_my_set_add(&set, &plain, &err), 0);
    }
    weir_buf_reset(&out);
    weir_my_set_print(&set, &out);
    assert_string_equal(weir_buf_cstr(&out), "6f5d9bc7-e9ef-11f1-aff0-02fc00000001:1-9:12");
    weir_my_set_free(&set);
    weir_my_set_free(&other);
    weir_buf_free(&out);
}

static void what_is_no_set_of_ids_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"x",
                                        "6f5d9bc7-e9ef-11f1-aff0-02fc00000001",
                                        "6f5d9bc7-e9ef-11f1-aff0-02fc00000001:0",
                                        "6f5d9bc7-e9ef-11f1-aff0-02fc00000001:5-1",
                                        "6f5d9bc7-e9ef-11f1-aff0-02fc00000001:1-x",
                                        "6f5d9bc7-e9ef-11f1-aff0-02fc00000001:tag",
                                        "6f5d9bc7-e9ef-11f1-aff0-02fc0000000:1",
                                        "6f5d9bc7-e9ef-11f1-aff0-02fc00000001:a\"b:1"};
    struct weir_my_gtid_set set = {0};
    struct weir_my_range r = {.tag = ""};
    struct weir_error err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(weir_my_set_parse(&set, weir_str_of(wrong[i]), &err), WEIR_ECORRUPT);
    }
    assert_int_equal(weir_my_set_read(&set, from_hex("ffffffffffffff00"), &err), WEIR_ECORRUPT);
    int rc = 0;
    for (uint64_t n = 1; rc == 0 && n < 3 * WEIR_MY_SET_RANGES; n += 2) {
        r.first = r.last = n;
        rc = weir_my_set_add(&set, &r, &err);
    }
    assert_int_equal(rc, WEIR_ETOOBIG);
    weir_my_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(json_is_printed_as_the_server_prints_it, free_memory),
        cmocka_unit_test_teardown(json_that_is_cut_or_shared_ends, free_memory),
        cmocka_unit_test_teardown(compressed_transactions_are_their_events, free_memory),
        cmocka_unit_test_teardown(ids_are_sets_of_ranges, free_memory),
        cmocka_unit_test_teardown(what_is_no_set_of_ids_is_refused, free_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
