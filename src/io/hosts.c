#include "io/hosts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>

/* An address as IPv6 has it; those of IPv4 are ::ffff:a.b.c.d. */
struct address {
    unsigned char bytes[16];
};
#define V4(a, b, c, d)                                                                             \
    {                                                                                              \
        {                                                                                          \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d                                   \
        }                                                                                          \
    }

struct rule {
    bool is_public, below, is_address;
    struct weir_str name;
    struct address address;
    unsigned bits, port; /* port 0: any */
};

static bool has_prefix(const struct address *a, const struct address *net, unsigned bits)
{
    size_t whole = bits / 8;
    unsigned char mask = (unsigned char)(0xff00u >> bits % 8);
    return memcmp(a->bytes, net->bytes, whole) == 0 &&
           (bits % 8 == 0 || ((a->bytes[whole] ^ net->bytes[whole]) & mask) == 0);
}

/* --- rules --------------------------------------------------------------------------------------
 */

static bool parse_address(struct weir_str text, struct address *out, bool *v4)
{
    static const struct address mapped = V4(0, 0, 0, 0);
    char room[64];
    if (text.len >= sizeof room) {
        return false;
    }
    memcpy(room, text.ptr, text.len);
    room[text.len] = 0;
    *out = mapped;
    *v4 = inet_pton(AF_INET, room, out->bytes + 12) == 1;
    return *v4 || inet_pton(AF_INET6, room, out->bytes) == 1;
}

static bool parse_number(struct weir_str text, unsigned most, unsigned *out)
{
    uint64_t n = 0;
    bool well = weir_str_to_u64(text, &n) && n <= most;
    *out = (unsigned)n;
    return well;
}

static bool is_name(struct weir_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (!(c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
              (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_')) {
            return false;
        }
    }
    return s.len > 0 && s.len < 256;
}

/* "ADDRESS" or "ADDRESS/BITS" */
static bool parse_network(struct weir_str text, struct rule *out)
{
    struct weir_str rest = text, address = weir_str_cut(&rest, '/');
    bool v4 = false;
    out->is_address = parse_address(address, &out->address, &v4);
    unsigned bits = v4 ? 32 : 128;
    bool well = out->is_address && (!rest.ptr || parse_number(rest, bits, &bits));
    out->bits = v4 ? bits + 96 : bits;
    return well;
}

static bool parse_rule(struct weir_str text, struct rule *out)
{
    *out = (struct rule){.port = 0};
    if (weir_str_starts(text, WEIR_STR("["))) {
        struct weir_str rest = {text.ptr + 1, text.len - 1}, inside = weir_str_cut(&rest, ']');
        bool well = rest.ptr && parse_network(inside, out);
        return well &&
               (rest.len == 0 ||
                (rest.ptr[0] == ':' && rest.len > 1 &&
                 parse_number((struct weir_str){rest.ptr + 1, rest.len - 1}, 65535, &out->port)));
    }
    struct weir_str rest = text, head = weir_str_cut(&rest, ':');
    if (rest.ptr && (!parse_number(rest, 65535, &out->port) || !out->port)) {
        return false;
    }
    out->is_public = weir_str_is(head, "public");
    if (out->is_public || parse_network(head, out)) {
        return true;
    }
    out->below = weir_str_starts(head, WEIR_STR("*."));
    out->name = out->below ? (struct weir_str){head.ptr + 1, head.len - 1} : head;
    return !out->is_address && is_name(out->name) && out->name.len > out->below;
}

int weir_hosts_check(const struct weir_hosts *hosts, struct weir_error *err)
{
    struct rule rule;
    for (size_t i = 0; i < hosts->count; i++) {
        if (!parse_rule(weir_str_of(hosts->rules[i]), &rule)) {
            return weir_fail(err, WEIR_EINVAL,
                             "\"%s\" is no host: write `public`, a name, *.NAME, an address or a "
                             "network (10.0.0.0/8, [fd00::]/8 as [fd00::/8]), each with :PORT "
                             "behind it when only one is meant",
                             hosts->rules[i]);
        }
    }
    return 0;
}

/* --- addresses ----------------------------------------------------------------------------------
 */

static bool of_sockaddr(const struct sockaddr *from, struct address *out, unsigned *port)
{
    static const struct address mapped = V4(0, 0, 0, 0);
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
        *out = mapped;
        memcpy(out->bytes + 12, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)from;
        memcpy(out->bytes, &in->sin6_addr, 16);
        *port = ntohs(in->sin6_port);
        return true;
    }
    return false;
}

