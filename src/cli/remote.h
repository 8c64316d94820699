/* Asking weir's API from the command line: the running server on its socket, or the state store
 * itself when none runs. Only src/cli includes this. */
#ifndef WEIR_CLI_REMOTE_H
#define WEIR_CLI_REMOTE_H

#include "base/json.h"
#include "base/json_write.h"
#include "cli/command.h"

struct weir_remote {
    struct weir_workspace *workspace;
    struct weir_json_parser *parser; /* of the latest answer */
    struct weir_buf text;            /* the latest answer */
    struct weir_json root;
};

int weir_remote_open(const struct weir_cli *cli, struct weir_remote *out,
                     struct weir_error *err) WEIR_MUST_CHECK;
void weir_remote_close(struct weir_remote *remote); /* also after a failed open */

/* One request; the answer is in `root` until the next one. An answer that says no becomes an error
 * with its message. */
int weir_remote_ask(struct weir_remote *remote, const char *method, const char *target,
                    const struct weir_buf *body, struct weir_error *err) WEIR_MUST_CHECK;
/* The same with "/api/people/" + `id` + `rest`; the id is encoded. */
int weir_remote_ask_id(struct weir_remote *remote, const char *method, const char *before,
                       const char *id, const char *after, const struct weir_buf *body,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* Writes the members of `object`, but not those of these keys (NULL-terminated). */
void weir_remote_copy(struct weir_jw *w, struct weir_json object, const char *const *except);
void weir_remote_value(struct weir_jw *w, struct weir_json value);
/* The latest answer as it came, for --json. */
void weir_remote_print(const struct weir_remote *remote);

/* While there are no people: a fresh one-time link to set weir up, at this address ("HOST:PORT");
 * else "". Opens the state store itself. */
int weir_setup_link(struct weir_workspace *workspace, const char *address, char out[512],
                    struct weir_error *err) WEIR_MUST_CHECK;

/* Opens, does `what`, closes. */
int weir_remote_run(struct weir_cli *cli,
                    int (*what)(struct weir_cli *cli, struct weir_remote *remote,
                                struct weir_error *err),
                    struct weir_error *err) WEIR_MUST_CHECK;
#endif
