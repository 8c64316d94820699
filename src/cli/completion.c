/* Shell completion, from the tables. A flag whose value reads "a|b|c" is completed with a, b, c;
 * DIR with folders; anything else with files. */
#include "cli/help.h"

static bool has_choices(const struct weir_flag *flag)
{
    return flag->value && strchr(flag->value, '|');
}

static void choices(struct weir_buf *out, const struct weir_flag *flag)
{
    for (const char *c = flag->value; *c; c++) {
        weir_buf_addc(out, *c == '|' ? ' ' : *c);
    }
}

/* Inside single quotes of a shell; fish and zsh descriptions too. */
static void quoted(struct weir_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            weir_buf_addz(out, "'\\''");
        } else {
            weir_buf_addc(out, *text);
        }
    }
}

static void flag_words(struct weir_buf *out, const struct weir_flag *table)
{
    for (const struct weir_flag *f = table; f && f->name; f++) {
        if (f->help) {
            weir_buf_addf(out, " --%s", f->name);
            if (f->letter) {
                weir_buf_addf(out, " -%c", f->letter);
            }
        }
    }
}

/* First words, or with `group` its second words. */
static void command_words(struct weir_buf *out, const struct weir_command *const *commands,
                          const char *group)
{
    struct weir_str last = {0};
    for (; *commands; commands++) {
        struct weir_str first = weir_command_group(*commands);
        const char *second = (*commands)->name + first.len;
        if ((*commands)->hidden) {
            continue;
        }
        if (!group && !weir_str_eq(first, last)) {
            weir_buf_addf(out, " " WEIR_STR_FMT, WEIR_STR_ARG(first));
        } else if (group && *second && weir_str_is(first, group)) {
            weir_buf_addf(out, " %s", second + 1);
        }
        last = first;
    }
}

static void bash_values(struct weir_buf *out, const struct weir_flag *table)
{
    for (const struct weir_flag *f = table; f && f->name; f++) {
        if (f->help && has_choices(f)) {
            weir_buf_addf(out, "    --%s) COMPREPLY=($(compgen -W '", f->name);
            choices(out, f);
            weir_buf_addz(out, "' -- \"$cur\")); return ;;\n");
        }
    }
}

