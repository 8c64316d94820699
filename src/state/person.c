#include "state/person.h"

#include "state/db.h"

#define COLUMNS                                                                                    \
    "id, email, name, role, disabled, password is null, attributes, preferences, created_at, "     \
    "last_seen_at"

static const char *const role_names[] = {"viewer", "editor", "admin"};

const char *weir_role_name(enum weir_role role)
{
    return role_names[role];
}

bool weir_role_parse(struct weir_str name, enum weir_role *out)
{
    for (int i = WEIR_ROLE_VIEWER; i <= WEIR_ROLE_ADMIN; i++) {
        if (weir_str_is(name, role_names[i])) {
            *out = (enum weir_role)i;
            return true;
        }
    }
    return false;
}

/* --- spelling ------------------------------------------------------------------------------- */

/* RFC 5321's "atext" and dots; what else it allows in quotes, nobody has. */
static bool local_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr(".!#$%&'*+-/=?^_`{|}~", c));
}

static bool dots_are_well(struct weir_str s)
{
    if (s.len == 0 || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.') {
        return false;
    }
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '.' && s.ptr[i - 1] == '.') {
            return false;
        }
    }
    return true;
}

static bool well_formed(const char *email, size_t len)
{
    const char *at = memchr(email, '@', len);
    struct weir_str local = {email, at ? (size_t)(at - email) : 0};
    struct weir_str domain = {at ? at + 1 : "", at ? len - local.len - 1 : 0};
    if (!at || local.len > 64 || !dots_are_well(local) || !dots_are_well(domain)) {
        return false;
    }
    for (size_t i = 0; i < local.len; i++) {
        if (!local_char(local.ptr[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < domain.len; i++) {
        char c = domain.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) {
            return false;
        }
    }
    return true;
}

int weir_email_normal(struct weir_str email, char out[WEIR_MAX_EMAIL + 1], struct weir_error *err)
{
    struct weir_str s = weir_str_trim(email);
    if (s.len == 0 || s.len > WEIR_MAX_EMAIL) {
        return weir_fail(err, WEIR_EINVAL, "an e-mail address has 1 to %d characters",
                         WEIR_MAX_EMAIL);
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if ((unsigned char)c >= 0x80) {
            return weir_fail(err, WEIR_EINVAL,
                             "an e-mail address may hold ASCII only, so that no two look alike; "
                             "write its domain in the xn-- form");
        }
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out[s.len] = 0;
    return well_formed(out, s.len)
               ? 0
               : weir_fail(err, WEIR_EINVAL,
                           "this is no e-mail address; write it as ada@example.com");
}

int weir_name_check(struct weir_str name, struct weir_error *err)
{
    if (weir_str_trim(name).len == 0 || name.len > WEIR_MAX_NAME || !weir_utf8_valid(name)) {
        return weir_fail(err, WEIR_EINVAL, "a name has 1 to %d bytes of UTF-8", WEIR_MAX_NAME);
    }
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f) {
            return weir_fail(err, WEIR_EINVAL, "a name holds no control characters");
        }
    }
    return 0;
}

/* --- reading -------------------------------------------------------------------------------- */

int weir_people_began(struct weir_state *state, bool *out, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select 1 from facts where key = 'people_began'");
    *out = weir_db_row(&q);
    return weir_db_end(&q, err);
}

int weir_people_count(struct weir_state *state, int64_t *out, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select count(*) from people");
    *out = weir_db_row(&q) ? weir_db_int(&q, 0) : 0;
    return weir_db_end(&q, err);
}

static void read_row(struct weir_db *q, struct weir_arena *arena, struct weir_person *out)
{
    *out = (struct weir_person){.id = weir_db_str(q, 0, arena),
                                .email = weir_db_str(q, 1, arena),
                                .name = weir_db_str(q, 2, arena),
                                .role = WEIR_ROLE_VIEWER,
                                .disabled = weir_db_int(q, 4) != 0,
                                .invited = weir_db_int(q, 5) != 0,
                                .attributes = weir_db_str(q, 6, arena),
                                .preferences = weir_db_str(q, 7, arena),
                                .created_at = weir_db_int(q, 8),
                                .last_seen_at = weir_db_int(q, 9)};
    weir_role_parse(weir_db_str(q, 3, arena), &out->role);
}

int weir_people_list(struct weir_state *state, struct weir_arena *arena, struct weir_person **out,
                     size_t *count, struct weir_error *err)
{
    int64_t all = 0;
    size_t n = 0;
    int rc = weir_state_begin(state, err); /* one view of the table */
    if (rc) {
        return rc;
    }
    rc = weir_people_count(state, &all, err);
    *out = rc ? NULL : weir_arena_calloc(arena, (size_t)(all + 1) * sizeof **out);
    if (rc == 0 && !*out) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the list of people");
    }
    if (rc == 0) {
        struct weir_db q =
            weir_db_on(state, "select " COLUMNS " from people order by name collate nocase, email");
        while (n < (size_t)all && weir_db_row(&q)) {
            read_row(&q, arena, &(*out)[n++]);
        }
        rc = weir_db_end(&q, err);
    }
    *count = n;
    return weir_state_end(state, rc, err);
}

