/* What sources and write keys may look like. Inside src/workspace only. */
#ifndef WEIR_WORKSPACE_NAME_H
#define WEIR_WORKSPACE_NAME_H

#include "base/error.h"
#include "base/str.h"

#define WEIR_SOURCE_NAME_MAX 40

/* A source's name becomes a schema in the warehouse, so it must be one without quoting. */
int weir_source_name_check(struct weir_str name, struct weir_error *err) WEIR_MUST_CHECK;
/* 16 to 128 of [A-Za-z0-9_-]. The message never holds the key. */
int weir_write_key_check(struct weir_str key, struct weir_error *err) WEIR_MUST_CHECK;

#endif
