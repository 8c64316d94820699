/* Which hosts may be connected to on behalf of people who could otherwise reach whatever this
 * machine can. Any thread.
 *
 * A rule is one of
 *     public           every address of the internet: none that is private, of this machine (also
 *                      one of the internet that an interface of it has), of a link, shared,
 *                      reserved, a multicast's, or of a cloud's own servers
 *     NAME             a host, wherever its name leads to; *.NAME: all hosts below it
 *     ADDRESS[/BITS]   an address, or a network; IPv4, or IPv6 in brackets
 * and may end in :PORT. Names are compared without regard to case. */
#ifndef WEIR_IO_HOSTS_H
#define WEIR_IO_HOSTS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/str.h"

struct weir_hosts {
    const char *const *rules;
    size_t count;
};

/* WEIR_EINVAL names the rule that is none. */
int weir_hosts_check(const struct weir_hosts *hosts, struct weir_error *err) WEIR_MUST_CHECK;
/* May a connection for `host` be made to this address? */
bool weir_hosts_allow(const struct weir_hosts *hosts, struct weir_str host,
                      const struct sockaddr *address);

#endif
