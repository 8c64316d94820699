/* Uploads: a CSV file becomes the table uploads.NAME, by types guessed over the whole of it.
 *
 * One transaction holds the rows, the lines that could not be read (weir.upload_rejects: nothing is
 * dropped in silence) and the entry in weir.uploads; a replacement drops the old table in the same,
 * so a reader sees the old rows or the new ones. Any thread; each call has a session of its own. */
#ifndef WEIR_UPLOAD_UPLOAD_H
#define WEIR_UPLOAD_UPLOAD_H

#include "base/json_write.h"
#include "csv/columns.h"
#include "warehouse/warehouse.h"

#define WEIR_UPLOAD_SCHEMA "uploads"
#define WEIR_UPLOAD_SHOWN  100 /* bad lines that an answer holds */

struct weir_upload {
    const char *name; /* weir_upload_name_ok */
    const char *path; /* of the file */
    const char *by;   /* who brings it, for people */
    enum weir_csv_header header;
    bool replace; /* WEIR_ENOENT when there is none; else WEIR_EEXIST when there is one */
};

/* [a-z][a-z0-9_]*, at most 63. */
bool weir_upload_name_ok(const char *name);

/* Prints {"id","name","table","rows","bytes","columns":[…],"bad":[…],"bad_count",…} */
int weir_upload_load(struct weir_warehouse *warehouse, const struct weir_upload *upload,
                     struct weir_jw *report, struct weir_error *err) WEIR_MUST_CHECK;
/* {"uploads":[…]}; of them those whose table `access` sees (NULL: all). */
int weir_upload_list(struct weir_warehouse *warehouse, const struct weir_access *access,
                     struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;
int weir_upload_remove(struct weir_warehouse *warehouse, const char *name,
                       struct weir_error *err) WEIR_MUST_CHECK;

#endif
