/* A tracking call in the address of an image, made into the JSON body it stands for. Pure. */
#ifndef WEIR_COLLECT_PIXEL_H
#define WEIR_COLLECT_PIXEL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* `data=<base64 JSON>` is the body itself. Otherwise every parameter is a member, a dotted name a
 * nested one (properties.plan=free is {"properties":{"plan":"free"}}), and every value a string.
 * Where a name asks for members of a value that is a string already, it stays as written. False
 * when nothing can be made of it. */
bool weir_pixel_body(struct weir_str query, struct weir_arena *arena, struct weir_buf *out);

/* A transparent GIF of 1 by 1 pixel. */
extern const unsigned char weir_pixel_gif[];
extern const size_t weir_pixel_gif_size;

#endif
