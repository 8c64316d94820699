/* Private to src/serve: reports as files; see renders.c. */
#ifndef WEIR_SERVE_RENDERS_H
#define WEIR_SERVE_RENDERS_H

#include "serve/server.h"

struct weir_renders;

int weir_renders_new(struct weir_server *server, struct weir_renders **out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* Cancels what is under way and waits for it. Before the loop goes. NULL is fine. */
void weir_renders_free(struct weir_renders *renders);

#endif
