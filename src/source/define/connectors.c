/* The table of connectors, and values for their options. */
#include "source/connector.h"

#define NAME(kind)    #kind,
#define ADDRESS(kind) &weir_source_##kind,
const char *const weir_source_kinds[] = {WEIR_SOURCE_KINDS(NAME) NULL};
const struct weir_source_connector *const weir_source_connectors[] = {WEIR_SOURCE_KINDS(ADDRESS)
                                                                          NULL};

const struct weir_source_connector *weir_source_connector_of(struct weir_str kind)
{
    for (size_t i = 0; weir_source_kinds[i]; i++) {
        if (weir_str_is(kind, weir_source_kinds[i])) {
            return weir_source_connectors[i];
        }
    }
    return NULL;
}

static const struct weir_option *find(const struct weir_option *options, struct weir_str name)
{
    while (options->name && !weir_str_is(name, options->name)) {
        options++;
    }
    return options->name ? options : NULL;
}

static bool split(struct weir_data *value, struct weir_arena *arena)
{
    struct weir_str rest = value->text;
    value->type = WEIR_DATA_LIST;
    value->text = (struct weir_str){NULL, 0};
    while (rest.ptr) {
        struct weir_str item = weir_str_trim(weir_str_cut(&rest, ','));
        struct weir_data *text = item.len ? weir_data_text(arena, item) : NULL;
        if (item.len && !text) {
            return false;
        }
        if (text) {
            weir_data_add(value, text);
        }
    }
    return true;
}

/* A mapping as text, YAML or JSON, becomes one. */
static bool parse(struct weir_data *value, struct weir_arena *arena)
{
    struct weir_yaml *doc = NULL;
    struct weir_data *made = NULL, *next = value->next;
    struct weir_str key = value->key;
    struct weir_error ignored;
    int rc = weir_yaml_parse(value->text, "--set", &doc, &ignored);
    rc = rc ? rc : weir_data_from_yaml(arena, weir_yaml_root(doc), &made, &ignored);
    if (rc == 0 && made->type == WEIR_DATA_OBJECT) {
        *value = *made;
        value->key = key;
        value->next = next;
    }
    weir_yaml_free(doc);
    return rc != WEIR_ENOMEM;
}

static bool is_yes(struct weir_str text)
{
    return weir_str_is(text, "true") || weir_str_is(text, "yes") || weir_str_is(text, "on");
}

static bool is_no(struct weir_str text)
{
    return weir_str_is(text, "false") || weir_str_is(text, "no") || weir_str_is(text, "off");
}

/* What cannot be the option's type stays as it is: the file's check says why, with the line. */
static bool fit(const struct weir_option *option, struct weir_data *value, struct weir_arena *arena)
{
    bool text = value->type == WEIR_DATA_TEXT, yes = text && is_yes(value->text);
    int64_t number;
    if (option->type == WEIR_OPT_INT && text && weir_str_to_i64(value->text, &number)) {
        struct weir_data *made = weir_data_number(arena, number);
        if (!made) {
            return false;
        }
        value->type = WEIR_DATA_NUMBER;
        value->text = made->text;
    } else if (option->type == WEIR_OPT_BOOL && text && (yes || is_no(value->text))) {
        value->type = WEIR_DATA_BOOL;
        value->truth = yes;
        value->text = (struct weir_str){NULL, 0};
    } else if (option->type == WEIR_OPT_LIST && text) {
        return split(value, arena);
    } else if (option->type == WEIR_OPT_DATA && text && value->text.len) {
        return parse(value, arena);
    } else if (option->type == WEIR_OPT_TEXT && value->type == WEIR_DATA_NUMBER) {
        value->type = WEIR_DATA_TEXT;
    }
    return true;
}

int weir_source_fit(const struct weir_option *options, struct weir_data *values,
                    struct weir_arena *arena, struct weir_error *err)
{
    for (struct weir_data *v = values && values->type == WEIR_DATA_OBJECT ? values->first : NULL; v;
         v = v->next) {
        const struct weir_option *option = find(options, v->key);
        if (option && !fit(option, v, arena)) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for a source");
        }
    }
    return 0;
}

void weir_source_print_options(const struct weir_option *options, struct weir_jw *w)
{
    static const char *const types[] = {
        [WEIR_OPT_BOOL] = "boolean",      [WEIR_OPT_INT] = "integer", [WEIR_OPT_BYTES] = "bytes",
        [WEIR_OPT_DURATION] = "duration", [WEIR_OPT_TEXT] = "text",   [WEIR_OPT_CHOICE] = "choice",
        [WEIR_OPT_LIST] = "list",         [WEIR_OPT_DATA] = "mapping"};
    weir_jw_array(w);
    for (const struct weir_option *o = options; o->name; o++) {
        weir_jw_object(w);
        weir_jw_kstrz(w, "name", o->name);
        weir_jw_kstrz(w, "type", types[o->type]);
        weir_jw_kstrz(w, "help", o->help);
        weir_jw_kbool(w, "required", !o->fallback);
        weir_jw_kbool(w, "secret", o->secret);
        weir_jw_kstr_or_null(w, "default", weir_str_of(o->fallback));
        weir_jw_keyz(w, "choices");
        weir_jw_array(w);
        for (size_t k = 0; o->choices && o->choices[k]; k++) {
            weir_jw_strz(w, o->choices[k]);
        }
        weir_jw_array_end(w);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}

void weir_source_print_connectors(struct weir_jw *w)
{
    weir_jw_array(w);
    for (size_t i = 0; weir_source_connectors[i]; i++) {
        weir_jw_object(w);
        weir_jw_kstrz(w, "name", weir_source_connectors[i]->name);
        weir_jw_kstrz(w, "title", weir_source_connectors[i]->title);
        weir_jw_keyz(w, "options");
        weir_source_print_options(weir_source_connectors[i]->options, w);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}
