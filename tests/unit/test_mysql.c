/* Connecting to a server that does not answer. */
#include "test.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/mysql/mysql.h"

#define SERVERS 2
#define KNOCKS  4

static struct sockaddr_in servers[SERVERS];
static struct addrinfo found[SERVERS];

/* In the place of the system's: each host has the two addresses; one that is written in numbers is
 * itself. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *wanted,
                struct addrinfo **out)
{
    (void)service;
    (void)wanted;
    bool second = host && strcmp(host, "127.0.0.3") == 0;
    bool one = second || (host && strcmp(host, "127.0.0.2") == 0);
    for (int i = 0; i < SERVERS; i++) {
        found[i] = (struct addrinfo){.ai_family = AF_INET,
                                     .ai_socktype = SOCK_STREAM,
                                     .ai_addr = (struct sockaddr *)&servers[i],
                                     .ai_addrlen = sizeof servers[i],
                                     .ai_next = i == 0 && !one ? &found[1] : NULL};
    }
    *out = &found[second];
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

/* Its queue is full, so it answers to nobody more. */
static void open_deaf(const char *address, in_port_t port, int *listener, int knocks[KNOCKS],
                      struct sockaddr_in *out)
{
    socklen_t size = sizeof *out;
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    assert_int_equal(inet_pton(AF_INET, address, &out->sin_addr), 1);
    *listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*listener, (struct sockaddr *)out, size), 0);
    assert_int_equal(listen(*listener, 0), 0);
    assert_int_equal(getsockname(*listener, (struct sockaddr *)out, &size), 0);
    for (int i = 0; i < KNOCKS; i++) {
        knocks[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(knocks[i], (struct sockaddr *)out, size);
    }
}

static void a_stop_reaches_a_host_of_several_addresses(void **state)
{
    (void)state;
    int listeners[SERVERS], knocks[SERVERS][KNOCKS];
    atomic_bool stop = true;
    void *connection = NULL;
    struct weir_error err;
    open_deaf("127.0.0.2", 0, &listeners[0], knocks[0], &servers[0]);
    open_deaf("127.0.0.3", servers[0].sin_port, &listeners[1], knocks[1], &servers[1]);
    struct weir_my_settings settings = {.host = "two.example",
                                        .socket = "",
                                        .database = "d",
                                        .user = "u",
                                        .password = "p",
                                        .tls_ca = "",
                                        .tls_cert = "",
                                        .tls_key = "",
                                        .port = ntohs(servers[0].sin_port),
                                        .timeout = WEIR_SECOND};
    struct weir_source_config config = {.name = "s", .connection = &settings};
    struct weir_source_site site = {.stop = &stop};
    assert_int_equal(weir_source_mysql.open(&config, &site, &connection, &err), WEIR_ECANCELED);
    weir_source_mysql.close(connection);
    for (int i = 0; i < SERVERS; i++) {
        close(listeners[i]);
        for (int k = 0; k < KNOCKS; k++) {
            close(knocks[i][k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_reaches_a_host_of_several_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
