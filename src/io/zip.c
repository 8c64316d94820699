#include "io/zip.h"

#include <stdlib.h>
#include <zip.h>

#define MOST_PARTS 10000
#define MOST_RATIO 500
#define LARGE      (64u << 20)
#define CHUNK      (128u << 10)

struct weir_zip {
    zip_t *zip;
};

int weir_zip_open(const char *path, struct weir_zip **out, struct weir_error *err)
{
    struct weir_zip *z = calloc(1, sizeof *z);
    int code = 0;
    *out = z;
    if (!z) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to read a zip file");
    }
    z->zip = zip_open(path, ZIP_RDONLY, &code);
    int rc = 0;
    if (!z->zip) {
        zip_error_t why;
        zip_error_init_with_code(&why, code);
        rc = weir_fail(err, code == ZIP_ER_MEMORY ? WEIR_ENOMEM : WEIR_EINVAL,
                       "it is no zip file (%s)", zip_error_strerror(&why));
        zip_error_fini(&why);
    } else if (zip_get_num_entries(z->zip, 0) > MOST_PARTS) {
        rc = weir_fail(err, WEIR_ETOOBIG, "it has more than %d parts", MOST_PARTS);
    }
    if (rc) {
        weir_zip_close(z);
        *out = NULL;
    }
    return rc;
}

void weir_zip_close(struct weir_zip *z)
{
    if (z && z->zip) {
        zip_discard(z->zip);
    }
    free(z);
}

bool weir_zip_has(const struct weir_zip *z, const char *part)
{
    return zip_name_locate(z->zip, part, ZIP_FL_NOCASE) >= 0;
}

static int look_at(struct weir_zip *z, const char *part, uint64_t max, zip_stat_t *st,
                   struct weir_error *err)
{
    zip_stat_init(st);
    if (zip_stat(z->zip, part, ZIP_FL_NOCASE, st) || !(st->valid & ZIP_STAT_SIZE)) {
        return weir_fail(err, WEIR_ENOENT, "it has no part %s", part);
    }
    if (st->valid & ZIP_STAT_ENCRYPTION_METHOD && st->encryption_method != ZIP_EM_NONE) {
        return weir_fail(err, WEIR_EUNSUPPORTED, "%s is encrypted", part);
    }
    if (st->size > max) {
        return weir_fail(err, WEIR_ETOOBIG, "%s is larger than %llu MB when it is unpacked", part,
                         (unsigned long long)(max >> 20));
    }
    return st->size > LARGE && st->comp_size < st->size / MOST_RATIO
               ? weir_fail(err, WEIR_ETOOBIG,
                           "%s is packed more than %d times smaller than it is: that is no table",
                           part, MOST_RATIO)
               : 0;
}

int weir_zip_read(struct weir_zip *z, const char *part, uint64_t max, const atomic_bool *stop,
                  int (*fn)(void *arg, struct weir_str bytes, struct weir_error *err), void *arg,
                  struct weir_error *err)
{
    zip_stat_t st;
    uint64_t seen = 0;
    int rc = look_at(z, part, max, &st, err);
    zip_file_t *file = rc ? NULL : zip_fopen_index(z->zip, st.index, 0);
    char *room = rc ? NULL : malloc(CHUNK);
    if (rc == 0 && (!file || !room)) {
        rc = weir_fail(err, file ? WEIR_ENOMEM : WEIR_ECORRUPT, "%s cannot be unpacked", part);
    }
    while (rc == 0) {
        zip_int64_t n = zip_fread(file, room, CHUNK);
        if (n <= 0) {
            rc = n < 0 || seen != st.size
                     ? weir_fail(err, WEIR_ECORRUPT, "%s is damaged: it does not unpack", part)
                     : 0;
            break;
        }
        seen += (uint64_t)n;
        rc = seen > st.size ? weir_fail(err, WEIR_ECORRUPT, "%s is longer than it says", part)
             : stop && atomic_load(stop)
                 ? weir_fail(err, WEIR_ECANCELED, "the reading of the file was stopped")
                 : fn(arg, (struct weir_str){room, (size_t)n}, err);
    }
    if (file) {
        zip_fclose(file);
    }
    free(room);
    return rc;
}
