/* How base/json.h reads a document: simdjson's tape, word by word, as its doc/tape.md has it. Part
 * of json.h, and here for its speed alone: these are called for each value of each event and row,
 * and as calls they take a tenth of the time in which a tap's lines are read. json.cc asserts that
 * the library has the same letters. */
#ifndef WEIR_BASE_JSON_TAPE_H
#define WEIR_BASE_JSON_TAPE_H

#include <string.h>

/* A word: what it is in its highest byte, and 56 bits: of an array or object the word behind its
 * end (32 bits), of a string its place among the strings, where its length (32 bits) is before it.
 * The word behind a number's is the number. */
enum weir_tape_letter {
    WEIR_TAPE_OBJECT = '{',
    WEIR_TAPE_ARRAY = '[',
    WEIR_TAPE_STRING = '"',
    WEIR_TAPE_INT = 'l',
    WEIR_TAPE_UINT = 'u',
    WEIR_TAPE_DOUBLE = 'd',
    WEIR_TAPE_TRUE = 't',
    WEIR_TAPE_FALSE = 'f',
    WEIR_TAPE_NULL = 'n'
};
struct weir_json_doc {
    const uint64_t *tape;
    const uint8_t *strings;
};

/* By table: values of one type seldom follow each other, so a jump would be guessed wrongly. */
extern const uint8_t weir_json_types[256];
/* How many words each takes; 0: as its word says. */
extern const uint8_t weir_json_words[256];

static inline uint64_t weir_tape_word(struct weir_json v)
{
    return v.doc->tape[v.at];
}
static inline unsigned char weir_tape_letter(struct weir_json v)
{
    return (unsigned char)(weir_tape_word(v) >> 56);
}
static inline struct weir_str weir_tape_string(struct weir_json v)
{
    const uint8_t *at = v.doc->strings + (weir_tape_word(v) & (((uint64_t)1 << 56) - 1));
    uint32_t len;
    memcpy(&len, at, sizeof len);
    struct weir_str s = {(const char *)at + sizeof len, len};
    return s;
}
/* The place behind this value. */
static inline size_t weir_tape_after(struct weir_json v)
{
    uint64_t word = weir_tape_word(v);
    size_t words = weir_json_words[word >> 56];
    return words ? v.at + words : (size_t)(word & 0xFFFFFFFF);
}

static inline enum weir_json_type weir_json_type(struct weir_json value)
{
    return value.doc ? (enum weir_json_type)weir_json_types[weir_tape_letter(value)]
                     : WEIR_JSON_NULL;
}
static inline bool weir_json_exists(struct weir_json value)
{
    return value.doc != NULL;
}
static inline bool weir_json_bool(struct weir_json value, bool *out)
{
    bool is = weir_json_type(value) == WEIR_JSON_BOOL;
    *out = is ? weir_tape_letter(value) == WEIR_TAPE_TRUE : *out;
    return is;
}
static inline bool weir_json_i64(struct weir_json value, int64_t *out)
{
    bool is = weir_json_type(value) == WEIR_JSON_INT;
    if (is) {
        memcpy(out, &value.doc->tape[value.at + 1], sizeof *out);
    }
    return is;
}
static inline bool weir_json_str(struct weir_json value, struct weir_str *out)
{
    bool is = weir_json_type(value) == WEIR_JSON_STRING;
    if (is) {
        *out = weir_tape_string(value);
    }
    return is;
}
static inline struct weir_json_iter weir_json_begin(struct weir_json container)
{
    enum weir_json_type type = weir_json_type(container);
    struct weir_json_iter it = {{NULL, 0}, 0, type == WEIR_JSON_OBJECT};
    if (type == WEIR_JSON_ARRAY || type == WEIR_JSON_OBJECT) {
        it.value.doc = container.doc;
        it.value.at = container.at + 1;
        it.end = weir_tape_after(container) - 1;
    }
    return it;
}
static inline bool weir_json_next(struct weir_json_iter *it, struct weir_str *key,
                                  struct weir_json *member)
{
    struct weir_json here = it->value;
    struct weir_str name = {"", 0};
    if (here.at >= it->end) { /* also where there is no document */
        return false;
    }
    if (it->object) { /* keys alternate */
        name = weir_tape_string(here);
        here.at++;
    }
    if (key) {
        *key = name;
    }
    *member = here;
    it->value.at = weir_tape_after(here);
    return true;
}

#endif