/* The registries of special addresses of IANA (RFC 6890 and later ones). */
static const struct {
    struct address net;
    unsigned bits;
} special_v4[] = {
    {V4(0, 0, 0, 0), 8},        {V4(10, 0, 0, 0), 8},     {V4(100, 64, 0, 0), 10},
    {V4(127, 0, 0, 0), 8},      {V4(169, 254, 0, 0), 16}, {V4(172, 16, 0, 0), 12},
    {V4(192, 0, 0, 0), 24},     {V4(192, 0, 2, 0), 24},   {V4(192, 88, 99, 0), 24},
    {V4(192, 168, 0, 0), 16},   {V4(198, 18, 0, 0), 15},  {V4(198, 51, 100, 0), 24},
    {V4(203, 0, 113, 0), 24},   {V4(224, 0, 0, 0), 3}, /* multicast, reserved, broadcast */
    {V4(168, 63, 129, 16), 32}, /* of no registry: the machine that a machine of Azure is on */
};

static bool is_public_v4(const struct address *a)
{
    for (size_t i = 0; i < sizeof special_v4 / sizeof special_v4[0]; i++) {
        if (has_prefix(a, &special_v4[i].net, special_v4[i].bits + 96)) {
            return false;
        }
    }
    return true;
}

/* What a firewall hides from outside is there from inside. */
static bool is_own(const struct address *a)
{
    struct ifaddrs *all = NULL;
    struct address one;
    unsigned port;
    bool own = getifaddrs(&all) != 0;
    for (const struct ifaddrs *i = all; i && !own; i = i->ifa_next) {
        own = i->ifa_addr && of_sockaddr(i->ifa_addr, &one, &port) &&
              memcmp(one.bytes, a->bytes, sizeof one.bytes) == 0;
    }
    if (all) {
        freeifaddrs(all);
    }
    return own;
}

static bool is_public(const struct address *a)
{
    static const struct address mapped = V4(0, 0, 0, 0);
    static const struct address nat64 = {{0, 0x64, 0xff, 0x9b}};
    static const struct address global = {{0x20}};
    static const struct address to4 = {{0x20, 0x02}};
    static const struct address protocols = {{0x20, 0x01}};            /* 2001::/23 */
    static const struct address examples = {{0x20, 0x01, 0x0d, 0xb8}}; /* 2001:db8::/32 */
    static const struct address examples_too = {{0x3f, 0xff}};         /* 3fff::/20 */
    size_t at = has_prefix(a, &nat64, 96) ? 12 : has_prefix(a, &to4, 16) ? 2 : 0;
    if (at || has_prefix(a, &mapped, 96)) {
        const unsigned char *v4 = a->bytes + (at ? at : 12);
        struct address inner = V4(v4[0], v4[1], v4[2], v4[3]);
        return is_public_v4(&inner) && !is_own(&inner);
    }
    return has_prefix(a, &global, 3) && !is_own(a) && !has_prefix(a, &protocols, 23) &&
           !has_prefix(a, &examples, 32) && !has_prefix(a, &examples_too, 20);
}

static bool names(const struct rule *rule, struct weir_str host)
{
    if (host.len && host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    if (rule->below && host.len > rule->name.len) {
        host.ptr += host.len - rule->name.len;
        host.len = rule->name.len;
    } else if (rule->below) {
        return false;
    }
    return weir_str_eq_nocase(host, rule->name);
}

bool weir_hosts_allow(const struct weir_hosts *hosts, struct weir_str host,
                      const struct sockaddr *address)
{
    struct address a;
    struct rule rule;
    unsigned port;
    if (!of_sockaddr(address, &a, &port)) {
        return false;
    }
    for (size_t i = 0; i < hosts->count; i++) {
        if (parse_rule(weir_str_of(hosts->rules[i]), &rule) &&
            (rule.port == 0 || rule.port == port) &&
            (rule.is_public    ? is_public(&a)
             : rule.is_address ? has_prefix(&a, &rule.address, rule.bits)
                               : names(&rule, host))) {
            return true;
        }
    }
    return false;
}
