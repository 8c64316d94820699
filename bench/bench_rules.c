/* What putting a person's rules into a statement costs: weir_session_compile (which checks,
 * rewrites and prepares) for somebody with rules versus somebody without, on the same statement;
 * its text is new each time, or the same each time, as a dashboard's is. Processor time. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "warehouse/warehouse.h"

#define ROUNDS 300

static struct weir_error err;

static void check(int code, const char *what)
{
    if (code) {
        fprintf(stderr, "bench_rules: %s: %s\n", what, err.message);
        exit(1);
    }
}

static double processor_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const char shape[] = "WITH days AS (SELECT date_trunc('day', p.seen) AS day, u.sport, "
                            "count(*) AS n FROM web.pages p "
                            "JOIN web.users u ON u.id = p.user_id WHERE p.seen > TIMESTAMP "
                            "'2026-01-01' GROUP BY ALL) SELECT "
                            "day, sport, n, sum(n) OVER (PARTITION BY sport ORDER BY day) FROM "
                            "days WHERE sport IN ('golf', "
                            "'rugby') ORDER BY ALL LIMIT 100 /* %d */";

/* The median of one compile. */
static double measure(struct weir_session *session, bool fresh)
{
    static double times[ROUNDS];
    static int number;
    struct weir_arena arena;
    struct weir_compiled compiled;
    char sql[1024];
    weir_arena_init(&arena, 16u << 20);
    for (int i = -20; i < ROUNDS; i++) {
        snprintf(sql, sizeof sql, shape, fresh ? ++number : -1);
        weir_arena_reset(&arena);
        double begin = processor_ms();
        check(weir_session_compile(session, sql, NULL, 0, &arena, &compiled, &err), sql);
        if (i >= 0) {
            times[i] = processor_ms() - begin;
        }
    }
    weir_arena_free(&arena);
    qsort(times, ROUNDS, sizeof *times, by_value);
    return times[ROUNDS / 2];
}

static void report(const char *what, double with, double without)
{
    printf("{\"name\":\"explore/rules_rewrite %s\",\"value\":%.3f,\"unit\":\"ms\","
           "\"reference\":%.3f,\"ratio\":%.2f,\"goal\":\"adds < 1 ms\",\"met\":%s}\n",
           what, with, without, with / without, with - without < 1 ? "true" : "false");
}

int main(void)
{
    struct weir_warehouse_options options = {.path = ":memory:", .threads = 1};
    struct weir_warehouse *warehouse;
    struct weir_session *owner, *reader;
    const struct weir_str sports[] = {WEIR_STR("golf"), WEIR_STR("rugby")};
    const struct weir_str hidden[] = {WEIR_STR("secret")}, masked[] = {WEIR_STR("email")};
    const struct weir_attribute attributes[] = {{.name = WEIR_STR("sports"),
                                                 .kind = WEIR_ATTRIBUTE_LIST,
                                                 .items = sports,
                                                 .item_count = 2}};
    const struct weir_grant grants[] = {{.group = WEIR_STR("a"),
                                         .schema = WEIR_STR("web"),
                                         .table = WEIR_STR("users"),
                                         .rows = WEIR_STR("sport in (user.sports)"),
                                         .hidden = hidden,
                                         .hidden_count = 1,
                                         .masked = masked,
                                         .masked_count = 1},
                                        {.group = WEIR_STR("a"),
                                         .schema = WEIR_STR("web"),
                                         .table = WEIR_STR("pages"),
                                         .rows = WEIR_STR("path like '/public%'")}};
    struct weir_access access = {
        .attributes = attributes, .attribute_count = 1, .grants = grants, .grant_count = 2};
    check(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err), "open");
    check(weir_session_new(warehouse, WEIR_SESSION_OWNER, &owner, &err), "session");
    check(weir_session_new(warehouse, WEIR_SESSION_READER, &reader, &err), "session");
    check(weir_session_exec(owner,
                            "CREATE SCHEMA web; CREATE TABLE web.users(id BIGINT, email VARCHAR, "
                            "sport VARCHAR, country VARCHAR, secret VARCHAR); CREATE TABLE "
                            "web.pages(id BIGINT, user_id BIGINT, path VARCHAR, seen TIMESTAMP)",
                            &err),
          "tables");
    check(weir_access_seal(&access, &err), "seal");
    double plain_fresh = measure(reader, true), plain_same = measure(reader, false);
    check(weir_session_set_access(reader, &access, &err), "access");
    report("new text", measure(reader, true), plain_fresh);
    report("same text", measure(reader, false), plain_same);
    weir_session_free(owner);
    weir_session_free(reader);
    weir_warehouse_close(warehouse);
    return 0;
}
