/* Private to src/serve: which key a query of a report had the last time, so that a page that is
 * asked for again need not compile its queries to find their results.
 *
 * It holds for the documents as they are known, the catalog and the (rounded) time that it was made
 * with, and is empty as soon as one of them is another. The loop's thread. */
#ifndef WEIR_SERVE_PAGE_MEMO_H
#define WEIR_SERVE_PAGE_MEMO_H

#include "serve/server.h"
#include "workspace/document.h"

struct weir_page_memo;

struct weir_page_memo *weir_page_memo_new(void); /* NULL without memory */
void weir_page_memo_free(struct weir_page_memo *memo);
/* Before the others, in each request; what was made for something else is forgotten. Gives a number
 * for weir_page_memo_add. */
uint64_t weir_page_memo_begin(struct weir_page_memo *memo, const struct weir_server *server,
                              weir_time now);
struct weir_page_key {
    struct weir_str key;    /* ptr NULL: it is not known */
    struct weir_str params; /* which parameters were asked for: a JSON list */
};
/* `question`: all that decides how a query is compiled, any bytes. */
struct weir_page_key weir_page_memo_find(const struct weir_page_memo *memo,
                                         struct weir_str question);
/* What was compiled since weir_page_memo_begin gave `when`. */
void weir_page_memo_add(struct weir_page_memo *memo, uint64_t when, struct weir_str question,
                        struct weir_page_key key);

#endif
