#include "conf/address.h"

#include <arpa/inet.h>
#include <stdio.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* "1.2.3.4", "1.2.3.4:56", "::1", "[::1]", "[::1]:56" */
static bool parse(struct weir_str text, unsigned char out[16])
{
    char buffer[WEIR_ADDRESS_MAX];
    struct in_addr v4;
    text = weir_str_trim(text);
    if (text.len > 1 && text.ptr[0] == '[') {
        const char *end = memchr(text.ptr, ']', text.len);
        if (!end) {
            return false;
        }
        text = (struct weir_str){text.ptr + 1, (size_t)(end - text.ptr) - 1};
    } else if (text.len) {
        const char *colon = memchr(text.ptr, ':', text.len);
        size_t before = colon ? (size_t)(colon - text.ptr) : text.len;
        if (colon && !memchr(colon + 1, ':', text.len - before - 1)) {
            text.len = before; /* one colon: a port */
        }
    }
    if (text.len == 0 || text.len >= sizeof buffer) {
        return false;
    }
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    if (inet_pton(AF_INET, buffer, &v4) == 1) {
        memcpy(out, mapped, sizeof mapped);
        memcpy(out + 12, &v4, 4);
        return true;
    }
    return inet_pton(AF_INET6, buffer, out) == 1;
}

static bool is_v4(const unsigned char address[16])
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

static void print(const unsigned char address[16], char out[WEIR_ADDRESS_MAX])
{
    if (is_v4(address)) {
        inet_ntop(AF_INET, address + 12, out, WEIR_ADDRESS_MAX);
    } else {
        inet_ntop(AF_INET6, address, out, WEIR_ADDRESS_MAX);
    }
}

int weir_networks_parse(const struct weir_text_list *texts, struct weir_arena *arena,
                        struct weir_networks *out, struct weir_error *err)
{
    *out = (struct weir_networks){0};
    out->items = weir_arena_calloc(arena, (texts->count + 1) * sizeof *out->items);
    if (!out->items) {
        return weir_fail(err, WEIR_ENOMEM, "trusted_proxies: out of memory");
    }
    for (size_t i = 0; i < texts->count; i++) {
        struct weir_network *network = &out->items[i];
        struct weir_str rest = weir_str_of(texts->items[i]);
        struct weir_str address = weir_str_cut(&rest, '/');
        int64_t bits = 0;
        bool ok = parse(address, network->address);
        int most = ok && is_v4(network->address) ? 32 : 128;
        if (ok && rest.ptr) {
            ok = weir_str_to_i64(rest, &bits) && bits >= 0 && bits <= most;
        } else {
            bits = most;
        }
        if (!ok) {
            return weir_fail(
                err, WEIR_EINVAL,
                "trusted_proxies: \"%s\" is no address or network; write 10.0.0.0/8 or "
                "::1",
                texts->items[i]);
        }
        network->bits = (int)bits + (most == 32 ? 96 : 0);
        out->count++;
    }
    return 0;
}

static bool matches(const struct weir_network *network, const unsigned char address[16])
{
    int whole = network->bits / 8;
    int rest = network->bits % 8;
    if (memcmp(network->address, address, (size_t)whole) != 0) {
        return false;
    }
    unsigned mask = 0xff00u >> rest & 0xff;
    return rest == 0 || ((network->address[whole] ^ address[whole]) & mask) == 0;
}

static bool trusts(const struct weir_networks *networks, const unsigned char address[16])
{
    for (size_t i = 0; i < networks->count; i++) {
        if (matches(&networks->items[i], address)) {
            return true;
        }
    }
    return false;
}

bool weir_networks_have(const struct weir_networks *networks, struct weir_str address)
{
    unsigned char bytes[16];
    return networks->count && parse(address, bytes) && trusts(networks, bytes);
}

void weir_address_client(struct weir_str peer, struct weir_str forwarded,
                         const struct weir_networks *trusted, char out[WEIR_ADDRESS_MAX])
{
    unsigned char client[16], hop[16];
    out[0] = '\0';
    if (!parse(peer, client)) {
        return;
    }
    while (forwarded.len && trusts(trusted, client)) {
        const char *comma = memrchr(forwarded.ptr, ',', forwarded.len);
        size_t from = comma ? (size_t)(comma - forwarded.ptr) + 1 : 0;
        if (!parse((struct weir_str){forwarded.ptr + from, forwarded.len - from}, hop)) {
            break;
        }
        memcpy(client, hop, sizeof client);
        forwarded.len = comma ? from - 1 : 0;
    }
    print(client, out);
}

void weir_address_of(const struct weir_http_request *req, const struct weir_networks *trusted,
                     struct weir_buf *room, char out[WEIR_ADDRESS_MAX])
{
    struct weir_str peer = weir_http_peer(req), value;
    size_t at = 0;
    if (!weir_networks_have(trusted, peer)) {
        snprintf(out, WEIR_ADDRESS_MAX, WEIR_STR_FMT, WEIR_STR_ARG(peer));
        return;
    }
    weir_buf_reset(room);
    while (weir_http_next_header(req, "X-Forwarded-For", &at, &value)) {
        weir_buf_addz(room, room->len ? "," : "");
        weir_buf_adds(room, value);
    }
    /* Cut text would begin, from the right, with whatever a client likes. */
    weir_address_client(peer, weir_buf_ok(room) ? weir_buf_str(room) : WEIR_STR(""), trusted, out);
}

void weir_address_anonymize(char address[WEIR_ADDRESS_MAX])
{
    unsigned char bytes[16];
    if (!parse(weir_str_of(address), bytes)) {
        address[0] = '\0';
        return;
    }
    if (is_v4(bytes)) {
        bytes[15] = 0;
    } else {
        memset(bytes + 6, 0, 10);
    }
    print(bytes, address);
}
