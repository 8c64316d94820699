#include "cli/value.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/commands.h"

static bool is_json(struct weir_str text, struct weir_json_parser *parser)
{
    struct weir_buf copy;
    struct weir_json root;
    struct weir_error ignored;
    weir_buf_init(&copy, 4u << 20);
    weir_buf_adds(&copy, text);
    bool yes = text.len && weir_buf_ok(&copy) &&
               weir_json_parse(parser, weir_buf_str(&copy), &root, &ignored) == 0;
    weir_buf_free(&copy);
    return yes;
}

int weir_value_print(struct weir_jw *w, const struct weir_args *args, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(16);
    const char *text;
    int rc = parser ? 0 : weir_fail(err, WEIR_ENOMEM, "out of memory");
    weir_jw_object(w);
    for (size_t i = 0; rc == 0 && (text = weir_args_value_at(args, "value", i)); i++) {
        struct weir_str value = weir_str_of(text);
        struct weir_str name = weir_str_cut(&value, '=');
        if (!value.ptr || name.len == 0) {
            rc = weir_fail(err, WEIR_CLI_USAGE, "--value is \"%s\"; it must be NAME=VALUE", text);
            break;
        }
        weir_jw_key(w, name);
        if (is_json(value, parser)) {
            weir_jw_raw(w, value);
        } else {
            weir_jw_str(w, value);
        }
    }
    weir_jw_object_end(w);
    weir_json_parser_free(parser);
    return rc;
}

/* --- --compiled ------------------------------------------------------------------------------- */

static int failed(struct weir_json errors, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(errors);
    struct weir_json first;
    int64_t line, column;
    if (!weir_json_next(&it, NULL, &first)) {
        return 0;
    }
    struct weir_str message = weir_json_get_str(first, "message");
    struct weir_json position = weir_json_get(first, "position");
    int rc = weir_fail(err, WEIR_EINVAL, WEIR_STR_FMT, WEIR_STR_ARG(message));
    if (weir_json_i64(weir_json_get(position, "line"), &line) &&
        weir_json_i64(weir_json_get(position, "column"), &column)) {
        rc = weir_error_prefix(err, rc, "line %lld, column %lld", (long long)line,
                               (long long)column);
    }
    return rc;
}

int weir_compiled_show(struct weir_str answer, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_json root, param;
    int rc = parser ? weir_json_parse(parser, answer, &root, err)
                    : weir_fail(err, WEIR_ENOMEM, "out of memory");
    rc = rc ? rc : failed(weir_json_get(root, "errors"), err);
    if (rc == 0) {
        if (weir_json_type(weir_json_get(root, "ruled")) == WEIR_JSON_OBJECT) {
            root = weir_json_get(root, "ruled"); /* as it runs for --as */
        }
        struct weir_str sql = weir_str_trim(weir_json_get_str(root, "sql"));
        struct weir_json_iter it = weir_json_begin(weir_json_get(root, "params"));
        fwrite(sql.ptr, 1, sql.len, stdout);
        fputc('\n', stdout);
        while (weir_json_next(&it, NULL, &param)) {
            struct weir_str name = weir_json_get_str(param, "name");
            struct weir_str type = weir_json_get_str(param, "type");
            struct weir_buf value;
            weir_buf_init(&value, 8u << 20);
            weir_json_print(weir_json_get(param, "value"), &value);
            printf("-- $" WEIR_STR_FMT ": " WEIR_STR_FMT " = %s\n", WEIR_STR_ARG(name),
                   WEIR_STR_ARG(type), weir_buf_cstr(&value));
            weir_buf_free(&value);
        }
    }
    weir_json_parser_free(parser);
    return rc;
}

/* --- --explain -------------------------------------------------------------------------------- */

int weir_plan_show(struct weir_str answer, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(4096); /* plans are deep */
    struct weir_json root;
    int rc = parser ? weir_json_parse(parser, answer, &root, err)
                    : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (rc == 0) {
        struct weir_str text = weir_json_get_str(root, "text");
        fwrite(text.ptr ? text.ptr : "", 1, text.len, stdout);
    }
    weir_json_parser_free(parser);
    return rc;
}
