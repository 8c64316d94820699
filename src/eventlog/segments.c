#include "eventlog/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/file.h"

#define SUFFIX ".wlog"
#define DIGITS 20

void weir_segment_name(uint64_t first_seq, char out[64])
{
    snprintf(out, 64, "%0*llu" SUFFIX, DIGITS, (unsigned long long)first_seq);
}

char *weir_segment_path(const char *dir, uint64_t first_seq, const char *suffix)
{
    char name[64];
    char *path;
    weir_segment_name(first_seq, name);
    return asprintf(&path, "%s/%s%s", dir, name, suffix) < 0 ? NULL : path;
}

int weir_segment_open(const char *dir, uint64_t first_seq, int flags, int *fd,
                      struct weir_error *err)
{
    char *path = weir_segment_path(dir, first_seq, "");
    if (!path) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    }
    int code = WEIR_OK;
    *fd = open(path, flags | O_CLOEXEC);
    if (*fd < 0) {
        code = weir_fail_errno(err, errno, "open %s", path);
    }
    free(path);
    return code;
}

static int add_name(const char *name, void *arg, struct weir_error *err)
{
    struct weir_segments *list = arg;
    uint64_t first;
    if (strlen(name) != DIGITS + sizeof SUFFIX - 1 || strcmp(name + DIGITS, SUFFIX) != 0 ||
        strspn(name, "0123456789") != DIGITS ||
        !weir_str_to_u64((struct weir_str){name, DIGITS}, &first) || first == 0) {
        return WEIR_OK;
    }
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        uint64_t *grown = realloc(list->first, cap * sizeof *grown);
        if (!grown) {
            return weir_fail(err, WEIR_ENOMEM, "out of memory for a list of %zu segments", cap);
        }
        list->first = grown;
        list->cap = cap;
    }
    list->first[list->count++] = first;
    return WEIR_OK;
}

int weir_segments_list(struct weir_segments *list, const char *dir, struct weir_error *err)
{
    list->count = 0;
    /* names have one width, so bytewise order is the order of seqs */
    int code = weir_dir_each(dir, add_name, list, err);
    return code == WEIR_ENOENT ? WEIR_OK : code;
}

void weir_segments_free(struct weir_segments *list)
{
    free(list->first);
    *list = (struct weir_segments){0};
}

size_t weir_segments_find(const struct weir_segments *list, uint64_t seq)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->first[middle] <= seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low ? low - 1 : 0;
}

uint64_t weir_segments_after(const struct weir_segments *list, uint64_t first_seq)
{
    size_t at = weir_segments_find(list, first_seq);
    if (list->count && list->first[at] <= first_seq) {
        at++;
    }
    return at < list->count ? list->first[at] : 0;
}
