#include "source/define/account.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "source/feed/program.h"
#include "source/ledger/ledger.h"
#include "source/schedule/schedule.h"

#define MAX_NAMED  32 /* settings that name an account */
#define MAX_SHOWN  80 /* of a value; of a longer one its hash is said */
#define MAX_DEPTH  4
#define MAX_CURSOR (16u << 20)

/* Words of settings that name whose rows are read: `subdomain`, `accountId`, `base_url`. All others
 * may be changed as one likes (`start_date`, `page_size`). */
static const char *const words[] = {
    "account",      "advertiser",   "app",      "application", "bucket",     "company",  "customer",
    "database",     "dataset",      "db",       "dbname",      "domain",     "email",    "endpoint",
    "environment",  "host",         "hostname", "instance",    "login",      "merchant", "org",
    "organisation", "organization", "owner",    "port",        "portal",     "profile",  "project",
    "property",     "realm",        "region",   "repo",        "repository", "sandbox",  "seller",
    "server",       "shop",         "site",     "store",       "subdomain",  "team",     "tenant",
    "uri",          "url",          "user",     "username",    "workspace",  NULL};

struct named {
    const char *items[MAX_NAMED];
    size_t count;
    struct weir_arena *arena;
    bool full; /* the arena */
};

static bool is_word(const char *plain)
{
    for (const char *const *w = words; *w; w++) {
        if (strcmp(*w, plain) == 0) {
            return true;
        }
    }
    return false;
}

/* Has it one of the words, and none that says it is the name of the reader (`user_agent`)? */
static bool names_account(struct weir_str key)
{
    char word[32];
    size_t n = 0;
    bool any = false;
    for (size_t i = 0; i <= key.len; i++) {
        char c = i < key.len ? key.ptr[i] : 0;
        bool capital = c >= 'A' && c <= 'Z';
        bool begins = capital && i && key.ptr[i - 1] >= 'a' && key.ptr[i - 1] <= 'z';
        char small = capital ? (char)(c - 'A' + 'a') : c;
        bool letter = small >= 'a' && small <= 'z';
        if (n && (!letter || begins)) {
            word[n] = 0;
            n = 0;
            any = any || is_word(word);
            if (strcmp(word, "agent") == 0) {
                return false;
            }
        }
        if (letter && n + 1 < sizeof word) {
            word[n++] = small;
        }
    }
    return any;
}

static void add(struct named *out, struct weir_str key, struct weir_str value)
{
    char hash[20];
    if (value.len > MAX_SHOWN) {
        snprintf(hash, sizeof hash, "#%016" PRIx64, weir_hash64(value.ptr, value.len, 1));
        value = weir_str_of(hash);
    }
    const char *text = weir_arena_printf(out->arena, WEIR_STR_FMT ": " WEIR_STR_FMT,
                                         WEIR_STR_ARG(key), WEIR_STR_ARG(value));
    out->full = out->full || !text;
    if (text && out->count < MAX_NAMED) {
        out->items[out->count++] = text;
    }
}

