/* The workspace and the servers under `weir demo`. Only src/cli includes this. */
#ifndef WEIR_CLI_DEMO_STACK_H
#define WEIR_CLI_DEMO_STACK_H

#include <sys/types.h>

#include "cli/command.h"
#include "cli/running.h"
#include "demo/demo.h"

struct weir_demo_stack {
    struct weir_cli *cli;
    const char *dir;
    struct weir_workspace *workspace;
    struct weir_sources sources;
    const char *keys[WEIR_DEMO_SOURCES]; /* in `sources` */
    struct weir_addresses addresses;
    pid_t pid;  /* of our `weir up`; 0: one ran already, or none runs */
    bool again; /* this folder held the same company before */
};

/* Makes the workspace or opens the one a demo made before, which must be of the same company: then
 * `options->until` becomes what it was. Adds the sources. */
int weir_demo_stack_prepare(struct weir_demo_stack *stack, struct weir_demo_options *options,
                            bool any_options, struct weir_error *err) WEIR_MUST_CHECK;
/* Starts `weir up`, or finds the one that runs, and waits until both parts answer. */
int weir_demo_stack_start(struct weir_demo_stack *stack, struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EIO with the end of its log when our `weir up` has ended. */
int weir_demo_stack_check(struct weir_demo_stack *stack, struct weir_error *err) WEIR_MUST_CHECK;
/* Stops it, when it is ours, and frees all. */
int weir_demo_stack_stop(struct weir_demo_stack *stack, struct weir_error *err) WEIR_MUST_CHECK;

#endif
