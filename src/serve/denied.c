/* What people are refused, in the audit log.
 *
 * Each entry is a synced write on the loop's thread, and anybody can be refused as often as she
 * likes: so the same thing is noted once in a while, few things of one person or address, and no
 * more than a bound of all together. */
#include "base/json_write.h"
#include "serve/server.h"
#include "state/audit.h"

#define MAX_OBJECT 200
#define AGAIN      (600 * WEIR_SECOND)
#define MAX_OF_ONE 20
#define MAX_OF_ALL 200

static bool may_note(struct weir_server *s, struct weir_str key, unsigned free)
{
    const struct weir_backoff_rule rule = {
        .free = free, .first = AGAIN, .most = AGAIN, .forget = AGAIN};
    return weir_backoff_try(s->backoff, key, &rule, weir_mono()) == 0;
}

static bool is_new(struct weir_server *s, const struct weir_caller *who, const char *action,
                   struct weir_str object)
{
    const char *person = who->id[0] ? who->id : who->address;
    struct weir_buf key;
    weir_buf_init(&key, 4096);
    weir_buf_addf(&key, "denied %s %s " WEIR_STR_FMT, person, action, WEIR_STR_ARG(object));
    bool yes = weir_buf_ok(&key) && may_note(s, weir_buf_str(&key), 1);
    weir_buf_reset(&key);
    weir_buf_addf(&key, "denied %s", person);
    yes = yes && weir_buf_ok(&key) && may_note(s, weir_buf_str(&key), MAX_OF_ONE);
    weir_buf_free(&key);
    /* Strangers have a bound of their own: they must not hide what is refused to people. */
    return yes &&
           may_note(s, who->id[0] ? WEIR_STR("denied, people") : WEIR_STR("denied, strangers"),
                    MAX_OF_ALL);
}

void weir_serve_note_denied(struct weir_server *s, const struct weir_caller *who,
                            const char *action, struct weir_str object,
                            const struct weir_error *err)
{
    struct weir_error failed;
    struct weir_buf detail;
    object = object.ptr ? weir_utf8_cut(object, MAX_OBJECT) : WEIR_STR("");
    if (!is_new(s, who, action, object)) {
        return;
    }
    weir_buf_init(&detail, 16384);
    struct weir_jw w = weir_jw_on(&detail);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "why", weir_utf8_cut(weir_str_of(err->message), 1000));
    weir_jw_object_end(&w);
    const struct weir_audit entry = {.at = weir_now(),
                                     .person_id = weir_str_of(weir_caller_asker(who)),
                                     .person =
                                         weir_str_of(who->by_id[0] ? who->by_email : who->email),
                                     .action = weir_str_of(action),
                                     .object = object,
                                     .detail = weir_buf_str(&detail),
                                     .address = weir_str_of(who->address)};
    if (weir_audit_add(s->state, &entry, &failed)) {
        weir_log(s->log, WEIR_LOG_WARN, "a refusal is not in the audit log", "error",
                 failed.message);
    }
    weir_buf_free(&detail);
}
