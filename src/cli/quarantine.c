/* `weir quarantine list | release`: calls whose write key belonged to no source. */
#include <inttypes.h>

#include "base/json_write.h"
#include "cli/commands.h"
#include "collect/collect.h"

#define KEY_WIDTH 34

struct listing {
    bool json;
    uint64_t rows, releasable;
    struct weir_buf out;
    struct weir_jw w;
};

static void print_key(struct weir_str key)
{
    int width = 0;
    for (size_t i = 0; i < key.len && i < 128; i++, width++) {
        unsigned char c = (unsigned char)key.ptr[i]; /* it came from anywhere */
        putchar(c < 0x20 || c >= 0x7f ? '?' : c);
    }
    printf("%*s", width < KEY_WIDTH ? KEY_WIDTH - width : 1, "");
}

static int show(const struct weir_quarantined *row, void *arg)
{
    struct listing *l = arg;
    char first[28], last[28];
    weir_time_format(row->first, first);
    weir_time_format(row->last, last);
    l->rows++;
    l->releasable += row->source ? row->calls : 0;
    if (l->json) {
        weir_jw_object(&l->w);
        weir_jw_kstr(&l->w, "write_key", row->write_key);
        weir_jw_ku64(&l->w, "calls", row->calls);
        weir_jw_ku64(&l->w, "bytes", row->bytes);
        weir_jw_kstrz(&l->w, "first", first);
        weir_jw_kstrz(&l->w, "last", last);
        weir_jw_keyz(&l->w, "source");
        if (row->source) {
            weir_jw_strz(&l->w, row->source);
        } else {
            weir_jw_null(&l->w);
        }
        weir_jw_object_end(&l->w);
        return 0;
    }
    if (l->rows == 1) {
        printf("%-*s%10s %12s  %-20s  %-20s  %s\n", KEY_WIDTH, "WRITE KEY", "CALLS", "BYTES",
               "FIRST", "LAST", "NOW OF SOURCE");
    }
    print_key(row->write_key);
    printf("%10" PRIu64 " %12" PRIu64 "  %.19sZ  %.19sZ  %s\n", row->calls, row->bytes, first, last,
           row->source ? row->source : "-");
    return 0;
}

static int run_list(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    struct listing l = {.json = weir_args_has(cli->args, "json")};
    int code = weir_cli_workspace(cli, &workspace, err);
    if (code) {
        return code;
    }
    weir_buf_init(&l.out, 64u << 20);
    l.w = weir_jw_on(&l.out);
    weir_jw_array(&l.w);
    code = weir_quarantine_each(workspace, show, &l, err);
    weir_jw_array_end(&l.w);
    if (!code && l.json) {
        code = weir_buf_check(&l.out, "the list", err);
        puts(weir_buf_cstr(&l.out));
    } else if (!code && l.rows == 0) {
        puts("The quarantine is empty: every call had the write key of a source.");
    } else if (!code && l.releasable) {
        puts("\n`weir quarantine release` moves the calls whose key has a source now.");
    } else if (!code) {
        puts("\nGive a source one of these keys (`weir source add NAME --key KEY`), then "
             "`weir quarantine release`.");
    }
    weir_buf_free(&l.out);
    weir_workspace_close(workspace);
    return code;
}

static int run_release(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    uint64_t moved = 0;
    int code = weir_cli_workspace(cli, &workspace, err);
    if (code) {
        return code;
    }
    code = weir_quarantine_release(workspace, &cli->log, &moved, err);
    if (!code) {
        printf("Released %" PRIu64 " call%s.\n", moved, moved == 1 ? "" : "s");
    }
    weir_workspace_close(workspace);
    return code;
}

static const struct weir_flag list_flags[] = {
    {"json", 0, NULL, "print JSON", false},
    {0},
};
const struct weir_command weir_command_quarantine_list = {
    .name = "quarantine list",
    .summary = "Show calls whose write key belonged to no source",
    .operands = "",
    .help = "They were answered 200 and are kept for the setting collect.quarantine_for.",
    .flags = list_flags,
    .run = run_list,
};

const struct weir_command weir_command_quarantine_release = {
    .name = "quarantine release",
    .summary = "Move calls out of quarantine whose write key has a source now",
    .operands = "",
    .help = "They go into the event log with the time at which they came, and are loaded as if "
            "their key had been known then. A running collector does it by itself, beside its "
            "work.",
    .run = run_release,
};
