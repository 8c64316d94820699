/* `weir demo`: Podium, the sample company, from its first event to the answers. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/demo_ask.h"
#include "cli/demo_publish.h"
#include "cli/demo_stack.h"
#include "demo/sender.h"
#include "eventlog/eventlog.h"

#define DEFAULT_DIR    "podium"
#define DEFAULT_EVENTS 200000
#define ANSWER_IN      (120 * WEIR_SECOND)

static volatile sig_atomic_t stop_asked;

static void on_signal(int signum)
{
    (void)signum;
    stop_asked = 1;
}

struct demo {
    struct weir_cli *cli;
    struct weir_demo_options options;
    struct weir_demo *company;
    struct weir_demo_stack stack;
    struct weir_demo_sender *sender;
    struct weir_demo_asker asker;
    weir_time begun;
};

static int canceled(struct weir_error *err)
{
    return weir_fail(err, WEIR_ECANCELED, "stopped; run it again and nothing is counted twice");
}

/* --- the command line ---------------------------------------------------------------------------
 */

static int read_number(const struct weir_args *args, const char *flag, uint64_t *out,
                       struct weir_error *err)
{
    const char *text = weir_args_value(args, flag);
    if (text && !weir_str_to_u64(weir_str_of(text), out)) {
        return weir_fail(err, WEIR_CLI_USAGE, "--%s %s: this is no whole number", flag, text);
    }
    return 0;
}

static int read_flags(struct demo *demo, struct weir_error *err)
{
    const struct weir_args *args = demo->cli->args;
    const char *until = weir_args_value(args, "until");
    demo->options = (struct weir_demo_options){.seed = 1, .events = DEFAULT_EVENTS};
    /* The minute that is over: what the company looks like at this moment. */
    demo->options.until = weir_now() / (60 * WEIR_SECOND) * (60 * WEIR_SECOND);
    if (until && (!weir_time_parse_lenient(weir_str_of(until), &demo->options.until) ||
                  demo->options.until < 946684800 * WEIR_SECOND)) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "--until %s: write a time after 2000 as 2026-01-31T12:00:00Z", until);
    }
    int code = read_number(args, "seed", &demo->options.seed, err);
    return code ? code : read_number(args, "events", &demo->options.events, err);
}

/* --- --print ------------------------------------------------------------------------------------
 */

/* The event with the source it comes from put in front, as one object. */
static void print_event(const struct weir_demo_event *event)
{
    printf("{\"source\":\"%s\",", weir_demo_source_name(event->source));
    fwrite(event->json.ptr + 1, 1, event->json.len - 1, stdout);
    putchar('\n');
}

static int print_all(struct demo *demo, struct weir_error *err)
{
    struct weir_demo_event event;
    int code = weir_demo_new(&demo->options, &demo->company, err);
    while (!code && !ferror(stdout) && weir_demo_next(demo->company, &event)) {
        print_event(&event);
    }
    if (!code && fflush(stdout) != 0 && errno != EPIPE) {
        code = weir_fail_errno(err, errno, "writing the events");
    }
    return code;
}

/* --- sending ------------------------------------------------------------------------------------
 */

static int send_history(struct demo *demo, struct weir_error *err)
{
    struct weir_progress progress;
    struct weir_demo_event event;
    struct weir_demo_sent sent = {0};
    uint64_t given = 0;
    int code = 0;
    weir_progress_begin(&progress, "Sending", demo->options.events);
    while (!code && !stop_asked && weir_demo_next(demo->company, &event)) {
        code = weir_demo_sender_add(demo->sender, &event, err);
        if (++given % 1024 == 0) {
            weir_demo_sender_stats(demo->sender, &sent);
            weir_progress_update(&progress, sent.events);
        }
    }
    code = code ? code : weir_demo_sender_push(demo->sender, err);
    weir_demo_sender_stats(demo->sender, &sent);
    while (!code && !stop_asked && sent.waiting) {
        code = weir_demo_sender_work(demo->sender, WEIR_SECOND / 10, err);
        weir_demo_sender_stats(demo->sender, &sent);
        weir_progress_update(&progress, sent.events);
    }
    weir_progress_end(&progress, sent.events);
    if (!code && weir_demo_failed(demo->company)) {
        code = weir_fail(err, WEIR_ENOMEM, "no memory for the sample company's people");
    }
    return code || !stop_asked ? code : canceled(err);
}

