/* Templates (src/param) compiled for one workspace and its warehouse: views/, snippets/ and
 * definitions/ are the workspace's files, the catalog is the warehouse's.
 *
 * Read by the API's handlers and, when no server runs, by `weir query`. */
#ifndef WEIR_SERVE_TEMPLATE_H
#define WEIR_SERVE_TEMPLATE_H

#include "access/access.h"
#include "param/param.h"
#include "warehouse/warehouse.h"
#include "workspace/workspace.h"

struct weir_template_site {
    const struct weir_workspace *workspace;
    struct weir_warehouse *warehouse;
    const char *zone;                 /* the site's time zone */
    weir_time now;                    /* what "today" is made of; 0: the time now */
    int64_t utc_offset;               /* of it, now: weir_template_offset() */
    int fiscal_year_start;            /* the month; 0: January */
    const struct weir_access *access; /* whose tables and columns there are; NULL: all */
    bool ask; /* may the engine be asked for its catalog? else WEIR_EAGAIN if it must */
};

struct weir_template {
    struct weir_arena arena;
    struct weir_param_output out;
    struct weir_param *params; /* the output's values as the warehouse takes them */
    size_t param_count;
};

/* weir_warehouse_offset() of the setting query.time_zone, which an error names. */
int weir_template_offset(struct weir_warehouse *warehouse, const char *zone, weir_time now,
                         int64_t *offset, struct weir_error *err) WEIR_MUST_CHECK;
/* `raw` are values for placeholders that stand in the text by hand; a name that both have is an
 * error. Free `out` also after a failure: it has the error's place. */
int weir_template_compile(const struct weir_template_site *site, struct weir_str sql,
                          struct weir_json values, const struct weir_param *raw, size_t raw_count,
                          struct weir_template *out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_template_free(struct weir_template *t);

/* What runs of it for the site's person: her rules put in, their values beside the template's. In
 * t's arena. For administrators, because it shows the rules. */
int weir_template_rule(const struct weir_template_site *site, struct weir_template *t,
                       struct weir_compiled *out, struct weir_error *err) WEIR_MUST_CHECK;

/* What POST /api/compile answers: {"sql","params","fields","reads","errors"}, and "ruled" unless
 * that is NULL. `failure` is NULL when it compiled. */
void weir_template_print(struct weir_jw *w, const struct weir_template *t, const char *text,
                         const struct weir_error *failure, const struct weir_compiled *ruled);
/* {"offset","line","column"} of a byte of a text. */
void weir_template_position(struct weir_jw *w, const char *text, int64_t offset);

#endif
