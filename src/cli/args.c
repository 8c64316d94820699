#include "cli/args.h"

#include <stdlib.h>

#include "base/closest.h"

const struct weir_flag weir_global_flags[] = {
    {"dir", 'C', "DIR", "the workspace; the current folder by default", false},
    {"log-level", 0, "debug|info|warn|error", "what is logged to stderr; info by default", false},
    {"help", 'h', NULL, "show help and exit", false},
    {"version", 0, NULL, "print the version and exit", false},
    {0},
};

const char *weir_args_value_at(const struct weir_args *args, const char *flag, size_t i)
{
    for (size_t k = 0; k < args->given_count; k++) {
        if (strcmp(args->given[k].flag->name, flag) == 0 && i-- == 0) {
            return args->given[k].value;
        }
    }
    return NULL;
}

const char *weir_args_value(const struct weir_args *args, const char *flag)
{
    for (size_t k = args->given_count; k > 0; k--) {
        if (strcmp(args->given[k - 1].flag->name, flag) == 0) {
            return args->given[k - 1].value;
        }
    }
    return NULL;
}

bool weir_args_has(const struct weir_args *args, const char *flag)
{
    for (size_t k = 0; k < args->given_count; k++) {
        if (strcmp(args->given[k].flag->name, flag) == 0) {
            return true;
        }
    }
    return false;
}

size_t weir_args_count(const struct weir_args *args)
{
    return args->operand_count;
}

const char *weir_args_at(const struct weir_args *args, size_t i)
{
    return i < args->operand_count ? args->operands[i] : NULL;
}

struct weir_str weir_command_group(const struct weir_command *command)
{
    struct weir_str rest = weir_str_of(command->name);
    return weir_str_cut(&rest, ' ');
}

static bool is_group(const struct weir_command *const *commands, struct weir_str name)
{
    for (; *commands; commands++) {
        if (strchr((*commands)->name, ' ') && weir_str_eq(weir_command_group(*commands), name)) {
            return true;
        }
    }
    return false;
}

struct parse {
    const struct weir_command *const *commands;
    int argc;
    char *const *argv;
    int at; /* the word being read */
    struct weir_args *out;
    struct weir_error *err;
};

static const char *command_name(const struct weir_args *args)
{
    return args->command ? args->command->name : args->group;
}

static int fail_unknown_command(const struct parse *p, const char *word)
{
    struct weir_closest near = weir_closest_to(weir_str_of(word));
    char groups[64][32];
    size_t n = 0;
    for (const struct weir_command *const *c = p->commands; *c; c++) {
        struct weir_str first = weir_command_group(*c);
        if ((*c)->hidden) {
            continue;
        }
        if (!p->out->group) {
            /* "lgo stat" is a mistyped group: compare with the first word only. */
            if (n < sizeof groups / sizeof groups[0] && first.len < sizeof groups[0]) {
                memcpy(groups[n], first.ptr, first.len);
                groups[n][first.len] = '\0';
                weir_closest_consider(&near, groups[n++]);
            }
        } else if (weir_str_is(first, p->out->group) && (*c)->name[first.len]) {
            weir_closest_consider(&near, (*c)->name + first.len + 1);
        }
    }
    const char *space = p->out->group ? " " : "";
    const char *group = p->out->group ? p->out->group : "";
    if (near.best) {
        return weir_fail(p->err, WEIR_CLI_USAGE,
                         "there is no command \"%s%s%s\"; did you mean \"%s%s%s\"?", group, space,
                         word, group, space, near.best);
    }
    return weir_fail(p->err, WEIR_CLI_USAGE,
                     "there is no command \"%s%s%s\"; `weir%s%s --help` lists them", group, space,
                     word, *group ? " " : "", group);
}

static int take_command_word(struct parse *p, const char *word)
{
    struct weir_args *args = p->out;
    struct weir_str name = weir_str_of(word);
    for (const struct weir_command *const *c = p->commands; *c; c++) {
        struct weir_str first = weir_command_group(*c);
        bool second_level = (*c)->name[first.len] != '\0';
        bool match = args->group ? second_level && weir_str_is(first, args->group) &&
                                       strcmp((*c)->name + first.len + 1, word) == 0
                                 : !second_level && weir_str_eq(first, name);
        if (match) {
            args->command = *c;
            return WEIR_OK;
        }
    }
    if (!args->group && is_group(p->commands, name)) {
        args->group = word;
        return WEIR_OK;
    }
    if (!args->group && strcmp(word, "help") == 0) {
        args->ask = WEIR_ASK_HELP;
        return WEIR_OK;
    }
    return fail_unknown_command(p, word);
}

static const struct weir_flag *find_flag(const struct parse *p, struct weir_str name, char letter)
{
    const struct weir_flag *tables[] = {p->out->command ? p->out->command->flags : NULL,
                                        weir_global_flags};
    for (size_t i = 0; i < 2; i++) {
        for (const struct weir_flag *f = tables[i]; f && f->name; f++) {
            if (letter ? f->letter == letter : weir_str_is(name, f->name)) {
                return f;
            }
        }
    }
    return NULL;
}

