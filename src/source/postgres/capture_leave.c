/* What capture leaves at the server: the slot, which keeps its log, and the publication. */
#include <stdio.h>

#include "base/json.h"
#include "source/postgres/capture.h"

#define MAX_CURSOR (1u << 20)

void weir_pg_capture_names(const struct weir_source_config *config, char slot[64],
                           char publication[64])
{
    const struct weir_pg_settings *s = config->connection;
    snprintf(slot, 64, *s->slot ? "%s" : "weir_%s", *s->slot ? s->slot : config->name);
    snprintf(publication, 64, *s->publication ? "%s" : "weir_%s",
             *s->publication ? s->publication : config->name);
}

bool weir_pg_capture_kept(const struct weir_source_config *config, struct weir_buf *what,
                          struct weir_buf *how)
{
    const struct weir_pg_settings *s = config->connection;
    char slot[64], publication[64];
    if (!s->capture) {
        return false;
    }
    weir_pg_capture_names(config, slot, publication);
    weir_buf_addf(what,
                  "the slot \"%s\" of the server %s keeps the server's log for it, on the "
                  "server's disk",
                  slot, s->host);
    weir_buf_addz(how, "SELECT pg_drop_replication_slot(");
    weir_sql_text(how, weir_str_of(slot));
    weir_buf_addz(how, ");");
    if (!*s->publication) { /* else it was somebody else's idea */
        weir_buf_addz(how, " DROP PUBLICATION IF EXISTS ");
        weir_sql_ident(how, weir_str_of(publication));
        weir_buf_addz(how, ";");
    }
    return true;
}

static int read_cursor(struct weir_str cursor, char system[64], char slot[64],
                       struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_buf buf;
    weir_buf_init(&buf, MAX_CURSOR);
    weir_buf_adds(&buf, cursor);
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&buf), &root, err);
    if (rc == 0) {
        snprintf(system, 64, WEIR_STR_FMT, WEIR_STR_ARG(weir_json_get_str(root, "system")));
        snprintf(slot, 64, WEIR_STR_FMT, WEIR_STR_ARG(weir_json_get_str(root, "slot")));
    }
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return rc;
}

/* The slot that the cursor is of, which may be another one than the file has by now; one that was
 * never followed is somebody else's. */
int weir_pg_capture_leave(void *connection, struct weir_str cursor, struct weir_error *err)
{
    struct weir_pg *pg = connection;
    char system[64], slot[64], named[64], publication[64];
    const char *const values[] = {slot, system};
    PGresult *r = NULL;
    struct weir_buf sql;
    weir_buf_init(&sql, 4096);
    weir_pg_capture_names(pg->config, named, publication);
    int rc = read_cursor(cursor, system, slot, err);
    rc = rc ? rc
            : weir_pg_ask(pg, pg->con,
                          "SELECT (SELECT system_identifier::text FROM "
                          "pg_catalog.pg_control_system()) = $2, EXISTS (SELECT FROM "
                          "pg_catalog.pg_replication_slots WHERE slot_name = $1 AND plugin = "
                          "'pgoutput' AND database = pg_catalog.current_database())",
                          values, 2, &r, err);
    bool here = rc == 0 && *PQgetvalue(r, 0, 0) == 't';
    bool there = rc == 0 && *PQgetvalue(r, 0, 1) == 't';
    PQclear(r);
    if (rc == 0 && !here) {
        rc = weir_fail(err, WEIR_EINVAL, "this is another server than the one that was followed");
    }
    if (rc == 0 && there) {
        rc = weir_pg_ask(pg, pg->con, "SELECT pg_catalog.pg_drop_replication_slot($1)", values, 1,
                         NULL, err);
    }
    if (rc == 0 && !*pg->settings->publication) {
        weir_buf_addz(&sql, "DROP PUBLICATION IF EXISTS ");
        weir_sql_ident(&sql, weir_str_of(publication));
        rc = weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, NULL, err);
    }
    weir_buf_free(&sql);
    return rc;
}
