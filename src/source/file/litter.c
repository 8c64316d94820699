/* What programs leave beside files for a while. */
#include "source/file/file.h"

/* Unfinished copies and what editors keep, by the end of the name. */
static const char *const ends[] = {"~",        ".tmp",        ".temp",     ".bak", ".part",
                                   ".partial", ".crdownload", ".download", ".swp", ".filepart"};

static bool begins(struct weir_str name, const char *with)
{
    return weir_str_starts(name, weir_str_of(with));
}

static bool has_end(struct weir_str name, const char *end)
{
    return name.len > strlen(end) && weir_str_ends_nocase(name, weir_str_of(end));
}

/* Excel and Word: ~$report.xlsx; LibreOffice: .~lock.report.csv#; macOS: ._report.csv; Emacs:
 * #report.csv#. What the pattern says itself is meant. */
bool weir_file_is_litter(struct weir_str pattern, struct weir_str name)
{
    bool litter = (begins(name, ".") && !begins(pattern, ".")) ||
                  (begins(name, "~$") && !begins(pattern, "~")) ||
                  (begins(name, "#") && has_end(name, "#") && !begins(pattern, "#"));
    for (size_t i = 0; !litter && i < sizeof ends / sizeof ends[0]; i++) {
        litter = has_end(name, ends[i]) && !has_end(pattern, ends[i]);
    }
    return litter;
}