/* Until all that was acknowledged can be queried. */
static int wait_loaded(struct demo *demo, struct weir_error *err)
{
    const char *log = weir_workspace_path(demo->stack.workspace, "log");
    uint64_t next_seq = 0;
    int code = log ? weir_eventlog_durable_seq(log, &next_seq, err)
                   : weir_fail(err, WEIR_ENOMEM, "out of memory");
    struct weir_progress progress;
    struct weir_server_state loaded = {0};
    weir_progress_begin(&progress, "Loading requests", next_seq ? next_seq - 1 : 0);
    while (!code) {
        code = stop_asked ? canceled(err) : weir_demo_stack_check(&demo->stack, err);
        code =
            code ? code : weir_server_fetch(demo->stack.workspace, ANSWER_IN, &loaded, NULL, err);
        weir_progress_update(&progress, loaded.next_seq ? loaded.next_seq - 1 : 0);
        if (!code && loaded.next_seq >= next_seq) {
            break;
        }
        poll(NULL, 0, 20);
    }
    weir_progress_end(&progress, loaded.next_seq ? loaded.next_seq - 1 : 0);
    return code;
}

/* --- what is said around it ---------------------------------------------------------------------
 */

static void tell_begin(const struct demo *demo)
{
    char until[28];
    weir_time_format(demo->options.until, until);
    char events[32];
    printf("Podium, a sample company: live sports, subscriptions, %s events over 18 months\n"
           "until %.16s UTC. Seed %" PRIu64 ", in %s.\n",
           weir_demo_grouped(demo->options.events, events), until, demo->options.seed,
           demo->stack.dir);
    if (demo->stack.again) {
        printf("This folder has them already. The same seed makes the same messageIds, so sending\n"
               "them again changes nothing: see how many are left out, at the end.\n");
    }
    putchar('\n');
    fflush(stdout);
}

static int tell_sent(struct demo *demo, weir_time sending, weir_time loading,
                     struct weir_error *err)
{
    struct weir_demo_sent sent;
    weir_demo_sender_stats(demo->sender, &sent);
    if (sent.events != demo->options.events) {
        return weir_fail(err, WEIR_EIO,
                         "%" PRIu64 " of %" PRIu64 " events were acknowledged; run it again",
                         sent.events, demo->options.events);
    }
    char events[32];
    printf("%s events (%.0f MB) sent in %.1f s and acknowledged, which means on disk;\n"
           "all of them in the warehouse %.1f s later.\n",
           weir_demo_grouped(sent.events, events), (double)sent.bytes / 1e6,
           (double)sending / WEIR_SECOND, (double)loading / WEIR_SECOND);
    return weir_demo_books(&demo->asker, demo->stack.again ? 0 : sent.events, err);
}

static int tell_next(const struct demo *demo, struct weir_error *err)
{
    const char *dir = demo->stack.dir;
    const char *collect = demo->stack.addresses.collect;
    bool once = weir_args_has(demo->cli->args, "once");
    printf("\nAll of it took %.1f s.\n\n", (double)(weir_mono() - demo->begun) / WEIR_SECOND);
    if (once) {
        printf("The company stays in %s. Start it again with\n\n  weir -C %s up\n\n"
               "and ask it anything:\n\n"
               "  weir -C %s query \"select event, count(*) from web.tracks group by all\"\n",
               dir, dir, dir);
        return 0;
    }
    printf("Running now:\n\n"
           "  collect  http://%s   SDKs send events here\n"
           "  serve    http://%s   the app, SQL, the API\n\n",
           collect, demo->stack.addresses.serve);
    int code = weir_demo_tell_reports(demo->stack.workspace->dir, demo->stack.addresses.serve, err);
    printf("Try, in another terminal:\n\n"
           "  weir -C %s query \"select event, count(*) from web.tracks group by all\"\n"
           "  weir -C %s status\n"
           "  curl http://%s/v1/track -u \"$(weir -C %s source key web):\" \\\n"
           "    -d '{\"userId\":\"ada\",\"event\":\"Signed Up\"}'\n"
           "  curl http://%s/api/query -d '{\"sql\":\"select * from web.signed_up limit 5\"}' \\\n"
           "    -H 'Content-Type: application/json'\n\n"
           "People keep watching: a few events a second from here on. Ctrl-C stops everything.\n",
           dir, dir, collect, dir, demo->stack.addresses.serve);
    fflush(stdout);
    return code;
}

/* --- live ---------------------------------------------------------------------------------------
 */

