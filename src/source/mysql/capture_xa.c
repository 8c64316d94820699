/* Transactions of two phases (XA). Their rows stand in the log where they are prepared, in a group
 * of events, and what becomes of them later, in another one. So the rows are passed over where they
 * stand, and the place is kept, from which they are read again when they are committed: until then
 * nobody else can change what they changed. */
#include <stdlib.h>

#include "source/mysql/capture.h"

#define PREPARED_MOST 1000

void weir_my_xa_forget(struct weir_my_capture *c)
{
    free(c->prepared);
    c->prepared = NULL;
    c->prepared_count = 0;
}

/* "X'6162',X'',1", as the server writes them. */
static bool is_xid(struct weir_str xid)
{
    bool good = xid.len && xid.len < sizeof((struct weir_my_prepared *)0)->xid;
    for (size_t i = 0; good && i < xid.len; i++) {
        good = memchr("0123456789abcdefABCDEFX',", xid.ptr[i], 25) != NULL;
    }
    return good;
}

int weir_my_xa_add(struct weir_my_capture *c, struct weir_str xid,
                   const struct weir_my_position *at, struct weir_error *err)
{
    struct weir_my_position ignored;
    if (!is_xid(xid)) {
        return weir_fail(err, WEIR_ECORRUPT, "the log has the name of a transaction (XA) wrong");
    }
    (void)weir_my_xa_take(c, xid, &ignored);
    if (!c->prepared) {
        c->prepared = calloc(PREPARED_MOST, sizeof *c->prepared);
    }
    if (!c->prepared) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for transactions");
    }
    if (c->prepared_count == PREPARED_MOST) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "more than %d transactions (XA) are prepared and not ended; XA RECOVER "
                         "lists them; when they are ended, `weir sync %s --full` reads all tables "
                         "anew",
                         PREPARED_MOST, c->f->config->name);
    }
    struct weir_my_prepared *p = &c->prepared[c->prepared_count++];
    memcpy(p->xid, xid.ptr, xid.len);
    p->xid[xid.len] = '\0';
    p->at = *at;
    return 0;
}

bool weir_my_xa_take(struct weir_my_capture *c, struct weir_str xid, struct weir_my_position *out)
{
    for (size_t i = 0; i < c->prepared_count; i++) {
        struct weir_my_prepared *p = &c->prepared[i];
        if (weir_str_is(xid, p->xid)) {
            *out = p->at;
            *p = c->prepared[--c->prepared_count];
            return true;
        }
    }
    return false;
}

void weir_my_xa_print(const struct weir_my_capture *c, struct weir_jw *w)
{
    if (!c->prepared_count) {
        return;
    }
    weir_jw_keyz(w, "prepared");
    weir_jw_array(w);
    for (size_t i = 0; i < c->prepared_count; i++) {
        const struct weir_my_prepared *p = &c->prepared[i];
        weir_jw_object(w);
        weir_jw_kstrz(w, "xid", p->xid);
        weir_jw_kstrz(w, "file", p->at.file);
        weir_jw_ku64(w, "position", p->at.at);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}

int weir_my_xa_parse(struct weir_my_capture *c, struct weir_json list, struct weir_error *err)
{
    struct weir_json one;
    struct weir_str key;
    int rc = 0;
    weir_my_xa_forget(c);
    for (struct weir_json_iter it = weir_json_begin(list);
         rc == 0 && weir_json_next(&it, &key, &one);) {
        struct weir_str file = weir_json_get_str(one, "file");
        struct weir_my_position at = {.at = 0};
        (void)weir_json_u64(weir_json_get(one, "position"), &at.at);
        if (!at.at || !file.len || file.len >= sizeof at.file) {
            return weir_fail(err, WEIR_ECORRUPT, "a cursor has no place of a transaction (XA)");
        }
        memcpy(at.file, file.ptr, file.len);
        rc = weir_my_xa_add(c, weir_json_get_str(one, "xid"), &at, err);
    }
    return rc;
}
