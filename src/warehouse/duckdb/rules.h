/* What a person may see, enforced on the parsed statement: see docs/design/rules.md.
 *
 * access.h says what is seen; condition.c turns one `rows` condition into a tree; rule.c makes, for
 * one table or view, the query that stands in its place; system.c does so for the engine's catalog;
 * rewrite.c and rewrite_from.c put them into a statement; rules.c keeps what was made and hands it
 * to query.c. */
#ifndef WEIR_WAREHOUSE_DUCKDB_RULES_H
#define WEIR_WAREHOUSE_DUCKDB_RULES_H

#include "access/access.h"
#include "warehouse/duckdb/catalog.h"
#include "warehouse/duckdb/tree.h"

#define DUCK_STATEMENTS 64

/* What stands in the place of one table or view. */
struct duck_rule {
    int code;                 /* 0; else the table is closed, and `why` says it to the person */
    const char *why;          /* never more than she may know */
    const char *detail;       /* what an administrator should know, or NULL */
    struct weir_str query;    /* a query node (JSON) */
    bool barrier;             /* it leaves rows out: nothing of hers may run below it */
    struct weir_str *columns; /* the names of what is left */
    size_t column_count;
    bool all_columns; /* nothing is hidden, nothing is masked */
    bool whole;       /* ... and no row is left out, here and in all that it reads */
    bool *used;       /* by attribute of the access: its values must be bound */
};

/* A statement as it will run. */
struct duck_statement {
    char *sql; /* as the person wrote it */
    struct weir_hash128 fingerprint;
    uint64_t version; /* of the catalog */
    struct weir_arena arena;
    const char *text; /* as it will run */
    struct weir_param *values;
    size_t value_count;
};

struct duck_rules {
    struct weir_arena arena; /* holds access */
    const struct weir_access *access;
    struct duck_catalog catalog;
    uint64_t version; /* of what is in catalog; 0: nothing yet */
    struct weir_arena rule_arena;
    struct weir_map rules; /* fingerprint + schema + NUL + name → struct duck_rule */
    unsigned view_depth;   /* views inside views that are being read */
    bool cut;              /* something in the text that is being read is not whole */
    struct duck_statement *statements[DUCK_STATEMENTS];
};

/* --- condition.c --- */
struct duck_condition {
    struct weir_str terms; /* what OR stands between: expressions (JSON), separated by commas */
    size_t term_count;
    bool certain; /* it cannot fail on any row */
};
#define DUCK_RULE_ALIAS "t" /* of the relation inside its rule */
/* Reads one grant's `rows`. What is no column of the relation, nor user.<attribute>, is
 * WEIR_EINVAL.
 */
int weir_duck_condition_read(struct duck_session *s, const struct duck_relation *relation,
                             struct weir_str rows, struct weir_arena *arena, bool *used,
                             struct duck_condition *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- rule.c --- */
/* The rule of this relation for the session's person; never NULL but without memory. */
const struct duck_rule *weir_duck_rule_of(struct duck_session *s,
                                          const struct duck_relation *relation);

/* --- system.c --- */
/* Does the name belong to the engine's own catalog? */
bool weir_duck_system_relation(struct weir_str schema, struct weir_str name);
/* Writes the query (JSON) that stands in the place of a relation or table function of the engine's
 * catalog; WEIR_EPERM when a restricted reader may not ask it. `schema` is empty for functions. */
int weir_duck_system_query(struct duck_session *s, struct weir_str schema, struct weir_str name,
                           struct weir_buf *query, struct weir_error *err) WEIR_MUST_CHECK;

/* --- rewrite.c, with the help of rewrite_from.c (rewrite.h) --- */
/* Writes the statement's query node with every table replaced. `view`: the schema of the view whose
 * text it is, NULL for a person's statement. `used` gathers the attributes. */
int weir_duck_rewrite(struct duck_session *s, struct weir_json node, const struct weir_str *view,
                      bool *used, struct weir_buf *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- rules.c --- */
void weir_duck_rules_free(struct duck_rules *rules);
int weir_duck_set_access(struct weir_session *session, const struct weir_access *access,
                         struct weir_error *err) WEIR_MUST_CHECK;
static inline const struct weir_access *weir_duck_access(const struct duck_session *s)
{
    return s->rules ? s->rules->access : NULL;
}
/* The statement as the session's person may run it; the session keeps it until the next call. The
 * text was allowed by the sandbox, and the transaction has begun. */
int weir_duck_rules_apply(struct duck_session *s, const char *sql,
                          const struct duck_statement **out,
                          struct weir_error *err) WEIR_MUST_CHECK;
int weir_duck_check_rows(struct weir_session *session, struct weir_table_name name,
                         struct weir_str rows, struct weir_error *err) WEIR_MUST_CHECK;
/* The catalog of this session's transaction, for the rules. */
int weir_duck_rules_ready(struct duck_session *s, struct weir_error *err) WEIR_MUST_CHECK;

#endif
