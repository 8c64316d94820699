#include "load/loader.h"

const struct weir_option weir_load_options[] = {
    {"batch_bytes", WEIR_OPT_BYTES, offsetof(struct weir_load_settings, batch_bytes),
     .fallback = "64MB", .min = 64 << 10, .max = 1 << 30,
     .help = "Requests are loaded in batches of at most so many bytes; larger ones load faster and "
             "take about five times so much memory."},
    {"linger", WEIR_OPT_DURATION, offsetof(struct weir_load_settings, linger), .fallback = "100ms",
     .help = "How long the first event of a batch waits for others before the batch is written."},
    {"dedup_memory", WEIR_OPT_BYTES, offsetof(struct weir_load_settings, dedup_memory),
     .fallback = "64MB", .min = 1 << 20, .max = INT64_C(1) << 34,
     .help = "Memory for the messageIds seen last; all earlier ones are on disk."},
    {"max_columns", WEIR_OPT_INT, offsetof(struct weir_load_settings, max_columns),
     .fallback = "2000", .min = 32, .max = 100000,
     .help = "Columns of a table; properties beyond go to weir.discards. The engine needs memory "
             "for each, so there is at most one for each megabyte of warehouse.memory."},
    {"max_all_columns", WEIR_OPT_INT, offsetof(struct weir_load_settings, max_all_columns),
     .fallback = "250000", .min = 1000, .max = 10000000,
     .help = "Columns of all tables together; beyond, new properties go to weir.discards and new "
             "events get no table."},
    {"max_tables", WEIR_OPT_INT, offsetof(struct weir_load_settings, max_tables),
     .fallback = "2000", .min = 8, .max = 100000,
     .help = "Tables of a source; events that would need one more are kept in tracks, and their "
             "properties in weir.discards."},
    {"max_depth", WEIR_OPT_INT, offsetof(struct weir_load_settings, max_depth), .fallback = "8",
     .min = 1, .max = 64,
     .help = "Nested objects become columns down to this depth, and JSON text below it."},
    {0}};
