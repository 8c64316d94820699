#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/closest.h"
#include "cli/args.h"
#include "cli/help.h"

static const struct weir_flag query_flags[] = {
    {"format", 'f', "table|csv|json", "how the rows are printed", false},
    {"param", 'p', "NAME=VALUE", "a value for $NAME in the statement", true},
    {"dry-run", 'n', NULL, "check only", false},
    {"quiet", 'q', NULL, "say nothing", false},
    {"listen-fd", 0, "N", NULL, false},
    {0},
};

static int run_nothing(struct weir_cli *cli, struct weir_error *err)
{
    (void)cli;
    (void)err;
    return 0;
}

static const struct weir_command query = {
    .name = "query",
    .summary = "Run one SQL statement and print its rows",
    .operands = "SQL",
    .min_operands = 1,
    .max_operands = 1,
    .help = "The statement is checked first. It may only read, whoever asks, and this paragraph is "
            "long enough to need a second line on a terminal of eighty columns.\n\n"
            "  weir query 'select 1'",
    .flags = query_flags,
    .run = run_nothing,
};
static const struct weir_command log_stat = {.name = "log stat",
                                             .summary = "Show the segments",
                                             .operands = "",
                                             .help = "",
                                             .run = run_nothing};
static const struct weir_command log_cat = {.name = "log cat",
                                            .summary = "Print records",
                                            .operands = "[SEQ...]",
                                            .max_operands = 100,
                                            .help = "",
                                            .run = run_nothing};
static const struct weir_command secret = {.name = "settings",
                                           .summary = "",
                                           .operands = "",
                                           .help = "",
                                           .run = run_nothing,
                                           .hidden = true};
static const struct weir_command *const commands[] = {&query, &log_stat, &log_cat, &secret, NULL};

static struct weir_args args;
static struct weir_error err;

static int parse(const char *line)
{
    static char copy[1024];
    static char *argv[64];
    int argc = 0;
    snprintf(copy, sizeof copy, "weir %s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    weir_args_free(&args);
    err = (struct weir_error){0};
    return weir_args_parse(commands, argc, argv, &args, &err);
}

static void flags_stand_anywhere(void **state)
{
    (void)state;
    static const char *const same[] = {
        "query --format=csv -C /d SELECT", "-C /d query -f csv SELECT", "-C/d query SELECT -fcsv",
        "--dir /d query SELECT --format csv", "--dir=/d query -f csv -- SELECT"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        ASSERT_OK(parse(same[i]), err);
        assert_ptr_equal(args.command, &query);
        assert_string_equal(weir_args_value(&args, "format"), "csv");
        assert_string_equal(weir_args_value(&args, "dir"), "/d");
        assert_int_equal(weir_args_count(&args), 1);
        assert_string_equal(weir_args_at(&args, 0), "SELECT");
        assert_null(weir_args_at(&args, 1));
        assert_null(weir_args_value(&args, "param"));
    }
}

static void repeats_count_and_the_last_wins(void **state)
{
    (void)state;
    ASSERT_OK(parse("query -p a=1 --param=b=2 x -p c=3 -f csv -f json"), err);
    assert_string_equal(weir_args_value_at(&args, "param", 0), "a=1");
    assert_string_equal(weir_args_value_at(&args, "param", 1), "b=2");
    assert_string_equal(weir_args_value_at(&args, "param", 2), "c=3");
    assert_null(weir_args_value_at(&args, "param", 3));
    assert_string_equal(weir_args_value(&args, "format"), "json");
}

static void switches_may_share_a_dash(void **state)
{
    (void)state;
    ASSERT_OK(parse("query -nqf csv x"), err);
    assert_true(weir_args_has(&args, "dry-run"));
    assert_true(weir_args_has(&args, "quiet"));
    assert_string_equal(weir_args_value(&args, "format"), "csv");
    ASSERT_OK(parse("query x"), err);
    assert_false(weir_args_has(&args, "quiet"));
}

static void a_dash_and_what_follows_two_dashes_are_operands(void **state)
{
    (void)state;
    ASSERT_OK(parse("log cat - -- --format -x"), err);
    assert_ptr_equal(args.command, &log_cat);
    assert_int_equal(weir_args_count(&args), 3);
    assert_string_equal(weir_args_at(&args, 0), "-");
    assert_string_equal(weir_args_at(&args, 2), "-x");
}

static void help_and_version_need_no_operands(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum weir_ask ask;
        const struct weir_command *command;
    } cases[] = {
        {"--help", WEIR_ASK_HELP, NULL},
        {"help", WEIR_ASK_HELP, NULL},
        {"query --help", WEIR_ASK_HELP, &query},
        {"query -h", WEIR_ASK_HELP, &query},
        {"help query", WEIR_ASK_HELP, &query},
        {"log stat --help", WEIR_ASK_HELP, &log_stat},
        {"log --help", WEIR_ASK_HELP, NULL},
        {"--version", WEIR_ASK_VERSION, NULL},
        {"query --version", WEIR_ASK_VERSION, &query},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ASSERT_OK(parse(cases[i].line), err);
        assert_int_equal(args.ask, cases[i].ask);
        assert_ptr_equal(args.command, cases[i].command);
    }
}

