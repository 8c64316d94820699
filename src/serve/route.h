/* Private to src/serve: the table of routes. */
#ifndef WEIR_SERVE_ROUTE_H
#define WEIR_SERVE_ROUTE_H

#include "serve/ask.h"
#include "serve/server.h"

/* Who may use a route. Everybody above may, too. */
enum weir_who { WEIR_WHO_ANYBODY, WEIR_WHO_PERSON, WEIR_WHO_EDITOR, WEIR_WHO_ADMIN };

struct weir_serve_route {
    enum weir_http_method method;
    const char *path; /* {id} stands for one segment */
    enum weir_who who;
    enum weir_scope scope; /* what an API token needs, beside its person's role */
    /* One of the two: a handler that answers by itself, or one that only the state store answers.
     */
    void (*handle)(const struct weir_call *call);
    weir_ask_fn ask;
    /* NULL, or: the body is no JSON; called before it is read. True when it was answered. */
    bool (*receive)(const struct weir_call *call);
    bool rest;  /* {id}, which is last, may hold slashes */
    bool bytes; /* the body is no JSON; the handler looks at its type */
    bool slow;  /* ask: on a thread of its own (it hashes a password) */
    bool waits; /* likewise, on one of others: it may wait for another system */
    bool asks;  /* likewise: it asks the warehouse, and nothing else that could take long */
    bool pass;  /* with a pass: for its report only */
    bool embed; /* from an embedded page: for its report only */
    bool reads; /* may be used through another's eyes; every GET may */
};

/* The route for this method and path; `id` gets what stood in {id}. NULL: none; `allowed` then
 * holds the methods that the path takes (0: there is no such path). */
const struct weir_serve_route *weir_serve_find_route(unsigned method, struct weir_str path,
                                                     struct weir_str *id, unsigned *allowed);

/* "GET" */
const char *weir_serve_method_name(unsigned method);

/* Finds out who asks and whether she may: fills call->who, or answers and returns false. A route
 * that is not there is NULL. */
bool weir_serve_admit(struct weir_call *call, const struct weir_serve_route *route);

#endif
