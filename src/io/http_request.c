/* What a handler may ask about its request. */
#include "io/http_conn.h"

static struct weir_str text(const struct weir_http_request *req, struct weir_http_span span)
{
    return (struct weir_str){req->conn->in + span.at, span.len};
}

enum weir_http_method weir_http_method(const struct weir_http_request *req)
{
    return (enum weir_http_method)(req->head ? req->head->method : 0);
}

struct weir_str weir_http_path(const struct weir_http_request *req)
{
    return weir_buf_str(&req->path);
}

struct weir_str weir_http_query(const struct weir_http_request *req)
{
    return req->head ? text(req, req->head->query) : (struct weir_str){0};
}

struct weir_str weir_http_header(const struct weir_http_request *req, const char *name)
{
    int at = req->head ? weir_http_head_find(req->head, req->conn->in, name, 0) : -1;
    return at < 0 ? (struct weir_str){0} : text(req, req->head->fields[at].value);
}

bool weir_http_next_header(const struct weir_http_request *req, const char *name, size_t *at,
                           struct weir_str *value)
{
    int found = req->head ? weir_http_head_find(req->head, req->conn->in, name, (uint32_t)*at) : -1;
    if (found < 0) {
        return false;
    }
    *at = (size_t)found + 1;
    *value = text(req, req->head->fields[found].value);
    return true;
}

struct weir_str weir_http_body(const struct weir_http_request *req)
{
    return req->body;
}

uint64_t weir_http_body_size(const struct weir_http_request *req)
{
    uint64_t came =
        req->conn->in_len > req->conn->head_len ? req->conn->in_len - req->conn->head_len : 0;
    return req->head && req->head->has_length ? req->head->length : came;
}

struct weir_str weir_http_peer(const struct weir_http_request *req)
{
    return weir_str_of(req->conn->peer);
}

bool weir_http_peer_is_loopback(const struct weir_http_request *req)
{
    return req->conn->loopback;
}

bool weir_http_takes_trailers(const struct weir_http_request *req)
{
    struct weir_str list;
    for (size_t at = 0; req->head->minor == 1 && weir_http_next_header(req, "TE", &at, &list);) {
        while (list.ptr) {
            struct weir_str coding = weir_str_cut(&list, ',');
            if (weir_str_eq_nocase(weir_str_trim(weir_str_cut(&coding, ';')),
                                   WEIR_STR("trailers"))) {
                return true;
            }
        }
    }
    return false;
}

static void add_unescaped(struct weir_str in, struct weir_buf *out)
{
    char *to = weir_buf_room(out, in.len);
    if (to) {
        out->len += weir_http_unescape(in, to, true);
        out->data[out->len] = '\0';
    }
}

bool weir_http_next_param(struct weir_str *rest, struct weir_buf *key, struct weir_buf *value)
{
    while (rest->ptr) {
        struct weir_str pair = weir_str_cut(rest, '&');
        if (pair.len == 0) {
            continue;
        }
        struct weir_str raw_value = pair;
        struct weir_str raw_key = weir_str_cut(&raw_value, '=');
        weir_buf_reset(key);
        weir_buf_reset(value);
        add_unescaped(raw_key, key);
        if (raw_value.ptr) {
            add_unescaped(raw_value, value);
        }
        return true;
    }
    return false;
}

bool weir_http_param(struct weir_str query, const char *name, struct weir_buf *out)
{
    struct weir_buf key;
    weir_buf_init(&key, 64 * 1024);
    bool found = false;
    while (!found && weir_http_next_param(&query, &key, out)) {
        found = weir_str_is(weir_buf_str(&key), name);
    }
    weir_buf_free(&key);
    return found;
}