static void wrong_usage_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *message;
    } cases[] = {
        {"", "no command given; `weir --help` lists them"},
        {"qurey x", "there is no command \"qurey\"; did you mean \"query\"?"},
        {"lgo stat", "there is no command \"lgo\"; did you mean \"log\"?"},
        {"frobnicate", "there is no command \"frobnicate\"; `weir --help` lists them"},
        {"setings", "there is no command \"setings\"; `weir --help` lists them"},
        {"log", "\"log\" needs a second word; `weir log --help` lists them"},
        {"log stta", "there is no command \"log stta\"; did you mean \"log stat\"?"},
        {"log query", "there is no command \"log query\"; `weir log --help` lists them"},
        {"query", "something is missing; usage: weir query [flags] SQL"},
        {"query a b", "unexpected word \"b\"; usage: weir query [flags] SQL"},
        {"log stat a", "unexpected word \"a\"; usage: weir log stat"},
        {"query --fromat csv x", "unknown flag --fromat; did you mean --format?"},
        {"query --dry_run x", "unknown flag --dry_run; did you mean --dry-run?"},
        {"query --listen-df 3 x", "unknown flag --listen-df; `weir query --help` lists the flags"},
        {"query -x y", "unknown flag -x; `weir query --help` lists the flags"},
        {"-f csv query x", "unknown flag -f; `weir --help` lists the flags"},
        {"query x --format", "--format needs a value: --format table|csv|json"},
        {"query x --quiet=yes", "--quiet is a switch and takes no value (\"yes\")"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].line), WEIR_CLI_USAGE);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void hidden_commands_and_flags_work(void **state)
{
    (void)state;
    ASSERT_OK(parse("query --listen-fd 3 x"), err);
    assert_string_equal(weir_args_value(&args, "listen-fd"), "3");
    ASSERT_OK(parse("settings"), err);
    assert_ptr_equal(args.command, &secret);
}

static void help_fits_its_width(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 1 << 16);
    for (size_t width = 40; width <= 100; width += 20) {
        weir_buf_reset(&out);
        weir_help_command(&query, (struct weir_help_style){width, false}, &out);
        assert_true(weir_buf_ok(&out));
        struct weir_str rest = weir_buf_str(&out);
        while (rest.ptr) {
            struct weir_str line = weir_str_cut(&rest, '\n');
            assert_true(line.len <= width);
            assert_true(line.len == 0 || line.ptr[line.len - 1] != ' ');
        }
    }
    assert_non_null(strstr(weir_buf_cstr(&out), "Usage: weir query [flags] SQL\n"));
    assert_non_null(strstr(weir_buf_cstr(&out), "\n  weir query 'select 1'\n"));
    assert_non_null(strstr(weir_buf_cstr(&out), "  -f, --format table|csv|json  how the rows"));
    assert_non_null(strstr(weir_buf_cstr(&out), "statement; may be repeated\n"));
    assert_null(strstr(weir_buf_cstr(&out), "listen-fd"));
    weir_buf_reset(&out);
    weir_help_program(commands, (struct weir_help_style){80, true}, &out);
    assert_non_null(strstr(weir_buf_cstr(&out), "\n\033[1mCommands\033[0m\n"));
    assert_non_null(strstr(weir_buf_cstr(&out), "\n  log stat  Show the segments\n"));
    assert_null(strstr(weir_buf_cstr(&out), "settings"));
    weir_buf_free(&out);
}

