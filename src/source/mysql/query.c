#include <errmsg.h>
#include <errno.h>
#include <fcntl.h>
#include <mysqld_error.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "io/rs256.h"
#include "source/mysql/mysql.h"

#define SLICE_MS     100
#define CONNECT_TIME (10 * WEIR_SECOND)
#define KILL_TIME    (3 * WEIR_SECOND)
#define MAX_PACKET   (1ul << 30)
#define MAX_SQL      (16u << 20)
/* Ways to log in that prove to know the password, and do not show it. */
#define AUTH_PROOFS "mysql_native_password,client_ed25519"
/* These may end with the password itself, for whoever answers: only where it is known who that is,
 * or where it was said that whoever answers is trusted. */
#define AUTH_ALL AUTH_PROOFS ",caching_sha2_password,sha256_password"

enum tls { TLS_PREFER, TLS_DISABLE, TLS_REQUIRE, TLS_TRUST, TLS_VERIFY };
const char *const weir_my_tls[] = {"prefer", "disable", "require", "trust", "verify", NULL};

/* --- what went wrong ----------------------------------------------------------------------------
 */

static const struct {
    unsigned number;
    int code;
    const char *advice;
} advices[] = {
    {ER_ACCESS_DENIED_ERROR, WEIR_EPERM,
     "check `user` and `password`, from which hosts the user may connect, and whether it must show "
     "a certificate (`tls_cert`)"},
    {ER_ACCESS_DENIED_NO_PASSWORD_ERROR, WEIR_EPERM, "check `user` and `password`"},
    {ER_HOST_NOT_PRIVILEGED, WEIR_EPERM, "CREATE USER … for this host"},
    {ER_DBACCESS_DENIED_ERROR, WEIR_EPERM, "check `database`, and GRANT SELECT on it to this user"},
    {ER_BAD_DB_ERROR, WEIR_ENOENT, "check `database`"},
    {ER_TABLEACCESS_DENIED_ERROR, WEIR_EPERM,
     "GRANT SELECT on it to this user, or leave it out of `streams`"},
    {ER_COLUMNACCESS_DENIED_ERROR, WEIR_EPERM,
     "GRANT SELECT on it to this user, or name the column in `exclude`"},
    {ER_VIEW_INVALID, WEIR_EINVAL, "mend the view, or leave it out of `streams`"},
    {ER_SPECIFIC_ACCESS_DENIED_ERROR, WEIR_EPERM, "GRANT it to this user"},
    {ER_NO_SUCH_TABLE, WEIR_EAGAIN, "the table changed meanwhile; run it again"},
    {ER_BAD_FIELD_ERROR, WEIR_EAGAIN, "the table changed meanwhile; run it again"},
    {ER_TABLE_DEF_CHANGED, WEIR_EAGAIN, "the table changed meanwhile; run it again"},
    {ER_LOCK_WAIT_TIMEOUT, WEIR_EAGAIN, "somebody holds a lock on it; try later"},
    {ER_LOCK_DEADLOCK, WEIR_EAGAIN, "try again"},
    {ER_QUERY_INTERRUPTED, WEIR_ETIMEDOUT, "somebody stopped the statement at the server"},
    {ER_CON_COUNT_ERROR, WEIR_EAGAIN, "the server has no connection left; try later"},
    {ER_USER_LIMIT_REACHED, WEIR_EAGAIN, "the user has no connection left; try later"},
    {ER_SERVER_SHUTDOWN, WEIR_EAGAIN, "the server goes down; try later"},
    {ER_CONNECTION_KILLED, WEIR_EAGAIN, "somebody ended the connection at the server; try again"},
    {CR_SSL_CONNECTION_ERROR, WEIR_EINVAL, "check `tls` and `tls_ca`, and the server's TLS"},
    {CR_NET_PACKET_TOO_LARGE, WEIR_ETOOBIG, "raise the server's max_allowed_packet"},
    {CR_SERVER_LOST, WEIR_EAGAIN, "is the server running, and the network up?"},
    {CR_SERVER_GONE_ERROR, WEIR_EAGAIN, "is the server running, and the network up?"},
    {CR_UNKNOWN_HOST, WEIR_EAGAIN, "check `host`"},
    {CR_CONNECTION_ERROR, WEIR_EAGAIN,
     "is it running, and do `host` and `port`, or `socket`, fit?"},
    {CR_CONN_HOST_ERROR, WEIR_EAGAIN, "is it running, and do `host` and `port`, or `socket`, fit?"},
    {CR_PLUGIN_NOT_ALLOWED, WEIR_EINVAL,
     "set `tls: verify` (and `tls_ca`), or a `socket`: then it is known whose server it is; or "
     "`tls: trust` where nobody can stand in between"},
    {CR_AUTH_PLUGIN_CANNOT_LOAD, WEIR_EINVAL,
     "the server wants the password in a way that weir does not give it"},
};

