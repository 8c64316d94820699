/* For the files of this folder only: addresses and listening sockets. */
#ifndef WEIR_IO_HTTP_LISTEN_H
#define WEIR_IO_HTTP_LISTEN_H

#include <stdbool.h>

#include "base/error.h"

/* The path in "unix:/path", or NULL. */
const char *weir_http_unix_path(const char *address);
void weir_http_unix_unlink(const char *path);
/* Checks that `fd` listens, makes it non-blocking, says where it is bound. */
int weir_http_adopt(int fd, char bound[64], bool *local, struct weir_error *err) WEIR_MUST_CHECK;

#endif
