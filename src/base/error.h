/* Errors: a code that programs branch on, and a sentence that a person can act on.
 *
 * Every function that can fail returns 0 (WEIR_OK) or one of the codes below and, when its last
 * argument is not NULL, fills a struct weir_error that the caller owns. The message says what
 * happened, where, and what to do: `sources/web.yml:3: key "write_key" is missing; add it`.
 *
 * Threads: a struct weir_error belongs to one thread at a time. Nothing here allocates. */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#define WEIR_MUST_CHECK      __attribute__((warn_unused_result))
#define WEIR_PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))

enum weir_code {
    WEIR_OK = 0,
    WEIR_ENOMEM,       /* an allocation failed or a capped buffer is full */
    WEIR_EINVAL,       /* the input is wrong; saying it again will not help */
    WEIR_EIO,          /* the disk or the network failed */
    WEIR_ENOSPC,       /* no space left, or less than the guard keeps free */
    WEIR_ENOENT,       /* no such file, table, source, segment ... */
    WEIR_EEXIST,       /* it is there already */
    WEIR_ECORRUPT,     /* bytes on disk do not verify */
    WEIR_ETOOBIG,      /* over a stated limit */
    WEIR_EAGAIN,       /* nothing now; try later */
    WEIR_EBUSY,        /* someone else holds it */
    WEIR_ECANCELED,    /* stopped by request */
    WEIR_ETIMEDOUT,    /* stopped by its deadline */
    WEIR_EPERM,        /* not allowed */
    WEIR_EUNSUPPORTED, /* known, and not available here */
    WEIR_EFATAL        /* the engine below is unusable until it is reopened */
};

struct weir_error {
    int code;
    char message[1024]; /* NUL-terminated; cut with "..." when longer */
};

/* Fills `err` (which may be NULL) and returns `code`, so that a failure reads
 * `return weir_fail(err, WEIR_EINVAL, "...", ...)`. */
int weir_fail(struct weir_error *err, int code, const char *fmt, ...) WEIR_PRINTF(3, 4);
int weir_failv(struct weir_error *err, int code, const char *fmt, va_list args) WEIR_PRINTF(3, 0);

/* Like weir_fail, with `: strerror(errnum)` appended; the code is derived from errnum (ENOSPC and
 * EDQUOT give WEIR_ENOSPC, ENOENT gives WEIR_ENOENT, ..., anything else WEIR_EIO). */
int weir_fail_errno(struct weir_error *err, int errnum, const char *fmt, ...) WEIR_PRINTF(3, 4);

/* Puts "prefix: " before the message that `err` already holds; returns err's code. */
int weir_error_prefix(struct weir_error *err, int code, const char *fmt, ...) WEIR_PRINTF(3, 4);

/* The stable lower-case name of a code ("invalid", "no_space", ...), as used in API answers and
 * metrics. Never NULL. */
const char *weir_code_name(int code);

#endif