int weir_my_fail(struct weir_my *my, unsigned number, const char *said, const char *doing,
                 struct weir_error *err)
{
    const char *advice = "the server's log tells more";
    weir_rs256_forget_errors();
    int code = number >= CR_MIN_ERROR && number <= CR_MAX_ERROR ? WEIR_EAGAIN : WEIR_EINVAL;
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        if (number == advices[i].number) {
            code = advices[i].code;
            advice = advices[i].advice;
        }
    }
    my->broken = my->broken || (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR);
    if (number == CR_PLUGIN_NOT_ALLOWED) { /* the library's text names memory it overwrote */
        said =
            "the server asks in a way that may show it the password, which weir does not give to "
            "a server that it does not know";
    }
    struct weir_str text = weir_utf8_cut(weir_str_trim(weir_str_of(said)), 600);
    if (!weir_utf8_valid(text)) {
        text = WEIR_STR("it says so in an encoding that is not UTF-8");
    }
    return weir_fail(err, code, "%s: " WEIR_STR_FMT " (%u); %s", doing, WEIR_STR_ARG(text), number,
                     advice);
}

/* --- waiting ------------------------------------------------------------------------------------
 */

void weir_my_cut(struct weir_my *my, MYSQL *con)
{
    my->broken = true;
    (void)shutdown(mysql_get_socket(con), SHUT_RDWR);
}

static int connect_to(struct weir_my *my, MYSQL **out, struct weir_error *err) WEIR_MUST_CHECK;

/* A server that computes does not see that nobody listens any more; nor, for a minute, one that
 * waits until there is room for what it sends. */
static void kill_statements(const struct weir_my *my, const unsigned long *ids, size_t count)
{
    struct weir_my other = {
        .config = my->config, .settings = my->settings, .most = KILL_TIME, .killer = true};
    memcpy(other.address, my->address, sizeof other.address);
    struct weir_error ignored;
    char sql[40];
    MYSQL *con = NULL;
    int rc = my->killer || !count ? 1 : connect_to(&other, &con, &ignored);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        int n = snprintf(sql, sizeof sql, "KILL %lu", ids[i]);
        (void)!weir_my_ask(&other, con, (struct weir_str){sql, (size_t)n}, NULL, &ignored);
    }
    mysql_close(con);
}

void weir_my_end(struct weir_my *my, MYSQL *const *cons, size_t count)
{
    unsigned long ids[WEIR_MY_RANGES];
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned long id = mysql_thread_id(cons[i]);
        weir_my_cut(my, cons[i]);
        if (id) {
            ids[known++] = id;
        }
    }
    kill_statements(my, ids, known);
}

