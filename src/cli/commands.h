/* The commands, one line each; every one lives in a file of its own. */
#ifndef WEIR_CLI_COMMANDS_H
#define WEIR_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct weir_command weir_command_collect;
extern const struct weir_command weir_command_query;
extern const struct weir_command weir_command_embed_link;
extern const struct weir_command weir_command_embed_rotate;
extern const struct weir_command weir_command_export;
extern const struct weir_command weir_command_upload;
extern const struct weir_command weir_command_replay;
extern const struct weir_command weir_command_report_list;
extern const struct weir_command weir_command_report_show;
extern const struct weir_command weir_command_report_validate;
extern const struct weir_command weir_command_validate;
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
extern const struct weir_command weir_command_secret_list;
extern const struct weir_command weir_command_secret_remove;
extern const struct weir_command weir_command_secret_set;
extern const struct weir_command weir_command_settings;
extern const struct weir_command weir_command_source_add;
extern const struct weir_command weir_command_source_check;
extern const struct weir_command weir_command_source_discover;
extern const struct weir_command weir_command_source_key;
extern const struct weir_command weir_command_source_kinds;
extern const struct weir_command weir_command_source_list;
extern const struct weir_command weir_command_source_pause;
extern const struct weir_command weir_command_source_remove;
extern const struct weir_command weir_command_source_resume;
extern const struct weir_command weir_command_status;
extern const struct weir_command weir_command_sync;
extern const struct weir_command weir_command_verify;
extern const struct weir_command weir_command_user_add;
extern const struct weir_command weir_command_user_list;
extern const struct weir_command weir_command_user_set;
extern const struct weir_command weir_command_user_invite;
extern const struct weir_command weir_command_user_password;
extern const struct weir_command weir_command_user_remove;
extern const struct weir_command weir_command_user_setup;
extern const struct weir_command weir_command_group_list;
extern const struct weir_command weir_command_group_add;
extern const struct weir_command weir_command_group_set;
extern const struct weir_command weir_command_group_grant;
extern const struct weir_command weir_command_group_members;
extern const struct weir_command weir_command_group_remove;
extern const struct weir_command weir_command_token_add;
extern const struct weir_command weir_command_token_list;
extern const struct weir_command weir_command_token_revoke;
extern const struct weir_command weir_command_state_backup;
extern const struct weir_command weir_command_up;

#endif
