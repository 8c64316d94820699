/* Whose address a request came from, and how much of it may be kept. */
#ifndef WEIR_CONF_ADDRESS_H
#define WEIR_CONF_ADDRESS_H

#include "base/error.h"
#include "base/str.h"
#include "conf/option.h"
#include "io/http.h"

struct weir_network { /* IPv4 as mapped IPv6 */
    unsigned char address[16];
    int bits;
};

struct weir_networks {
    struct weir_network *items;
    size_t count;
};

/* From texts such as "10.0.0.0/8", "::1" or "192.168.1.7"; memory from the arena. */
int weir_networks_parse(const struct weir_text_list *texts, struct weir_arena *arena,
                        struct weir_networks *out, struct weir_error *err) WEIR_MUST_CHECK;
bool weir_networks_have(const struct weir_networks *networks, struct weir_str address);

#define WEIR_ADDRESS_MAX 46

/* The client's address given the value of X-Forwarded-For (several headers joined by commas). Hops
 * are read from the right as long as the one that told us is trusted; the first untrusted one is
 * the client. What is no address ends the walk: the hop before it is the client. */
void weir_address_client(struct weir_str peer, struct weir_str forwarded,
                         const struct weir_networks *trusted, char out[WEIR_ADDRESS_MAX]);

/* The same for a request: its peer, and what trusted proxies say of it. `room` is for the headers.
 */
void weir_address_of(const struct weir_http_request *req, const struct weir_networks *trusted,
                     struct weir_buf *room, char out[WEIR_ADDRESS_MAX]);

/* Zeroes the last octet of IPv4, the last 80 bits of IPv6. What is no address becomes "". */
void weir_address_anonymize(char address[WEIR_ADDRESS_MAX]);

#endif