int weir_my_wait_any(struct weir_my *my, struct weir_my_waiting *waiting, size_t count,
                     bool patient, struct weir_error *err)
{
    struct pollfd fds[WEIR_MY_RANGES];
    int ready = 0, rc = 0;
    weir_time begun = weir_mono(); /* what others took meanwhile is no silence of the server's */
    for (size_t i = 0; i < count; i++) {
        int status = waiting[i].status;
        fds[i] = (struct pollfd){.fd = mysql_get_socket(waiting[i].con),
                                 .events = (short)((status & MYSQL_WAIT_READ ? POLLIN : 0) |
                                                   (status & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
                                                   (status & MYSQL_WAIT_EXCEPT ? POLLPRI : 0))};
    }
    do {
        ready = poll(fds, count, patient ? SLICE_MS : 0);
        if (my->stop && atomic_load(my->stop)) {
            rc = weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed");
        } else if (ready < 0 && errno != EINTR) {
            rc = weir_fail_errno(err, errno, "the connection to MySQL");
        } else if (patient && ready <= 0 && my->most && weir_mono() > begun + my->most) {
            rc = weir_fail(err, WEIR_ETIMEDOUT,
                           "MySQL sent nothing for %lld s (`timeout`); is a table locked, or the "
                           "network gone?",
                           (long long)(my->most / WEIR_SECOND));
        }
    } while (rc == 0 && patient && ready <= 0);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        short came = ready > 0 ? fds[i].revents : 0;
        waiting[i].status =
            (came & (POLLIN | POLLHUP | POLLERR) ? waiting[i].status & MYSQL_WAIT_READ : 0) |
            (came & (POLLOUT | POLLHUP | POLLERR) ? waiting[i].status & MYSQL_WAIT_WRITE : 0) |
            (came & POLLPRI ? MYSQL_WAIT_EXCEPT : 0);
    }
    return rc;
}

/* A function waits for what *status says. After a failure (WEIR_ECANCELED, WEIR_ETIMEDOUT) the
 * connection is cut, and the function is to be continued to its end, with that failure in `rc`. */
static int wait_for(struct weir_my *my, MYSQL *con, int *status, int rc, struct weir_error *err)
{
    struct weir_my_waiting one = {con, *status};
    if (rc == 0) {
        rc = weir_my_wait_any(my, &one, 1, true, err);
        if (rc) {
            weir_my_end(my, &con, 1);
        }
    }
    *status = one.status;
    return rc;
}

/* Calls a function of the library that may wait, to its end. */
#define CALL(my, con, rc, err, start, proceed)                                                     \
    do {                                                                                           \
        int status = (start);                                                                      \
        while (status) {                                                                           \
            (rc) = wait_for(my, con, &status, rc, err);                                            \
            status = (proceed);                                                                    \
        }                                                                                          \
    } while (0)

/* --- connecting ---------------------------------------------------------------------------------
 */

/* A network that is gone is seen, also while the server computes and nobody sends anything. */
static void keep_alive(MYSQL *con)
{
    int fd = mysql_get_socket(con);
    static const struct {
        int level, name, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, 30},
                   {IPPROTO_TCP, TCP_KEEPINTVL, 10},
                   {IPPROTO_TCP, TCP_KEEPCNT, 6},
                   {IPPROTO_TCP, TCP_USER_TIMEOUT, 120000}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) { /* a unix socket has none */
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    }
}

