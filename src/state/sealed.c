#include "state/sealed.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "io/file.h"
#include "state/db.h"

#define KEY_BYTES crypto_secretbox_KEYBYTES
#define BOX_BYTES (WEIR_SEALED_MAX + 1024)

int weir_sealed_name_check(struct weir_str name, struct weir_error *err)
{
    bool well = name.len >= 1 && name.len <= 100;
    for (size_t i = 0; well && i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        well = plain || (i > 0 && (c == '_' || c == '-' || c == '.'));
    }
    return well ? 0
                : weir_fail(err, WEIR_EINVAL,
                            "a secret's name has 1 to 100 letters, digits, _, - and ., and begins "
                            "with a letter or a digit");
}

/* --- the key ------------------------------------------------------------------------------------
 */

static int read_key(const char *path, unsigned char key[KEY_BYTES], struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    int rc = weir_file_read(path, &text, err);
    if (rc == 0 && text.len != KEY_BYTES) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "%s is no key: it must have %u bytes; put a copy of it in its place", path,
                       (unsigned)KEY_BYTES);
    }
    if (rc == 0) {
        memcpy(key, text.data, KEY_BYTES);
        sodium_memzero(text.data, text.len);
    }
    weir_buf_free(&text);
    return rc;
}

static int find_key(const char *folder, bool make, unsigned char key[KEY_BYTES],
                    struct weir_error *err)
{
    char *path = weir_path_join(folder, "sealing_key");
    if (!path || sodium_init() < 0) {
        free(path);
        return weir_fail(err, WEIR_ENOMEM, "no memory for a secret");
    }
    int rc = read_key(path, key, err);
    if (rc == WEIR_ENOENT && make) {
        randombytes_buf(key, KEY_BYTES);
        rc = weir_dir_make(folder, 0700, err);
        rc = rc ? rc
                : weir_file_replace(path, (struct weir_str){(const char *)key, KEY_BYTES}, 0600,
                                    err);
    } else if (rc == WEIR_ENOENT) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "%s is gone, which secrets are sealed with; put a copy of it in its place, "
                       "or set the secrets anew",
                       path);
    }
    free(path);
    return rc;
}

/* --- boxes: nonce, then the sealed name, a NUL, and the value ------------------------------------
 *
 * The name is inside, so that no box can be put in another's place. */

static int seal(const unsigned char key[KEY_BYTES], struct weir_str name, struct weir_str value,
                struct weir_buf *out, struct weir_error *err)
{
    unsigned char box[crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + BOX_BYTES];
    struct weir_buf text;
    weir_buf_init(&text, BOX_BYTES);
    weir_buf_adds(&text, name);
    weir_buf_addc(&text, '\0');
    weir_buf_adds(&text, value);
    int rc = weir_buf_check(&text, "a secret", err);
    if (rc == 0) {
        size_t len = sizeof box - BOX_BYTES + text.len;
        randombytes_buf(box, crypto_secretbox_NONCEBYTES);
        crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES, (unsigned char *)text.data,
                              text.len, box, key);
        sodium_memzero(text.data, text.len);
        weir_base64url_add(out, box, len);
        rc = weir_buf_check(out, "a secret", err);
    }
    weir_buf_free(&text);
    return rc;
}

static int unseal(const unsigned char key[KEY_BYTES], struct weir_str name, struct weir_str text,
                  struct weir_arena *arena, struct weir_str *out, struct weir_error *err)
{
    size_t head = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    struct weir_buf box;
    weir_buf_init(&box, head + BOX_BYTES);
    bool well = weir_base64_decode(text, &box) && box.len > head + name.len;
    char *opened = weir_arena_alloc(arena, box.len + 1);
    int rc = opened ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a secret");
    well = well && rc == 0 &&
           crypto_secretbox_open_easy(
               (unsigned char *)opened, (unsigned char *)box.data + crypto_secretbox_NONCEBYTES,
               box.len - crypto_secretbox_NONCEBYTES, (unsigned char *)box.data, key) == 0 &&
           memcmp(opened, name.ptr, name.len) == 0 && opened[name.len] == '\0';
    if (well) {
        opened[box.len - head] = '\0';
        *out = (struct weir_str){opened + name.len + 1, box.len - head - name.len - 1};
    } else if (rc == 0) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "the secret \"" WEIR_STR_FMT "\" was sealed with another key than the one "
                       "in .weir/secrets/sealing_key; set it anew",
                       WEIR_STR_ARG(name));
    }
    weir_buf_free(&box);
    return rc;
}

