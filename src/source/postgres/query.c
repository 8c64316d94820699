#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "source/postgres/capture.h"

#define SLICE_MS 100
#define LOOK     (5 * WEIR_SECOND) /* how often, why it is silent */

const char *const weir_pg_sslmodes[] = {"prefer",    "disable",     "allow", "require",
                                        "verify-ca", "verify-full", NULL};

struct weir_str weir_pg_cell(const PGresult *result, int row, int column)
{
    return (struct weir_str){PQgetvalue(result, row, column),
                             (size_t)PQgetlength(result, row, column)};
}

static const struct {
    const char *state; /* SQLSTATE, or its beginning */
    int code;
    const char *advice;
} advices[] = {
    {"28", WEIR_EPERM, "check `user` and `password`, and the server's pg_hba.conf"},
    {"3D000", WEIR_ENOENT, "check `database`"},
    {"42501", WEIR_EPERM, "GRANT SELECT on it to this user, or leave it out of `streams`"},
    {"rep", WEIR_EPERM, "ALTER ROLE … REPLICATION lets the user capture changes"},
    {"53400", WEIR_EINVAL,
     "raise max_replication_slots or max_wal_senders (capture takes one slot, and another one "
     "while "
     "it loads a table), or temp_file_limit"},
    {"55006", WEIR_EAGAIN, "somebody reads from it now; try later"},
    {"row", WEIR_EPERM,
     "give the user BYPASSRLS, or set `row_security: apply` to load only what it may see"},
    {"42703", WEIR_EAGAIN, "the table changed meanwhile; run it again"},
    {"42P01", WEIR_EAGAIN, "the table changed meanwhile; run it again"},
    {"42883", WEIR_EINVAL, "the type of the `cursor` column has no order that max() knows"},
    {"55P03", WEIR_EAGAIN, "somebody holds a lock on it; try later"},
    {"57014", WEIR_ETIMEDOUT, "the server stopped the statement"},
    {"53300", WEIR_EAGAIN, "the server has no connection left; try later"},
    {"57P", WEIR_EAGAIN, "the server goes down or comes up; try later"},
    {"40", WEIR_EAGAIN, "try again"},
    {"08", WEIR_EAGAIN, "is it running, and reachable?"},
    {"root", WEIR_EINVAL,
     "set `sslrootcert`, the file of the certificates that prove whose server it is (for one of a "
     "public authority: /etc/ssl/certs/ca-certificates.crt)"},
    {"card", WEIR_EINVAL, "set `sslcert` and `sslkey`, a certificate that the server knows"},
};

int weir_pg_fail(PGconn *con, const PGresult *result, const char *doing, struct weir_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *said = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *advice = "is it running, and do `host`, `port` and `sslmode` fit?";
    int code = WEIR_EAGAIN;
    said = said ? said : PQerrorMessage(con);
    if (state) {
        advice = "the server's log tells more";
        code = WEIR_EINVAL;
    } else if (strstr(said, "root certificate file")) {
        state = "root";
    } else if (strstr(said, "client certificate") || strstr(said, "certificate required") ||
               strstr(said, "certificate authentication")) {
        state = "card";
    } else if (strstr(said, "password") || strstr(said, "authentication")) {
        state = "28"; /* of a connection, libpq has no code */
    } else if (strstr(said, "database \"") && strstr(said, "does not exist")) {
        state = "3D000";
    }
    if (!state && (strstr(said, "replication role") || strstr(said, "start WAL sender"))) {
        code = WEIR_EPERM;
        state = "rep"; /* before version 16 in other words */
    }
    if (state && strcmp(state, "42501") == 0 && strstr(said, "row-level security")) {
        state = "row";
    } else if (state && strcmp(state, "42501") == 0 && strstr(said, "replication")) {
        state = "rep";
    }
    for (size_t i = 0; state && i < sizeof advices / sizeof advices[0]; i++) {
        if (strncmp(state, advices[i].state, strlen(advices[i].state)) == 0) {
            code = advices[i].code;
            advice = advices[i].advice;
            break;
        }
    }
    struct weir_str text = weir_str_trim(weir_str_of(said));
    const char *hint = strstr(said, "\n\tIs the server running");
    hint = hint ? hint : strstr(said, "\nEither provide the file or change sslmode");
    if (hint && !memchr(hint + 1, '\n',
                        (size_t)(text.ptr + text.len - hint) - 1)) { /* the advice says so */
        text.len = (size_t)(hint - text.ptr);
    }
    text = weir_utf8_cut(text, 600);
    if (!weir_utf8_valid(text)) { /* before it knows what we want, it uses an encoding of its own */
        text = WEIR_STR("it says so in an encoding that is not UTF-8");
    }
    return weir_fail(err, code, "%s: " WEIR_STR_FMT "; %s", doing, WEIR_STR_ARG(text), advice);
}