static int read_one(struct weir_db *q, struct weir_arena *arena, struct weir_person *out,
                    struct weir_error *err)
{
    bool found = weir_db_row(q);
    if (found) {
        read_row(q, arena, out);
    }
    int rc = weir_db_end(q, err);
    return rc == 0 && !found ? weir_fail(err, WEIR_ENOENT, "there is no such person") : rc;
}

int weir_person_get(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                    struct weir_person *out, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select " COLUMNS " from people where id = ?");
    weir_db_text(&q, id);
    return read_one(&q, arena, out, err);
}

int weir_person_by_email(struct weir_state *state, struct weir_str email, struct weir_arena *arena,
                         struct weir_person *out, struct weir_error *err)
{
    char normal[WEIR_MAX_EMAIL + 1];
    if (weir_email_normal(email, normal, err)) {
        return weir_fail(err, WEIR_ENOENT, "there is no such person");
    }
    struct weir_db q = weir_db_on(state, "select " COLUMNS " from people where email = ?");
    weir_db_textz(&q, normal);
    return read_one(&q, arena, out, err);
}

/* --- writing -------------------------------------------------------------------------------- */

static struct weir_str object_or_empty(struct weir_str json)
{
    return json.len ? json : WEIR_STR("{}");
}

static int explain(int rc, struct weir_error *err)
{
    return rc == WEIR_EEXIST
               ? weir_fail(err, rc, "somebody with this e-mail address is here already")
               : rc;
}

static int insert(struct weir_state *state, const struct weir_person *p, const char *email,
                  struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "insert into people (id, email, name, role, attributes, created_at) "
                          "values (?, ?, ?, ?, ?, ?)");
    weir_db_text(&q, p->id);
    weir_db_textz(&q, email);
    weir_db_text(&q, p->name);
    weir_db_textz(&q, role_names[p->role]);
    weir_db_text(&q, object_or_empty(p->attributes));
    weir_db_i64(&q, p->created_at);
    int rc = explain(weir_db_run(&q, NULL, err), err);
    if (rc == 0) {
        q = weir_db_on(state,
                       "insert or ignore into facts (key, value) values ('people_began', 'true')");
        rc = weir_db_run(&q, NULL, err);
    }
    return rc;
}

int weir_person_add(struct weir_state *state, const struct weir_person *person,
                    struct weir_error *err)
{
    char email[WEIR_MAX_EMAIL + 1];
    int rc = weir_email_normal(person->email, email, err);
    rc = rc ? rc : weir_name_check(person->name, err);
    rc = rc ? rc : weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, insert(state, person, email, err), err);
}

static int admins_who_can_log_in(struct weir_state *state, int64_t *out, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select count(*) from people where role = 'admin' and not "
                                         "disabled and password is not null");
    *out = weir_db_row(&q) ? weir_db_int(&q, 0) : 0;
    return weir_db_end(&q, err);
}

/* Whoever changes people must not lock everybody out. */
static int keep_an_admin(struct weir_state *state, int64_t before, struct weir_error *err)
{
    int64_t left = 0;
    int rc = before ? admins_who_can_log_in(state, &left, err) : 0;
    return rc == 0 && before > 0 && left == 0
               ? weir_fail(err, WEIR_EPERM,
                           "this is the last admin who can log in; make somebody else admin first")
               : rc;
}

