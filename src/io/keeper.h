/* A process between us and a program that we start: our own program once more, with a verb that
 * nobody types. What the program starts, in a session of its own too, comes to the keeper when its
 * parent is gone (PR_SET_CHILD_SUBREAPER), ends with it, and counts to one limit of memory. A
 * server, whose threads start many programs, cannot be that itself: it could not tell whose a child
 * is. */
#ifndef WEIR_IO_KEEPER_H
#define WEIR_IO_KEEPER_H

#include "io/process.h"

#define WEIR_KEEPER "--keep"

/* The arguments by which the program of `what` is kept, with its limits: then they are none of
 * `what` any more. Free them, not their texts, which stay in `room`. NULL: no memory. */
struct weir_keeper_room {
    char memory[24], cpu[24], files[24];
};
const char **weir_keeper_arguments(struct weir_process_options *what,
                                   struct weir_keeper_room *room);
/* For main(): runs what the arguments say, ends as it did, and leaves none of its processes. On
 * SIGTERM, or when whoever started it is gone, it ends all of them. */
int weir_keeper(int argc, char **argv);

#endif