/* Texts are as weir's decoders want them, whatever the role's own settings are; and what is
 * computed twice is the same. Names of functions mean the server's own. */
static int set_up(struct weir_pg *pg, PGconn *con, struct weir_error *err)
{
    const char *const values[] = {pg->settings->row_security == WEIR_PG_ROWS_ALL ? "off" : "on"};
    return weir_pg_ask(
        pg, con,
        "SELECT pg_catalog.set_config(s.name, v.value, false) FROM (VALUES ('TimeZone', 'UTC'), "
        "('DateStyle', 'ISO'), ('IntervalStyle', 'postgres'), ('bytea_output', 'hex'), "
        "('lock_timeout', '30s'), ('statement_timeout', '0'), "
        "('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'), "
        "('idle_session_timeout', '0'), ('extra_float_digits', '3'), ('synchronize_seqscans', "
        "'off'), ('standard_conforming_strings', 'on'), ('row_security', $1), ('search_path', "
        "'pg_catalog, ' || pg_catalog.current_setting('search_path'))) AS v (name, value) JOIN "
        "pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = pg_catalog.lower(v.name)",
        values, 1, NULL, err);
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

int weir_pg_connect_as(struct weir_pg *pg, bool replication, PGconn **out, struct weir_error *err)
{
    const struct weir_pg_settings *s = pg->settings;
    char port[16];
    int rc = 0;
    snprintf(port, sizeof port, "%lld", (long long)s->port);
    /* The role's own would end a slot that waits for open transactions, and the snapshot of it. */
    const char *limits = replication && PQserverVersion(pg->con) >= 170000
                             ? "-c statement_timeout=0 -c lock_timeout=0 -c idle_session_timeout=0 "
                               "-c idle_in_transaction_session_timeout=0 -c transaction_timeout=0"
                             : "-c statement_timeout=0 -c lock_timeout=0 -c idle_session_timeout=0 "
                               "-c idle_in_transaction_session_timeout=0";
    const char *const keys[] = {"host",
                                "port",
                                "dbname",
                                "user",
                                "sslmode",
                                "sslrootcert",
                                "sslcert",
                                "sslkey",
                                "passfile",
                                "password",
                                "connect_timeout",
                                "keepalives_idle",
                                "tcp_user_timeout",
                                "client_encoding",
                                "application_name",
                                "replication",
                                "options",
                                NULL};
    const char *const values[] = {s->host,
                                  port,
                                  s->database,
                                  s->user,
                                  weir_pg_sslmodes[s->sslmode],
                                  s->sslrootcert,
                                  s->sslcert,
                                  s->sslkey,
                                  "/dev/null/none",
                                  *s->password ? s->password : NULL,
                                  "10",
                                  "30",
                                  "30000",
                                  "UTF8",
                                  "weir",
                                  replication ? "database" : NULL,
                                  replication ? limits : NULL,
                                  NULL};
    *out = PQconnectdbParams(keys, values, 0);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a connection");
    }
    if (PQstatus(*out) != CONNECTION_OK) {
        rc = weir_pg_fail(*out, NULL, "cannot connect to PostgreSQL", err);
    } else {
        PQsetNoticeReceiver(*out, ignore_notice, NULL);
        rc = replication ? 0 : set_up(pg, *out, err);
    }
    if (rc) {
        PQfinish(*out);
        *out = NULL;
    }
    return rc;
}

int weir_pg_connect(struct weir_pg *pg, PGconn **out, struct weir_error *err)
{
    return weir_pg_connect_as(pg, false, out, err);
}

bool weir_pg_is_bytes(PGconn *con)
{
    const char *encoding = PQparameterStatus(con, "server_encoding");
    return encoding && strcmp(encoding, "SQL_ASCII") == 0;
}

