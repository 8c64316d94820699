#include "io/rs256.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* A key with a password is none that can be read: nobody is there to be asked. */
static int no_password(char *to, int size, int writing, void *arg)
{
    (void)to, (void)size, (void)writing, (void)arg;
    return -1;
}

int weir_rs256_sign(struct weir_str key, struct weir_str text, struct weir_buf *out,
                    struct weir_error *err)
{
    unsigned char signature[1024];
    size_t n = sizeof signature;
    BIO *bio = BIO_new_mem_buf(key.ptr, (int)key.len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool fits = pkey && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA &&
                EVP_PKEY_get_size(pkey) <= (int)sizeof signature;
    bool well = fits && ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
                EVP_DigestSign(ctx, signature, &n, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    if (!well) {
        return weir_fail(err, WEIR_EINVAL, "the private key is no RSA key in PEM");
    }
    weir_buf_add(out, signature, n);
    return weir_buf_check(out, "a signature", err);
}

void weir_rs256_forget_errors(void)
{
    ERR_clear_error();
}
