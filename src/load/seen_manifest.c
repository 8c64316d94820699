#include "load/seen_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "io/file.h"

enum { MANIFEST_MAX = 64 * 1024 };
#define NAME "manifest"

static int corrupt(struct weir_error *err)
{
    return weir_fail(err, WEIR_ECORRUPT,
                     "seen/" NAME " does not verify; the index is rebuilt from the event log");
}

static bool parse(const char *text, struct weir_seen_manifest *out)
{
    int at = 0;
    if (sscanf(text,
               "weir-seen 1\nkey %16" SCNx64 "%16" SCNx64 "\ncomplete %" SCNu64 "\nnext %" SCNu64
               "\n%n",
               &out->key[0], &out->key[1], &out->complete, &out->next_number, &at) != 4 ||
        at == 0) {
        return false;
    }
    text += at;
    uint64_t number, sum;
    while (sscanf(text, "run %" SCNx64 " %" SCNx64 "\n%n", &number, &sum, &at) == 2) {
        if (out->run_count == WEIR_SEEN_MAX_RUNS) {
            return false;
        }
        out->runs[out->run_count].number = number;
        out->runs[out->run_count++].header_sum = sum;
        text += at;
    }
    return strncmp(text, "sum ", 4) == 0;
}

int weir_seen_manifest_read(const char *dir, struct weir_seen_manifest *out, struct weir_error *err)
{
    *out = (struct weir_seen_manifest){0};
    struct weir_buf text;
    weir_buf_init(&text, MANIFEST_MAX);
    char *path = weir_path_join(dir, NAME);
    int code = path ? weir_file_read(path, &text, err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for the dedup index");
    if (code) {
        goto out;
    }
    /* The last line is "sum " and 16 digits over all bytes before it. */
    enum { SUM_LINE = 4 + 16 + 1 };
    const char *cstr = weir_buf_cstr(&text);
    uint64_t sum = 0;
    if (text.len < SUM_LINE || sscanf(cstr + text.len - SUM_LINE, "sum %16" SCNx64, &sum) != 1 ||
        sum != weir_hash64(cstr, text.len - SUM_LINE, 0) || !parse(cstr, out)) {
        code = corrupt(err);
    }
out:
    weir_buf_free(&text);
    free(path);
    return code;
}

int weir_seen_manifest_write(const char *dir, const struct weir_seen_manifest *manifest,
                             struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, MANIFEST_MAX);
    weir_buf_addf(&text,
                  "weir-seen 1\nkey %016" PRIx64 "%016" PRIx64 "\ncomplete %" PRIu64
                  "\nnext %" PRIu64 "\n",
                  manifest->key[0], manifest->key[1], manifest->complete, manifest->next_number);
    for (unsigned i = 0; i < manifest->run_count; i++) {
        weir_buf_addf(&text, "run %016" PRIx64 " %016" PRIx64 "\n", manifest->runs[i].number,
                      manifest->runs[i].header_sum);
    }
    weir_buf_addf(&text, "sum %016" PRIx64 "\n", weir_hash64(weir_buf_cstr(&text), text.len, 0));
    char *path = weir_path_join(dir, NAME);
    int code = weir_buf_check(&text, "the dedup manifest", err);
    if (!code && !path) {
        code = weir_fail(err, WEIR_ENOMEM, "no memory for the dedup index");
    }
    code = code ? code : weir_file_replace(path, weir_buf_str(&text), 0600, err);
    weir_buf_free(&text);
    free(path);
    return code;
}
