/* Private to the DuckDB driver: views whose rows are stored. The contracts are in warehouse.h. */
#ifndef WEIR_WAREHOUSE_DUCKDB_STORED_H
#define WEIR_WAREHOUSE_DUCKDB_STORED_H

#include "warehouse/duckdb/duck.h"

#define DUCK_STORED_TEXT " text" /* behind the name of what holds a stored view's text */

/* The key of the table that holds the rows of a view, or of the view that holds its text. ptr NULL:
 * longer than any name. */
struct weir_str weir_duck_stored_key(struct weir_str schema, struct weir_str view, bool text,
                                     char room[WEIR_NAME_KEY]);

int weir_duck_stored_text(struct weir_session *session, struct weir_table_name name,
                          const char *sql, struct weir_error *err);
int weir_duck_stored_show(struct weir_session *session, struct weir_table_name name,
                          struct weir_error *err);
int weir_duck_stored_drop(struct weir_session *session, struct weir_table_name name,
                          struct weir_error *err);
int weir_duck_stored_compute(struct weir_session *session, struct weir_table_name name,
                             uint64_t *rows, struct weir_error *err);
/* In a transaction. */
int weir_duck_stored_swap(struct weir_session *session, struct weir_table_name name,
                          const struct weir_stored_view *what, struct weir_error *err);
void weir_duck_stored_forget(struct weir_session *session);
int weir_duck_stored_forget_notes(struct weir_session *session, struct weir_error *err);
int weir_duck_stored_list(struct weir_session *session, struct weir_arena *arena,
                          struct weir_stored_view **out, size_t *count, struct weir_error *err);

#endif
