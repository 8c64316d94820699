/* What one person may see of the warehouse: a description, without any I/O.
 *
 * `src/serve` makes it from the state store for the person who asks; a reader session enforces it
 * (weir_session_set_access in warehouse/warehouse.h). How the parts unite is said here, once:
 *
 * - A table is seen when any of the person's groups grants it.
 * - A row is seen when any grant that applies to its table has a condition that holds for it.
 * - A column's value in a row is seen when a grant whose condition holds for that row shows it.
 *   Else it is NULL, if any applying grant shows or masks the column; a column that every applying
 *   grant hides does not exist.
 * - Which grants apply to a table: of each group the most specific ones (weir_access_applying), so
 *   that in one group a line about `web.users` replaces, for that table, what a line about `web.*`
 *   gives. Different groups only ever add.
 *
 * Threads: built by one thread, then read by any number; never changed after that. */
#ifndef WEIR_ACCESS_ACCESS_H
#define WEIR_ACCESS_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"

enum weir_attribute_kind {
    WEIR_ATTRIBUTE_TEXT,
    WEIR_ATTRIBUTE_INTEGER,
    WEIR_ATTRIBUTE_NUMBER,
    WEIR_ATTRIBUTE_BOOL,
    WEIR_ATTRIBUTE_LIST /* of text; may be empty */
};

/* `user.<name>` in a condition. An attribute that is not there is NULL; as a list it is empty. */
struct weir_attribute {
    struct weir_str name; /* [a-z][a-z0-9_]*; `email` and `name` are always there, as text */
    enum weir_attribute_kind kind;
    struct weir_str text;
    int64_t integer;
    double number;
    bool boolean;
    const struct weir_str *items;
    size_t item_count;
};

/* One line of a group: these tables, these rows, without these columns. */
struct weir_grant {
    struct weir_str group;  /* the group's name; the grants of one group stand together */
    struct weir_str schema; /* a name or a pattern, see weir_access_matches */
    struct weir_str table;
    struct weir_str
        rows; /* an SQL condition over the table's columns and user.*; empty: all rows */
    const struct weir_str *hidden; /* column names (patterns too); hidden wins over masked */
    size_t hidden_count;
    const struct weir_str *masked;
    size_t masked_count;
};

struct weir_access {
    bool unrestricted;     /* an admin: nothing below counts */
    struct weir_str email; /* who, for messages and logs */
    const struct weir_attribute *attributes;
    size_t attribute_count;
    const struct weir_grant *grants;
    size_t grant_count;
    /* Of all that decides what is seen, the attributes included: part of every cache key. Filled by
     * weir_access_seal. */
    struct weir_hash128 fingerprint;
    /* Of the rules alone: the grants, and those attributes that a condition may read. Two people
     * with the same one see the same rows and columns. Filled by weir_access_seal, too. */
    struct weir_hash128 rules;
};

/* The schema that shows who did what. A pattern with `*` never means it: it is granted by its name.
 */
#define WEIR_SCHEMA_BY_NAME "usage"
/* What weir writes before it takes a table's place ("weir stages users"): its rows, without the
 * rule of its name, and not all of them. In no grant, and in no catalog. Nobody else's table can be
 * called so. */
bool weir_access_on_its_way(struct weir_str table);
/* Does a grant for this schema, a name or a pattern, mean that one? */
bool weir_access_means_schema(struct weir_str pattern, struct weir_str schema);

/* `*` in a pattern stands for any run of characters, also none; ASCII letters match in either case,
 * as the engine's names do. */
bool weir_access_matches(struct weir_str pattern, struct weir_str name);

/* The grants that apply to this table, in the order of access->grants: of each group those that
 * match and are most specific (a schema or table without `*` beats one with; schema before table;
 * then the longer pattern; equals all apply). Writes pointers to at most `max` and returns how many
 * there are; 0: the table is not seen. Not for an unrestricted access. */
size_t weir_access_applying(const struct weir_access *access, struct weir_str schema,
                            struct weir_str table, const struct weir_grant **out, size_t max);
/* Is the table seen at all? Always true for an unrestricted access. */
bool weir_access_sees(const struct weir_access *access, struct weir_str schema,
                      struct weir_str table);

/* Does she see every row of this table? Only then may she be told how many there are in all, or
 * when the latest came. */
bool weir_access_all_rows(const struct weir_access *access, struct weir_str schema,
                          struct weir_str table);
/* Does it show everything there is, though its person is no admin? So when one group is about all
 * tables without conditions, and about nothing else. */
bool weir_access_shows_all(const struct weir_access *access);

enum weir_column_access { WEIR_COLUMN_SHOWN, WEIR_COLUMN_MASKED, WEIR_COLUMN_HIDDEN };
/* What this one grant says of a column. */
enum weir_column_access weir_grant_column(const struct weir_grant *grant, struct weir_str column);
/* What all applying grants say together: the best of them (a column may still be NULL in the rows
 * that come from another grant). */
enum weir_column_access weir_access_column(const struct weir_access *access, struct weir_str schema,
                                           struct weir_str table, struct weir_str column);

/* May this condition read `user.NAME`? Told by its words, so yes when in doubt. */
bool weir_access_may_read(struct weir_str condition, struct weir_str name);
/* NULL when the person has no such attribute. */
const struct weir_attribute *weir_access_attribute(const struct weir_access *access,
                                                   struct weir_str name);

/* Computes the fingerprints, once everything else is filled in. */
int weir_access_seal(struct weir_access *access, struct weir_error *err) WEIR_MUST_CHECK;
/* A deep copy into the arena, for whoever outlives the original. NULL when the arena is full. */
struct weir_access *weir_access_copy(const struct weir_access *access, struct weir_arena *arena);

#endif
