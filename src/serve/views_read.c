#include "serve/views_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hash.h"

void weir_view_keep_out(struct weir_view *view, bool of_engine, const char *why)
{
    view->state.warehouse = false;
    view->state.of_engine = of_engine;
    snprintf(view->state.reason, sizeof view->state.reason, "%.590s", why);
}

static bool in_name(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool weir_view_is_read(const char *sql, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = sql; (at = strcasestr(at, "views")) != NULL; at++) {
        const char *rest = at + 5;
        if (at > sql && in_name(at[-1])) {
            continue;
        }
        rest += *rest == '"';
        rest += strspn(rest, " \t\r\n");
        if (*rest != '.') {
            continue;
        }
        rest += 1 + strspn(rest + 1, " \t\r\n");
        rest += *rest == '"';
        if (strncasecmp(rest, name, n) == 0 && !in_name(rest[n])) {
            return true;
        }
    }
    return false;
}

/* Can `from` be reached again from list[at], by views that are not in? `seen` has a mark a view. */
static bool leads_to(const struct weir_view *list, size_t count, size_t at, size_t from, bool *seen,
                     unsigned depth)
{
    for (size_t i = 0; i < count && depth < 200; i++) {
        if (list[i].sql && !list[i].state.warehouse &&
            weir_view_is_read(list[at].sql, list[i].name)) {
            if (i == from) {
                return true;
            }
            if (!seen[i]) {
                seen[i] = true;
                if (leads_to(list, count, i, from, seen, depth + 1)) {
                    return true;
                }
            }
        }
    }
    return false;
}

void weir_view_explain(struct weir_view *list, size_t count, size_t at)
{
    char why[600];
    bool *seen = calloc(count + 1, sizeof *seen);
    if (seen && leads_to(list, count, at, at, seen, 0)) {
        weir_view_keep_out(&list[at], false,
                           weir_view_is_read(list[at].sql, list[at].name)
                               ? "it reads itself"
                               : "it reads itself, by way of another view");
        free(seen);
        return;
    }
    free(seen);
    for (size_t i = 0; i < count; i++) {
        if (i != at && !list[i].state.warehouse && weir_view_is_read(list[at].sql, list[i].name)) {
            snprintf(why, sizeof why, "it reads views.%s, which is not in the warehouse",
                     list[i].name);
            weir_view_keep_out(&list[at], false, why);
            return;
        }
    }
}

int weir_view_find_text(struct weir_view *list, size_t count, size_t at, struct weir_error *err)
{
    struct weir_buf all;
    bool *in = calloc(count + 1, sizeof *in);
    size_t *found = calloc(count + 1, sizeof *found), n = 1;
    weir_buf_init(&all, 1u << 30);
    if (in && found) {
        in[at] = true;
        found[0] = at;
    }
    for (size_t k = 0; in && found && k < n; k++) {
        const struct weir_view *view = &list[found[k]];
        weir_buf_addf(&all, "%s %zu ", view->name, strlen(view->sql));
        weir_buf_addz(&all, view->sql);
        for (size_t i = 0; list[at].materialized && i < count; i++) {
            if (!in[i] && list[i].sql && strcasestr(view->sql, list[i].name)) {
                in[i] = true;
                found[n++] = i;
            }
        }
    }
    int rc = !in || !found ? weir_fail(err, WEIR_ENOMEM, "no memory for the views")
                           : weir_buf_check(&all, "the texts of views", err);
    struct weir_hash128 h = weir_hash128(all.data, all.len);
    snprintf(list[at].text.hex, sizeof list[at].text.hex, "%016llx%016llx",
             (unsigned long long)h.hi, (unsigned long long)h.lo);
    weir_buf_free(&all);
    free(in);
    free(found);
    return rc;
}
