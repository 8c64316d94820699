/* Is a table what its source is? Compared in one snapshot of the source, and mended. Private to
 * src/source.
 *
 * A source that computes no sums (files, programs) is read as a whole, from its start and without a
 * state, into a stage, whose sums take the place of the source's own; what the stream keeps for its
 * next run stays as it is.
 *
 * Rows are spread over buckets by a hash of their key. The source computes, in one pass, how many
 * rows each bucket has and the sum of a hash of each; the warehouse the same of its table. Buckets
 * that differ, and only these, are read as any run reads rows, into a stage, and compared value by
 * value. So the sums decide only what is looked at: where the texts of a value were written
 * otherwise, more is read, and nothing is said wrongly.
 *
 * The canonical text that is hashed, of a row (its compared columns) and of a key: of each column
 * the number of characters, ":" and the value, or "~" for NULL. Values: true, false; whole numbers
 * and decimals as digits, the latter with all places of their type; doubles as their 64 bits, with
 * "nan", and "0" for both zeros; times as microseconds and dates as days since 1970, or infinity
 * and -infinity; all else as it is. The first 60 bits of its md5 (of its sha256, where the source
 * has no md5) are summed up, those of the key's first 16 are the bucket. */
#ifndef WEIR_SOURCE_VERIFY_H
#define WEIR_SOURCE_VERIFY_H

#include "source/connector.h"
#include "source/run/run.h"

#define WEIR_VERIFY_BUCKETS 65536 /* at most; a power of two */

struct weir_source_compare {
    const struct weir_column *columns; /* as they are stored, in the plan's order */
    const size_t *compared;            /* which of them */
    size_t compared_count;
    const size_t *key;
    size_t key_count;
    unsigned buckets;
    const bool *wanted; /* of each bucket; NULL: all */
    bool sha256;        /* instead of md5 */
};
struct weir_source_bucket {
    uint64_t rows;
    __int128 sum;
};

/* Of a connector whose rows can be compared. All of it happens in the snapshot of `plan`, which was
 * made without a cursor. */
struct weir_source_verifier {
    /* "" or why it cannot be compared now: the tables are not where the source is, say. `cursor`:
     * of the source as a whole, or ptr NULL. */
    int (*ready)(void *connection, const struct weir_source_plan *plan, struct weir_str cursor,
                 char why[200], struct weir_error *err);
    /* Has the source no md5? NULL: it has. */
    bool (*sha256)(const void *connection);
    /* The plan's columns that tell rows apart, where the file says no `key`; *count 0: none do. */
    int (*key)(void *connection, const struct weir_source_plan *plan, size_t *out, size_t *count,
               struct weir_error *err);
    int (*sums)(void *connection, const struct weir_source_plan *plan,
                const struct weir_source_compare *compare, struct weir_source_bucket *out,
                struct weir_error *err);
    /* Reading the plan then gives the rows of the buckets that are wanted. */
    int (*narrow)(void *connection, struct weir_source_plan *plan,
                  const struct weir_source_compare *compare, struct weir_error *err);
};

/* Instead of a sync: all streams, or run->stream; prints them as weir_source_sync does.
 * WEIR_ECORRUPT when one differs, and was not repaired. */
