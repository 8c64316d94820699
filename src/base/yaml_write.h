/* YAML out: plain data as people write it, two blanks a level, one key a line, small lists and
 * objects on one line, text of several lines as a block. The same data gives the same bytes.
 *
 * Comments survive: those of the text that is to be replaced are read by the line they belong to
 * and written where the same key or item (told by its "id" or "name") is written again. */
#ifndef WEIR_BASE_YAML_WRITE_H
#define WEIR_BASE_YAML_WRITE_H

#include "base/data.h"
#include "base/map.h"

struct weir_comments {
    struct weir_map above;  /* path of a key or item → struct weir_str: whole lines before it */
    struct weir_map beside; /* → struct weir_str: "# ..." behind it */
    struct weir_str footer;
    struct weir_arena arena;
};

/* `text` is what `doc` was read from. Free it also after a failure. */
int weir_comments_read(struct weir_comments *out, struct weir_str text, const struct weir_yaml *doc,
                       struct weir_error *err) WEIR_MUST_CHECK;
void weir_comments_free(struct weir_comments *comments);

/* Appends `data`, an object, as a document; reading it back gives the same data. `comments` may be
 * NULL. */
int weir_yaml_write(struct weir_buf *out, const struct weir_data *data,
                    const struct weir_comments *comments, struct weir_error *err) WEIR_MUST_CHECK;

#endif
