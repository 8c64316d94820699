/* HTTP and HTTPS of other machines, by libcurl: what is fetched on behalf of a source.
 *
 * One call fetches one address to its end: redirects are followed (to http and https only, and to
 * hosts that may be read only; what tells who we are stays with the first origin), what fails for
 * now is tried again after a while (429 and 5xx, as Retry-After says; a connection that broke), and
 * a stop ends it within a second. Proxies of the environment are not used: the rule of hosts could
 * not be kept.
 *
 * A struct weir_curl keeps connections alive between calls; one thread at a time. */
#ifndef WEIR_IO_CURL_H
#define WEIR_IO_CURL_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/mask.h"
#include "base/time.h"
#include "io/hosts.h"

struct weir_curl_answer {
    int status;
    int64_t length; /* as the server says it; -1: it does not */
    char etag[512], type[128];
    char name[256]; /* of the file, from Content-Disposition; "": none */
    char head[512]; /* the first bytes of a body that is no success; printable */
};

/* Signs a request as S3 wants it (SigV4). The query must be encoded, and in order. */
struct weir_curl_aws {
    const char *region, *access_key, *secret_key;
};

struct weir_curl_call {
    const char *url;
    const struct weir_hosts *hosts;  /* that may be connected to */
    const char *const *headers;      /* "Name: value", NULL-terminated; or NULL */
    const char *user, *password;     /* NULL: none */
    const char *token;               /* of a bearer; NULL: none */
    const struct weir_curl_aws *aws; /* NULL: none */
    const char *etag;                /* that is known: 304 when it is as it was; NULL: none */
    const char *ca_file;             /* of certificates that are trusted; NULL: the system's */
    const struct weir_mask *mask;    /* what must not be in `head`; servers say it back */
    struct weir_str post;            /* a body, sent by POST; ptr NULL: GET */
    const char *post_type;           /* of it */
    uint64_t max;                    /* bytes of the body; 0: any */
    weir_time idle, timeout;         /* of the server's silence; for each try. 0: any */
    weir_time until;                 /* of weir_mono: all tries have so long; 0: any */
    unsigned tries;
    const atomic_bool *stop; /* or NULL */
    /* A body of a success begins; again, when it is tried again. May be NULL. */
    int (*on_begin)(const struct weir_curl_answer *answer, void *arg, struct weir_error *err);
    /* Its bytes. Non-zero ends the call and becomes its result. */
    int (*on_body)(struct weir_str bytes, void *arg, struct weir_error *err);
    void *arg;
};

struct weir_curl;
int weir_curl_open(struct weir_curl **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_curl_close(struct weir_curl *curl); /* NULL is fine */

/* 0 for a status of 200 or 203 with a body that is whole, or 304 where it was asked for. Else the
 * message has the address, the status and how the body begins: WEIR_EPERM (401, 403, or the host
 * may not be read), WEIR_ENOENT (404, 410), WEIR_EAGAIN (202, 204, 408, 429, 5xx), WEIR_EINVAL
 * (another one, what is no address, or a body whose end nobody can tell); WEIR_ETOOBIG,
 * WEIR_ETIMEDOUT, WEIR_ECANCELED, WEIR_EIO.
 *
 * Nothing is asked to be compressed: libcurl takes half of a gzip for whole. */
int weir_curl_get(struct weir_curl *curl, const struct weir_curl_call *call,
                  struct weir_curl_answer *answer, struct weir_error *err) WEIR_MUST_CHECK;

/* WEIR_EINVAL when it is no address of http or https, or has a user or a password in it: these
 * stand in files that git keeps. The message names it without them. */
int weir_curl_check_url(const char *url, struct weir_error *err) WEIR_MUST_CHECK;

#endif
