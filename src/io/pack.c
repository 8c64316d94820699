#include "io/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "io/file.h"

#define LEVEL    3
#define MAX_FILE (2ull << 30)

struct weir_pack {
    int fd;
    char *path;
    ZSTD_CCtx *zstd;
    size_t room;
    uint64_t size;
    char out[];
};

int weir_pack_new(const char *path, struct weir_pack **out, struct weir_error *err)
{
    size_t room = ZSTD_CStreamOutSize();
    struct weir_pack *p = calloc(1, sizeof *p + room);
    *out = NULL;
    if (p) {
        p->fd = -1;
        p->room = room;
        p->path = strdup(path);
        p->zstd = ZSTD_createCCtx();
    }
    int rc =
        p && p->path && p->zstd ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for %s", path);
    if (rc == 0) {
        ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1);
        p->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        rc = p->fd < 0 ? weir_fail_errno(err, errno, "%s cannot be made", path) : WEIR_OK;
    }
    if (rc) {
        weir_pack_free(p);
        return rc;
    }
    *out = p;
    return WEIR_OK;
}

static int push(struct weir_pack *p, struct weir_str bytes, ZSTD_EndDirective how,
                struct weir_error *err)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {p->out, p->room, 0};
        left = ZSTD_compressStream2(p->zstd, &out, &in, how);
        if (ZSTD_isError(left)) {
            return weir_fail(err, WEIR_ENOMEM, "%s: %s", p->path, ZSTD_getErrorName(left));
        }
        int rc = weir_write_all(p->fd, p->out, out.pos, p->path, err);
        if (rc) {
            return rc;
        }
        p->size += out.pos;
    } while (how == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return WEIR_OK;
}

int weir_pack_add(struct weir_pack *pack, struct weir_str bytes, struct weir_error *err)
{
    return push(pack, bytes, ZSTD_e_continue, err);
}

int weir_pack_end(struct weir_pack *pack, uint64_t *size, struct weir_error *err)
{
    int rc = push(pack, (struct weir_str){"", 0}, ZSTD_e_end, err);
    if (rc == 0 && fsync(pack->fd)) {
        rc = weir_fail_errno(err, errno, "%s cannot be synced", pack->path);
    }
    if (size) {
        *size = pack->size;
    }
    weir_pack_free(pack);
    return rc;
}

void weir_pack_free(struct weir_pack *pack)
{
    if (pack) {
        if (pack->fd >= 0) {
            close(pack->fd);
        }
        ZSTD_freeCCtx(pack->zstd);
        free(pack->path);
        free(pack);
    }
}

/* --- reading -------------------------------------------------------------------------------- */

static int unpack(ZSTD_DCtx *zstd, struct weir_str packed, struct weir_buf *out, const char *path,
                  struct weir_error *err)
{
    ZSTD_inBuffer in = {packed.ptr, packed.len, 0};
    size_t left = 1, room = ZSTD_DStreamOutSize();
    char *part = malloc(room);
    int rc = part ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for %s", path);
    /* One frame is all of it: whatever follows is none of ours. */
    while (rc == 0 && left != 0) {
        ZSTD_outBuffer piece = {part, room, 0};
        size_t before = in.pos;
        left = ZSTD_decompressStream(zstd, &piece, &in);
        bool stuck = piece.pos == 0 && in.pos == before && left != 0;
        if (ZSTD_isError(left) || stuck) {
            rc = weir_fail(err, WEIR_ECORRUPT, "%s is damaged: %s", path,
                           stuck ? "it ends too early" : ZSTD_getErrorName(left));
        } else {
            weir_buf_add(out, part, piece.pos);
            rc = weir_buf_check(out, path, err);
        }
    }
    free(part);
    return rc || in.pos == in.size
               ? rc
               : weir_fail(err, WEIR_ECORRUPT, "%s has bytes behind its end", path);
}

int weir_pack_read(const char *path, struct weir_buf *out, struct weir_error *err)
{
    struct weir_buf packed;
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    weir_buf_init(&packed, MAX_FILE);
    int rc = zstd ? weir_file_read(path, &packed, err)
                  : weir_fail(err, WEIR_ENOMEM, "no memory for %s", path);
    rc = rc ? rc : unpack(zstd, weir_buf_str(&packed), out, path, err);
    ZSTD_freeDCtx(zstd);
    weir_buf_free(&packed);
    return rc;
}
