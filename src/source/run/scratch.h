/* A folder for one use of a source, in .weir/tmp/source: NAME.PID.CHANCE, with a lock beside it
 * that is held as long as it is used: a process of that number may be another one. Private to
 * src/source. */
#ifndef WEIR_SOURCE_SCRATCH_H
#define WEIR_SOURCE_SCRATCH_H

#include "source/source.h"

#define WEIR_SOURCE_SCRATCH_SIZE 4000
#define WEIR_SOURCE_SCRATCH_LOCK ".lock" /* behind the folder's name */

/* Makes it, and removes those, of all sources, that processes which are gone have left. Absolute,
 * links followed. */
int weir_source_scratch_make(const struct weir_source_site *site, const char *source,
                             char out[WEIR_SOURCE_SCRATCH_SIZE], int *lock,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* May so many bytes more lie on the disk that this folder is on? WEIR_ETOOBIG: too few would be
 * left to events. */
int weir_source_scratch_room(const char *folder, uint64_t more,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* With all that is in it; "" is fine. */
void weir_source_scratch_remove(char path[WEIR_SOURCE_SCRATCH_SIZE], int lock);

#endif