/* Lists are of what is read of an account. */
static void look_into(const struct weir_data *config, unsigned depth, struct named *out)
{
    for (const struct weir_data *m = config ? config->first : NULL; m; m = m->next) {
        if (m->type == WEIR_DATA_OBJECT && depth &&
            !weir_str_is(m->key, "__injected_declarative_manifest")) {
            look_into(m, depth - 1, out);
        } else if ((m->type == WEIR_DATA_TEXT || m->type == WEIR_DATA_NUMBER) && m->text.len &&
                   names_account(m->key)) {
            add(out, m->key, m->text);
        } else if (m->type == WEIR_DATA_BOOL && names_account(m->key)) {
            add(out, m->key, m->truth ? WEIR_STR("true") : WEIR_STR("false"));
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Without its version. */
static struct weir_str program_of(const struct weir_program_settings *p)
{
    struct weir_str name = weir_str_of(p->package);
    if (p->image && *p->image) {
        name = weir_str_of(p->image);
        const char *base = strrchr(p->image, '/');
        const char *tag = strpbrk(base ? base : p->image, ":@");
        return tag ? (struct weir_str){name.ptr, (size_t)(tag - name.ptr)} : name;
    }
    if (!name.len) {
        const char *base = strrchr(p->executable, '/');
        return weir_str_of(base ? base + 1 : p->executable);
    }
    return (struct weir_str){name.ptr, strcspn(name.ptr, "[=")};
}

struct weir_str weir_source_account(const struct weir_source_config *config,
                                    struct weir_arena *arena)
{
    const struct weir_program_settings *p = config->connection; /* first in it */
    struct named named = {.arena = arena};
    struct weir_buf out;
    weir_buf_init(&out, 1u << 16);
    look_into(p->config, MAX_DEPTH, &named);
    qsort(named.items, named.count, sizeof named.items[0], by_text);
    weir_buf_adds(&out, program_of(p));
    for (size_t i = 0; i < named.count; i++) {
        weir_buf_addf(&out, "%s%s", i ? ", " : " (", named.items[i]);
    }
    weir_buf_addz(&out, named.count ? ")" : "");
    struct weir_str text = weir_buf_ok(&out) && !named.full
                               ? weir_arena_dup(arena, weir_buf_str(&out))
                               : (struct weir_str){NULL, 0};
    weir_buf_free(&out);
    return text;
}

/* --- what is there ------------------------------------------------------------------------------
 */

/* The cursor says from now on that its rows are of this account. */
static int say(const struct weir_stream_run *r, struct weir_data *cursor, struct weir_str account,
               struct weir_arena *arena, struct weir_error *err)
{
    struct weir_data *of = weir_data_new(arena, WEIR_DATA_OBJECT);
    struct weir_data *at = weir_data_text(arena, account);
    if (!of || !at || !weir_data_set(arena, of, WEIR_STR("at"), at) ||
        !weir_data_set(arena, cursor, WEIR_STR("of"), of)) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    struct weir_buf out;
    weir_buf_init(&out, MAX_CURSOR);
    struct weir_jw w = weir_jw_on(&out);
    weir_data_print(cursor, &w);
    int rc = weir_buf_check(&out, "a cursor", err);
    rc = rc ? rc : weir_session_begin(r->session, err);
    if (rc == 0) {
        rc = weir_source_ledger_set_cursor(r->session, r->config->name, r->stream.name,
                                           r->config->schema, r->load.run, weir_buf_str(&out),
                                           weir_now(), err);
        rc = rc ? rc : weir_session_commit(r->session, err);
        if (rc) {
            weir_session_rollback(r->session);
        }
    }
    weir_buf_free(&out);
    return rc;
}

static int refuse(const struct weir_stream_run *r, bool removed, struct weir_str before,
                  struct weir_str now, struct weir_error *err)
{
    char word[WEIR_SOURCE_WORD];
    const char *name =
        r->run->stream ? weir_source_word(r->config->name, r->run->stream, word) : r->config->name;
    char why[600];
    if (removed) {
        snprintf(why, sizeof why,
                 "a source of this name that was removed, and nobody can tell "
                 "whether this one's account is the same");
    } else {
        snprintf(why, sizeof why, WEIR_STR_FMT ", and this is " WEIR_STR_FMT, WEIR_STR_ARG(before),
                 WEIR_STR_ARG(now));
    }
    return weir_fail(err, WEIR_EINVAL,
                     "the table of stream \"%s\" has rows of %s: nothing was loaded. `weir sync %s "
                     "--full` builds the tables anew, of this one's rows alone; `weir sync %s "
                     "--moved` goes on, where it is the same account",
                     r->stream.name, why, name, name);
}

/* Rows of a source that is gone, which its mode promised to keep, go only when somebody says so. */
int weir_source_account_left(struct weir_stream_run *r, const struct weir_source_owner *owner,
                             struct weir_error *err)
{
    char word[WEIR_SOURCE_WORD];
    struct weir_str mode;
    uint64_t rows = 0;
    struct weir_buf sql;
    if (r->run->full || r->run->verify || r->parent) {
        return 0;
    }
    weir_buf_init(&sql, 4096);
    weir_buf_addz(&sql, "SELECT count(*) FROM ");
    weir_sql_table(&sql, weir_str_of(r->config->schema), weir_str_of(r->stream.table));
    int rc = weir_source_ledger_mode(r->session, owner->source.ptr, owner->stream.ptr,
                                     &r->plan.arena, &mode, err);
    rc = rc ? rc : weir_session_number_buf(r->session, &sql, &rows, err);
    weir_buf_free(&sql);
    if (rc || !rows || weir_str_is(mode, weir_source_mode_name(WEIR_SOURCE_REPLACE))) {
        return rc;
    }
    return weir_fail(err, WEIR_EINVAL,
                     "%s.%s has %llu rows of the source \"%s\" (stream \"%s\"), which does not "
                     "load it any more: nothing was loaded. `weir sync %s --full` builds the table "
                     "anew, of this one's rows alone; else give the stream another `table:`, or "
                     "the source another `schema:`",
                     r->config->schema, r->stream.table, (unsigned long long)rows,
                     owner->source.ptr, owner->stream.ptr,
                     weir_source_word(r->config->name, r->stream.name, word));
}

int weir_source_account_removed(const struct weir_source_run *run, weir_time *out,
                                struct weir_error *err)
{
    struct weir_source_turn turn = {0};
    int rc = weir_source_turn_get(run->site, run->source, "removed", &turn, err);
    *out = turn.began;
    return rc;
}

int weir_source_account_check(const struct weir_stream_run *r, struct weir_str cursor,
                              weir_time removed, bool adopt, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_arena arena;
    struct weir_buf text;
    weir_time since = 0;
    weir_arena_init(&arena, MAX_CURSOR);
    weir_buf_init(&text, MAX_CURSOR);
    weir_buf_adds(&text, cursor);
    bool read = parser && r->target && cursor.len && weir_buf_ok(&text) &&
                weir_json_parse(parser, weir_buf_str(&text), &root, err) == 0;
    struct weir_str mode =
        read ? weir_json_get_str(weir_json_get(root, "made"), "mode") : weir_str_of("replace");
    int rc = 0;
    if (!r->run->full && !weir_str_is(mode, weir_source_mode_name(WEIR_SOURCE_REPLACE))) {
        struct weir_str before = weir_json_get_str(weir_json_get(root, "of"), "at");
        struct weir_str now = weir_source_account(r->config, &arena);
        rc = now.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
        rc = rc || !removed ? rc
                            : weir_source_ledger_since(r->session, r->config->name, r->stream.name,
                                                       &since, err);
        bool left = removed && since <= removed;
        bool other = before.ptr && !weir_str_eq(before, now);
        if (rc == 0 && (left || other) && !r->run->moved) {
            rc = refuse(r, left, before, now, err);
        } else if (rc == 0 && adopt && (left || other || !before.ptr)) {
            struct weir_data *kept = NULL;
            rc = weir_data_from_json(&arena, root, &kept, err);
            rc = rc ? rc : say(r, kept, now, &arena, err);
        }
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    weir_arena_free(&arena);
    return rc;
}
