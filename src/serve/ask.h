/* Requests that only the state store answers: JSON in, JSON out, no HTTP; the engine is asked for
 * nothing but whether a condition on rows can be applied.
 *
 * The server calls them for its clients, the command line calls them itself when no server runs; so
 * both have the same rules, the same messages and the same audit log. */
#ifndef WEIR_SERVE_ASK_H
#define WEIR_SERVE_ASK_H

#include <stdatomic.h>

#include "base/json.h"
#include "base/json_write.h"
#include "serve/backoff.h"
#include "serve/caller.h"
#include "warehouse/warehouse.h"

#define WEIR_LINK_LIFE (7 * WEIR_DAY)

struct weir_server;

struct weir_ask {
    struct weir_state *state;
    struct weir_warehouse *warehouse; /* to try conditions on; NULL: they are not tried */
    struct weir_state *runs;          /* the same file, for the history of queries */
    struct weir_server *server;       /* NULL: on the command line */
    struct weir_caller who;
    struct weir_backoff *backoff; /* NULL: on the command line */
    const struct weir_session_limits *limits;
    /* Nobody waits for the answer any more, or the server ends; NULL on the command line. */
    const atomic_bool *stop;
    const char *base;      /* "http://HOST:PORT", for links; "" when not known */
    struct weir_str id;    /* what stood in {id} */
    struct weir_str query; /* what stood behind `?`, raw */
    struct weir_json body; /* an object; absent when there is none */
    weir_time now;
    struct weir_arena arena;

    /* the answer */
    int status; /* 200 unless changed */
    struct weir_buf out;
    struct weir_jw w;                                                     /* on `out` */
    enum { WEIR_COOKIE_KEEP, WEIR_COOKIE_SET, WEIR_COOKIE_CLEAR } cookie; /* to who.session */
    weir_time retry_after;
    char rights_of[WEIR_ID_SIZE]; /* whose rights are others now: an id, "*" for all, "" for none */
};
/* 0, with the answer in `out`; or an error, which becomes the answer (with `status` when it was
 * changed). May run on any thread. */
typedef int (*weir_ask_fn)(struct weir_ask *ask, struct weir_error *err);

/* --- login.c --- */
int weir_ask_setup_needed(struct weir_ask *ask, struct weir_error *err);
int weir_ask_setup(struct weir_ask *ask, struct weir_error *err);
int weir_ask_setup_link(struct weir_ask *ask, struct weir_error *err);
int weir_ask_login(struct weir_ask *ask, struct weir_error *err);
int weir_ask_join(struct weir_ask *ask, struct weir_error *err);
/* --- session.c --- */
int weir_ask_session(struct weir_ask *ask, struct weir_error *err);
int weir_ask_session_change(struct weir_ask *ask, struct weir_error *err);
int weir_ask_logout(struct weir_ask *ask, struct weir_error *err);
/* Begins a session for this person, whom the cookie then names, and prints GET /api/session. */
int weir_ask_enter(struct weir_ask *ask, struct weir_str person, struct weir_error *err);
/* May she give herself this name (ptr NULL: she keeps hers)? Not while rows of some group hang on
 * `user.name`: she would choose what she sees. */
