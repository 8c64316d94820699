/* What a save answers: the new version, or what stands in its way. */
#include "serve/shelf.h"

void weir_shelf_print_content(struct weir_jw *w, struct weir_content content)
{
    weir_jw_keyz(w, "report");
    weir_data_print(content.report, w);
    weir_jw_keyz(w, "queries");
    weir_data_print(content.queries, w);
}

/* Of a report its content, of the others their text. */
static void print_side(struct weir_jw *w, const char *key, struct weir_content content,
                       struct weir_str text)
{
    weir_jw_keyz(w, key);
    if (content.report && content.queries) {
        weir_jw_object(w);
        weir_shelf_print_content(w, content);
        weir_jw_object_end(w);
    } else if (text.ptr) {
        weir_jw_str(w, text);
    } else {
        weir_jw_null(w);
    }
}

static void print_conflict(struct weir_jw *w, const struct weir_saved *saved,
                           const struct weir_error *err)
{
    weir_jw_object(w);
    weir_serve_print_error_member(w, err, NULL, -1);
    weir_jw_keyz(w, "conflict");
    weir_jw_object(w);
    print_side(w, "base", saved->base, saved->base_text);
    print_side(w, "mine", saved->mine, saved->mine_text);
    print_side(w, "theirs", saved->theirs, saved->theirs_text);
    if (saved->paths) {
        weir_jw_keyz(w, "paths");
        weir_data_print(saved->paths, w);
    }
    weir_jw_object_end(w);
    weir_jw_object_end(w);
}

void weir_shelf_print_saved(struct weir_jw *w, const char *named, const struct weir_saved *saved)
{
    weir_jw_kstrz(w, named, saved->key);
    weir_jw_kstrz(w, "version", saved->version);
    weir_jw_kbool(w, "merged", saved->merged);
}

void weir_shelf_print_conflict(struct weir_shelf_job *job, const struct weir_saved *saved,
                               const struct weir_error *err)
{
    job->status = 409;
    print_conflict(&job->w, saved, err);
}
