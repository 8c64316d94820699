/* XML of strangers, read as it comes: expat behind one file.
 *
 * A document type is refused, and with it all entities but the five of XML itself; so are elements
 * deeper than 128 and single tokens longer than 16 MB. Names are without their prefix ("x:row" is
 * row). One thread. */
#ifndef WEIR_BASE_XML_H
#define WEIR_BASE_XML_H

#include "base/error.h"
#include "base/str.h"

/* Each may be NULL. Non-zero ends the reading and becomes its result. */
struct weir_xml_handler {
    /* `attributes`: names and values in turn, ended by NULL. */
    int (*open)(void *arg, struct weir_str name, const char *const *attributes,
                struct weir_error *err);
    int (*close)(void *arg, struct weir_str name, struct weir_error *err);
    /* A piece of the text between two tags; there may be more of it. */
    int (*text)(void *arg, struct weir_str text, struct weir_error *err);
};

struct weir_xml;
int weir_xml_open(const struct weir_xml_handler *handler, void *arg, struct weir_xml **out,
                  struct weir_error *err) WEIR_MUST_CHECK;
void weir_xml_close(struct weir_xml *xml); /* NULL is fine */
/* `last`: nothing comes behind these bytes. WEIR_EINVAL says in which line it is no XML. */
int weir_xml_feed(struct weir_xml *xml, struct weir_str bytes, bool last,
                  struct weir_error *err) WEIR_MUST_CHECK;

/* The value of the attribute with this name, whatever its prefix; NULL: there is none. */
const char *weir_xml_attribute(const char *const *attributes, const char *name);

#endif
