/* What is published of a report: PUT and DELETE /api/reports/{id}/publication, and what GET of the
 * report says of it. */
#ifndef WEIR_SERVE_PUBLICATION_H
#define WEIR_SERVE_PUBLICATION_H

#include "serve/shelf.h"

/* The object, or null. Who may not edit the report learns which version it is, and since when. */
int weir_publication_print(struct weir_shelf_job *job, const struct weir_report_look *look,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* Values that a publication may name for a group: of parameters that the report has, of their kind,
 * and, when they are forced, not empty. `what` is "forced" or "defaults". */
int weir_publication_check_values(const struct weir_data *report, const struct weir_data *values,
                                  const char *what, struct weir_error *err) WEIR_MUST_CHECK;

#endif
