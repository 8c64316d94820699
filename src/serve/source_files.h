/* Private to src/serve: sources that bring no rows because of what their files are: paused, with a
 * mistake, gone; and since when, which the state store keeps over the server's end. Who reads their
 * tables is told (source_ills.h). The scheduler's thread. */
#ifndef WEIR_SERVE_SOURCE_FILES_H
#define WEIR_SERVE_SOURCE_FILES_H

#include "serve/source_ills.h"

struct weir_server;
struct weir_source_files;

struct weir_source_files *weir_source_files_new(struct weir_server *server); /* or NULL */
void weir_source_files_free(struct weir_source_files *files);                /* NULL is fine */
/* The files were read: what follows says how all of them are. */
void weir_source_files_begin(struct weir_source_files *files);
void weir_source_files_rests(struct weir_source_files *files, const char *source,
                             enum weir_source_ill_kind kind);
/* All was said, or a source that rests has loaded something: tells who reads. */
void weir_source_files_tell(struct weir_source_files *files);

#endif
