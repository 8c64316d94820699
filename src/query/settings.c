#include "query/query.h"

#include <unistd.h>

#define AT(member) offsetof(struct weir_query_settings, member)

const struct weir_option weir_query_options[] = {
    {"workers", WEIR_OPT_INT, AT(workers), .fallback = "4", .min = 1, .max = 256,
     .help = "How many queries run at the same time; more wait in the queue."},
    {"queue", WEIR_OPT_INT, AT(queue), .fallback = "256", .min = 1, .max = 100000,
     .help = "How many queries may wait; further ones are answered 503."},
    {"per_person", WEIR_OPT_INT, AT(per_person), .fallback = "0", .min = 0, .max = 256,
     .help = "How many queries of one person run at the same time; 0: all workers but one. Those "
             "that wait take turns by person."},
    {"timeout", WEIR_OPT_DURATION, AT(timeout), .fallback = "5m",
     .help = "A query that runs longer is stopped; a request may ask for less."},
    {"max_rows", WEIR_OPT_INT, AT(max_rows), .fallback = "10000000", .min = 1, .max = INT64_MAX,
     .help = "Rows of one result; what is cut is marked as truncated."},
    {"max_bytes", WEIR_OPT_BYTES, AT(max_bytes), .fallback = "4GB",
     .help = "Bytes of one encoded result; what is cut is marked as truncated."},
    {"max_memory", WEIR_OPT_BYTES, AT(max_memory), .fallback = "0",
     .help =
         "Memory of the whole process above which running queries are stopped; the engine's own "
         "limit (warehouse.memory) does not count all it uses; 0: three quarters of the "
         "machine's."},
    {"time_zone", WEIR_OPT_TEXT, AT(time_zone), .fallback = "UTC",
     .help =
         "Whose days and weeks parameters mean (an IANA name, such as Europe/Berlin); timestamps "
         "in the warehouse are UTC all the same."},
    {"max_stuck", WEIR_OPT_INT, AT(max_stuck), .fallback = "4", .min = 0, .max = 256,
     .help = "How many workers are replaced while the engine does not let go of their queries "
             "(one call of a function cannot be stopped); when all are stuck, queries are "
             "answered 503."},
    {"stuck_after", WEIR_OPT_DURATION, AT(stuck_after), .fallback = "2s",
     .help = "A query that goes on so long after it was stopped is answered all the same, and "
             "its worker is replaced."},
    {"restart_after", WEIR_OPT_DURATION, AT(restart_after), .fallback = "5m",
     .help = "When every worker has been stuck so long, the server ends, and `weir up` starts it "
             "anew; 0: never."},
    {"viewer_timeout", WEIR_OPT_DURATION, AT(viewer.timeout), .fallback = "0s",
     .help = "As query.timeout, for viewers; 0: the same as for all."},
    {"viewer_rows", WEIR_OPT_INT, AT(viewer.max_rows), .fallback = "0", .min = 0, .max = INT64_MAX,
     .help = "As query.max_rows, for viewers; 0: the same as for all."},
    {"viewer_memory", WEIR_OPT_BYTES, AT(viewer.max_memory), .fallback = "0",
     .help = "As query.max_memory, for viewers: their queries are stopped before others' when "
             "memory runs short; 0: the same as for all."},
    {"editor_timeout", WEIR_OPT_DURATION, AT(editor.timeout), .fallback = "0s",
     .help = "As query.timeout, for editors; 0: the same as for all."},
    {"editor_rows", WEIR_OPT_INT, AT(editor.max_rows), .fallback = "0", .min = 0, .max = INT64_MAX,
     .help = "As query.max_rows, for editors; 0: the same as for all."},
    {"editor_memory", WEIR_OPT_BYTES, AT(editor.max_memory), .fallback = "0",
     .help = "As query.max_memory, for editors; 0: the same as for all."},
    {0}};

/* 0 is "no limit" in both. */
static uint64_t least(uint64_t a, uint64_t b)
{
    return a == 0 || (b && b < a) ? b : a;
}

void weir_query_limits_narrow(struct weir_query_limits *limits,
                              const struct weir_query_share *share)
{
    limits->rows = least(limits->rows, (uint64_t)share->max_rows);
    limits->memory = least(limits->memory, share->max_memory);
    limits->timeout = (weir_time)least((uint64_t)limits->timeout, (uint64_t)share->timeout);
}

uint64_t weir_query_max_memory(const struct weir_query_settings *settings)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return settings->max_memory ? settings->max_memory : machine / 4 * 3;
}

bool weir_format_parse(const char *name, enum weir_format *out)
{
    static const char *const names[] = {"table",   "csv",     "json", "ndjson",
                                        "parquet", "columns", "xlsx"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum weir_format)i;
            return true;
        }
    }
    return false;
}
