#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int weir_failv(struct weir_error *err, int code, const char *fmt, va_list args)
{
    if (err) {
        err->code = code;
        int n = vsnprintf(err->message, sizeof err->message, fmt, args);
        if (n >= (int)sizeof err->message) {
            memcpy(err->message + sizeof err->message - 4, "...", 4);
        }
    }
    return code;
}

int weir_fail(struct weir_error *err, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    weir_failv(err, code, fmt, args);
    va_end(args);
    return code;
}

static int code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOMEM:
        return WEIR_ENOMEM;
    case ENOSPC:
    case EDQUOT:
        return WEIR_ENOSPC;
    case ENOENT:
        return WEIR_ENOENT;
    case EEXIST:
        return WEIR_EEXIST;
    case EACCES:
    case EPERM:
    case EROFS:
        return WEIR_EPERM;
    case EINVAL:
        return WEIR_EINVAL;
    case EAGAIN:
        return WEIR_EAGAIN;
    case EBUSY:
    case EADDRINUSE:
        return WEIR_EBUSY;
    case ETIMEDOUT:
        return WEIR_ETIMEDOUT;
    default:
        return WEIR_EIO;
    }
}

int weir_fail_errno(struct weir_error *err, int errnum, const char *fmt, ...)
{
    int code = code_of_errno(errnum);
    va_list args;
    va_start(args, fmt);
    weir_failv(err, code, fmt, args);
    va_end(args);
    if (err) {
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(errnum));
    }
    return code;
}

int weir_error_prefix(struct weir_error *err, int code, const char *fmt, ...)
{
    if (!err) {
        return code;
    }
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, fmt);
    weir_failv(err, code, fmt, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %.*s",
             (int)(sizeof old - used > 3 ? sizeof old - used - 3 : 0), old);
    return code;
}

const char *weir_code_name(int code)
{
    static const char *const names[] = {
        [WEIR_OK] = "ok",
        [WEIR_ENOMEM] = "no_memory",
        [WEIR_EINVAL] = "invalid",
        [WEIR_EIO] = "io",
        [WEIR_ENOSPC] = "no_space",
        [WEIR_ENOENT] = "not_found",
        [WEIR_EEXIST] = "exists",
        [WEIR_ECORRUPT] = "corrupt",
        [WEIR_ETOOBIG] = "too_big",
        [WEIR_EAGAIN] = "try_again",
        [WEIR_EBUSY] = "busy",
        [WEIR_ECANCELED] = "canceled",
        [WEIR_ETIMEDOUT] = "timed_out",
        [WEIR_EPERM] = "not_allowed",
        [WEIR_EUNSUPPORTED] = "unsupported",
        [WEIR_EFATAL] = "fatal",
    };
    if (code < 0 || (size_t)code >= sizeof names / sizeof names[0]) {
        return "unknown";
    }
    return names[code];
}
