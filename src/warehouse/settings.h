/* Section `warehouse` of weir.yml. */
#ifndef WEIR_WAREHOUSE_SETTINGS_H
#define WEIR_WAREHOUSE_SETTINGS_H

#include "conf/option.h"

struct weir_warehouse_settings {
    uint64_t memory;
    int64_t threads;
    uint64_t temp_size;
};
extern const struct weir_option weir_warehouse_settings_table[];

#endif