/* Through TLS the library reads as the socket does: without waiting only where that does not. */
static void set_nonblocking(MYSQL *con)
{
    int fd = mysql_get_socket(con), flags = fcntl(fd, F_GETFL);
    if (mysql_get_ssl_cipher(con) && flags >= 0) {
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
}

/* The library reads the login's answer from TLS by itself, whatever kind the connection is. Its own
 * option for that would end statements that compute for so long, too. */
static void bound_silence(const struct weir_my *my, MYSQL *con)
{
    struct timeval most = {.tv_sec = (time_t)(my->most / WEIR_SECOND)};
    (void)setsockopt(mysql_get_socket(con), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    (void)setsockopt(mysql_get_socket(con), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

static MYSQL *make(const struct weir_my *my, bool tls, bool waiting)
{
    const struct weir_my_settings *s = my->settings;
    MYSQL *con = mysql_init(NULL);
    my_bool yes = 1, no = 0, verify = s->tls == TLS_VERIFY;
    unsigned protocol = *s->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    unsigned none = 0;
    unsigned connect = (unsigned)(my->most / WEIR_SECOND);
    unsigned long packet = MAX_PACKET;
    if (!con) {
        return NULL;
    }
    if (waiting) {
        unsigned silence = s->timeout < WEIR_SECOND ? 1 : (unsigned)(s->timeout / WEIR_SECOND);
        mysql_options(con, MYSQL_OPT_READ_TIMEOUT, &silence);
        mysql_options(con, MYSQL_OPT_WRITE_TIMEOUT, &silence);
    } else {
        mysql_options(con, MYSQL_OPT_NONBLOCK, 0);
    }
    mysql_options(con, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    mysql_options(con, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_options(con, MYSQL_OPT_LOCAL_INFILE, &none); /* a server may ask for any file of ours */
    mysql_options(con, MARIADB_OPT_RESTRICTED_AUTH,
                  *s->socket || (tls && s->tls >= TLS_TRUST) ? AUTH_ALL : AUTH_PROOFS);
    mysql_options(con, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(con, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_options(con, MYSQL_REPORT_DATA_TRUNCATION, &yes);
    mysql_options4(con, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "weir");
    mysql_options(con, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, tls && verify ? &yes : &no);
    if (tls) {
        mysql_options(con, MYSQL_OPT_SSL_ENFORCE, &yes);
        mysql_options(con, MYSQL_OPT_SSL_CA, *s->tls_ca ? s->tls_ca : NULL);
        mysql_options(con, MYSQL_OPT_SSL_CERT, *s->tls_cert ? s->tls_cert : NULL);
        mysql_options(con, MYSQL_OPT_SSL_KEY, *s->tls_key ? s->tls_key : NULL);
    }
    return con;
}

static int connect_once(struct weir_my *my, const char *host, bool tls, bool waiting, MYSQL **out,
                        unsigned *number, struct weir_error *err)
{
    const struct weir_my_settings *s = my->settings;
    MYSQL *con = make(my, tls, waiting), *done = NULL;
    int rc = 0;
    *out = con;
    *number = 0;
    if (!con) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a connection");
    }
    if (waiting) {
        done = mysql_real_connect(con, host, s->user, s->password, s->database, (unsigned)s->port,
                                  *s->socket ? s->socket : NULL, 0);
    } else {
        CALL(my, con, rc, err,
             mysql_real_connect_start(&done, con, host, s->user, s->password, s->database,
                                      (unsigned)s->port, *s->socket ? s->socket : NULL, 0),
             (bound_silence(my, con), mysql_real_connect_cont(&done, con, status)));
    }
    if (rc == WEIR_ETIMEDOUT) {
        rc =
            weir_fail(err, rc,
                      "cannot connect to MySQL: %s, port %d, says nothing; is MySQL there, and not "
                      "another server? check `host` and `port`",
                      *s->socket ? s->socket : host, (int)s->port);
    } else if (rc == 0 && !done) {
        *number = mysql_errno(con);
        rc = weir_my_fail(my, *number, mysql_error(con), "cannot connect to MySQL", err);
    } else if (rc == 0 && s->tls >= TLS_REQUIRE && !mysql_get_ssl_cipher(con)) {
        rc = weir_my_fail(my, CR_SSL_CONNECTION_ERROR, "the server offers no TLS",
                          "cannot connect to MySQL", err);
    }
    return rc;
}

/* Whatever the server's defaults are: no row less, times in UTC, texts and quotes as weir writes
 * them. The set of characters that the login asks for is overridden by a server's own and by
 * `init_connect`. */
static int set_up(struct weir_my *my, MYSQL *con, struct weir_error *err)
{
    struct weir_str common = WEIR_STR(
        "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+00:00', "
        "sql_select_limit = 18446744073709551615, sql_big_selects = 1, sql_safe_updates = 0, "
        "sql_auto_is_null = 0, net_write_timeout = 3600, wait_timeout = 28800, lock_wait_timeout = "
        "30, completion_type = 0, autocommit = 1");
    int rc = weir_my_ask(my, con, WEIR_STR("SET NAMES utf8mb4"), NULL, err);
    rc = rc ? rc : weir_my_ask(my, con, common, NULL, err);
    if (my->mariadb) {
        rc = rc ? rc
                : weir_my_ask(my, con,
                              WEIR_STR("SET SESSION max_statement_time = 0, "
                                       "idle_transaction_timeout = 0, "
                                       "idle_readonly_transaction_timeout = 0"),
                              NULL, err);
    } else if (mysql_get_server_version(con) >= 50708) {
        rc = rc ? rc
                : weir_my_ask(my, con, WEIR_STR("SET SESSION max_execution_time = 0"), NULL, err);
    }
    return rc ? rc
              : weir_my_ask(my, con,
                            WEIR_STR("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"),
                            NULL, err);
}

/* TLS where the server has it; one whose TLS breaks is no server without it. */
static int connect_host(struct weir_my *my, const char *host, bool waiting, MYSQL **out,
                        unsigned *number, struct weir_error *err)
{
    int mode = my->settings->tls;
    bool tls = mode != TLS_DISABLE && !(mode == TLS_PREFER && *my->settings->socket);
    int rc = connect_once(my, host, tls, waiting, out, number, err);
    if (rc && *number == CR_SSL_CONNECTION_ERROR && mode == TLS_PREFER &&
        !((*out)->server_capabilities & CLIENT_SSL)) {
        mysql_close(*out);
        rc = connect_once(my, host, false, waiting, out, number, err);
    }
    if (rc) {
        mysql_close(*out);
        *out = NULL;
    } else {
        keep_alive(*out);
        if (!waiting) {
            set_nonblocking(*out);
        }
    }
    return rc;
}

/* One address after the other, as the library waits for all but the first of them in the kernel,
 * where no stop reaches it. */
static int connect_addresses(struct weir_my *my, bool waiting, MYSQL **out, struct weir_error *err)
{
    struct addrinfo *found = NULL, wanted = {.ai_socktype = SOCK_STREAM};
    unsigned number = 0;
    int said = getaddrinfo(my->settings->host, NULL, &wanted, &found);
    int rc = weir_fail(err, WEIR_EAGAIN,
                       "cannot connect to MySQL: the host \"%s\" is not found (%s); check `host`",
                       my->settings->host, said ? gai_strerror(said) : "no address");
    bool next = said == 0;
    for (struct addrinfo *at = found; next && at; at = at->ai_next) {
        char address[sizeof my->address];
        if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, NULL, 0,
                        NI_NUMERICHOST)) {
            continue;
        }
        rc = connect_host(my, address, waiting, out, &number, err);
        next = rc == WEIR_ETIMEDOUT || (rc == WEIR_EAGAIN && number >= CR_MIN_ERROR);
        if (rc == 0) {
            memcpy(my->address, address, sizeof address);
        }
    }
    if (found) {
        freeaddrinfo(found);
    }
    return rc;
}

static int connect_any(struct weir_my *my, bool waiting, MYSQL **out, struct weir_error *err)
{
    const struct weir_my_settings *s = my->settings;
    unsigned number;
    weir_time most = my->most;
    int rc;
    my->most = my->killer ? KILL_TIME : CONNECT_TIME;
    if (*s->socket) { /* the library takes one for no other host */
        rc = connect_host(my, "localhost", waiting, out, &number, err);
    } else if (s->tls == TLS_VERIFY) { /* what is verified is the name that the library was given */
        rc = connect_host(my, s->host, waiting, out, &number, err);
    } else if (*my->address && (waiting || my->killer)) { /* the same server */
        rc = connect_host(my, my->address, waiting, out, &number, err);
    } else {
        rc = connect_addresses(my, waiting, out, err);
    }
    my->most = most;
    return rc;
}

static int connect_to(struct weir_my *my, MYSQL **out, struct weir_error *err)
{
    int rc = connect_any(my, false, out, err);
    if (rc == 0) {
        my->broken = false;
        my->mariadb = strstr(mysql_get_server_info(*out), "MariaDB") != NULL;
        rc = my->killer ? 0 : set_up(my, *out, err);
    }
    if (rc) {
        mysql_close(*out);
        *out = NULL;
    }
    return rc;
}

int weir_my_connect_beside(struct weir_my *my, struct weir_error *err)
{
    bool broken = my->broken;
    int rc = connect_to(my, &my->beside[my->beside_count], err);
    my->broken = broken; /* that is the other connection */
    my->beside_count += rc == 0;
    return rc;
}

void weir_my_close_beside(struct weir_my *my)
{
    if (my->summing) {
        kill_statements(my, &(unsigned long){mysql_thread_id(my->beside[0])}, 1);
    }
    my->summing = false;
    while (my->beside_count) {
        mysql_close(my->beside[--my->beside_count]);
    }
}

int weir_my_connect_waiting(struct weir_my *my, MYSQL **out, struct weir_error *err)
{
    bool broken = my->broken;
    int rc = connect_any(my, true, out, err);
    my->broken = broken; /* that is the other connection */
    return rc;
}

int weir_my_ready(struct weir_my *my, struct weir_error *err)
{
    weir_my_close_beside(my);
    my->most = my->settings->timeout;
    if (my->con && !my->broken) {
        return weir_my_ask(my, my->con, WEIR_STR("ROLLBACK"), NULL, err);
    }
    mysql_close(my->con);
    my->con = NULL;
    return connect_to(my, &my->con, err);
}

/* --- small questions ----------------------------------------------------------------------------
 */

int weir_my_send(struct weir_my *my, MYSQL *con, struct weir_str sql, struct weir_error *err)
{
    int failed = 0, rc = 0;
    if (sql.len > MAX_SQL) {
        return weir_fail(err, WEIR_ETOOBIG, "a statement of %zu bytes is too long", sql.len);
    }
    CALL(my, con, rc, err, mysql_send_query_start(&failed, con, sql.ptr, sql.len),
         mysql_send_query_cont(&failed, con, status));
    return rc || !failed ? rc : weir_my_fail(my, mysql_errno(con), mysql_error(con), "MySQL", err);
}

int weir_my_take(struct weir_my *my, MYSQL *con, MYSQL_RES **out, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    my_bool failed = 0;
    int rc = 0;
    CALL(my, con, rc, err, mysql_read_query_result_start(&failed, con),
         mysql_read_query_result_cont(&failed, con, status));
    if (rc == 0 && !failed && mysql_field_count(con)) {
        CALL(my, con, rc, err, mysql_store_result_start(&result, con),
             mysql_store_result_cont(&result, con, status));
        failed = !result;
    }
    if (rc == 0 && failed) {
        rc = weir_my_fail(my, mysql_errno(con), mysql_error(con), "MySQL", err);
    }
    if (rc == 0 && out) {
        *out = result;
        return result ? 0 : weir_fail(err, WEIR_EINVAL, "MySQL answered without rows");
    }
    mysql_free_result(result);
    return rc;
}

int weir_my_ask(struct weir_my *my, MYSQL *con, struct weir_str sql, MYSQL_RES **out,
                struct weir_error *err)
{
    int rc = weir_my_send(my, con, sql, err);
    return rc ? rc : weir_my_take(my, con, out, err);
}

/* Of a connection that broke, only the connection says it. */
int weir_my_execute_fail(struct weir_my *my, MYSQL *con, MYSQL_STMT *stmt, struct weir_error *err)
{
    unsigned of_stmt = mysql_stmt_errno(stmt), of_con = mysql_errno(con);
    const char *said = of_stmt  ? mysql_stmt_error(stmt)
                       : of_con ? mysql_error(con)
                                : "the connection broke";
    unsigned number = of_stmt ? of_stmt : of_con ? of_con : CR_SERVER_LOST;
    return weir_my_fail(my, number, said, "reading rows", err);
}

int weir_my_execute(struct weir_my *my, MYSQL *con, MYSQL_STMT *stmt, struct weir_str sql,
                    struct weir_error *err)
{
    int rc = 0, failed = 0;
    CALL(my, con, rc, err, mysql_stmt_prepare_start(&failed, stmt, sql.ptr, sql.len),
         mysql_stmt_prepare_cont(&failed, stmt, status));
    if (rc == 0 && !failed) {
        CALL(my, con, rc, err, mysql_stmt_execute_start(&failed, stmt),
             mysql_stmt_execute_cont(&failed, stmt, status));
    }
    return rc || !failed ? rc : weir_my_execute_fail(my, con, stmt, err);
}

MYSQL_ROW weir_my_next(MYSQL_RES *result, unsigned long **lengths)
{
    MYSQL_ROW row = mysql_fetch_row(result);
    *lengths = row ? mysql_fetch_lengths(result) : NULL;
    return row;
}

struct weir_str weir_my_cell(MYSQL_ROW row, const unsigned long *lengths, unsigned column)
{
    return (struct weir_str){row[column], row[column] ? lengths[column] : 0};
}
