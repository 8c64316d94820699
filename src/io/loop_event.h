/* For the files of this folder only: the libevent base inside a loop. */
#ifndef WEIR_IO_LOOP_EVENT_H
#define WEIR_IO_LOOP_EVENT_H

#include "io/loop.h"

struct event_base;
struct event_base *weir_loop_base(struct weir_loop *loop);

#endif
