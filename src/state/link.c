#include "state/credential.h"
#include "state/db.h"

#define USE "weir: one-time link"

static int insert(struct weir_state *state, struct weir_str person, weir_time expires_at,
                  const unsigned char *hash, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "delete from links where person_id is ?");
    weir_db_text(&q, person);
    int rc = weir_db_run(&q, NULL, err);
    if (rc == 0) {
        q = weir_db_on(state, "insert into links (hash, person_id, expires_at) values (?, ?, ?)");
        weir_db_bytes(&q, hash, WEIR_HASH_SIZE);
        weir_db_text(&q, person);
        weir_db_i64(&q, expires_at);
        rc = weir_db_run(&q, NULL, err);
    }
    return rc == WEIR_EINVAL ? weir_fail(err, WEIR_ENOENT, "there is no such person") : rc;
}

int weir_link_add(struct weir_state *state, struct weir_str person, weir_time expires_at,
                  char secret[WEIR_SECRET_SIZE], struct weir_error *err)
{
    unsigned char hash[WEIR_HASH_SIZE];
    weir_secret_make(secret);
    weir_secret_hash(weir_str_of(secret), USE, hash);
    person = person.len ? person : (struct weir_str){0};
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, insert(state, person, expires_at, hash, err), err);
}

int weir_link_find(struct weir_state *state, struct weir_str secret, weir_time now,
                   struct weir_arena *arena, struct weir_str *person, struct weir_error *err)
{
    unsigned char hash[WEIR_HASH_SIZE];
    weir_secret_hash(secret, USE, hash);
    struct weir_db q = weir_db_on(state, "select coalesce(person_id, '') from links "
                                         "where hash = ? and expires_at > ?");
    weir_db_bytes(&q, hash, sizeof hash);
    weir_db_i64(&q, now);
    bool found = weir_db_row(&q);
    *person = found ? weir_db_str(&q, 0, arena) : WEIR_STR("");
    int rc = weir_db_end(&q, err);
    return rc == 0 && !found ? weir_fail(err, WEIR_ENOENT,
                                         "this link was used already, was replaced by a newer one, "
                                         "or is too old; ask for a new one")
                             : rc;
}

int weir_link_use(struct weir_state *state, struct weir_str secret, struct weir_error *err)
{
    unsigned char hash[WEIR_HASH_SIZE];
    int64_t changes = 0;
    weir_secret_hash(secret, USE, hash);
    struct weir_db q = weir_db_on(state, "delete from links where hash = ?");
    weir_db_bytes(&q, hash, sizeof hash);
    int rc = weir_db_run(&q, &changes, err);
    return rc == 0 && changes == 0 ? weir_fail(err, WEIR_ENOENT, "this link was used already") : rc;
}
