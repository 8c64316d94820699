/* Statements as the engine's own trees (JSON), there and back.
 *
 * The engine's parser makes the tree (json_serialize_sql), its printer makes the text
 * (json_deserialize_sql). The printer is not trusted: what it printed is parsed again, and must
 * give the tree that was meant. */
#ifndef WEIR_WAREHOUSE_DUCKDB_TREE_H
#define WEIR_WAREHOUSE_DUCKDB_TREE_H

#include "base/json.h"
#include "base/json_write.h"
#include "warehouse/duckdb/duck.h"

#define DUCK_MAX_DEPTH 3000
#define DUCK_MAX_TREE  (64u << 20)

/* The tree of the one SELECT-like statement in `sql`, in the parser until it parses again: an
 * object with the member "node". `text` is room that the caller lends.
 * WEIR_EUNSUPPORTED: it parses, and is not a SELECT. WEIR_EINVAL: it does not parse (the session
 * then knows where). WEIR_EPERM: more than one statement. */
int weir_duck_tree_read(struct duck_session *s, struct weir_json_parser *parser,
                        struct weir_str sql, struct weir_buf *text, struct weir_json *statement,
                        struct weir_error *err) WEIR_MUST_CHECK;

/* The SQL text of a query node (JSON text), checked by reading it again. */
int weir_duck_tree_print(struct duck_session *s, struct weir_str node, struct weir_buf *sql,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* --- nodes, written by us -------------------------------------------------------------------- */

/* A value as it is; doubles so that the engine takes them for doubles. */
void weir_duck_node_copy(struct weir_jw *w, struct weir_json value);
/* Writes a CONSTANT that the engine would print as another one (1e1, a DOUBLE, as 10.0, a DECIMAL)
 * as a cast of its text; returns false, and writes nothing, for all others. */
bool weir_duck_node_constant(struct weir_jw *w, struct weir_json node);
/* Begins {"class":class,"type":type,"alias":alias,"query_location":0; the caller ends it. */
void weir_duck_node(struct weir_jw *w, const char *class, const char *type, struct weir_str alias);
/* "table"."column" AS alias (no alias when empty) */
void weir_duck_node_column(struct weir_jw *w, struct weir_str table, struct weir_str column,
                           struct weir_str alias);
void weir_duck_node_null(struct weir_jw *w, struct weir_str alias);
void weir_duck_node_bool(struct weir_jw *w, bool value);
void weir_duck_node_star(struct weir_jw *w);
/* Begins a SELECT_NODE up to its select list, which the caller writes item by item; then `from`
 * opens "from_table", where the caller writes one source; then `end` with JSON texts (`where`
 * empty: none). */
void weir_duck_select_begin(struct weir_jw *w);
void weir_duck_select_from(struct weir_jw *w);
void weir_duck_select_end(struct weir_jw *w, struct weir_str where);
/* (query) AS alias; `sample` and `columns` are JSON texts, "null" and "[]" when there are none. */
void weir_duck_node_subquery(struct weir_jw *w, struct weir_str query, struct weir_str alias,
                             struct weir_str sample, struct weir_str columns);

#endif
