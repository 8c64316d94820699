#include "source/run/mark.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/time.h"

#define MAX_CURSOR (16u << 20)

uint64_t weir_source_options_hash(const struct weir_source_stream *s)
{
    const char *const texts[] = {s->table, s->cursor};
    const struct weir_text_list *const lists[] = {&s->key, &s->exclude};
    uint64_t hash = weir_hash64(&s->mode, sizeof s->mode, 1);
    for (size_t i = 0; i < 2; i++) {
        hash = weir_hash64(texts[i], strlen(texts[i]) + 1, hash);
        for (size_t k = 0; k < lists[i]->count; k++) {
            hash = weir_hash64(lists[i]->items[k], strlen(lists[i]->items[k]) + 1, hash + i);
        }
    }
    return hash;
}

static void print_hash(const struct weir_source_stream *s, char out[17])
{
    snprintf(out, 17, "%016" PRIx64, weir_source_options_hash(s));
}

int weir_source_mark_column(const struct weir_source_stream *stream,
                            const struct weir_source_plan *plan, size_t *out,
                            struct weir_error *err)
{
    *out = SIZE_MAX;
    for (size_t i = 0; *stream->cursor && i < plan->column_count; i++) {
        if (weir_str_is(plan->columns[i].name, stream->cursor)) {
            *out = i;
            return 0;
        }
    }
    return *stream->cursor ? weir_source_no_column("cursor", stream->cursor, stream, plan, err) : 0;
}

int weir_source_no_column(const char *what, const char *name,
                          const struct weir_source_stream *stream,
                          const struct weir_source_plan *plan, struct weir_error *err)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct weir_source_column *c = &plan->columns[i];
        if (weir_str_is(c->original, name)) {
            return weir_fail(err, WEIR_EINVAL,
                             "the %s \"%s\" of stream \"%s\" is called \"" WEIR_STR_FMT
                             "\" in its table; write that",
                             what, name, stream->name, WEIR_STR_ARG(c->name));
        }
    }
    return weir_fail(err, WEIR_EINVAL,
                     "the %s \"%s\" of stream \"%s\" is no column of it; `weir source discover` "
                     "shows the columns",
                     what, name, stream->name);
}

/* Rows that are there cannot be told from those that would be read again. */
static bool goes_on(const struct weir_source_stream *stream, struct weir_json root)
{
    struct weir_str table = weir_json_get_str(weir_json_get(root, "made"), "table");
    return stream->mode == WEIR_SOURCE_APPEND &&
           weir_str_is(weir_json_get_str(root, "column"), stream->cursor) &&
           (!table.ptr || weir_str_is(table, stream->table));
}

/* One that moved is the same by its own name, and one that became another server (an upgrade, a
 * replica that took over) by where it is. */
static bool is_other(const struct weir_source_origin *now, const struct weir_source_origin *before)
{
    bool known = now->server.len && before->server.len;
    bool moved = !weir_str_eq(now->at, before->at);
    return !weir_str_eq(now->table, before->table) ||
           (moved && (!known || !weir_str_eq(now->server, before->server)));
}

/* What was read before origins were kept has none. */
static int check_origin(const struct weir_source_stream *stream, struct weir_json kept,
                        const struct weir_source_origin *now, const struct weir_source_plan *plan,
                        bool *same, struct weir_error *err)
{
    const struct weir_source_origin before = {.at = weir_json_get_str(kept, "at"),
                                              .server = weir_json_get_str(kept, "server"),
                                              .table = weir_json_get_str(kept, "table")};
    *same = weir_str_eq(now->at, before.at) && weir_str_eq(now->server, before.server) &&
            weir_str_eq(now->table, before.table);
    if (!weir_json_exists(kept) || !plan->reads || plan->moved ||
        stream->mode == WEIR_SOURCE_REPLACE || !is_other(now, &before)) {
        return 0;
    }
    return weir_fail(err, WEIR_EINVAL,
                     "the table of stream \"%s\" has rows of " WEIR_STR_FMT " at " WEIR_STR_FMT
                     ", and this is " WEIR_STR_FMT " at " WEIR_STR_FMT
                     ": nothing was loaded. `--full` builds the table anew, of these rows alone; "
                     "`--moved` goes on, where the rows are the same and only their place is new",
                     stream->name, WEIR_STR_ARG(before.table), WEIR_STR_ARG(before.at),
                     WEIR_STR_ARG(now->table), WEIR_STR_ARG(now->at));
}

static bool is_ahead(const struct weir_source_stream *stream, const struct weir_source_plan *plan,
                     struct weir_str value)
{
    struct weir_error ignored;
    weir_time when;
    size_t at;
    bool time =
        value.ptr && weir_source_mark_column(stream, plan, &at, &ignored) == 0 && at != SIZE_MAX &&
        (plan->columns[at].type == WEIR_TYPE_DATE || plan->columns[at].type == WEIR_TYPE_TIMESTAMP);
    struct weir_str day = {value.ptr, value.len < 10 ? value.len : 10};
    return time && weir_time_parse_lenient(day, &when) && when > weir_now() + 2 * WEIR_DAY;
}

