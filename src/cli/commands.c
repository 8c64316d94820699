#include "cli/commands.h"

#include <stddef.h>

/* In the order of a newcomer's day: begin, run, look, look after. */
const struct weir_command *const weir_commands[] = {
    /* begin */
    &weir_command_init,
    &weir_command_source_key,
    &weir_command_source_list,
    &weir_command_source_add,
    &weir_command_source_kinds,
    &weir_command_source_check,
    &weir_command_source_discover,
    &weir_command_source_pause,
    &weir_command_source_resume,
    &weir_command_source_remove,
    /* run */
    &weir_command_up,
    &weir_command_collect,
    &weir_command_serve,
    &weir_command_demo,
    &weir_command_secret_set,
    &weir_command_secret_list,
    &weir_command_secret_remove,
    &weir_command_sync,
    /* look */
    &weir_command_query,
    &weir_command_upload,
    &weir_command_export,
    &weir_command_embed_link,
    &weir_command_embed_rotate,
    &weir_command_status,
    /* people */
    &weir_command_user_add,
    &weir_command_user_list,
    &weir_command_user_set,
    &weir_command_user_invite,
    &weir_command_user_password,
    &weir_command_user_remove,
    &weir_command_user_setup,
    &weir_command_group_list,
    &weir_command_group_add,
    &weir_command_group_set,
    &weir_command_group_grant,
    &weir_command_group_members,
    &weir_command_group_remove,
    &weir_command_token_add,
    &weir_command_token_list,
    &weir_command_token_revoke,
    &weir_command_report_list,
    &weir_command_report_show,
    /* look after */
    &weir_command_validate,
    &weir_command_report_validate,
    &weir_command_doctor,
    &weir_command_replay,
    &weir_command_log_stat,
    &weir_command_log_cat,
    &weir_command_log_verify,
    &weir_command_quarantine_list,
    &weir_command_quarantine_release,
    &weir_command_state_backup,
    /* for the shell */
    &weir_command_completion,
    &weir_command_man,
    &weir_command_settings,
    NULL,
};
