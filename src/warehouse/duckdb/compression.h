/* How the engine stores a column of texts. By itself it takes DICT_FSST for all of them, which
 * looks each text up in a dictionary: where hardly two are equal, that costs more than all else of
 * a load, and ZSTD takes a quarter of it for a table of about the same size (0.39 s against 0.82 s
 * for 4 M texts "name 123", 25 MB against 21; web addresses and JSON take half the room). Where
 * texts come again, the dictionary is smaller and ten times faster to read. Private to
 * src/warehouse/duckdb. */
#ifndef WEIR_DUCKDB_COMPRESSION_H
#define WEIR_DUCKDB_COMPRESSION_H

#include "warehouse/warehouse.h"

/* Of a column's rows that came first: are there enough of them, of some length, and all but a tenth
 * differ? Of a dictionary of 40,000 texts that come in any order, as many do. */
bool weir_duck_texts_differ(const struct weir_vector *v, size_t rows);

#endif
