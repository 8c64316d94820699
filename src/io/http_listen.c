#include "io/http_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/http.h"

#define BACKLOG 4096 /* the kernel takes the smaller of this and net.core.somaxconn */

const char *weir_http_unix_path(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
}

/* Socket addresses hold 107 bytes of path; a longer one is reached through its folder. The
 * descriptor must stay open while the address is in use. */
static int unix_address(const char *path, struct sockaddr_un *un, int *folder,
                        struct weir_error *err)
{
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = -1;
    if (strlen(path) < sizeof un->sun_path) {
        strcpy(un->sun_path, path);
        return 0;
    }
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    if (!dir) {
        return weir_fail(err, WEIR_EINVAL, "unix:%s: the path is too long; use a shorter one",
                         path);
    }
    *folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int code = *folder < 0 ? weir_fail_errno(err, errno, "unix:%s", path) : 0;
    free(dir);
    if (code) {
        return code;
    }
    int n = snprintf(un->sun_path, sizeof un->sun_path, "/proc/self/fd/%d/%s", *folder, slash + 1);
    if (n >= (int)sizeof un->sun_path) {
        close(*folder);
        return weir_fail(err, WEIR_EINVAL, "unix:%s: the name is too long; use a shorter one",
                         path);
    }
    return 0;
}

void weir_http_unix_unlink(const char *path)
{
    unlink(path);
}

static int bind_unix(const char *path, int *out, struct weir_error *err)
{
    struct sockaddr_un un;
    int folder = -1;
    int fd = -1;
    int rc = unix_address(path, &un, &folder, err);
    if (rc) {
        return rc;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        rc = weir_fail_errno(err, errno, "unix:%s", path);
        goto out;
    }
    if (connect(fd, (struct sockaddr *)&un, sizeof un) == 0 || errno == EAGAIN) {
        rc = weir_fail(err, WEIR_EBUSY, "unix:%s: somebody listens there already; stop it first",
                       path);
        goto out;
    }
    struct stat st;
    if (errno == ECONNREFUSED && stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(path); /* left behind by a process that was killed */
    }
    /* Linux gives the file the mode that the socket has when it is bound. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&un, sizeof un) != 0 ||
        listen(fd, BACKLOG) != 0) {
        rc = weir_fail_errno(err, errno, "unix:%s: cannot listen", path);
        goto out;
    }
    *out = fd;
    fd = -1;
out:
    if (fd >= 0) {
        close(fd);
    }
    if (folder >= 0) {
        close(folder);
    }
    return rc;
}

/* Splits "HOST:PORT", "[v6]:PORT" and "*:PORT". */
static int split(const char *address, char host[256], const char **port, struct weir_error *err)
{
    const char *colon = strrchr(address, ':');
    const char *from = address;
    const char *to = colon;
    if (colon && address[0] == '[' && colon[-1] == ']') {
        from++;
        to--;
    }
    bool v6_bare = colon && from == address && memchr(address, ':', (size_t)(colon - address));
    if (!colon || v6_bare || to <= from || to - from > 255 || colon[1] == '\0') {
        return weir_fail(err, WEIR_EINVAL,
                         "%s: an address is HOST:PORT, [IPv6]:PORT, *:PORT or unix:PATH", address);
    }
    int64_t number;
    if (!weir_str_to_i64(weir_str_of(colon + 1), &number) || number < 0 || number > 65535) {
        /* Left to the resolver, 99999 would be 34463. */
        return weir_fail(err, WEIR_EINVAL, "%s: a port is a number from 0 to 65535", address);
    }
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    *port = colon + 1;
    return 0;
}

static void describe(int fd, char bound[64], bool *local)
{
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;
    char host[48] = "";
    char port[8] = "";
    getsockname(fd, (struct sockaddr *)&at, &n);
    *local = at.ss_family == AF_UNIX;
    if (*local) {
        snprintf(bound, 64, "unix");
        return;
    }
    getnameinfo((struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(bound, 64, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static int bind_inet(const char *address, int *out, struct weir_error *err)
{
    char host[256];
    const char *port = NULL;
    int rc = split(address, host, &port, err);
    if (rc) {
        return rc;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    bool any = strcmp(host, "*") == 0;
    int gai = getaddrinfo(any ? "0.0.0.0" : host, port, &hints, &list);
    if (gai) {
        return weir_fail(err, WEIR_EINVAL, "%s: cannot listen: %s", address, gai_strerror(gai));
    }
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        rc = errno == EADDRINUSE
                 ? weir_fail(err, WEIR_EBUSY,
                             "%s: somebody listens there already; stop it or choose another port",
                             address)
                 : weir_fail_errno(err, errno, "%s: cannot listen", address);
        if (fd >= 0) {
            close(fd);
        }
    } else {
        *out = fd;
    }
    freeaddrinfo(list);
    return rc;
}

int weir_http_bind(const char *address, int *fd, char bound[64], struct weir_error *err)
{
    const char *path = weir_http_unix_path(address);
    int rc = path ? bind_unix(path, fd, err) : bind_inet(address, fd, err);
    if (!rc && bound) {
        bool local;
        describe(*fd, bound, &local);
    }
    return rc;
}

int weir_http_adopt(int fd, char bound[64], bool *local, struct weir_error *err)
{
    int listening = 0;
    socklen_t n = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0 || !listening) {
        return weir_fail(err, WEIR_EINVAL, "descriptor %d is no listening socket", fd);
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return weir_fail_errno(err, errno, "descriptor %d", fd);
    }
    char text[64];
    describe(fd, bound ? bound : text, local);
    return 0;
}
