/* Whose rows the program of a foreign connector reads, as far as its settings tell: a state of
 * another account says nothing of this one's rows. Private to src/source. */
#ifndef WEIR_SOURCE_ACCOUNT_H
#define WEIR_SOURCE_ACCOUNT_H

#include "source/ledger/ledger.h"
#include "source/run/run.h"

/* "tap-zendesk (subdomain: acme)": the program, and those of its settings that name whose rows they
 * are. In the arena; ptr NULL: no memory. */
struct weir_str weir_source_account(const struct weir_source_config *config,
                                    struct weir_arena *arena);
/* When a source of this name was removed; 0: none was. */
int weir_source_account_removed(const struct weir_source_run *run, weir_time *out,
                                struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EINVAL where the stream's table keeps rows that are of another account by its cursor, or of
 * a source of this name that was removed (at `removed`). Not of a full run, nor where it is said
 * that all `moved`. `adopt`: where that is so, or nothing is known, the cursor says from now on
 * that they are of this one. Not in a transaction. */
int weir_source_account_check(const struct weir_stream_run *r, struct weir_str cursor,
                              weir_time removed, bool adopt,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EINVAL where the table has rows of a source that does not load it any more, whose mode
 * promised to keep them. Not of a full run. */
int weir_source_account_left(struct weir_stream_run *r, const struct weir_source_owner *owner,
                             struct weir_error *err) WEIR_MUST_CHECK;

#endif