int weir_source_verify_all(const struct weir_source_run *run, const char *id,
                           struct weir_source_config *config, void *connection, const char **status,
                           struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;

/* --- verify_report.c --- */
struct weir_verifying;
void weir_verify_print(const struct weir_source_verified *v, struct weir_jw *w);
/* A row of weir.verifications, and a line of the log; the code of both and of `rc`. */
int weir_verify_keep(struct weir_verifying *v, int rc, struct weir_error *err) WEIR_MUST_CHECK;
/* A table that is refused: no failure, and no row; 0. */
int weir_verify_pass(struct weir_verifying *v);
/* It failed before it looked at any stream: a row of weir.verifications. */
void weir_source_verify_note_failure(const struct weir_source_run *run, const char *id,
                                     struct weir_source_config *config, weir_time began, int rc,
                                     const struct weir_error *why);

/* --- what a connector's side needs --- */
/* " IN (…)": the buckets that are wanted. */
void weir_verify_add_wanted(struct weir_buf *sql, const struct weir_source_compare *compare);
/* A row of the source's answer, its numbers as text. */
void weir_verify_take(const struct weir_source_compare *compare, struct weir_str bucket,
                      struct weir_str rows, struct weir_str sum, struct weir_source_bucket *out);

/* --- verify_compare.c: the warehouse's side --- */
enum weir_verify_extras {                   /* rows that the source does not have */
                          WEIR_VERIFY_KEPT, /* stay: told, and no mistake */
                          WEIR_VERIFY_WRONG,
                          WEIR_VERIFY_OF_FILES, /* are wrong where their file is there */
};
struct weir_verify_table {
    struct weir_stream_run *run;
    const struct weir_source_compare *compare;
    struct weir_source_apply *apply; /* of what is staged */
    enum weir_verify_extras extras;
    struct weir_str mark; /* of the cursor column: what is beyond it was not read yet; ptr NULL */
    const struct weir_column *mark_column;
    bool anew;       /* the stage has all rows of the source */
    bool with_files; /* which file a row is of is known */
    struct weir_source_parts parts;
    struct weir_buf sql;
};
int weir_verify_count(struct weir_verify_table *t, uint64_t *rows,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* `staged`: of the stage, which has all of the source. */
int weir_verify_sums(struct weir_verify_table *t, bool staged, struct weir_source_bucket *out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* The stage beside the table, in a transaction of the caller, after weir_verify_fit. */
int weir_verify_differences(struct weir_verify_table *t, struct weir_source_verified *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* Of what weir_verify_differences found. */
int weir_verify_repair(struct weir_verify_table *t, struct weir_error *err) WEIR_MUST_CHECK;

/* --- verify.c, for verify_anew.c --- */
struct weir_verifying {
    struct weir_stream_run run; /* first */
    struct weir_source_compare compare;
    struct weir_source_bucket *there, *here;
    bool *wanted;
    struct weir_verify_table table;
    struct weir_source_verified *out;
    bool refused; /* nobody named it, and no run loaded it: there is nothing to compare */
};
/* Room for the sums of so many rows; `wanted` is what differs by them. */
int weir_verify_room(struct weir_verifying *v, uint64_t rows,
                     struct weir_error *err) WEIR_MUST_CHECK;
bool weir_verify_differ(struct weir_verifying *v);
/* The stage becomes what a load would write; in a transaction of the caller. */
int weir_verify_fit(struct weir_verifying *v, struct weir_error *err) WEIR_MUST_CHECK;
/* What was found is loaded again, with a row of the ledger; in a transaction of the caller. */
int weir_verify_mend(struct weir_verifying *v, struct weir_error *err) WEIR_MUST_CHECK;
bool weir_verify_is_wrong(const struct weir_source_verified *v);

/* --- verify_anew.c: sources that are read as a whole --- */
/* Of files: which are there, and which the next run reads. */
int weir_verify_parts(struct weir_verifying *v, struct weir_error *err) WEIR_MUST_CHECK;
/* By the plan that was made without a cursor. */
int weir_verify_anew(struct weir_verifying *v, struct weir_error *err) WEIR_MUST_CHECK;
/* What a program tells of all streams, without a state. */
struct weir_verify_feed {
    struct weir_feed feed;
    bool opened;
    int failed; /* and nothing is known then */
    struct weir_error why;
};
void weir_verify_feed_read(struct weir_verify_feed *f, const struct weir_source_run *run,
                           const char *id, struct weir_source_config *config, void *connection,
                           const struct weir_source_catalog *catalog);
void weir_verify_feed_free(struct weir_verify_feed *f);
/* Plans what it told of the stream. */
int weir_verify_feed_plan(struct weir_verify_feed *f, struct weir_verifying *v,
                          struct weir_error *err) WEIR_MUST_CHECK;

#endif
