/* Secrets in the files of sources: what stands there says where the value is, and never is it.
 *
 *     ${secret:NAME}   sealed in the state store, by `weir secret set NAME`. A name with a point
 *                      ("shop.password") is for the source before it, and for no other.
 *     ${secret:NAME:number}   the same, in the settings of a program that wants a number there.
 *     ${NAME}          a variable of weir's environment. It begins with WEIR_SOURCE_, or is named
 * in `source.env`: whoever may make sources could otherwise send any variable of the server to a
 * machine of theirs. */
#ifndef WEIR_SOURCE_SECRET_H
#define WEIR_SOURCE_SECRET_H

#include "base/mask.h"
#include "source/define/config.h"
#include "source/source.h"

/* Is it ${secret:NAME} or ${NAME}? */
bool weir_source_is_reference(struct weir_str text);
/* Is it ${secret:NAME:number}? */
bool weir_source_is_number(struct weir_str reference);
/* Is the text a number as JSON writes one? What is none could get out of its place. */
bool weir_source_is_numeral(struct weir_str text);
/* The value of a reference, in the arena. Errors name the reference only. */
int weir_source_reveal(const struct weir_source_site *site, const char *source,
                       struct weir_str reference, struct weir_arena *arena, const char **out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* May sources have this variable? WEIR_EPERM says how it can be opened to them. */
int weir_source_check_variable(const struct weir_source_site *site, const char *name,
                               struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EINVAL, with the line and without the value, when a secret option is no reference, or a
 * value in a mapping whose key names a secret. */
int weir_source_secrets_check(struct weir_source_config *config, const struct weir_yaml *doc,
                              const struct weir_yaml_node *section,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* Likewise, where a text has an address with a password in it. */
int weir_source_address_check(const struct weir_yaml *doc, const struct weir_yaml_node *node,
                              const char *name, const char *value,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* A secret that was typed into a form or a command line: "SOURCE.OPTION", and its value. */
struct weir_source_typed {
    const char *name;
    struct weir_str value;
    struct weir_source_typed *next;
};
/* The value goes into the list, and a reference by this name in its place. WEIR_EINVAL when another
 * value has the name. */
int weir_source_typed_add(struct weir_source_typed **typed, struct weir_arena *arena,
                          const char *name, struct weir_data *value,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* Puts references in the place of values of secret options in `connection`, and of what is secret
 * in its mappings, and lists what was there. Also gives all values the types of their options.
 * `told`: what else is secret in mappings, a list of texts such as "config.credentials.pat"; or
 * NULL. */
int weir_source_take_typed(const char *source, const struct weir_source_connector *connector,
                           struct weir_data *connection, const struct weir_data *told,
                           struct weir_arena *arena, struct weir_source_typed **out,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* So that the references hold. */
int weir_source_seal(const struct weir_source_site *site, const struct weir_source_typed *typed,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* --- secret_config.c: mappings, where the keys say what is secret --- */
/* A text or a number, and no reference. */
bool weir_source_is_plain(const struct weir_data *value);
/* Is there a `password=…` among its words? */
bool weir_source_has_password_word(struct weir_str text);
/* `node`: where the mapping stands in `doc`. */
int weir_source_mapping_check(struct weir_source_config *config, const struct weir_yaml *doc,
                              const struct weir_yaml_node *node, struct weir_data *mapping,
                              struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_mapping_take(const char *source, struct weir_data *mapping,
                             struct weir_arena *arena, struct weir_source_typed **typed,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* Of the value at a path, or of those in lists: what is not there is none. */
int weir_source_mapping_take_at(const char *source, struct weir_data *mapping, struct weir_str path,
                                struct weir_arena *arena, struct weir_source_typed **typed,
                                struct weir_error *err) WEIR_MUST_CHECK;
/* Adds its secrets to a mask: of settings that a program changed by itself. */
int weir_source_mapping_mask(struct weir_data *mapping, struct weir_mask **mask,
                             struct weir_arena *arena, struct weir_error *err) WEIR_MUST_CHECK;

#endif
