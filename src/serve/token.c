#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "io/file.h"
#include "serve/server.h"

static bool well_formed(struct weir_str token)
{
    if (token.len < 16 || token.len >= WEIR_TOKEN_SIZE) {
        return false;
    }
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] <= ' ' || token.ptr[i] > '~') {
            return false;
        }
    }
    return true;
}

static int make_token(const char *path, char token[WEIR_TOKEN_SIZE], struct weir_error *err)
{
    unsigned char random[24];
    char line[WEIR_TOKEN_SIZE + 1];
    weir_random_bytes(random, sizeof random);
    weir_hex(random, sizeof random, token);
    int n = snprintf(line, sizeof line, "%s\n", token);
    return weir_file_replace(path, (struct weir_str){line, (size_t)n}, 0600, err);
}

int weir_token_load(struct weir_workspace *workspace, char token[WEIR_TOKEN_SIZE],
                    struct weir_error *err)
{
    const char *dir = weir_workspace_path(workspace, "secrets");
    const char *path = weir_workspace_path(workspace, "secrets/api_token");
    if (!dir || !path) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    int rc = weir_dir_make(dir, 0700, err);
    rc = rc ? rc : weir_file_read(path, &text, err);
    if (rc == WEIR_ENOENT) {
        rc = make_token(path, token, err);
    } else if (rc == 0) {
        struct weir_str found = weir_str_trim(weir_buf_str(&text));
        if (well_formed(found)) {
            memcpy(token, found.ptr, found.len);
            token[found.len] = 0;
        } else {
            rc = weir_fail(err, WEIR_EINVAL,
                           "%s: a token is 16 to %d printable characters on one line; remove the "
                           "file to get a new one",
                           path, WEIR_TOKEN_SIZE - 1);
        }
    }
    weir_buf_free(&text);
    return rc;
}

/* --- names ---------------------------------------------------------------------------------- */

/* The name in "name", "name:port" or "[v6]:port". False when anything else follows it: the whole
 * goes into links. */
static bool read_host(struct weir_str text, struct weir_str *host)
{
    bool v6 = text.len && text.ptr[0] == '[';
    const char *end = text.len ? memchr(text.ptr, v6 ? ']' : ':', text.len) : NULL;
    if (v6 && !end) {
        return false;
    }
    size_t len = end ? (size_t)(end - text.ptr) : text.len;
    *host = (struct weir_str){text.ptr + v6, len - v6};
    struct weir_str port = {text.ptr + len + v6, text.len - len - v6};
    bool fine = port.len == 0 || (port.ptr[0] == ':' && port.len <= 6);
    for (size_t i = 1; fine && i < port.len; i++) {
        fine = port.ptr[i] >= '0' && port.ptr[i] <= '9';
    }
    return fine;
}

static bool is_host_of(struct weir_str address, struct weir_str host)
{
    struct weir_str own;
    return read_host(address, &own) && weir_str_eq_nocase(host, own);
}

/* A page of another site can make a name of its own point here, but not a number. */
static bool is_ip(struct weir_str host)
{
    char text[64];
    unsigned char address[16];
    if (host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = 0;
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

bool weir_host_allowed(const struct weir_server *server, struct weir_str header)
{
    struct weir_str host;
    if (!header.ptr || header.len == 0 || !read_host(header, &host)) {
        return false;
    }
    if (weir_str_eq_nocase(host, WEIR_STR("localhost")) || is_ip(host) ||
        is_host_of(weir_str_of(server->address), host)) {
        return true;
    }
    const char *url = strstr(server->settings.url, "://");
    if (url) {
        struct weir_str rest = weir_str_of(url + 3);
        if (is_host_of(weir_str_cut(&rest, '/'), host)) {
            return true;
        }
    }
    for (size_t i = 0; i < server->settings.hosts.count; i++) {
        if (weir_str_eq_nocase(host, weir_str_of(server->settings.hosts.items[i]))) {
            return true;
        }
    }
    return false;
}
