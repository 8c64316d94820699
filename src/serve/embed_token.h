/* Tokens of embedded pages: what lets a page of another site show one report, or one tile of it.
 *
 * A token is `PAYLOAD.MAC`, both base64url without padding: the payload is a JSON object
 * (docs/guide/embed.md), the MAC an HMAC-SHA-256 of the payload's text under the key in
 * .weir/secrets/embed_key. There is one way to sign, so a token does not name it. Whoever holds the
 * key can make tokens; nothing is kept of those that were made, and another key ends them all.
 *
 * Threads: any. */
#ifndef WEIR_SERVE_EMBED_TOKEN_H
#define WEIR_SERVE_EMBED_TOKEN_H

#include <pthread.h>
#include <sys/stat.h>

#include "base/data.h"
#include "state/secret.h"
#include "state/state.h"
#include "workspace/workspace.h"

#define WEIR_EMBED_MAX_TOKEN   8192
#define WEIR_EMBED_MAX_ORIGINS 50
#define WEIR_EMBED_MAX_LIFE    (400 * WEIR_DAY)

struct weir_embed {
    struct weir_str report;    /* its id */
    struct weir_str tile;      /* the one that is shown; ptr NULL: all */
    struct weir_str person;    /* the e-mail address of whose rights it has */
    struct weir_data *values;  /* object: what is forced, by parameter */
    struct weir_data *origins; /* list: pages that may talk to it; NULL: all that may frame it */
    bool filters;              /* the other parameters may be changed */
    weir_time expires_at;      /* whole seconds */
};

/* The key, as the file has it at each moment. */
struct weir_embed_key {
    const char *folder, *path;
    pthread_mutex_t lock; /* guards what is below */
    struct stat seen;     /* the file that `key` is from */
    bool known;
    unsigned char key[WEIR_HMAC_SIZE];
};

int weir_embed_key_init(struct weir_embed_key *key, struct weir_workspace *workspace,
                        struct weir_error *err) WEIR_MUST_CHECK;
void weir_embed_key_free(struct weir_embed_key *key);
/* A new key in the file, mode 0600. */
int weir_embed_key_make(struct weir_embed_key *key, struct weir_error *err) WEIR_MUST_CHECK;

/* Makes a key when there is none. */
int weir_embed_sign(struct weir_embed_key *key, const struct weir_embed *embed,
                    struct weir_arena *arena, struct weir_str *out,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* What a good token says, in the arena. WEIR_ENOENT with words for whoever signed it when its MAC
 * is not ours, when it has expired or holds for more than WEIR_EMBED_MAX_LIFE, or when it says
 * something that is not known. */
int weir_embed_open(struct weir_embed_key *key, struct weir_str token, weir_time now,
                    struct weir_arena *arena, struct weir_embed *out,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* "https://app.example.com:8443": as browsers write it, in small letters, without a path. */
bool weir_is_origin(struct weir_str text);

#endif
