/* A server whose files were put back has the same name, timeline and slot, and what it wrote since
 * has the positions of what it lost. Its slot tells: it is where it was then. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "source/postgres/capture.h"

#define SQL_BYTES 8192

/* What the slot sends again up to the position, after a crash before it was confirmed: all of it is
 * in the tables, and the last of it is `commit`. */
int weir_pg_capture_recall(struct weir_pg *pg, uint64_t confirmed, bool *same,
                           struct weir_error *err)
{
    const struct weir_pg_capture *c = pg->capture;
    char lsn[WEIR_PG_LSN_SIZE], at[40] = "";
    PGresult *r = NULL;
    struct weir_buf sql, publication;
    *same = confirmed >= c->made;
    if (!*same || confirmed >= c->lsn) {
        return 0;
    }
    if (c->committed) {
        snprintf(at, sizeof at, "%016" PRIx64, (uint64_t)c->committed);
    }
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_init(&publication, 1024);
    weir_pg_lsn_format(c->lsn, lsn);
    weir_sql_ident(&publication, weir_str_of(c->publication));
    /* A transaction begins with B, its commit's position and time. */
    weir_buf_addf(&sql,
                  "SELECT coalesce(pg_catalog.bool_or(pg_catalog.substr(data, 2, %d) = "
                  "'\\x%016" PRIx64 "%s'::bytea), false), "
                  "coalesce(pg_catalog.bool_or(pg_catalog.substr(data, 2, 8) > '\\x%016" PRIx64
                  "'::bytea), false) FROM pg_catalog.pg_logical_slot_peek_binary_changes(",
                  *at ? 16 : 8, c->commit, at, c->commit);
    weir_sql_text(&sql, weir_str_of(c->slot));
    weir_buf_addf(&sql, ", '%s'::pg_lsn, NULL, 'proto_version', '1', 'publication_names', ", lsn);
    weir_sql_text(&sql, weir_buf_str(&publication));
    weir_buf_addf(&sql,
                  ") WHERE pg_catalog.get_byte(data, 0) = 66 AND pg_catalog.substr(data, 2, 8) < "
                  "'\\x%016" PRIx64 "'::bytea",
                  c->lsn);
    int rc = weir_buf_check(&sql, "a statement", err);
    pg->patient = true; /* it decodes before it answers */
    rc = rc ? rc : weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, &r, err);
    pg->patient = false;
    if (rc == 0) {
        bool last = *PQgetvalue(r, 0, 0) == 't', others = *PQgetvalue(r, 0, 1) == 't';
        *same = !others && (last || c->commit < confirmed);
    }
    PQclear(r);
    weir_buf_free(&sql);
    weir_buf_free(&publication);
    return rc;
}
