/* What people hold in their hands, and the `context` that its SDK sends. */
#ifndef WEIR_DEMO_DEVICE_H
#define WEIR_DEMO_DEVICE_H

#include <stdint.h>

#include "demo/demo.h"
#include "demo/line.h"

enum demo_device { DEMO_DESKTOP, DEMO_MOBILE_WEB, DEMO_IPHONE, DEMO_ANDROID, DEMO_DEVICES };

static inline enum weir_demo_source weir_demo_device_source(enum demo_device device)
{
    return device == DEMO_IPHONE    ? WEIR_DEMO_IOS
           : device == DEMO_ANDROID ? WEIR_DEMO_ANDROID
                                    : WEIR_DEMO_WEB;
}

struct demo_release { /* of the apps, at a moment */
    int minor, patch;
};

/* The members of `context` that stay the same for a session, without braces. `key` is the device's:
 * the same key is the same machine. */
void weir_demo_put_context(struct demo_line *line, enum demo_device device, uint64_t key,
                           unsigned country, int64_t at, struct demo_release release);

#endif
