#include <stdio.h>
#include <string.h>

#include "warehouse/duckdb/rules.h"

/* With errors_as_json the engine says what it means in fields. A few messages stay plain text
 * ("IO Error: ..."); both name the exception, so one table serves both. */
static const struct {
    const char *name;
    int code;
} exceptions[] = {
    {"INTERRUPT", WEIR_ECANCELED},
    {"Interrupt", WEIR_ECANCELED},
    {"FATAL", WEIR_EFATAL},
    {"Out of Memory", WEIR_ENOMEM},
    {"IO", WEIR_EIO},
    {"Permission", WEIR_EPERM},
    {"TransactionContext", WEIR_EAGAIN},
    {"Not implemented", WEIR_EUNSUPPORTED},
    {"INTERNAL", WEIR_EIO},
    {"Serialization", WEIR_ECORRUPT},
    {"Parameter Not Resolved", WEIR_EINVAL},
};

/* What only the message tells. It counts under these exceptions alone: others quote what people
 * wrote or sent ("Could not convert string 'FATAL Error' to INT32"), and nobody but the engine may
 * say that the engine has failed. In this order: what a message says first wins. */
static const struct {
    const char *exception;
    const char *says;
    int code;
} messages[] = {
    {"FATAL", "has been invalidated", WEIR_EFATAL},
    {"INTERNAL", "has been invalidated", WEIR_EFATAL},
    {"TransactionContext", "has been invalidated", WEIR_EFATAL},
    {"TransactionContext", "FATAL Error", WEIR_EFATAL},
    {"FATAL", "No space left on device", WEIR_ENOSPC},
    {"IO", "No space left on device", WEIR_ENOSPC},
    {"TransactionContext", "No space left on device", WEIR_ENOSPC},
    {"IO", "max_temp_directory_size", WEIR_ENOSPC},
    {"Out of Memory", "max_temp_directory_size", WEIR_ENOSPC},
    {"IO", "Could not set lock on file", WEIR_EBUSY},
    /* "Failed to commit: could not allocate block of size 256.0 KiB (255.8 MiB/256.0 MiB used)" */
    {"TransactionContext", " used)", WEIR_ENOMEM},
    {"Catalog", "already exists", WEIR_EEXIST},
};

static int code_of(struct weir_str exception, const char *text)
{
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (weir_str_eq_nocase(exception, weir_str_of(messages[i].exception)) &&
            strstr(text, messages[i].says)) {
            return messages[i].code;
        }
    }
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        if (weir_str_eq_nocase(exception, weir_str_of(exceptions[i].name))) {
            return exceptions[i].code;
        }
    }
    return WEIR_EINVAL;
}

static struct weir_str exception_of(const char *text)
{
    const char *end = strstr(text, " Error");
    return end ? (struct weir_str){text, (size_t)(end - text)} : (struct weir_str){text, 0};
}

int weir_duck_error_code(const char *engine_text)
{
    return code_of(exception_of(engine_text), engine_text);
}

/* One line: messages go to logs and terminals. */
static void one_line(struct weir_error *err)
{
    char *to = err->message;
    for (const char *from = err->message; *from; from++) {
        bool blank = *from == '\n' || *from == ' ';
        if (blank && to > err->message && to[-1] == ' ') {
            continue;
        }
        *to++ = *from == '\n' ? ' ' : *from;
    }
    while (to > err->message && to[-1] == ' ') {
        to--;
    }
    *to = 0;
}

/* The statement's line that the engine quotes: under a person's rules it is not hers. */
static void drop_quote(struct duck_session *s, struct weir_error *err)
{
    char *quote = strstr(err->message, "\nLINE ");
    if (quote && weir_duck_access(s)) {
        *quote = 0;
    }
}

/* Columns that a rule hides are not there under it: the same words for those that never were. What
 * the engine offers instead is not hidden. */
static void say_hidden(struct duck_session *s, struct weir_error *err)
{
    static const char *const forms[] = {
        "Referenced column \"%127[^\"]\" not found%n",
        "Values list \"%*[^\"]\" does not have a column named \"%127[^\"]\"%n",
        "Table \"%*[^\"]\" does not have a column named \"%127[^\"]\"%n"};
    for (size_t i = 0; weir_duck_access(s) && i < sizeof forms / sizeof forms[0]; i++) {
        char name[128];
        int end = 0;
        if (sscanf(err->message, forms[i], name, &end) == 1 && end) {
            struct weir_error old = *err;
            const char *near = strstr(old.message + end, "Candidate bindings: ");
            weir_fail(err, old.code, "column \"%s\" does not exist, or you may not see it%s%s",
                      name, near ? "; candidates: " : "", near ? strchr(near, ':') + 2 : "");
            return;
        }
    }
}

static int from_json(struct duck_session *s, const char *json, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 1 << 20);
    weir_buf_addz(&text, json);
    struct weir_json_parser *parser = weir_json_parser_new(16);
    struct weir_json root;
    int code = 0;
    if (parser && weir_buf_ok(&text) &&
        weir_json_parse(parser, weir_buf_str(&text), &root, NULL) == 0) {
        struct weir_str exception = weir_json_get_str(root, "exception_type");
        struct weir_str message = weir_json_get_str(root, "exception_message");
        struct weir_str position = weir_json_get_str(root, "position");
        uint64_t offset = 0;
        if (message.ptr) {
            code = code_of(exception, weir_buf_cstr(&text));
            weir_fail(err, code, WEIR_STR_FMT, WEIR_STR_ARG(message));
            if (weir_str_to_u64(position, &offset) && (int64_t)offset >= s->shift) {
                s->base.error_offset = (int64_t)offset - s->shift;
            }
        }
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    return code;
}

int weir_duck_fail(struct duck_session *s, const char *engine_text, struct weir_error *err)
{
    struct weir_error unused;
    err = err ? err : &unused;
    const char *text = engine_text ? engine_text : "the engine failed and gave no reason";
    const char *json = strchr(text, '{');
    int code = json && strstr(json, "exception_type") ? from_json(s, json, err) : 0;
    if (code == 0) {
        code = weir_duck_error_code(text);
        weir_fail(err, code, "%s", text);
    }
    drop_quote(s, err);
    say_hidden(s, err);
    one_line(err);
    if (code == WEIR_ECANCELED) {
        weir_fail(err, code, "the query was canceled");
    }
    if (code == WEIR_EFATAL && !atomic_exchange(&s->db->failed, true)) {
        weir_log(s->db->options.log, WEIR_LOG_ERROR,
                 "the warehouse engine failed and must be reopened", "error", err->message);
    }
    return code;
}

int weir_duck_usable(struct duck_session *s, struct weir_error *err)
{
    if (atomic_load(&s->db->failed)) {
        return weir_fail(err, WEIR_EFATAL, "the warehouse engine failed; it is being reopened");
    }
    return 0;
}
