#include "warehouse/settings.h"

#define AT(member) offsetof(struct weir_warehouse_settings, member)

const struct weir_option weir_warehouse_settings_table[] = {
    {"memory", WEIR_OPT_BYTES, AT(memory), .fallback = "0",
     .help =
         "Memory the engine may use for data; what does not fit is spilled to disk; 0: a quarter "
         "of the machine's."},
    {"threads", WEIR_OPT_INT, AT(threads), .fallback = "0", .max = 1024,
     .help = "Threads of the engine; 0: one a core."},
    {"temp_size", WEIR_OPT_BYTES, AT(temp_size), .fallback = "0",
     .help = "Disk space for spilled data, at most; 0: a tenth of what is free at the start."},
    {0}};