int weir_source_mark_read(const struct weir_source_stream *stream, struct weir_str cursor,
                          const struct weir_source_origin *origin, struct weir_source_plan *plan,
                          struct weir_source_mark *out, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_buf buf;
    char hash[17];
    print_hash(stream, hash);
    weir_buf_init(&buf, MAX_CURSOR);
    weir_buf_adds(&buf, cursor);
    *out = (struct weir_source_mark){.value = {NULL, 0}};
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc || !cursor.len ? rc : weir_json_parse(parser, weir_buf_str(&buf), &root, err);
    out->other = rc == 0 && cursor.len && !weir_str_is(weir_json_get_str(root, "options"), hash);
    rc = rc || !cursor.len
             ? rc
             : check_origin(stream, weir_json_get(root, "of"), origin, plan, &out->placed, err);
    if (rc == 0 && cursor.len && (!out->other || goes_on(stream, root))) {
        struct weir_str value = weir_json_get_str(root, "value");
        struct weir_str sum = weir_json_get_str(root, "sum");
        out->value = value.ptr ? weir_arena_dup(&plan->arena, value) : value;
        out->sum = sum.ptr ? weir_arena_dup(&plan->arena, sum) : sum;
        (void)weir_json_i64(weir_json_get(root, "equal"), &out->equal);
        if (stream->mode != WEIR_SOURCE_APPEND && is_ahead(stream, plan, out->value)) {
            /* It stood there: no mark does now, but nobody knows what came meanwhile. */
            out->value = (struct weir_str){NULL, 0};
        }
    }
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return rc;
}

static int print(const struct weir_source_stream *stream, const struct weir_source_origin *origin,
                 const struct weir_source_mark *now, struct weir_source_plan *plan,
                 struct weir_error *err)
{
    struct weir_buf out;
    char hash[17];
    print_hash(stream, hash);
    weir_buf_init(&out, MAX_CURSOR);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstrz(&w, "options", hash);
    weir_jw_key(&w, WEIR_STR("of"));
    weir_jw_object(&w);
    weir_jw_kstr(&w, "at", origin->at);
    weir_jw_kstr(&w, "server", origin->server);
    weir_jw_kstr(&w, "table", origin->table);
    weir_jw_object_end(&w);
    if (now->value.ptr) {
        weir_jw_kstrz(&w, "column", stream->cursor);
        weir_jw_kstr(&w, "value", now->value);
        weir_jw_ki64(&w, "equal", now->equal);
        if (now->sum.ptr) {
            weir_jw_kstr(&w, "sum", now->sum);
        }
    }
    weir_jw_object_end(&w);
    return weir_source_plan_keep(plan, &out, &plan->cursor, err);
}

/* Of what is appended each row is read once: those below the greatest value never are. */
static int tell_ahead(const struct weir_source_stream *stream, const struct weir_source_mark *old,
                      const struct weir_source_mark *now, struct weir_source_plan *plan,
                      struct weir_error *err)
{
    if (stream->mode != WEIR_SOURCE_APPEND || weir_str_eq(old->value, now->value) ||
        !is_ahead(stream, plan, now->value)) {
        return 0;
    }
    plan->said = weir_str_of(weir_arena_printf(
        &plan->arena,
        "the cursor %s stands at " WEIR_STR_FMT ", a day to come: rows of days before it that come "
        "later are not read; mend that row at the source, or take `merge`",
        stream->cursor, WEIR_STR_ARG(now->value)));
    return plan->said.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

int weir_source_mark_plan(const struct weir_source_stream *stream, struct weir_str cursor,
                          const struct weir_source_origin *origin,
                          const struct weir_source_mark *old, const struct weir_source_mark *now,
                          struct weir_source_plan *plan, struct weir_error *err)
{
    bool marked = *stream->cursor, append = stream->mode == WEIR_SOURCE_APPEND;
    bool same = old->equal == now->equal && weir_str_eq(old->sum, now->sum);
    plan->other = old->other;
    plan->whole = stream->mode == WEIR_SOURCE_REPLACE ||
                  (marked ? !old->value.ptr : !cursor.len || old->other);
    plan->complete = !marked;
    plan->nothing = marked && old->value.ptr && old->placed &&
                    (!now->value.ptr ||
                     (weir_str_eq(old->value, now->value) && (same || append || !now->equal)));
    int rc = plan->nothing ? 0 : tell_ahead(stream, old, now, plan, err);
    return rc ? rc : print(stream, origin, now, plan, err);
}
