/* People for the tests of rules, as tests/cases/rules describes them:
 *
 *     --@ person ann            begins one; email is ann@example.org
 *     --@ text country de       an attribute (int, list with commas; nothing behind: empty)
 *     --@ grant sales web.users a line of a group
 *     --@ rows sport = 'golf'   ... its condition
 *     --@ hide secret,paid      ... its hidden columns
 *     --@ mask email            ... its masked columns */
#ifndef WEIR_TEST_RULES_FIXTURE_H
#define WEIR_TEST_RULES_FIXTURE_H

#include "warehouse.h"

#include "access/access.h"
#include "base/map.h"
#include "cases.h"

struct person {
    struct weir_access access;
    struct weir_grant grants[16];
    struct weir_attribute attributes[16];
    struct weir_str name;
};

static struct weir_arena people_arena;
static struct person *people[64];
static size_t people_count;

static inline const struct weir_str *split_commas(struct weir_str text, size_t *count)
{
    struct weir_str *items = weir_arena_calloc(&people_arena, 64 * sizeof *items);
    assert_non_null(items);
    for (*count = 0; text.len && text.ptr && *count < 64;) {
        items[(*count)++] = weir_arena_dup(&people_arena, weir_str_trim(weir_str_cut(&text, ',')));
    }
    return items;
}

static inline struct weir_attribute *add_attribute(struct person *p, struct weir_str name,
                                                   enum weir_attribute_kind kind)
{
    assert_true(p->access.attribute_count < 16);
    struct weir_attribute *a = &p->attributes[p->access.attribute_count++];
    *a = (struct weir_attribute){.name = weir_arena_dup(&people_arena, name), .kind = kind};
    return a;
}

static inline void begin_person(struct weir_str name)
{
    struct person *p = weir_arena_calloc(&people_arena, sizeof *p);
    assert_true(p && people_count < 64);
    p->name = weir_arena_dup(&people_arena, name);
    p->access.email = weir_str_of(
        weir_arena_printf(&people_arena, WEIR_STR_FMT "@example.org", WEIR_STR_ARG(name)));
    p->access.grants = p->grants;
    p->access.attributes = p->attributes;
    add_attribute(p, WEIR_STR("email"), WEIR_ATTRIBUTE_TEXT)->text = p->access.email;
    people[people_count++] = p;
}

/* One line without its `--@ `. */
static inline void read_person_line(struct weir_str rest)
{
    struct weir_str verb = weir_str_cut(&rest, ' ');
    struct person *p = people_count ? people[people_count - 1] : NULL;
    struct weir_grant *grant =
        p && p->access.grant_count ? &p->grants[p->access.grant_count - 1] : NULL;
    if (weir_str_is(verb, "person")) {
        begin_person(rest);
    } else if (weir_str_is(verb, "text")) {
        struct weir_str name = weir_str_cut(&rest, ' ');
        add_attribute(p, name, WEIR_ATTRIBUTE_TEXT)->text = weir_arena_dup(&people_arena, rest);
    } else if (weir_str_is(verb, "int")) {
        struct weir_str name = weir_str_cut(&rest, ' ');
        assert_true(
            weir_str_to_i64(rest, &add_attribute(p, name, WEIR_ATTRIBUTE_INTEGER)->integer));
    } else if (weir_str_is(verb, "list")) {
        struct weir_attribute *a = add_attribute(p, weir_str_cut(&rest, ' '), WEIR_ATTRIBUTE_LIST);
        a->items = split_commas(rest, &a->item_count);
    } else if (weir_str_is(verb, "grant")) {
        assert_true(p->access.grant_count < 16);
        grant = &p->grants[p->access.grant_count++];
        grant->group = weir_arena_dup(&people_arena, weir_str_cut(&rest, ' '));
        grant->schema = weir_arena_dup(&people_arena, weir_str_cut(&rest, '.'));
        grant->table = weir_arena_dup(&people_arena, rest);
    } else if (weir_str_is(verb, "rows")) {
        grant->rows = weir_arena_dup(&people_arena, rest);
    } else if (weir_str_is(verb, "hide")) {
        grant->hidden = split_commas(rest, &grant->hidden_count);
    } else if (weir_str_is(verb, "mask")) {
        grant->masked = split_commas(rest, &grant->masked_count);
    } else {
        fail_msg("not understood: --@ " WEIR_STR_FMT, WEIR_STR_ARG(verb));
    }
}

static inline struct person *person_named(struct weir_str name)
{
    for (size_t i = 0; i < people_count; i++) {
        if (weir_str_eq(people[i]->name, name)) {
            return people[i];
        }
    }
    fail_msg("no person " WEIR_STR_FMT, WEIR_STR_ARG(name));
    return NULL;
}

static inline void become(struct weir_session *session, const char *name)
{
    struct person *p = name ? person_named(weir_str_of(name)) : NULL;
    if (p) {
        ASSERT_OK(weir_access_seal(&p->access, &err), err);
    }
    ASSERT_OK(weir_session_set_access(session, p ? &p->access : NULL, &err), err);
}

static inline int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of `text`, which is changed, in order; the caller frees. */
static inline char *sorted_lines(char *text)
{
    size_t count = 0, cap = 1, n = strlen(text);
    for (char *p = text; *p; p++) {
        cap += *p == '\n';
    }
    char **lines = malloc((cap + 1) * sizeof *lines), *save = NULL, *out = calloc(1, n + 2);
    assert_true(lines && out);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, by_text);
    char *at = out;
    for (size_t i = 0; i < count; i++) {
        at = stpcpy(stpcpy(at, lines[i]), "\n");
    }
    free(lines);
    return out;
}

/* The tables of tests/cases/rules/setup.sql, and no people yet. */
static inline int make_rules(void **state)
{
    if (make(state)) {
        return -1;
    }
    weir_arena_init(&people_arena, 64u << 20);
    people_count = 0;
    struct weir_buf setup = cases_read("rules/setup.sql");
    struct weir_str sql = weir_buf_str(&setup);
    (void)weir_str_cut(&sql, '\n');
    int rc = weir_session_exec(owner, sql.ptr, &err);
    weir_buf_free(&setup);
    return rc;
}

static inline int unmake_rules(void **state)
{
    weir_arena_free(&people_arena);
    return unmake(state);
}

#endif
