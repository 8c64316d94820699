/* Names of documents: ids, names, and folders' names from titles. */
#include <string.h>

#include "base/hash.h"
#include "workspace/report.h"

bool weir_id_ok(struct weir_str id)
{
    bool ok = id.len == WEIR_ID_LENGTH;
    for (size_t i = 0; ok && i < id.len; i++) {
        char c = id.ptr[i];
        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    }
    return ok;
}

/* The first is a letter, so that YAML never takes an id for a number. */
void weir_id_fresh(char out[WEIR_ID_LENGTH + 1])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (int n = 0; n < WEIR_ID_LENGTH;) {
        unsigned char byte;
        weir_random_bytes(&byte, 1);
        if (byte < 252 && (n > 0 || byte % 36 < 26)) { /* 252 = 7 * 36 */
            out[n++] = letters[byte % 36];
        }
    }
    out[WEIR_ID_LENGTH] = '\0';
}

bool weir_document_name_ok(struct weir_str name)
{
    return weir_str_is_plain_name(name);
}

/* Letters of U+00C0 to U+017F without their marks; '?' for what is no letter. */
static const char *fold(unsigned cp)
{
    static const char latin1[] = "aaaaaaaceeeeiiiidnooooo?ouuuuytsaaaaaaaceeeeiiiidnooooo?ouuuuyty";
    static const char latin_a[] =
        "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
        "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
    if (cp == 0xDF) {
        return "ss";
    }
    if (cp == 0xC6 || cp == 0xE6) {
        return "ae";
    }
    static const char *const letters[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                          "j", "k", "l", "m", "n", "o", "p", "q", "r",
                                          "s", "t", "u", "v", "w", "x", "y", "z"};
    char c = cp >= 0xC0 && cp < 0x100    ? latin1[cp - 0xC0]
             : cp >= 0x100 && cp < 0x180 ? latin_a[cp - 0x100]
                                         : '?';
    return c == '?' ? NULL : letters[c - 'a'];
}

void weir_slug_make(struct weir_str title, char out[64])
{
    size_t n = 0;
    bool gap = false;
    for (size_t i = 0; i < title.len && n < 56; i++) {
        unsigned char c = (unsigned char)title.ptr[i];
        char one[2] = {0};
        const char *text = NULL;
        if (c >= 0xC3 && c <= 0xC5 && i + 1 < title.len) {
            text = fold((unsigned)(c & 0x1F) << 6 | ((unsigned char)title.ptr[++i] & 0x3F));
        } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            one[0] = (char)c;
            text = one;
        } else if (c >= 'A' && c <= 'Z') {
            one[0] = (char)(c + 32);
            text = one;
        }
        if (!text) {
            gap = n > 0;
            continue;
        }
        if (gap) {
            out[n++] = '-';
            gap = false;
        }
        n += strlen(strcpy(out + n, text));
    }
    out[n] = '\0';
    if (n == 0) {
        strcpy(out, "report");
    }
}
