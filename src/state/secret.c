#include "state/secret.h"

#include <sodium.h>

#include "base/hash.h"

_Static_assert(WEIR_PASSWORD_HASH >= crypto_pwhash_STRBYTES, "room for a password's hash");

#define OPS    crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY crypto_pwhash_MEMLIMIT_INTERACTIVE

void weir_secret_make(char out[WEIR_SECRET_SIZE])
{
    unsigned char random[32];
    weir_random_bytes(random, sizeof random);
    weir_hex(random, sizeof random, out);
    sodium_memzero(random, sizeof random);
}

void weir_secret_hash(struct weir_str secret, const char *use, unsigned char out[WEIR_HASH_SIZE])
{
    crypto_generichash(out, WEIR_HASH_SIZE, (const unsigned char *)secret.ptr, secret.len,
                       (const unsigned char *)use, strlen(use));
}

_Static_assert(WEIR_HMAC_SIZE == crypto_auth_hmacsha256_KEYBYTES &&
                   WEIR_HMAC_SIZE == crypto_auth_hmacsha256_BYTES,
               "one size for the key and what is made with it");

void weir_hmac_sha256(const unsigned char key[WEIR_HMAC_SIZE], struct weir_str message,
                      unsigned char out[WEIR_HMAC_SIZE])
{
    crypto_auth_hmacsha256(out, (const unsigned char *)message.ptr, message.len, key);
}

bool weir_secret_same(struct weir_str a, struct weir_str b)
{
    unsigned char ha[WEIR_HASH_SIZE], hb[WEIR_HASH_SIZE];
    weir_secret_hash(a, "weir: compare secrets", ha);
    weir_secret_hash(b, "weir: compare secrets", hb);
    return sodium_memcmp(ha, hb, sizeof ha) == 0;
}

/* --- passwords ------------------------------------------------------------------------------ */

static size_t characters(struct weir_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}

static bool all_the_same(struct weir_str s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] != s.ptr[0]) {
            return false;
        }
    }
    return true;
}

static int too_long(struct weir_error *err)
{
    return weir_fail(err, WEIR_EINVAL, "a password has at most %d bytes", WEIR_MAX_PASSWORD);
}

int weir_password_acceptable(struct weir_str password, struct weir_str email,
                             struct weir_error *err)
{
    if (password.len > WEIR_MAX_PASSWORD) {
        return too_long(err);
    }
    if (characters(password) < WEIR_MIN_PASSWORD) {
        return weir_fail(err, WEIR_EINVAL,
                         "the password is too short; take at least %d characters, such as four "
                         "random words",
                         WEIR_MIN_PASSWORD);
    }
    if (all_the_same(password) || weir_str_eq_nocase(password, email)) {
        return weir_fail(err, WEIR_EINVAL, "this password would be guessed first; take another");
    }
    return 0;
}

int weir_password_hash(struct weir_str password, char out[WEIR_PASSWORD_HASH],
                       struct weir_error *err)
{
    if (password.len > WEIR_MAX_PASSWORD) {
        return too_long(err);
    }
    if (sodium_init() < 0 || crypto_pwhash_str(out, password.ptr, password.len, OPS, MEMORY) != 0) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to hash a password (it takes %zu MB)",
                         (size_t)MEMORY >> 20);
    }
    return 0;
}

/* Of a password that nobody has. */
static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$Tb7dyxEySTCPHujKbMLgyg$VZ0dkU"
                             "NHg4mB4F/UCsmrMzc2ufkI8nT4QI6eJ2dUvy4";

bool weir_password_check(struct weir_str hash, struct weir_str password)
{
    char text[WEIR_PASSWORD_HASH] = "";
    bool somebody = hash.len > 0 && hash.len < sizeof text;
    if (password.len > WEIR_MAX_PASSWORD || sodium_init() < 0) {
        return false;
    }
    memcpy(text, somebody ? hash.ptr : nobody, somebody ? hash.len : sizeof nobody - 1);
    bool same = crypto_pwhash_str_verify(text, password.ptr, password.len) == 0;
    return same && somebody;
}