int weir_pg_ready(struct weir_pg *pg, struct weir_error *err)
{
    if (PQstatus(pg->con) != CONNECTION_OK || PQtransactionStatus(pg->con) == PQTRANS_ACTIVE) {
        PQfinish(pg->con);
        pg->con = NULL;
        return weir_pg_connect(pg, &pg->con, err);
    }
    return PQtransactionStatus(pg->con) == PQTRANS_IDLE
               ? 0
               : weir_pg_ask(pg, pg->con, "ROLLBACK", NULL, 0, NULL, err);
}

void weir_pg_cancel(PGconn *con)
{
    char ignored[256];
    PGcancel *c = con ? PQgetCancel(con) : NULL;
    if (c) {
        (void)PQcancel(c, ignored, sizeof ignored);
        PQfreeCancel(c);
    }
}

int weir_pg_wait(struct weir_pg *pg, PGconn *con, PGconn *con2, struct weir_error *err)
{
    struct pollfd fds[2] = {{.fd = con ? PQsocket(con) : -1, .events = POLLIN},
                            {.fd = con2 ? PQsocket(con2) : -1, .events = POLLIN}};
    int ready = poll(fds, 2, SLICE_MS), rc = 0;
    bool silent = weir_mono() > pg->heard + pg->settings->timeout;
    if (pg->stop && atomic_load(pg->stop)) {
        rc = weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed");
    } else if (ready < 0 && errno != EINTR) {
        rc = weir_fail_errno(err, errno, "the connection to PostgreSQL");
    } else if (ready > 0) {
        pg->heard = weir_mono();
    } else if (silent && !pg->patient) {
        rc = weir_fail(err, WEIR_ETIMEDOUT,
                       "PostgreSQL sent nothing for %lld s (`timeout`); is a table locked, or the "
                       "network gone?",
                       (long long)(pg->settings->timeout / WEIR_SECOND));
    }
    if (rc == 0 && con && pg->capture && pg->patient &&
        weir_mono() > (pg->looked > pg->asked ? pg->looked : pg->asked) + LOOK) {
        rc = weir_pg_capture_standbys(pg, con, err);
    }
    if (rc) {
        weir_pg_cancel(con);
        weir_pg_cancel(con2);
        return rc;
    }
    /* Also when the socket has nothing: what came in one record of TLS may wait inside. */
    if (con && !PQconsumeInput(con)) {
        return weir_pg_fail(con, NULL, "the connection to PostgreSQL broke", err);
    }
    return con2 && !PQconsumeInput(con2)
               ? weir_pg_fail(con2, NULL, "the connection to PostgreSQL broke", err)
               : 0;
}

int weir_pg_send(struct weir_pg *pg, PGconn *con, const char *sql, const char *const *values,
                 int count, struct weir_error *err)
{
    int sent = count < 0 ? PQsendQuery(con, sql)
                         : PQsendQueryParams(con, sql, count, NULL, values, NULL, NULL, 0);
    pg->heard = pg->asked = weir_mono();
    return sent ? 0 : weir_pg_fail(con, NULL, "the connection to PostgreSQL broke", err);
}

int weir_pg_take(struct weir_pg *pg, PGconn *con, PGresult **out, struct weir_error *err)
{
    PGresult *result = NULL, *next = NULL;
    int rc = 0;
    do {
        while (rc == 0 && PQisBusy(con)) {
            rc = weir_pg_wait(pg, con, NULL, err);
        }
        next = rc ? NULL : PQgetResult(con);
        if (next) {
            PQclear(result);
            result = next;
        }
    } while (next && PQresultStatus(next) != PGRES_COPY_OUT);
    ExecStatusType status = PQresultStatus(result);
    if (rc == 0 && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
        status != PGRES_COPY_OUT) {
        rc = weir_pg_fail(con, result, "PostgreSQL", err);
    }
    if (out && rc == 0) {
        *out = result;
    } else {
        PQclear(result);
    }
    return rc;
}

int weir_pg_ask(struct weir_pg *pg, PGconn *con, const char *sql, const char *const *values,
                int count, PGresult **out, struct weir_error *err)
{
    int rc = weir_pg_send(pg, con, sql, values, count, err);
    return rc ? rc : weir_pg_take(pg, con, out, err);
}