int weir_ask_may_rename(struct weir_ask *ask, const struct weir_person *p, struct weir_str name,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* --- people.c --- */
int weir_ask_people(struct weir_ask *ask, struct weir_error *err);
int weir_ask_person(struct weir_ask *ask, struct weir_error *err);
int weir_ask_person_add(struct weir_ask *ask, struct weir_error *err);
int weir_ask_person_change(struct weir_ask *ask, struct weir_error *err);
int weir_ask_person_remove(struct weir_ask *ask, struct weir_error *err);
int weir_ask_person_invite(struct weir_ask *ask, struct weir_error *err);
/* --- groups.c --- */
int weir_ask_groups(struct weir_ask *ask, struct weir_error *err);
int weir_ask_group(struct weir_ask *ask, struct weir_error *err);
int weir_ask_group_add(struct weir_ask *ask, struct weir_error *err);
int weir_ask_group_put(struct weir_ask *ask, struct weir_error *err);
int weir_ask_group_remove(struct weir_ask *ask, struct weir_error *err);
/* --- tokens.c --- */
int weir_ask_tokens(struct weir_ask *ask, struct weir_error *err);
int weir_ask_token_add(struct weir_ask *ask, struct weir_error *err);
int weir_ask_token_remove(struct weir_ask *ask, struct weir_error *err);
/* --- drafts.c --- */
int weir_ask_draft(struct weir_ask *ask, struct weir_error *err);
int weir_ask_draft_put(struct weir_ask *ask, struct weir_error *err);
int weir_ask_draft_remove(struct weir_ask *ask, struct weir_error *err);
/* --- history.c --- */
int weir_ask_history(struct weir_ask *ask, struct weir_error *err);
/* --- queries.c; only in a server, like the next --- */
/* "id", "email" and "name" as members of an open object; null of people who are gone. */
void weir_ask_print_person(struct weir_ask *ask, struct weir_str id);
int weir_ask_queries(struct weir_ask *ask, struct weir_error *err);
int weir_ask_query_cancel(struct weir_ask *ask, struct weir_error *err);
/* --- usage.c --- */
int weir_ask_usage(struct weir_ask *ask, struct weir_error *err);
/* --- events.c --- */
int weir_ask_events(struct weir_ask *ask, struct weir_error *err);
int weir_ask_event(struct weir_ask *ask, struct weir_error *err);
/* --- source_ask.c --- */
int weir_ask_connectors(struct weir_ask *ask, struct weir_error *err);
int weir_ask_sources(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_preview(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_add(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_change(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_remove(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_check(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_discover(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_sync(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_verify(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_pause(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_resume(struct weir_ask *ask, struct weir_error *err);
int weir_ask_source_runs(struct weir_ask *ask, struct weir_error *err);
int weir_ask_run(struct weir_ask *ask, struct weir_error *err);
int weir_ask_run_cancel(struct weir_ask *ask, struct weir_error *err);
/* --- audit.c --- */
int weir_ask_audit(struct weir_ask *ask, struct weir_error *err);

/* --- ask.c: what the files above share --- */
/* An object that holds nothing but these keys. `known` ends with NULL. */
int weir_ask_keys(struct weir_json object, const char *what, const char *const *known,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* The text at `key`; absent (ptr NULL) only when it need not be there. */
int weir_ask_text(const struct weir_ask *ask, const char *key, bool needed, struct weir_str *out,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* The value of a query parameter, in the arena; ptr NULL: absent. */
struct weir_str weir_ask_param(struct weir_ask *ask, const char *name);
/* A list of text at `key` of `object`; absent: *out is NULL. */
int weir_ask_texts(struct weir_ask *ask, struct weir_json object, const char *key,
                   struct weir_str **out, size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
/* The value as compact JSON, in the arena. */
int weir_ask_json(struct weir_ask *ask, struct weir_json value, struct weir_str *out,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EUNSUPPORTED on the command line. */
int weir_ask_needs_server(const struct weir_ask *ask, struct weir_error *err) WEIR_MUST_CHECK;
/* Streams that this person (NULL: anybody) listens to are to be let in anew. */
void weir_ask_rights(struct weir_ask *ask, const struct weir_str *person);
/* Notes what the caller did. `detail`: a JSON object, or empty. */
int weir_ask_note(struct weir_ask *ask, const char *action, struct weir_str object,
                  struct weir_str detail, struct weir_error *err) WEIR_MUST_CHECK;
/* The person of `id`, which may also be an e-mail address. */
int weir_ask_find_person(struct weir_ask *ask, struct weir_str id, struct weir_person *out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* {"link","expires_at"} with a fresh one-time link to `page`, for `person` (empty: the set-up's).
 */
int weir_ask_print_link(struct weir_ask *ask, const char *page, struct weir_str person,
                        struct weir_error *err) WEIR_MUST_CHECK;

void weir_ask_init(struct weir_ask *ask);
void weir_ask_free(struct weir_ask *ask);
/* Reads the body: an object, or nothing. The parser owns what `ask->body` points to. */
int weir_ask_read_body(struct weir_ask *ask, struct weir_json_parser *parser, struct weir_str text,
                       struct weir_error *err) WEIR_MUST_CHECK;

#endif
