/* The sentence under an answer: a template whose fields are filled from its cells (question.h). */
#ifndef WEIR_DEMO_READING_H
#define WEIR_DEMO_READING_H

#include "base/buf.h"
#include "demo/cells.h"

void weir_demo_reading(struct weir_str template, const struct weir_demo_cells *cells,
                       struct weir_arena *arena, struct weir_buf *out);

#endif