static int fail_unknown_flag(const struct parse *p, struct weir_str name, char letter)
{
    struct weir_closest near = weir_closest_to(name);
    const struct weir_flag *tables[] = {p->out->command ? p->out->command->flags : NULL,
                                        weir_global_flags};
    for (size_t i = 0; i < 2 && !letter; i++) {
        for (const struct weir_flag *f = tables[i]; f && f->name; f++) {
            if (f->help) {
                weir_closest_consider(&near, f->name);
            }
        }
    }
    const char *command = command_name(p->out);
    const char *space = command ? " " : "";
    command = command ? command : "";
    if (letter) {
        return weir_fail(p->err, WEIR_CLI_USAGE,
                         "unknown flag -%c; `weir%s%s --help` lists the flags", letter, space,
                         command);
    }
    if (near.best) {
        return weir_fail(p->err, WEIR_CLI_USAGE,
                         "unknown flag --" WEIR_STR_FMT "; did you mean --%s?", WEIR_STR_ARG(name),
                         near.best);
    }
    return weir_fail(p->err, WEIR_CLI_USAGE,
                     "unknown flag --" WEIR_STR_FMT "; `weir%s%s --help` lists the flags",
                     WEIR_STR_ARG(name), space, command);
}

/* `inline_value` is what stood in the same word ("--flag=value", "-Cdir"), or NULL. */
static int take_flag(struct parse *p, const struct weir_flag *flag, const char *inline_value)
{
    struct weir_args *args = p->out;
    const char *value = inline_value;
    if (!flag->value && value) {
        return weir_fail(p->err, WEIR_CLI_USAGE, "--%s is a switch and takes no value (\"%s\")",
                         flag->name, value);
    }
    if (flag->value && !value) {
        if (p->at + 1 >= p->argc) {
            return weir_fail(p->err, WEIR_CLI_USAGE, "--%s needs a value: --%s %s", flag->name,
                             flag->name, flag->value);
        }
        value = p->argv[++p->at];
    }
    if (strcmp(flag->name, "help") == 0) {
        args->ask = WEIR_ASK_HELP;
    } else if (strcmp(flag->name, "version") == 0 && args->ask == WEIR_ASK_RUN) {
        args->ask = WEIR_ASK_VERSION;
    }
    args->given[args->given_count++] = (struct weir_arg){flag, value};
    return WEIR_OK;
}

static int take_long(struct parse *p, const char *word)
{
    struct weir_str name = weir_str_of(word + 2);
    const char *equals = strchr(word, '=');
    if (equals) {
        name.len = (size_t)(equals - name.ptr);
    }
    const struct weir_flag *flag = find_flag(p, name, 0);
    return flag ? take_flag(p, flag, equals ? equals + 1 : NULL) : fail_unknown_flag(p, name, 0);
}

/* "-x", "-xyz" for switches, "-Cdir". */
static int take_letters(struct parse *p, const char *letters)
{
    for (; *letters; letters++) {
        const struct weir_flag *flag = find_flag(p, WEIR_STR(""), *letters);
        if (!flag) {
            return fail_unknown_flag(p, WEIR_STR(""), *letters);
        }
        bool rest = flag->value && letters[1];
        int code = take_flag(p, flag, rest ? letters + 1 : NULL);
        if (code || rest) {
            return code;
        }
    }
    return WEIR_OK;
}

static int take_words(struct parse *p)
{
    bool only_operands = false;
    for (p->at = 1; p->at < p->argc; p->at++) {
        const char *word = p->argv[p->at];
        int code = WEIR_OK;
        if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (only_operands || word[0] != '-' || word[1] == '\0') {
            if (p->out->command) {
                p->out->operands[p->out->operand_count++] = word;
            } else {
                code = take_command_word(p, word);
            }
        } else {
            code = word[1] == '-' ? take_long(p, word) : take_letters(p, word + 1);
        }
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

bool weir_command_has_flags(const struct weir_command *command)
{
    for (const struct weir_flag *f = command->flags; f && f->name; f++) {
        if (f->help) {
            return true;
        }
    }
    return false;
}

static int check_operands(const struct weir_args *args, struct weir_error *err)
{
    const struct weir_command *c = args->command;
    if (args->operand_count < c->min_operands) {
        return weir_fail(err, WEIR_CLI_USAGE, "something is missing; usage: weir %s%s %s", c->name,
                         weir_command_has_flags(c) ? " [flags]" : "", c->operands);
    }
    if (args->operand_count > c->max_operands) {
        return weir_fail(err, WEIR_CLI_USAGE, "unexpected word \"%s\"; usage: weir %s%s%s%s",
                         args->operands[c->max_operands], c->name,
                         weir_command_has_flags(c) ? " [flags]" : "", *c->operands ? " " : "",
                         c->operands);
    }
    return WEIR_OK;
}

int weir_args_parse(const struct weir_command *const *commands, int argc, char *const *argv,
                    struct weir_args *out, struct weir_error *err)
{
    struct parse p = {commands, argc, argv, 0, out, err};
    size_t letters = 1;
    for (int i = 1; i < argc; i++) {
        letters += strlen(argv[i]) + 1; /* "-xyz" gives three flags */
    }
    *out = (struct weir_args){0};
    out->given = calloc(letters, sizeof *out->given);
    out->operands = calloc((size_t)argc + 1, sizeof *out->operands);
    if (!out->given || !out->operands) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the command line");
    }
    int code = take_words(&p);
    if (code || out->ask != WEIR_ASK_RUN) {
        return code;
    }
    if (!out->command && out->group) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "\"%s\" needs a second word; `weir %s --help` lists them", out->group,
                         out->group);
    }
    if (!out->command) {
        return weir_fail(err, WEIR_CLI_USAGE, "no command given; `weir --help` lists them");
    }
    return check_operands(out, err);
}

void weir_args_free(struct weir_args *args)
{
    free(args->given);
    free(args->operands);
    *args = (struct weir_args){0};
}
