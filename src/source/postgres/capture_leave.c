/* What capture leaves at the server: the slot, which keeps its log, and the publication. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "source/postgres/capture.h"

#define MAX_CURSOR (1u << 20)

void weir_pg_capture_names(const struct weir_source_config *config, char slot[64],
                           char publication[64])
{
    const struct weir_pg_settings *s = config->connection;
    bool slot_said = s && *s->slot, publication_said = s && *s->publication;
    snprintf(slot, 64, slot_said ? "%s" : "weir_%s", slot_said ? s->slot : config->name);
    snprintf(publication, 64, publication_said ? "%s" : "weir_%s",
             publication_said ? s->publication : config->name);
}

struct position { /* what the cursor says */
    char system[64], timeline[64], slot[64];
    bool known; /* the slot was made */
    uint64_t lsn;
};

static int read_cursor(struct weir_str cursor, struct position *out, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_buf buf;
    *out = (struct position){.known = false};
    weir_buf_init(&buf, MAX_CURSOR);
    weir_buf_adds(&buf, cursor);
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&buf), &root, err);
    if (rc == 0) {
        snprintf(out->system, 64, WEIR_STR_FMT, WEIR_STR_ARG(weir_json_get_str(root, "system")));
        snprintf(out->timeline, 64, WEIR_STR_FMT,
                 WEIR_STR_ARG(weir_json_get_str(root, "timeline")));
        snprintf(out->slot, 64, WEIR_STR_FMT, WEIR_STR_ARG(weir_json_get_str(root, "slot")));
        out->known = weir_pg_lsn_read(weir_json_get_str(root, "lsn"), &out->lsn);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return rc;
}

bool weir_pg_capture_kept(const struct weir_source_config *config, struct weir_str cursor,
                          struct weir_buf *what, struct weir_buf *how)
{
    const struct weir_pg_settings *s = config->connection;
    char slot[64], publication[64];
    struct position p;
    struct weir_error ignored;
    weir_pg_capture_names(config, slot, publication);
    if (cursor.ptr && read_cursor(cursor, &p, &ignored) == 0 && *p.slot) {
        memcpy(slot, p.slot, sizeof slot);
    } else if (!s || !s->capture) {
        return false;
    }
    weir_buf_addf(what,
                  "the slot \"%s\" of %s%s keeps the server's log for it, on the server's disk",
                  slot, s ? "the server " : "its server", s ? s->host : "");
    weir_buf_addz(how, "SELECT pg_drop_replication_slot(");
    weir_sql_text(how, weir_str_of(slot));
    weir_buf_addz(how, ");");
    if (!s || !*s->publication) { /* else it was somebody else's idea */
        weir_buf_addz(how, " DROP PUBLICATION IF EXISTS ");
        weir_sql_ident(how, weir_str_of(publication));
        weir_buf_addz(how, ";");
    }
    return true;
}

struct server {
    bool here, there;
    char timeline[64];
    uint64_t confirmed;
};

static int look(struct weir_pg *pg, const struct position *p, struct server *out,
                struct weir_error *err)
{
    const char *const values[] = {p->slot, p->system};
    PGresult *r = NULL;
    *out = (struct server){.here = false};
    int rc = weir_pg_ask(
        pg, pg->con,
        "SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) = $2, (SELECT "
        "timeline_id::text FROM pg_catalog.pg_control_checkpoint()), s.slot_name IS NOT NULL, "
        "s.confirmed_flush_lsn::text FROM (VALUES (1)) AS one LEFT JOIN "
        "pg_catalog.pg_replication_slots s ON s.slot_name = $1 AND s.plugin = 'pgoutput' AND "
        "s.database = pg_catalog.current_database()",
        values, 2, &r, err);
    if (rc == 0) {
        out->here = *PQgetvalue(r, 0, 0) == 't';
        snprintf(out->timeline, sizeof out->timeline, "%s", PQgetvalue(r, 0, 1));
        out->there = *PQgetvalue(r, 0, 2) == 't';
        (void)weir_pg_lsn_read(weir_pg_cell(r, 0, 3), &out->confirmed);
    }
    PQclear(r);
    return rc;
}

/* The one that weir made; one of that name which a person made for it is that person's. */
static int drop_publication(struct weir_pg *pg, struct weir_error *err)
{
    char slot[64], publication[64];
    const char *const values[] = {publication};
    PGresult *r = NULL;
    struct weir_buf sql;
    weir_buf_init(&sql, 4096);
    weir_pg_capture_names(pg->config, slot, publication);
    int rc = weir_pg_ask(pg, pg->con,
                         "SELECT FROM pg_catalog.pg_publication WHERE pubname = $1 AND "
                         "pg_catalog.pg_get_userbyid(pubowner) = current_user",
                         values, 1, &r, err);
    if (rc == 0 && PQntuples(r)) {
        weir_buf_addz(&sql, "DROP PUBLICATION IF EXISTS ");
        weir_sql_ident(&sql, weir_str_of(publication));
        rc = weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, NULL, err);
    }
    PQclear(r);
    weir_buf_free(&sql);
    return rc;
}

/* The slot that the cursor is of, which may be another one than the file has by now; one that was
 * never followed is somebody else's, and one that is further than the tables is read by somebody
 * else: by the weir that this one is a copy of, say. */
int weir_pg_capture_leave(void *connection, struct weir_str cursor, struct weir_buf *note,
                          struct weir_error *err)
{
    struct weir_pg *pg = connection;
    struct position p;
    struct server s;
    struct weir_error why;
    const char *const values[] = {p.slot};
    int rc = read_cursor(cursor, &p, err);
    rc = rc ? rc : look(pg, &p, &s, err);
    if (rc) {
        return rc;
    }
    if (!s.here) {
        return weir_fail(err, WEIR_EINVAL, "this is another server than the one that was followed");
    }
    if (s.there && strcmp(s.timeline, p.timeline) != 0) {
        return weir_fail(err, WEIR_EINVAL,
                         "the server is on another timeline than the one that was followed (a "
                         "standby took over, or a backup was restored)");
    }
    if (s.there && p.known && s.confirmed > p.lsn) {
        return weir_fail(err, WEIR_EINVAL,
                         "somebody else read from it: another weir, of which this one is a copy, "
                         "would lose it");
    }
    rc = s.there ? weir_pg_ask(pg, pg->con, "SELECT pg_catalog.pg_drop_replication_slot($1)",
                               values, 1, NULL, err)
                 : 0;
    if (rc == 0 && !*pg->settings->publication && drop_publication(pg, &why)) {
        weir_buf_addf(note, "its publication of the server %s, which costs nothing, stays: %s",
                      pg->settings->host, why.message);
    }
    return rc;
}
