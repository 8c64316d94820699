#include "cli/unread.h"

#include <stdio.h>

#include "base/json.h"
#include "collect/unread.h"
#include "io/file.h"

#define ROOM (2 * WEIR_UNREAD_BYTES)

static void describe(struct weir_json line, struct weir_unread_sum *out)
{
    struct weir_str reason = weir_json_get_str(line, "reason");
    struct weir_str source = weir_json_get_str(line, "source");
    struct weir_str address = weir_json_get_str(line, "address");
    int64_t status = 0;
    weir_json_i64(weir_json_get(line, "status"), &status);
    reason = weir_utf8_cut(reason, 120);
    source = weir_utf8_cut(source, 60);
    address = weir_utf8_cut(address, 60);
    snprintf(out->what, sizeof out->what, "%d %.*s (%s%.*s, from %.*s)", (int)status,
             (int)reason.len, reason.ptr ? reason.ptr : "", source.len ? "source " : "no source",
             (int)source.len, source.ptr ? source.ptr : "", address.len ? (int)address.len : 7,
             address.len ? address.ptr : "unknown");
}

static void add_line(struct weir_json_parser *parser, struct weir_str text,
                     struct weir_unread_sum *out)
{
    struct weir_json line;
    struct weir_error ignored;
    uint64_t left_out = 0;
    weir_time at;
    if (text.len == 0 || weir_json_parse(parser, text, &line, &ignored)) {
        return;
    }
    weir_json_u64(weir_json_get(line, "left_out"), &left_out);
    out->count += 1 + left_out;
    if (weir_time_parse(weir_json_get_str(line, "at"), &at) && at >= out->last_at) {
        out->last_at = at;
        describe(line, out);
    }
}

void weir_unread_sum(struct weir_workspace *workspace, struct weir_unread_sum *out)
{
    static const char *const names[] = {WEIR_UNREAD_FILE ".1", WEIR_UNREAD_FILE};
    struct weir_json_parser *parser = weir_json_parser_new(8);
    *out = (struct weir_unread_sum){0};
    for (size_t i = 0; parser && i < sizeof names / sizeof names[0]; i++) {
        const char *path = weir_workspace_path(workspace, names[i]);
        struct weir_buf text;
        struct weir_error ignored;
        weir_buf_init(&text, ROOM);
        if (path && weir_file_read(path, &text, &ignored) == 0) {
            struct weir_str rest = weir_buf_str(&text);
            while (rest.ptr) {
                add_line(parser, weir_str_cut(&rest, '\n'), out);
            }
        }
        weir_buf_free(&text);
    }
    weir_json_parser_free(parser);
}
