/* A report: reports/<slug>/report.yml and one .sql a query. docs/format/report.md is its manual. */
#ifndef WEIR_WORKSPACE_REPORT_H
#define WEIR_WORKSPACE_REPORT_H

#include "base/data.h"
#include "workspace/files.h"

#define WEIR_ID_LENGTH 10 /* of [a-z0-9] */

struct weir_report_query {
    const char *id;
    const char *title;
    const char *file;
    struct weir_str sql; /* lines end in "\n" whatever the file has; without the last one's end */
};

struct weir_report {
    const char *id;
    const char *title;
    const char *description; /* "" when there is none */
    const char *collection;
    bool archived;
    const struct weir_data *data;    /* report.yml as it is */
    const struct weir_data *queries; /* object: id → SQL */
    struct weir_report_query *items;
    size_t count;
};

/* Reads and checks a report from its files, whose paths are plain names; `path` ("reports/sales")
 * is for messages. Every mistake is told at once, one a line: `reports/sales/report.yml:12: ...`.
 * Everything is in the arena. */
int weir_report_parse(struct weir_arena *arena, const char *path, const struct weir_file *files,
                      size_t count, struct weir_report *out,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* The keys in the order in which weir writes them. */
struct weir_data *weir_report_order(struct weir_arena *arena, const struct weir_data *report);

bool weir_id_ok(struct weir_str id);
void weir_id_fresh(char out[WEIR_ID_LENGTH + 1]);
/* May an image beside report.yml have this name? Letters, digits, _ and -, and the ending of a PNG,
 * JPEG, WebP or GIF file. */
bool weir_report_image_ok(struct weir_str name);
/* [a-z_][a-z0-9_]*, at most 63: what views, snippets and definitions are called. */
bool weir_document_name_ok(struct weir_str name);
/* A folder's name from a title: "Umsätze & Kosten" → "umsatze-kosten"; of a title without any
 * letter that ASCII has, "report". `out` has room for 64. */
void weir_slug_make(struct weir_str title, char out[64]);
/* Text without CR before LF, in the arena. */
struct weir_str weir_text_lf(struct weir_arena *arena, struct weir_str text);

#endif