/* --- the store ----------------------------------------------------------------------------------
 */

static int put(struct weir_state *state, struct weir_str name, struct weir_str box,
               struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "insert into sealed (name, box, changed_at) values (?, ?, ?) on conflict (name) do "
               "update set box = excluded.box, changed_at = excluded.changed_at");
    weir_db_text(&q, name);
    weir_db_text(&q, box);
    weir_db_i64(&q, weir_now());
    return weir_db_run(&q, NULL, err);
}

int weir_sealed_set(struct weir_state *state, const char *folder, struct weir_str name,
                    struct weir_str value, struct weir_error *err)
{
    unsigned char key[KEY_BYTES];
    struct weir_buf box;
    int rc = weir_sealed_name_check(name, err);
    if (rc == 0 &&
        (value.len == 0 || value.len > WEIR_SEALED_MAX || memchr(value.ptr, '\0', value.len))) {
        rc = weir_fail(err, WEIR_EINVAL, "a secret has 1 to %d bytes, none of them NUL",
                       WEIR_SEALED_MAX);
    }
    rc = rc ? rc : weir_state_begin(state, err); /* also: one process makes the key */
    if (rc) {
        return rc;
    }
    weir_buf_init(&box, 4 * BOX_BYTES);
    rc = find_key(folder, true, key, err);
    rc = rc ? rc : seal(key, name, value, &box, err);
    rc = rc ? rc : put(state, name, weir_buf_str(&box), err);
    sodium_memzero(key, sizeof key);
    weir_buf_free(&box);
    return weir_state_end(state, rc, err);
}

int weir_sealed_get(struct weir_state *state, const char *folder, struct weir_str name,
                    struct weir_arena *arena, struct weir_str *out, struct weir_error *err)
{
    unsigned char key[KEY_BYTES];
    struct weir_str box = WEIR_STR("");
    struct weir_db q = weir_db_on(state, "select box from sealed where name = ?");
    weir_db_text(&q, name);
    bool found = weir_db_row(&q);
    if (found) {
        box = weir_db_str(&q, 0, arena);
    }
    int rc = weir_db_end(&q, err);
    if (rc == 0 && !found) {
        rc = weir_fail(err, WEIR_ENOENT,
                       "there is no secret \"" WEIR_STR_FMT "\"; `weir secret set " WEIR_STR_FMT
                       "` makes it",
                       WEIR_STR_ARG(name), WEIR_STR_ARG(name));
    }
    rc = rc ? rc : find_key(folder, false, key, err);
    rc = rc ? rc : unseal(key, name, box, arena, out, err);
    sodium_memzero(key, sizeof key);
    return rc;
}

int weir_sealed_list(struct weir_state *state, struct weir_arena *arena, struct weir_sealed **out,
                     size_t *count, struct weir_error *err)
{
    size_t all = 0;
    struct weir_db q = weir_db_on(state, "select count(*) from sealed");
    all = weir_db_row(&q) ? (size_t)weir_db_int(&q, 0) : 0;
    int rc = weir_db_end(&q, err);
    *count = 0;
    *out = rc ? NULL : weir_arena_calloc(arena, (all + 1) * sizeof **out);
    if (rc || !*out) {
        return rc ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the list of secrets");
    }
    q = weir_db_on(state, "select name, changed_at from sealed order by name");
    while (*count < all && weir_db_row(&q)) {
        (*out)[(*count)++] = (struct weir_sealed){weir_db_str(&q, 0, arena), weir_db_int(&q, 1)};
    }
    return weir_db_end(&q, err);
}

int weir_sealed_remove(struct weir_state *state, struct weir_str name, struct weir_error *err)
{
    int64_t gone = 0;
    struct weir_db q = weir_db_on(state, "delete from sealed where name = ?");
    weir_db_text(&q, name);
    int rc = weir_db_run(&q, &gone, err);
    return rc || gone ? rc
                      : weir_fail(err, WEIR_ENOENT, "there is no secret \"" WEIR_STR_FMT "\"",
                                  WEIR_STR_ARG(name));
}

int weir_sealed_remove_all(struct weir_state *state, struct weir_str beginning,
                           struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "delete from sealed where substr(name, 1, length(?1)) = ?1");
    weir_db_text(&q, beginning);
    return weir_db_run(&q, NULL, err);
}