static void no_color_is_respected(void **state)
{
    (void)state;
    setenv("NO_COLOR", "1", 1);
    setenv("COLUMNS", "60", 1);
    struct weir_help_style style = weir_help_style_of(STDOUT_FILENO);
    assert_false(style.bold);
    assert_int_equal(style.width, 60);
    unsetenv("NO_COLOR");
    unsetenv("COLUMNS");
}

/* What bash offers for a line, by running the script in bash itself. */
static void bash_offers(const char *line, const char *expected)
{
    struct weir_buf script;
    char got[512] = "", command[64];
    char path[] = "/tmp/weir-completion-XXXXXX";
    int fd = mkstemp(path);
    weir_buf_init(&script, 1 << 20);
    assert_true(fd >= 0 && weir_help_completion(commands, "bash", &script));
    weir_buf_addf(&script,
                  "COMP_WORDS=(weir %s); [[ '%s' == *' ' ]] && COMP_WORDS+=('')\n"
                  "COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _weir; echo \"${COMPREPLY[*]}\"\n",
                  line, line);
    assert_int_equal(write(fd, script.data, script.len), script.len);
    close(fd);
    snprintf(command, sizeof command, "bash %s", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(fgets(got, sizeof got, pipe));
    pclose(pipe);
    unlink(path);
    weir_buf_free(&script);
    got[strcspn(got, "\n")] = '\0';
    assert_string_equal(got, expected);
}

static void bash_completes_commands_flags_and_values(void **state)
{
    (void)state;
    bash_offers("q", "query");
    bash_offers("lo", "log");
    bash_offers("log ", "stat cat");
    bash_offers("-C /tmp log s", "stat");
    bash_offers("query --f", "--format");
    bash_offers("query --format ", "table csv json");
    bash_offers("query --lis", "");
    bash_offers("--log-level w", "warn");
    bash_offers("set", "");
}

static void every_shell_has_a_script(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 1 << 20);
    assert_true(weir_help_completion(commands, "zsh", &out));
    assert_true(weir_help_completion(commands, "fish", &out));
    assert_non_null(strstr(weir_buf_cstr(&out), " -l format -s f -x -a 'table csv json' "));
    assert_false(weir_help_completion(commands, "csh", &out));
    weir_buf_reset(&out);
    weir_help_man(commands, &out);
    assert_true(weir_buf_ok(&out));
    assert_non_null(strstr(weir_buf_cstr(&out), ".SS weir log cat [SEQ...]\n"));
    assert_non_null(strstr(weir_buf_cstr(&out), "\\fB\\-\\-dry\\-run\\fR\n"));
    weir_buf_free(&out);
}

static void suggests_only_what_is_near(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        const char *best;
    } cases[] = {{"statsu", "status"}, {"stats", "status"}, {"sources", "source"},
                 {"u", NULL},          {"zebra", NULL},     {"", NULL},
                 {"STATUS", "status"}, {"serv", "serve"},   {"xx", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const char *const known[] = {"status", "source", "up", "serve", "collect"};
        struct weir_closest c = weir_closest_to(weir_str_of(cases[i].typed));
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
            weir_closest_consider(&c, known[k]);
        }
        if (cases[i].best) {
            assert_non_null(c.best);
            assert_string_equal(c.best, cases[i].best);
        } else {
            assert_null(c.best);
        }
    }
}

static int free_args(void **state)
{
    (void)state;
    weir_args_free(&args);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_stand_anywhere),
        cmocka_unit_test(repeats_count_and_the_last_wins),
        cmocka_unit_test(switches_may_share_a_dash),
        cmocka_unit_test(a_dash_and_what_follows_two_dashes_are_operands),
        cmocka_unit_test(help_and_version_need_no_operands),
        cmocka_unit_test(wrong_usage_says_what_to_do),
        cmocka_unit_test(hidden_commands_and_flags_work),
        cmocka_unit_test(help_fits_its_width),
        cmocka_unit_test(no_color_is_respected),
        cmocka_unit_test(bash_completes_commands_flags_and_values),
        cmocka_unit_test(every_shell_has_a_script),
        cmocka_unit_test(suggests_only_what_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, free_args);
}
