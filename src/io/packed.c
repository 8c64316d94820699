#include "io/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define MOST_RATIO 500
#define LARGE      (64u << 20)
#define CHUNK      (256u << 10)

struct unpacking {
    int fd;
    uint64_t in, out, max; /* bytes that came, and that were made of them */
    const atomic_bool *stop;
    int (*fn)(void *arg, struct weir_str bytes, struct weir_error *err);
    void *arg;
    unsigned char *packed, *plain;
    size_t at, len; /* of `packed`: what is not used yet */
    bool ended;     /* a member or frame, and nothing is begun */
    z_stream gzip;
    ZSTD_DStream *zstd;
};

const char *weir_packed_name(struct weir_str head)
{
    return weir_str_starts(head, WEIR_STR("\x1f\x8b"))           ? "gzip"
           : weir_str_starts(head, WEIR_STR("\x28\xb5\x2f\xfd")) ? "zstd"
                                                                 : NULL;
}

static int fill(struct unpacking *u, struct weir_error *err)
{
    ssize_t n;
    do {
        n = read(u->fd, u->packed, CHUNK);
    } while (n < 0 && errno == EINTR);
    u->at = 0;
    u->len = n > 0 ? (size_t)n : 0;
    u->in += u->len;
    return n < 0 ? weir_fail_errno(err, errno, "it cannot be read") : 0;
}

static int damaged(const char *why, struct weir_error *err)
{
    return weir_fail(err, WEIR_ECORRUPT, "it is damaged: %s", why);
}

static int give(struct unpacking *u, size_t n, struct weir_error *err)
{
    u->out += n;
    if (u->max && u->out > u->max) {
        return weir_fail(err, WEIR_ETOOBIG, "it is larger than %llu MB when it is unpacked",
                         (unsigned long long)(u->max >> 20));
    }
    if (u->out > LARGE && u->out / MOST_RATIO > u->in) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "it is packed more than %d times smaller than it is: that is no table",
                         MOST_RATIO);
    }
    if (u->stop && atomic_load(u->stop)) {
        return weir_fail(err, WEIR_ECANCELED, "the reading of the file was stopped");
    }
    return n ? u->fn(u->arg, (struct weir_str){(const char *)u->plain, n}, err) : 0;
}

/* Some of what came, into `plain`: how much of both. */
static int step_gzip(struct unpacking *u, size_t *made, struct weir_error *err)
{
    z_stream *z = &u->gzip;
    if (u->ended) {
        while (u->at < u->len && u->packed[u->at] == 0) { /* padding */
            u->at++;
        }
        if (u->at == u->len) {
            return 0;
        }
        if (u->packed[u->at] != 0x1f || inflateReset(z) != Z_OK) {
            return damaged("something that is no gzip stands behind its end", err);
        }
        u->ended = false;
    }
    z->next_in = u->packed + u->at;
    z->avail_in = (unsigned)(u->len - u->at);
    z->next_out = u->plain;
    z->avail_out = CHUNK;
    int code = inflate(z, Z_NO_FLUSH);
    u->at = u->len - z->avail_in;
    *made = CHUNK - z->avail_out;
    u->ended = code == Z_STREAM_END;
    return code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR ? 0
           : code == Z_MEM_ERROR ? weir_fail(err, WEIR_ENOMEM, "no memory to unpack a file")
                                 : damaged(z->msg ? z->msg : "it does not unpack", err);
}

static int step_zstd(struct unpacking *u, size_t *made, struct weir_error *err)
{
    ZSTD_inBuffer in = {u->packed, u->len, u->at};
    ZSTD_outBuffer out = {u->plain, CHUNK, 0};
    if (u->ended && u->at == u->len) {
        return 0;
    }
    size_t left = ZSTD_decompressStream(u->zstd, &out, &in);
    u->at = in.pos;
    *made = out.pos;
    u->ended = left == 0;
    return ZSTD_isError(left) ? damaged(ZSTD_getErrorName(left), err) : 0;
}

static int unpack(struct unpacking *u, struct weir_error *err)
{
    int rc = 0;
    bool full = false; /* more may be there without more coming */
    while (rc == 0) {
        size_t made = 0;
        if (u->at == u->len && !full) {
            rc = fill(u, err);
            if (rc || u->len == 0) {
                return rc || u->ended ? rc : damaged("it has no end", err);
            }
        }
        rc = u->zstd ? step_zstd(u, &made, err) : step_gzip(u, &made, err);
        full = made == CHUNK;
        rc = rc ? rc : give(u, made, err);
    }
    return rc;
}

int weir_packed_read(const char *path, uint64_t max, const atomic_bool *stop,
                     int (*fn)(void *arg, struct weir_str bytes, struct weir_error *err), void *arg,
                     struct weir_error *err)
{
    struct unpacking u = {.max = max,
                          .stop = stop,
                          .fn = fn,
                          .arg = arg,
                          .packed = malloc(CHUNK),
                          .plain = malloc(CHUNK)};
    u.fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = u.fd < 0              ? weir_fail_errno(err, errno, "cannot open %s", path)
             : u.packed && u.plain ? fill(&u, err)
                                   : weir_fail(err, WEIR_ENOMEM, "no memory to unpack a file");
    const char *name =
        rc ? NULL : weir_packed_name((struct weir_str){(const char *)u.packed, u.len});
    bool gzip = name && *name == 'g';
    if (rc == 0 && !name) {
        rc = weir_fail(err, WEIR_EINVAL, "it is neither gzip nor zstd");
    } else if (gzip) {
        gzip = inflateInit2(&u.gzip, 15 + 16) == Z_OK;
        rc = gzip ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory to unpack a file");
    } else if (rc == 0) {
        u.zstd = ZSTD_createDStream();
        rc = u.zstd ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory to unpack a file");
    }
    rc = rc ? rc : unpack(&u, err);
    if (gzip) {
        inflateEnd(&u.gzip);
    }
    ZSTD_freeDStream(u.zstd);
    if (u.fd >= 0) {
        close(u.fd);
    }
    free(u.packed);
    free(u.plain);
    return rc;
}
