#include "render/render.h"

#define AT(member) offsetof(struct weir_render_settings, member)

const struct weir_option weir_render_options[] = {
    {"browser", WEIR_OPT_TEXT, AT(browser), .fallback = "", .env = "WEIR_BROWSER",
     .help = "The Chromium that makes PDF and PNG files, by name or path; empty: the first that is "
             "found of chromium, chromium-browser and google-chrome."},
    {"timeout", WEIR_OPT_DURATION, AT(timeout), .fallback = "2m", .min = WEIR_SECOND,
     .max = 3600 * WEIR_SECOND, .help = "How long one file may take to be made."},
    {"memory", WEIR_OPT_BYTES, AT(memory), .fallback = "2GB", .min = 256 << 20,
     .max = (int64_t)1 << 40, .help = "How much memory each process of the browser may take."},
    {"max_file", WEIR_OPT_BYTES, AT(max_file), .fallback = "64MB", .min = 1 << 20, .max = 1 << 30,
     .help = "How large a finished file may be."},
    {"keep", WEIR_OPT_DURATION, AT(keep), .fallback = "1h", .min = 10 * WEIR_SECOND,
     .max = 7 * WEIR_DAY, .help = "How long a finished file can be fetched."},
    {"queue", WEIR_OPT_INT, AT(queue), .fallback = "32", .min = 1, .max = 1000,
     .help = "How many files may wait to be made; they are made one at a time."},
    {0}};