static int update(struct weir_state *state, const struct weir_person *p, const char *email,
                  struct weir_error *err)
{
    int64_t changes = 0, admins = 0;
    int rc = admins_who_can_log_in(state, &admins, err);
    if (rc) {
        return rc;
    }
    struct weir_db q = weir_db_on(state, "update people set email = ?, name = ?, role = ?, "
                                         "disabled = ?, attributes = ?, preferences = ? "
                                         "where id = ?");
    weir_db_textz(&q, email);
    weir_db_text(&q, p->name);
    weir_db_textz(&q, role_names[p->role]);
    weir_db_i64(&q, p->disabled);
    weir_db_text(&q, object_or_empty(p->attributes));
    weir_db_text(&q, object_or_empty(p->preferences));
    weir_db_text(&q, p->id);
    rc = explain(weir_db_run(&q, &changes, err), err);
    if (rc == 0 && changes == 0) {
        rc = weir_fail(err, WEIR_ENOENT, "there is no such person");
    }
    rc = rc ? rc : keep_an_admin(state, admins, err);
    if (rc == 0 && p->disabled) {
        q = weir_db_on(state, "delete from sessions where person_id = ?");
        weir_db_text(&q, p->id);
        rc = weir_db_run(&q, NULL, err);
    }
    return rc;
}

int weir_person_save(struct weir_state *state, const struct weir_person *person,
                     struct weir_error *err)
{
    char email[WEIR_MAX_EMAIL + 1];
    int rc = weir_email_normal(person->email, email, err);
    rc = rc ? rc : weir_name_check(person->name, err);
    rc = rc ? rc : weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, update(state, person, email, err), err);
}

static int delete_one(struct weir_state *state, struct weir_str id, struct weir_error *err)
{
    int64_t changes = 0, admins = 0;
    int rc = admins_who_can_log_in(state, &admins, err);
    if (rc) {
        return rc;
    }
    struct weir_db q = weir_db_on(state, "delete from people where id = ?");
    weir_db_text(&q, id);
    rc = weir_db_run(&q, &changes, err);
    if (rc == 0 && changes == 0) {
        rc = weir_fail(err, WEIR_ENOENT, "there is no such person");
    }
    return rc ? rc : keep_an_admin(state, admins, err);
}

int weir_person_remove(struct weir_state *state, struct weir_str id, struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, delete_one(state, id, err), err);
}

/* --- passwords ------------------------------------------------------------------------------ */

int weir_person_password(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                         struct weir_str *hash, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select password from people where id = ?");
    weir_db_text(&q, id);
    *hash = weir_db_row(&q) ? weir_db_str(&q, 0, arena) : WEIR_STR("");
    return weir_db_end(&q, err);
}

static int replace_password(struct weir_state *state, struct weir_str id, struct weir_str hash,
                            struct weir_error *err)
{
    int64_t changes = 0;
    struct weir_db q = weir_db_on(state, "update people set password = ? where id = ?");
    weir_db_text(&q, hash);
    weir_db_text(&q, id);
    int rc = weir_db_run(&q, &changes, err);
    if (rc == 0 && changes == 0) {
        rc = weir_fail(err, WEIR_ENOENT, "there is no such person");
    }
    static const char *const ends[] = {"delete from sessions where person_id = ?",
                                       "delete from links where person_id = ?"};
    for (size_t i = 0; rc == 0 && i < sizeof ends / sizeof ends[0]; i++) {
        q = weir_db_on(state, ends[i]);
        weir_db_text(&q, id);
        rc = weir_db_run(&q, NULL, err);
    }
    return rc;
}

int weir_person_set_password(struct weir_state *state, struct weir_str id, struct weir_str hash,
                             struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, replace_password(state, id, hash, err), err);
}

int weir_person_seen(struct weir_state *state, struct weir_str id, weir_time at,
                     struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "update people set last_seen_at = ? where id = ?");
    weir_db_time(&q, at);
    weir_db_text(&q, id);
    return weir_db_run(&q, NULL, err);
}
