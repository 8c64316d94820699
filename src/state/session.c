#include "state/credential.h"
#include "state/db.h"

#define USE          "weir: session"
#define SEEN_EVERY   (60 * WEIR_SECOND)
#define MAX_SESSIONS 50 /* of one person; the oldest go */

static int insert(struct weir_state *state, struct weir_str person, struct weir_str address,
                  weir_time now, const unsigned char *hash, struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "insert into sessions (hash, person_id, created_at, "
                                         "last_seen_at, address) values (?, ?, ?, ?, ?)");
    weir_db_bytes(&q, hash, WEIR_HASH_SIZE);
    weir_db_text(&q, person);
    weir_db_i64(&q, now);
    weir_db_i64(&q, now);
    weir_db_text(&q, address.ptr ? address : WEIR_STR(""));
    int rc = weir_db_run(&q, NULL, err);
    if (rc == 0) {
        q = weir_db_on(state, "delete from sessions where hash in (select hash from sessions where "
                              "person_id = ? order by last_seen_at desc limit -1 offset ?)");
        weir_db_text(&q, person);
        weir_db_i64(&q, MAX_SESSIONS);
        rc = weir_db_run(&q, NULL, err);
    }
    return rc ? rc : weir_person_seen(state, person, now, err);
}

int weir_sessions_add(struct weir_state *state, struct weir_str person, struct weir_str address,
                      weir_time now, char secret[WEIR_SECRET_SIZE], struct weir_error *err)
{
    unsigned char hash[WEIR_HASH_SIZE];
    weir_secret_make(secret);
    weir_secret_hash(weir_str_of(secret), USE, hash);
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, insert(state, person, address, now, hash, err), err);
}

static int note_seen(struct weir_state *state, const unsigned char *hash, struct weir_str person,
                     weir_time now, struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    struct weir_db q = weir_db_on(state, "update sessions set last_seen_at = ? where hash = ?");
    weir_db_i64(&q, now);
    weir_db_bytes(&q, hash, WEIR_HASH_SIZE);
    rc = weir_db_run(&q, NULL, err);
    rc = rc ? rc : weir_person_seen(state, person, now, err);
    return weir_state_end(state, rc, err);
}

int weir_sessions_find(struct weir_state *state, struct weir_str secret,
                       const struct weir_session_limits *limits, weir_time now,
                       struct weir_arena *arena, struct weir_person *out, weir_time *until,
                       struct weir_error *err)
{
    unsigned char hash[WEIR_HASH_SIZE];
    struct weir_str person = WEIR_STR("");
    weir_time seen = 0;
    weir_secret_hash(secret, USE, hash);
    struct weir_db q = weir_db_on(state, "select person_id, last_seen_at, created_at from sessions "
                                         "where hash = ? and created_at > ? and last_seen_at > ?");
    weir_db_bytes(&q, hash, sizeof hash);
    weir_db_i64(&q, now - limits->age);
    weir_db_i64(&q, now - limits->idle);
    bool found = weir_db_row(&q);
    if (found) {
        person = weir_db_str(&q, 0, arena);
        seen = weir_db_int(&q, 1);
        weir_time over = weir_db_int(&q, 2) + limits->age;
        *until = seen + (limits->idle < SEEN_EVERY ? limits->idle : SEEN_EVERY);
        *until = over < *until ? over : *until;
    }
    int rc = weir_db_end(&q, err);
    if (rc == 0 && !found) {
        return weir_fail(err, WEIR_ENOENT, "this session has ended; log in again");
    }
    rc = rc ? rc : weir_person_get(state, person, arena, out, err);
    if (rc == 0 && out->disabled) {
        return weir_fail(err, WEIR_ENOENT, "this session has ended; log in again");
    }
    if (rc == 0 && now - seen > SEEN_EVERY) {
        rc = note_seen(state, hash, person, now, err);
    }
    return rc;
}

int weir_sessions_remove(struct weir_state *state, struct weir_str secret, struct weir_error *err)
{
    unsigned char hash[WEIR_HASH_SIZE];
    weir_secret_hash(secret, USE, hash);
    struct weir_db q = weir_db_on(state, "delete from sessions where hash = ?");
    weir_db_bytes(&q, hash, sizeof hash);
    return weir_db_run(&q, NULL, err);
}

int weir_sessions_sweep(struct weir_state *state, const struct weir_session_limits *limits,
                        weir_time now, struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "delete from sessions where created_at <= ? or last_seen_at <= ?");
    weir_db_i64(&q, now - limits->age);
    weir_db_i64(&q, now - limits->idle);
    return weir_db_run(&q, NULL, err);
}

int weir_sessions_know(struct weir_state *state, struct weir_str person, struct weir_str address,
                       bool *out, struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "select 1 from sessions where person_id = ? and address = ? limit 1");
    weir_db_text(&q, person);
    weir_db_text(&q, address.ptr ? address : WEIR_STR(""));
    *out = weir_db_row(&q);
    return weir_db_end(&q, err);
}
