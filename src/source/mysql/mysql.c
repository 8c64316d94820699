/* The connector `mysql`: tables and views of MySQL and MariaDB, as a whole or by a cursor column.
 */
#include "source/mysql/mysql.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/mysql/capture.h"

#define AT(member) .offset = offsetof(struct weir_my_settings, member)
static const struct weir_option options[] = {
    {.name = "host",
     .type = WEIR_OPT_TEXT,
     AT(host),
     .fallback = "localhost",
     .help = "name or address of the server, by TCP also when it is localhost"},
    {.name = "port",
     .type = WEIR_OPT_INT,
     AT(port),
     .fallback = "3306",
     .min = 1,
     .max = 65535,
     .help = "the server's port"},
    {.name = "socket",
     .type = WEIR_OPT_TEXT,
     AT(socket),
     .fallback = "",
     .help = "file of the server's socket, instead of host and port"},
    {.name = "database", .type = WEIR_OPT_TEXT, AT(database), .help = "the database's name"},
    {.name = "user",
     .type = WEIR_OPT_TEXT,
     AT(user),
     .help = "who reads; the right to SELECT is enough"},
    {.name = "password",
     .type = WEIR_OPT_TEXT,
     AT(password),
     .fallback = "",
     .help = "${secret:NAME}, sealed by `weir secret set NAME`, or ${NAME}, a variable of weir's "
             "environment",
     .secret = true},
    {.name = "tls",
     .type = WEIR_OPT_CHOICE,
     AT(tls),
     .fallback = "prefer",
     .choices = weir_my_tls,
     .help = "prefer: where the server has it; verify proves whose server it is. Users of MySQL 8 "
             "and later (caching_sha2_password) need verify, or trust, which encrypts the "
             "password for whoever answers"},
    {.name = "tls_ca",
     .type = WEIR_OPT_TEXT,
     AT(tls_ca),
     .fallback = "",
     .help = "file of the certificates that verify trusts; else the system's"},
    {.name = "tls_cert",
     .type = WEIR_OPT_TEXT,
     AT(tls_cert),
     .fallback = "",
     .help = "file of the user's own certificate, where the server asks for one (REQUIRE X509)"},
    {.name = "tls_key",
     .type = WEIR_OPT_TEXT,
     AT(tls_key),
     .fallback = "",
     .help = "file of that certificate's key"},
    {.name = "timeout",
     .type = WEIR_OPT_DURATION,
     AT(timeout),
     .fallback = "5m",
     .help = "a run fails when the server sends nothing for so long"},
    {.name = "ranges",
     .type = WEIR_OPT_INT,
     AT(ranges),
     .fallback = "2",
     .min = 1,
     .max = WEIR_MY_RANGES,
     .help = "so many connections read a table of 32 MB and more, each a range of its key, where "
             "it is shown that all see the same moment; one more sums up"},
    {.name = "capture",
     .type = WEIR_OPT_BOOL,
     AT(capture),
     .fallback = "false",
     .help = "follow the changes of the tables by the server's binary log, deletes and all"},
    {0}};

static void close_connection(void *connection)
{
    struct weir_my *my = connection;
    if (my) {
        weir_my_capture_close(my);
        for (size_t i = 0; i < my->altered_count; i++) {
            free(my->altered[i].name);
        }
        free(my->altered);
        weir_my_close_beside(my);
        mysql_close(my->con);
        free(my);
    }
}

static int open_connection(const struct weir_source_config *config,
                           const struct weir_source_site *site, void **out, struct weir_error *err)
{
    struct weir_my *my = calloc(1, sizeof *my);
    *out = my;
    if (!my) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a connection");
    }
    my->config = config;
    my->settings = config->connection;
    my->stop = my->site_stop = site ? site->stop : NULL;
    int rc = weir_my_capture_check(my, err);
    return rc ? rc : weir_my_ready(my, err);
}

