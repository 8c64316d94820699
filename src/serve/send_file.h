/* Private to src/serve: a file as a download. */
#ifndef WEIR_SERVE_SEND_FILE_H
#define WEIR_SERVE_SEND_FILE_H

#include "serve/server.h"

#define WEIR_DOWNLOAD_NAME 120

/* `wanted` as a name that any file system takes, with this ending: no folders, no control
 * characters, no leading dot. */
void weir_download_name(struct weir_str wanted, const char *ending,
                        char out[WEIR_DOWNLOAD_NAME + 16]);
/* The value of Content-Disposition (RFC 6266), and the name as it stands in an address. */
void weir_add_disposition(struct weir_buf *out, const char *name);
void weir_add_escaped(struct weir_buf *out, struct weir_str text);

/* Sends what is left of the file, as fast as the client takes it, and closes it. The loop's thread.
 */
void weir_serve_send_file(const struct weir_call *call, int fd, const char *type, const char *title,
                          const char *ending);

#endif
