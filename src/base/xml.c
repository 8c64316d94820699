#include "base/xml.h"

#include <expat.h>
#include <stdlib.h>

#define MOST_DEPTH 128
#define MOST_TOKEN (16 << 20)

struct weir_xml {
    XML_Parser parser;
    const struct weir_xml_handler *handler;
    void *arg;
    struct weir_error *err;
    unsigned depth;
    uint64_t fed;
    int rc;
};

static struct weir_str bare(const char *name)
{
    const char *colon = strrchr(name, ':');
    return weir_str_of(colon ? colon + 1 : name);
}

static void stop(struct weir_xml *x, int rc)
{
    if (rc && !x->rc) {
        x->rc = rc;
        XML_StopParser(x->parser, XML_FALSE);
    }
}

static void on_open(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct weir_xml *x = arg;
    if (x->rc) {
        return;
    }
    if (++x->depth > MOST_DEPTH) {
        stop(x, weir_fail(x->err, WEIR_ETOOBIG, "XML with elements deeper than %d", MOST_DEPTH));
    } else if (x->handler->open) {
        stop(x, x->handler->open(x->arg, bare(name), (const char *const *)attributes, x->err));
    }
}

static void on_close(void *arg, const XML_Char *name)
{
    struct weir_xml *x = arg;
    x->depth--;
    if (!x->rc && x->handler->close) {
        stop(x, x->handler->close(x->arg, bare(name), x->err));
    }
}

static void on_text(void *arg, const XML_Char *text, int n)
{
    struct weir_xml *x = arg;
    if (!x->rc && x->handler->text) {
        stop(x, x->handler->text(x->arg, (struct weir_str){text, (size_t)n}, x->err));
    }
}

static void on_type(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                    int internal)
{
    struct weir_xml *x = arg;
    (void)name, (void)system, (void)public, (void)internal;
    stop(x, weir_fail(x->err, WEIR_EINVAL, "XML with a document type is not read"));
}

int weir_xml_open(const struct weir_xml_handler *handler, void *arg, struct weir_xml **out,
                  struct weir_error *err)
{
    struct weir_xml *x = calloc(1, sizeof *x);
    *out = x;
    if (x) {
        x->parser = XML_ParserCreate(NULL);
    }
    if (!x || !x->parser) {
        weir_xml_close(x);
        *out = NULL;
        return weir_fail(err, WEIR_ENOMEM, "no memory to read XML");
    }
    x->handler = handler;
    x->arg = arg;
    XML_SetUserData(x->parser, x);
    XML_SetElementHandler(x->parser, on_open, on_close);
    XML_SetCharacterDataHandler(x->parser, on_text);
    XML_SetStartDoctypeDeclHandler(x->parser, on_type);
    return 0;
}

void weir_xml_close(struct weir_xml *x)
{
    if (x && x->parser) {
        XML_ParserFree(x->parser);
    }
    free(x);
}

int weir_xml_feed(struct weir_xml *x, struct weir_str bytes, bool last, struct weir_error *err)
{
    x->err = err;
    if (XML_Parse(x->parser, bytes.ptr, (int)bytes.len, last) == XML_STATUS_OK) {
        XML_Index at = XML_GetCurrentByteIndex(x->parser);
        x->fed += bytes.len;
        return at >= 0 && x->fed > (uint64_t)at + MOST_TOKEN
                   ? weir_fail(err, WEIR_ETOOBIG, "XML with a tag longer than %d MB",
                               MOST_TOKEN >> 20)
                   : 0;
    }
    enum XML_Error code = XML_GetErrorCode(x->parser);
    return x->rc ? x->rc
                 : weir_fail(err, code == XML_ERROR_NO_MEMORY ? WEIR_ENOMEM : WEIR_EINVAL,
                             "no XML in line %lu: %s",
                             (unsigned long)XML_GetCurrentLineNumber(x->parser),
                             XML_ErrorString(code));
}

const char *weir_xml_attribute(const char *const *attributes, const char *name)
{
    for (size_t i = 0; attributes[i]; i += 2) {
        if (weir_str_is(bare(attributes[i]), name)) {
            return attributes[i + 1];
        }
    }
    return NULL;
}
