/* `weir doctor`: the checks, and where their findings go. Only src/cli includes this. */
#ifndef WEIR_CLI_DOCTOR_H
#define WEIR_CLI_DOCTOR_H

#include "cli/running.h"
#include "workspace/workspace.h"

enum weir_health { WEIR_HEALTH_OK, WEIR_HEALTH_WARNING, WEIR_HEALTH_PROBLEM };

struct weir_finding {
    enum weir_health health;
    const char *what; /* "disk" */
    char text[512];   /* the fact and, unless all is well, what to do */
};

struct weir_doctor {
    struct weir_workspace *workspace; /* NULL while it cannot be opened */
    const char *dir;
    bool up;    /* a `weir up` runs */
    bool serve; /* a server answers; it has the warehouse open */
    struct weir_server_state server;
    bool deep;
    void (*found)(const struct weir_finding *finding, void *arg);
    void *arg;
    unsigned problems, warnings;
};

void weir_doctor_find(struct weir_doctor *d, enum weir_health health, const char *what,
                      const char *fmt, ...) WEIR_PRINTF(4, 5);

/* The machine: versions, clock, descriptors, git. */
void weir_doctor_machine(struct weir_doctor *d);
/* The workspace: settings, sources, folder, disk. Opens d->workspace; false when it cannot. */
bool weir_doctor_workspace(struct weir_doctor *d);
/* The files in the data folder: whose they are, and whether the clock agrees with their times. */
void weir_doctor_files(struct weir_doctor *d);
/* What runs or could run: ports, server. */
void weir_doctor_running(struct weir_doctor *d);
/* The data: event log, warehouse. */
void weir_doctor_data(struct weir_doctor *d);

#endif
