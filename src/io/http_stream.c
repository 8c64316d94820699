/* Bodies that are handed on as they come, for requests that are larger than memory should hold. */
#include "io/http_conn.h"

void weir_http_stream_body(struct weir_http_request *req, uint64_t most, weir_http_body_sink sink,
                           void (*drop)(void *arg), void *arg)
{
    req->conn->stream = (struct weir_http_stream){
        .sink = sink, .drop = drop, .arg = arg, .most = most, .left = req->head->length};
}

void *weir_http_stream_take(struct weir_http_request *req)
{
    void *arg = req->conn->stream.arg;
    req->conn->stream = (struct weir_http_stream){0};
    return arg;
}

void weir_http_stream_forget(struct weir_http_conn *conn)
{
    struct weir_http_stream stream = conn->stream;
    conn->stream = (struct weir_http_stream){0};
    if (stream.arg && stream.drop) {
        stream.drop(stream.arg);
    }
}

/* Takes `used` raw bytes behind the head away, of which `made` at their front are the body's. */
static int hand_on(struct weir_http_conn *conn, size_t made, size_t used, const char **why)
{
    struct weir_http_stream *s = &conn->stream;
    char *body = conn->in + conn->head_len;
    int status = 0;
    s->came += made;
    if (s->came > s->most) {
        *why = "body is too large";
        return 413;
    }
    if (made) {
        status = s->sink((struct weir_str){body, made}, s->arg, why);
    }
    memmove(body, body + used, conn->in_len - conn->head_len - used);
    conn->in_len -= used;
    weir_http_input_charge(conn);
    return status;
}

int weir_http_stream_step(struct weir_http_conn *conn, bool *whole, const char **why)
{
    struct weir_http_stream *s = &conn->stream;
    size_t here = conn->in_len - conn->head_len, made, used;
    int status = 0;
    if (conn->state == WEIR_HTTP_CHUNKS_STATE) {
        char *body = conn->in + conn->head_len;
        status = weir_http_chunks_feed(&conn->chunks, body, here, body, &used, &made, why);
        status = status ? status : hand_on(conn, made, used, why);
        *whole = conn->chunks.state == WEIR_HTTP_CHUNK_DONE;
    } else {
        made = here < s->left ? here : (size_t)s->left;
        s->left -= made;
        status = hand_on(conn, made, made, why);
        *whole = s->left == 0;
    }
    conn->request_len = conn->head_len;
    conn->body_len = 0;
    return status;
}
