/* Tells whoever follows GET /api/changes of sources: runs that begin, go on and end, files that
 * change. Twice a second at most. */
#ifndef WEIR_SERVE_SOURCE_NEWS_H
#define WEIR_SERVE_SOURCE_NEWS_H

#include "base/error.h"

struct weir_server;
struct weir_source_news;

int weir_source_news_new(struct weir_server *server, struct weir_source_news **out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* To be called before the runs and the streams go. NULL is fine. */
void weir_source_news_free(struct weir_source_news *news);

#endif
