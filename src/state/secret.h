/* Secrets that weir hands out (session cookies, API tokens, one-time links) and passwords that
 * people bring. What weir hands out is 256 random bits, of which the store keeps only a hash. */
#ifndef WEIR_STATE_SECRET_H
#define WEIR_STATE_SECRET_H

#include "state/state.h"

#define WEIR_SECRET_SIZE 65 /* 64 hex digits and NUL */
#define WEIR_HASH_SIZE   32

/* Fresh, from the kernel. */
void weir_secret_make(char out[WEIR_SECRET_SIZE]);
/* BLAKE2b. `use` keeps the hashes of one secret for two uses apart. */
void weir_secret_hash(struct weir_str secret, const char *use, unsigned char out[WEIR_HASH_SIZE]);
#define WEIR_HMAC_SIZE 32 /* of the key, too */
/* HMAC-SHA-256 (RFC 2104, FIPS 180-4). */
void weir_hmac_sha256(const unsigned char key[WEIR_HMAC_SIZE], struct weir_str message,
                      unsigned char out[WEIR_HMAC_SIZE]);
/* Takes the same time whatever differs. */
bool weir_secret_same(struct weir_str a, struct weir_str b);

#define WEIR_MIN_PASSWORD  10   /* characters */
#define WEIR_MAX_PASSWORD  1024 /* bytes */
#define WEIR_PASSWORD_HASH 128

/* Says what is wrong with a password that somebody wants to have. */
int weir_password_acceptable(struct weir_str password, struct weir_str email,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* argon2id: takes some 100 ms and 64 MB, so never on the loop's thread. A password longer than
 * WEIR_MAX_PASSWORD is WEIR_EINVAL, at once. */
int weir_password_hash(struct weir_str password, char out[WEIR_PASSWORD_HASH],
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Is it the one? Takes as long for an empty hash (nobody, or nobody's password) as for a wrong
 * password, so that nobody learns who is here. */
bool weir_password_check(struct weir_str hash, struct weir_str password);

#endif
