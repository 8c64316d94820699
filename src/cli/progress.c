#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"

#define BAR 24

void weir_progress_begin(struct weir_progress *p, const char *what, uint64_t total)
{
    const char *term = getenv("TERM");
    *p = (struct weir_progress){
        .out = stderr,
        .what = what,
        .total = total,
        .started = weir_mono(),
        .terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0),
    };
}

/* "1,234,567" */
static const char *grouped(uint64_t n, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *at = out;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = digits[i];
    }
    *at = '\0';
    return out;
}

static void show(struct weir_progress *p, uint64_t done, weir_time now, bool last)
{
    char count[32], speed[32];
    double seconds = (double)(now - p->started) / WEIR_SECOND;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    fprintf(p->out, "\r\033[K%s ", p->what);
    if (p->total) {
        double share = done < p->total ? (double)done / (double)p->total : 1;
        int full = (int)(share * BAR);
        fputc('[', p->out);
        for (int i = 0; i < BAR; i++) {
            fputc(i < full ? '#' : '.', p->out);
        }
        fprintf(p->out, "] %3d %%  ", (int)(share * 100));
    }
    fprintf(p->out, "%s  %s/s", grouped(done, count), grouped((uint64_t)rate, speed));
    if (last) {
        fprintf(p->out, "  %.1f s\n", seconds);
    } else if (p->total > done && rate > 0) {
        uint64_t left = (uint64_t)((double)(p->total - done) / rate + 0.5);
        fprintf(p->out, "  %llu:%02u left", (unsigned long long)(left / 60), (unsigned)(left % 60));
    }
    fflush(p->out);
}

void weir_progress_update(struct weir_progress *p, uint64_t done)
{
    if (!p->terminal) {
        return;
    }
    weir_time now = weir_mono();
    if (now - p->shown >= WEIR_SECOND / 10) {
        p->shown = now;
        show(p, done, now, false);
    }
}

void weir_progress_end(struct weir_progress *p, uint64_t done)
{
    if (p->terminal) {
        show(p, done, weir_mono(), true);
    }
}

const char *weir_cli_size(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    double n = (double)bytes;
    int unit = 0;
    while (n >= 1024 && unit < 4) {
        n /= 1024;
        unit++;
    }
    snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
    return out;
}