static int discover(void *connection, struct weir_source_catalog *out, struct weir_error *err)
{
    struct weir_my *my = connection;
    return my->config->stream_count ? weir_source_catalog_named(my->config, out, err)
                                    : weir_my_tables(my, out, err);
}

static int identify(struct weir_my *my, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    int rc = my->identified ? 0
                            : weir_my_ask(my, my->con,
                                          WEIR_STR("SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                                                   "('server_uuid', 'server_uid')"),
                                          &result, err);
    MYSQL_ROW row = result ? weir_my_next(result, &lengths) : NULL;
    if (row && row[1]) {
        snprintf(my->identity, sizeof my->identity, "%s", row[1]);
    }
    mysql_free_result(result);
    my->identified = rc == 0;
    return rc;
}

/* The snapshot that is taken here is the one that rows are read in. */
static int plan(void *connection, const struct weir_source_stream *stream, struct weir_str cursor,
                struct weir_source_plan *out, struct weir_error *err)
{
    struct weir_my *my = connection;
    struct weir_my_table *table = NULL;
    struct weir_my_position before;
    my->stop = out->stop ? out->stop : my->site_stop;
    int rc = weir_my_ready(my, err);
    rc = rc ? rc : weir_my_find(my, stream->name, out, &table, err);
    rc = rc ? rc : my->capture ? weir_my_place_before(my, &before, err) : identify(my, err);
    bool whole = !stream->cursor || !cursor.ptr; /* ranges are of tables that are */
    size_t beside = !out->reads ? 0 : whole ? (size_t)my->settings->ranges : 1;
    rc = rc ? rc : weir_my_snapshot(my, table, beside, err);
    rc = rc ? rc : weir_my_columns(my, table, out, err);
    rc = rc            ? rc
         : my->capture ? weir_my_capture_plan(my, stream, table, &before, out, err)
                       : weir_my_plan_cursor(my, stream, table, cursor, out, err);
    rc = rc ? rc : weir_my_ranges_find(my, table, out, err);
    if (rc == 0 && table->bound_count) {
        out->note =
            weir_arena_printf(&out->arena, "%zu ranges of its key at once", table->bound_count + 1);
    } else if (rc == 0 && my->settings->ranges > 1 && whole && !out->nothing && *table->alone) {
        out->note = weir_arena_printf(&out->arena, "one connection reads it: %s", table->alone);
    }
    out->own = table;
    /* Of a part of it nobody knows how much it is. */
    out->bytes = rc || table->condition.len ? 0 : table->bytes;
    return rc;
}

static int read_rows(void *connection, const struct weir_source_plan *p,
                     struct weir_source_sink *sink, struct weir_error *err)
{
    struct weir_my *my = connection;
    int rc = weir_my_read(my, p->own, sink, err);
    return rc ? rc : weir_my_ask(my, my->con, WEIR_STR("COMMIT"), NULL, err);
}

static const struct weir_source_capture capture = {
    .on = weir_my_capture_on,
    .open = weir_my_capture_open,
    .try = weir_my_capture_try,
    .loaded = weir_my_capture_loaded,
    .columns = weir_my_capture_columns,
    .read = weir_my_capture_read,
    .confirm = weir_my_capture_confirm,
    .close = weir_my_capture_close,
};

static const struct weir_source_verifier verifier = {
    .ready = weir_my_verify_ready,
    .sha256 = weir_my_verify_sha256,
    .key = weir_my_verify_key,
    .sums = weir_my_verify_sums,
    .narrow = weir_my_verify_narrow,
};

const struct weir_source_connector weir_source_mysql = {
    .name = "mysql",
    .title = "MySQL, MariaDB",
    .options = options,
    .settings_size = sizeof(struct weir_my_settings),
    .open = open_connection,
    .discover = discover,
    .plan = plan,
    .read = read_rows,
    .capture = &capture,
    .verifier = &verifier,
    .close = close_connection,
};