static int trickle(struct demo *demo, struct weir_error *err)
{
    struct weir_progress progress;
    struct weir_demo_sent sent, before;
    weir_demo_sender_stats(demo->sender, &before);
    weir_progress_begin(&progress, "Live events", 0);
    int code = 0;
    while (!code && !stop_asked) {
        struct weir_demo_event event;
        while (!code && weir_demo_live(demo->company, weir_now(), &event)) {
            code = weir_demo_sender_add(demo->sender, &event, err);
        }
        code = code ? code : weir_demo_sender_push(demo->sender, err);
        /* Work returns early when something is answered; the rest of the second is waited here. */
        weir_time until = weir_mono() + WEIR_SECOND;
        do {
            code = code ? code : weir_demo_sender_work(demo->sender, WEIR_SECOND / 4, err);
            weir_demo_sender_stats(demo->sender, &sent);
        } while (!code && !stop_asked && sent.waiting && weir_mono() < until);
        int left = (int)((until - weir_mono()) / 1000);
        if (!code && !stop_asked && left > 0) {
            poll(NULL, 0, left);
        }
        weir_progress_update(&progress, sent.events - before.events);
        code = code ? code : weir_demo_stack_check(&demo->stack, err);
    }
    weir_progress_end(&progress, sent.events - before.events);
    return code;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static int make_sender(struct demo *demo, struct weir_error *err)
{
    struct weir_demo_sender_options options = {.address = demo->stack.addresses.collect};
    memcpy(options.keys, demo->stack.keys, sizeof options.keys);
    return weir_demo_sender_new(&options, &demo->sender, err);
}

static int play(struct demo *demo, struct weir_error *err)
{
    const struct weir_args *args = demo->cli->args;
    bool any = weir_args_has(args, "seed") || weir_args_has(args, "events") ||
               weir_args_has(args, "until");
    /* Made twice: before anything is written, and again when the folder has said until when. */
    int code = weir_demo_new(&demo->options, &demo->company, err);
    weir_demo_free(demo->company);
    demo->company = NULL;
    code = code ? code : weir_demo_stack_prepare(&demo->stack, &demo->options, any, err);
    code = code ? code : weir_demo_new(&demo->options, &demo->company, err);
    if (code) {
        return code;
    }
    tell_begin(demo);
    code = weir_demo_stack_start(&demo->stack, err);
    code = code ? code : make_sender(demo, err);
    demo->asker.socket = weir_workspace_path(demo->stack.workspace, "run/serve.sock");
    weir_time begun = weir_mono();
    code = code ? code : send_history(demo, err);
    weir_time sent = weir_mono();
    code = code ? code : wait_loaded(demo, err);
    code = code ? code : tell_sent(demo, sent - begun, weir_mono() - sent, err);
    if (!code && !demo->stack.again) { /* later, what is published is their owner's matter */
        code = weir_demo_publish(demo->asker.socket, err);
    }
    code = code ? code : weir_demo_ask_all(&demo->asker, &stop_asked, err);
    code = code ? code : tell_next(demo, err);
    if (!code && !weir_args_has(args, "once")) {
        code = trickle(demo, err);
    }
    return code;
}

static int run_demo(struct weir_cli *cli, struct weir_error *err)
{
    struct demo demo = {.cli = cli, .begun = weir_mono()};
    demo.stack = (struct weir_demo_stack){
        .cli = cli, .dir = weir_args_has(cli->args, "dir") ? cli->dir : DEFAULT_DIR};
    demo.asker.style = weir_demo_style_of(STDOUT_FILENO);
    int code = read_flags(&demo, err);
    if (code) {
        return code;
    }
    if (weir_args_has(cli->args, "print")) {
        code = print_all(&demo, err);
        weir_demo_free(demo.company);
        return code;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    code = play(&demo, err);
    weir_demo_sender_free(demo.sender);
    weir_demo_free(demo.company);
    struct weir_error stop_err;
    int stop_code = weir_demo_stack_stop(&demo.stack, &stop_err);
    if (!code && stop_code) {
        return weir_fail(err, stop_code, "%s", stop_err.message);
    }
    return code;
}

static const struct weir_flag demo_flags[] = {
    {"events", 'n', "N", "how many events the 18 months have; 200000 by default", false},
    {"seed", 's', "N", "another seed makes another company; 1 by default", false},
    {"until", 0, "TIME", "when the 18 months end; by default, at the last full minute", false},
    {"once", 0, NULL, "exit after the answers, instead of going live", false},
    {"print", 0, NULL, "print the events as JSON lines; nothing is started or sent", false},
    {0},
};
const struct weir_command weir_command_demo = {
    .name = "demo",
    .summary = "Make a sample company, send its events, and answer questions about it",
    .operands = "",
    .help = "Podium streams live sports and sells subscriptions. Its events are sent over HTTP, as "
            "SDKs send them, to a `weir up` of its own; then the demo asks what such a company "
            "wants to know, and shows the SQL. The workspace is made in ./podium, or in -C DIR. "
            "Run it again in the same folder and nothing is counted twice.\n\n"
            "  weir demo\n"
            "  weir demo --once --events 1000000 --dir big\n"
            "  weir demo --print | head -3",
    .flags = demo_flags,
    .run = run_demo,
};
