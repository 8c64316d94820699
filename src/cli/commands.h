/* The commands, one line each; every one lives in a file of its own. */
#ifndef WEIR_CLI_COMMANDS_H
#define WEIR_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct weir_command weir_command_collect;
extern const struct weir_command weir_command_query;
extern const struct weir_command weir_command_replay;
extern const struct weir_command weir_command_serve;
extern const struct weir_command weir_command_completion;
extern const struct weir_command weir_command_demo;
extern const struct weir_command weir_command_doctor;
extern const struct weir_command weir_command_init;
extern const struct weir_command weir_command_log_cat;
extern const struct weir_command weir_command_log_stat;
extern const struct weir_command weir_command_log_verify;
extern const struct weir_command weir_command_man;
extern const struct weir_command weir_command_quarantine_list;
extern const struct weir_command weir_command_quarantine_release;
extern const struct weir_command weir_command_settings;
extern const struct weir_command weir_command_source_add;
extern const struct weir_command weir_command_source_key;
extern const struct weir_command weir_command_source_list;
extern const struct weir_command weir_command_status;
extern const struct weir_command weir_command_up;

#endif
