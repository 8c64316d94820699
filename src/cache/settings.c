#include "cache/cache.h"

#define AT(member) offsetof(struct weir_cache_settings, member)

const struct weir_option weir_cache_options[] = {
    {"memory", WEIR_OPT_BYTES, AT(memory), .fallback = "256MB",
     .help = "Memory for results that are kept until what they were made from changes; 0: none are "
             "kept."},
    {"disk", WEIR_OPT_BYTES, AT(disk), .fallback = "1GB",
     .help = "The same on the disk (.weir/cache), where they outlive a restart; 0: none there."},
    {"result", WEIR_OPT_BYTES, AT(result), .fallback = "16MB", .min = 65536, .max = 256 << 20,
     .help = "A larger result is not kept; on a page it is cut, and says so."},
    {"clock", WEIR_OPT_DURATION, AT(clock), .fallback = "5s",
     .help = "How long a result that was made from the time of day (now(), \"last 24 hours\") is "
             "used again; 0: never."},
    {"worth", WEIR_OPT_DURATION, AT(worth), .fallback = "20ms",
     .help = "Results that took less time are not written to the disk."},
    {"warm", WEIR_OPT_INT, AT(warm), .fallback = "50", .min = 0, .max = 1000,
     .help = "How many reports with their filters, of those that people opened last, are computed "
             "anew after a load, before somebody asks; 0: none."},
    {0}};
