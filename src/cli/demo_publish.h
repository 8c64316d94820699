/* The dashboards that `weir demo` begins with. Only src/cli includes this. */
#ifndef WEIR_CLI_DEMO_PUBLISH_H
#define WEIR_CLI_DEMO_PUBLISH_H

#include "base/error.h"

/* Publishes them to the whole company, by the running server on this socket. */
int weir_demo_publish(const char *socket, struct weir_error *err) WEIR_MUST_CHECK;
/* Prints their addresses, then those of the other reports. `dir`: the workspace. */
int weir_demo_tell_reports(const char *dir, const char *serve,
                           struct weir_error *err) WEIR_MUST_CHECK;

#endif
