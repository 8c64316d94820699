/* What every unit test includes: cmocka with its prerequisites. */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Fails with the error's own sentence. */
#define ASSERT_OK(call, err)                                                                       \
    do {                                                                                           \
        int code_ = (call);                                                                        \
        if (code_) {                                                                               \
            fail_msg("%s: %d: %s", #call, code_, (err).message);                                   \
        }                                                                                          \
    } while (0)

#endif