/* Both bash and zsh (through bashcompinit) read this. */
static void bash(struct weir_buf *out, const struct weir_command *const *commands)
{
    weir_buf_addz(out, "_weir() {\n"
                       "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                       "  local seen=() w skip=\n"
                       "  for w in \"${COMP_WORDS[@]:1:$((COMP_CWORD-1))}\"; do\n"
                       "    if [ -n \"$skip\" ]; then skip=; continue; fi\n"
                       "    case $w in -C|--dir|--log-level) skip=1 ;; -*) ;; *) seen+=(\"$w\") ;;"
                       " esac\n"
                       "  done\n"
                       "  case $prev in\n"
                       "    -C|--dir) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n");
    bash_values(out, weir_global_flags);
    weir_buf_addz(out, "  esac\n  case \"${seen[*]:0:2}\" in\n");
    for (const struct weir_command *const *c = commands; *c; c++) {
        if ((*c)->hidden) {
            continue;
        }
        weir_buf_addf(out, strchr((*c)->name, ' ') ? "  '%s')\n" : "  '%s'|'%s '*)\n", (*c)->name,
                      (*c)->name);
        weir_buf_addz(out, "    case $prev in\n");
        bash_values(out, (*c)->flags);
        weir_buf_addz(out, "    esac\n    case $cur in -*) COMPREPLY=($(compgen -W '");
        flag_words(out, (*c)->flags);
        flag_words(out, weir_global_flags);
        weir_buf_addz(out, "' -- \"$cur\")); return ;; esac\n"
                           "    COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
    }
    struct weir_str last = {0};
    for (const struct weir_command *const *c = commands; *c; c++) {
        struct weir_str group = weir_command_group(*c);
        if (strchr((*c)->name, ' ') && !(*c)->hidden && !weir_str_eq(group, last)) {
            char name[64] = "";
            memcpy(name, group.ptr, group.len < 63 ? group.len : 63);
            weir_buf_addf(out, "  '%s') COMPREPLY=($(compgen -W '", name);
            command_words(out, commands, name);
            weir_buf_addz(out, "' -- \"$cur\")); return ;;\n");
            last = group;
        }
    }
    weir_buf_addz(out, "  '') COMPREPLY=($(compgen -W '");
    command_words(out, commands, NULL);
    weir_buf_addz(out, " help");
    flag_words(out, weir_global_flags);
    weir_buf_addz(out, "' -- \"$cur\")) ;;\n  esac\n}\ncomplete -o filenames -F _weir weir\n");
}

static void fish_condition(struct weir_buf *out, const char *name)
{
    struct weir_str rest = weir_str_of(name);
    weir_buf_addz(out, "complete -c weir -n '");
    for (bool first = true; rest.ptr; first = false) {
        struct weir_str word = weir_str_cut(&rest, ' ');
        weir_buf_addf(out, "%s__fish_seen_subcommand_from " WEIR_STR_FMT, first ? "" : "; and ",
                      WEIR_STR_ARG(word));
    }
    weir_buf_addc(out, '\'');
}

static void fish_flags(struct weir_buf *out, const char *command, const struct weir_flag *table)
{
    for (const struct weir_flag *f = table; f && f->name; f++) {
        if (!f->help) {
            continue;
        }
        if (command) {
            fish_condition(out, command);
        } else {
            weir_buf_addz(out, "complete -c weir");
        }
        weir_buf_addf(out, " -l %s", f->name);
        if (f->letter) {
            weir_buf_addf(out, " -s %c", f->letter);
        }
        if (has_choices(f)) {
            weir_buf_addz(out, " -x -a '");
            choices(out, f);
            weir_buf_addc(out, '\'');
        } else if (f->value && strcmp(f->value, "DIR") == 0) {
            weir_buf_addz(out, " -x -a '(__fish_complete_directories)'");
        } else if (f->value) {
            weir_buf_addz(out, " -r");
        }
        weir_buf_addz(out, " -d '");
        quoted(out, f->help);
        weir_buf_addz(out, "'\n");
    }
}

static void fish(struct weir_buf *out, const struct weir_command *const *commands)
{
    fish_flags(out, NULL, weir_global_flags);
    struct weir_str last = {0};
    for (; *commands; commands++) {
        struct weir_str first = weir_command_group(*commands);
        const char *second = (*commands)->name + first.len;
        if ((*commands)->hidden) {
            continue;
        }
        if (!weir_str_eq(first, last)) {
            weir_buf_addf(out,
                          "complete -c weir -f -n __fish_use_subcommand -a " WEIR_STR_FMT " -d '",
                          WEIR_STR_ARG(first));
            quoted(out, *second ? "" : (*commands)->summary);
            weir_buf_addz(out, "'\n");
        }
        if (*second) {
            weir_buf_addf(out,
                          "complete -c weir -f -n '__fish_seen_subcommand_from " WEIR_STR_FMT
                          "' -a %s -d '",
                          WEIR_STR_ARG(first), second + 1);
            quoted(out, (*commands)->summary);
            weir_buf_addz(out, "'\n");
        }
        fish_flags(out, (*commands)->name, (*commands)->flags);
        last = first;
    }
}

bool weir_help_completion(const struct weir_command *const *commands, const char *shell,
                          struct weir_buf *out)
{
    if (strcmp(shell, "bash") == 0) {
        weir_buf_addz(out, "# weir completion bash > /etc/bash_completion.d/weir\n");
        bash(out, commands);
    } else if (strcmp(shell, "zsh") == 0) {
        weir_buf_addz(out, "# in ~/.zshrc, behind compinit: source <(weir completion zsh)\n"
                           "autoload -Uz +X bashcompinit && bashcompinit\n");
        bash(out, commands);
    } else if (strcmp(shell, "fish") == 0) {
        weir_buf_addz(out, "# weir completion fish > ~/.config/fish/completions/weir.fish\n");
        fish(out, commands);
    } else {
        return false;
    }
    return true;
}
