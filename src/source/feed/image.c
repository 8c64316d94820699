/* A program that is an image of Docker, run by Docker's own command line. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"
#include "source/feed/program.h"

#define SEEN    "/weir" /* where the container sees what it is given */
#define MOST    64      /* words of a command */
#define PATIENT (30 * WEIR_SECOND)
#define BRIEF   (10 * WEIR_SECOND) /* of a run that was stopped */
#define HOST    "host.docker.internal"

/* How Docker's command line ends, where the container's own end is not what it tells. */
enum { REFUSED = 125, NOT_FOUND = 127, KILLED = 128 + SIGKILL };

const char *const weir_program_docker_env[] = {"PATH",
                                               "HOME",
                                               "DOCKER_HOST",
                                               "DOCKER_CONTEXT",
                                               "DOCKER_CONFIG",
                                               "DOCKER_CERT_PATH",
                                               "DOCKER_TLS_VERIFY",
                                               "XDG_RUNTIME_DIR",
                                               NULL};

bool weir_program_is_image(const struct weir_program *p)
{
    return p->settings->image && *p->settings->image;
}

bool weir_program_image(struct weir_str image)
{
    bool well = image.len > 0 && image.len <= 255 && image.ptr[0] != '-' && image.ptr[0] != '/';
    for (size_t i = 0; well && i < image.len; i++) {
        char c = image.ptr[i];
        well = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               strchr("._-/:@", c);
    }
    return well;
}

/* Of a network: `container:NAME` would be another's. */
static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static bool is_network(struct weir_str name)
{
    bool well = name.len <= 128 && (name.len == 0 || (name.ptr[0] != '-' && name.ptr[0] != '.'));
    for (size_t i = 0; well && i < name.len; i++) {
        well = plain(name.ptr[i]);
    }
    return well;
}

static bool allowed(const struct weir_source_site *site)
{
    for (size_t i = 0; i < site->programs.count; i++) {
        if (strcmp(site->programs.items[i], "image") == 0) {
            return true;
        }
    }
    return false;
}

/* "source-faker" of "airbyte/source-faker:6.2.0". */
static const char *short_name(struct weir_program *p)
{
    const char *slash = strrchr(p->settings->image, '/');
    struct weir_str rest = weir_str_of(slash ? slash + 1 : p->settings->image);
    rest = weir_str_cut(&rest, '@');
    return weir_arena_dup(&p->arena, weir_str_cut(&rest, ':')).ptr;
}

/* What Docker's command line reads itself: the container would get weir's own, or Docker the
 * container's. */
static int check_env(const struct weir_program *p, struct weir_error *err)
{
    for (size_t i = 0; i < p->settings->env.count; i++) {
        const char *name = p->settings->env.items[i];
        bool own = weir_str_starts(weir_str_of(name), WEIR_STR("DOCKER_"));
        own = own || strcmp(name, "TMPDIR") == 0;
        for (const char *const *one = weir_program_docker_env; !own && *one; one++) {
            own = strcmp(name, *one) == 0;
        }
        if (own) {
            return weir_fail(err, WEIR_EINVAL,
                             "`env` of an image cannot have %.80s, which is for Docker itself; let "
                             "the container have it by `config`",
                             name);
        }
    }
    return 0;
}

/* Several weirs may share one Docker, and each see its own workspace at the same path. The file's
 * number is another one in a copy of it. */
static int read_id(struct weir_program *p, struct weir_error *err)
{
    char path[4016], temp[4048], text[24];
    struct stat st;
    struct weir_buf have;
    int rc = 0;
    snprintf(path, sizeof path, "%s/id", p->home);
    weir_buf_init(&have, 4096);
    if (access(path, F_OK)) {
        snprintf(text, sizeof text, "%016llx", (unsigned long long)weir_random_u64());
        snprintf(temp, sizeof temp, "%s.%s", path, text);
        rc = weir_file_replace(temp, weir_str_of(text), 0600, err);
        if (rc == 0 && link(temp, path) && errno != EEXIST) { /* another run was faster */
            rc = weir_fail_errno(err, errno, "cannot write %s", path);
        }
        unlink(temp);
    }
    rc = rc ? rc : weir_file_read(path, &have, err);
    if (rc == 0 && stat(path, &st)) {
        rc = weir_fail_errno(err, errno, "cannot read %s", path);
    }
    p->id = rc ? 0 : weir_hash64(have.data, have.len, (uint64_t)st.st_ino);
    weir_buf_free(&have);
    return rc;
}

int weir_program_open_image(struct weir_program *p, struct weir_error *err)
{
    const char *image = p->settings->image;
    if (*p->settings->package || *p->settings->executable) {
        return weir_fail(err, WEIR_EINVAL,
                         "`image` is a program by itself; leave `package` and `executable` out");
    }
    if (!weir_program_image(weir_str_of(image))) {
        return weir_fail(err, WEIR_EINVAL,
                         "`image` is \"%.100s\"; it must be NAME:TAG or NAME@DIGEST", image);
    }
    if (!is_network(weir_str_of(p->settings->network))) {
        return weir_fail(err, WEIR_EINVAL,
                         "`network` is \"%.100s\"; it must be `host`, `none` or the name of one of "
                         "Docker's networks",
                         p->settings->network);
    }
    if (!allowed(p->site)) {
        return weir_fail(err, WEIR_EPERM,
                         "images of Docker may not be run: add `image` to source.programs in "
                         "weir.yml (who may run them may mostly do all on this machine)");
    }
    if (!weir_process_find("docker", p->path, sizeof p->path)) {
        return weir_fail(err, WEIR_ENOENT,
                         "Docker is not there, which the image \"%s\" needs: install it, so that "
                         "`docker` is in weir's PATH",
                         image);
    }
    snprintf(p->shared, sizeof p->shared, "%s/image", p->tmp);
    if (strpbrk(p->shared, ",\"")) {
        return weir_fail(err, WEIR_EINVAL,
                         "%s cannot be shared with a container: Docker takes no comma and "
                         "no quote in it",
                         p->shared);
    }
    p->name = short_name(p);
    int rc = check_env(p, err);
    rc = rc ? rc : read_id(p, err);
    rc = rc        ? rc
         : p->name ? weir_dir_make(p->shared, 0755, err)
                   : weir_fail(err, WEIR_ENOMEM, "no memory for a program");
    /* Whoever the container runs as may read it; here, the folder above is weir's alone. */
    return rc || chmod(p->shared, 0755) == 0
               ? rc
               : weir_fail(err, WEIR_EIO, "cannot share %s with a container", p->shared);
}

int weir_program_share(struct weir_program *p, const char *name, struct weir_str text,
                       const char **path, struct weir_error *err)
{
    const char *here = weir_arena_printf(&p->arena, "%s/%s", p->shared, name);
    *path = weir_arena_printf(&p->arena, SEEN "/%s", name);
    return here && *path ? weir_file_replace(here, text, 0644, err)
                         : weir_fail(err, WEIR_ENOMEM, "no memory for a program");
}

/* --- a container --------------------------------------------------------------------------------
 */

struct command {
    struct weir_arena *arena;
    const char **words;
    size_t count;
    bool failed;
};

static void add(struct command *c, const char *word)
{
    c->failed = c->failed || !word || c->count + 1 >= MOST;
    if (!c->failed) {
        c->words[c->count++] = word;
    }
}

/* A small question. An engine that once did not answer is not asked again by this use of it. */
static int docker(struct weir_program *p, const char *const *argv, const atomic_bool *stop,
                  weir_time patience, struct weir_buf *said)
{
    bool less = p->patience && p->patience < patience;
    struct weir_child_options o = {.name = "docker",
                                   .what = {.argv = argv, .env = p->env, .dir = p->tmp},
                                   .line_max = 1u << 16,
                                   .timeout = less ? p->patience : patience,
                                   .stop = stop};
    struct weir_error ignored;
    int rc = p->silent ? WEIR_ETIMEDOUT : weir_child_run(&o, said, &ignored);
    p->silent = rc == WEIR_ETIMEDOUT;
    return rc;
}

/* Each source has one that reads; others are called as their weir's scratch folder. So what a
 * killed weir left of it is found. */
static void name_container(struct weir_program *p, bool reads)
{
    int n = snprintf(p->container, sizeof p->container, "weir-%.40s-%016llx-", p->config->name,
                     (unsigned long long)p->id);
    size_t rest = sizeof p->container - (size_t)n;
    for (char *c = p->container; *c; c++) {
        *c = plain(*c) ? *c : '-';
    }
    snprintf(p->family, sizeof p->family, "name=%s", p->container);
    if (reads && !p->aside) {
        snprintf(p->container + n, rest, "read");
    } else {
        struct weir_str scratch = weir_str_of(strrchr(p->tmp, '/') + 1);
        struct weir_str own = {scratch.ptr + strlen(p->config->name) + 1, 0};
        own.len = scratch.len - (size_t)(own.ptr - scratch.ptr);
        snprintf(p->container + n, rest, WEIR_STR_FMT "-%llx", WEIR_STR_ARG(own),
                 (unsigned long long)weir_mono());
    }
}

/* Not by a process's number: a weir in a container has 1 each time, and one in another container
 * has a number that is none here. */
static bool is_left(const struct weir_program *p, const char *name)
{
    const char *prefix = p->family + strlen("name=");
    char lock[WEIR_SOURCE_SCRATCH_SIZE + 200];
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0) {
        return false;
    }
    struct weir_str own = weir_str_of(name + n);
    own = weir_str_cut(&own, '-');
    snprintf(lock, sizeof lock, "%.*s/%s." WEIR_STR_FMT WEIR_SOURCE_SCRATCH_LOCK,
             (int)(strrchr(p->tmp, '/') - p->tmp), p->tmp, p->config->name, WEIR_STR_ARG(own));
    return strcmp(name, p->container) == 0 ||
           (memchr(own.ptr, '.', own.len) && !weir_lock_held(lock));
}

void weir_program_sweep(struct weir_program *p)
{
    const char *ask[] = {p->path,   "ps",       "--all",      "--filter",
                         p->family, "--format", "{{.Names}}", NULL};
    const char *argv[MOST] = {p->path, "rm", "--force"};
    struct weir_buf said;
    size_t n = 3;
    if (!weir_program_is_image(p) || !p->reads) {
        return;
    }
    weir_buf_init(&said, 1u << 20);
    if (docker(p, ask, p->stop, PATIENT, &said) == 0) {
        struct weir_str rest = weir_buf_str(&said);
        while (rest.ptr && n + 1 < MOST) {
            struct weir_str name = weir_arena_dup(&p->arena, weir_str_cut(&rest, '\n'));
            if (name.ptr && is_left(p, name.ptr)) {
                argv[n++] = name.ptr;
            }
        }
        weir_buf_reset(&said);
        if (n > 3) {
            (void)!docker(p, argv, p->stop, PATIENT, &said);
        }
    }
    weir_buf_free(&said);
}

/* Airbyte's users know the machine by this name, from any container. */
static void add_network(struct command *c, const char *network)
{
    if (*network) {
        add(c, "--network");
        add(c, network);
    }
    if (strcmp(network, "none") != 0) {
        add(c, "--add-host");
        add(c, strcmp(network, "host") == 0 ? HOST ":127.0.0.1" : HOST ":host-gateway");
    }
}

static void add_limits(struct command *c, const struct weir_program_settings *s)
{
    if (s->memory) {
        add(c, "--memory");
        add(c, weir_arena_printf(c->arena, "%llub", (unsigned long long)s->memory));
    }
    if (s->cpu) {
        add(c, "--ulimit");
        add(c, weir_arena_printf(c->arena, "cpu=%lld", (long long)(s->cpu / WEIR_SECOND)));
    }
}

const char *const *weir_program_command(struct weir_program *p, const char *const *arguments)
{
    struct command c = {.arena = &p->arena,
                        .words = weir_arena_calloc(&p->arena, MOST * sizeof(char *))};
    c.failed = !c.words;
    add(&c, p->path);
    if (weir_program_is_image(p)) {
        static const char *const always[] = {"run", "--rm", "--init", "-i", "--log-driver", "none"};
        p->reads = arguments[0] && strcmp(arguments[0], "read") == 0;
        name_container(p, p->reads);
        p->refused[0] = 0;
        p->absent = false;
        for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
            add(&c, always[i]);
        }
        add(&c, "--name");
        add(&c, weir_arena_printf(&p->arena, "%s", p->container));
        add(&c, "--mount"); /* `-v` makes the folder where Docker does not have it */
        add(&c, weir_arena_printf(&p->arena, "type=bind,source=%s,target=" SEEN ",readonly",
                                  p->shared));
        add_network(&c, p->settings->network);
        add_limits(&c, p->settings);
        for (size_t i = 0; i < p->settings->env.count; i++) {
            add(&c, "-e");
            add(&c, p->settings->env.items[i]);
        }
        add(&c, p->settings->image);
    }
    for (; *arguments; arguments++) {
        add(&c, *arguments);
    }
    return c.failed ? NULL : c.words;
}

void weir_program_end(struct weir_program *p)
{
    const char *argv[] = {p->path, "rm", "--force", p->container, NULL};
    struct weir_buf said;
    if (weir_program_is_image(p) && p->container[0]) {
        /* It may be the stop that ends it, so none is heard. */
        bool stopped = p->stop && atomic_load(p->stop);
        weir_buf_init(&said, 1u << 20);
        (void)!docker(p, argv, NULL, stopped ? BRIEF : PATIENT, &said); /* mostly it has gone */
        weir_buf_free(&said);
    }
}

/* --- what Docker says ---------------------------------------------------------------------------
 */

void weir_program_hear_docker(struct weir_program *p, struct weir_str line)
{
    if (weir_program_is_image(p) && weir_str_starts(line, WEIR_STR("docker: "))) {
        struct weir_str words = weir_utf8_cut((struct weir_str){line.ptr + 8, line.len - 8}, 400);
        struct weir_str start = WEIR_STR("Error response from daemon: ");
        if (weir_str_starts(words, start)) {
            words = (struct weir_str){words.ptr + start.len, words.len - start.len};
        }
        snprintf(p->refused, sizeof p->refused, WEIR_STR_FMT, WEIR_STR_ARG(words));
    } else if (weir_program_is_image(p) &&
               weir_str_starts(line, WEIR_STR("Unable to find image "))) {
        p->absent = true;
    } else if (weir_program_is_image(p) && weir_str_starts(line, WEIR_STR("Status: "))) {
        p->absent = false; /* it was pulled */
    }
}

/* Docker forgets the container with its end, but not what became of it. */
static bool lacked_memory(struct weir_program *p, weir_time since)
{
    char from[24], until[24], name[sizeof p->container + 16];
    const char *argv[] = {p->path,    "events", "--since",  from,        "--until", until,
                          "--filter", name,     "--filter", "event=oom", NULL};
    struct weir_buf said;
    weir_time now = weir_now();
    /* To the microsecond: a container of the same name may have lacked memory in this second. */
    snprintf(from, sizeof from, "%lld.%06lld", (long long)(since / WEIR_SECOND),
             (long long)(since % WEIR_SECOND));
    snprintf(until, sizeof until, "%lld.%06lld", (long long)(now / WEIR_SECOND),
             (long long)(now % WEIR_SECOND * 1000000 / WEIR_SECOND));
    snprintf(name, sizeof name, "container=%s", p->container);
    weir_buf_init(&said, 1u << 20);
    bool lacked = docker(p, argv, p->stop, PATIENT, &said) == 0 && said.len > 0;
    weir_buf_free(&said);
    return lacked;
}

static const char *hint(const char *refused)
{
    return strstr(refused, "bind source path does not exist")
               ? " (Docker sees other files than weir, which runs in a container or on another "
                 "machine: have weir's data folder at the same path in both)"
           : strstr(refused, "host-gateway")
               ? " (this Docker has no network of its own for containers: say `network: host`)"
               : "";
}

int weir_program_explain(struct weir_program *p, const struct weir_child *child, weir_time since,
                         int rc, struct weir_error *err)
{
    const char *image = p->settings->image;
    if (rc != WEIR_EIO || !weir_program_is_image(p)) {
        return rc;
    }
    if (p->refused[0]) {
        return weir_fail(err, rc, "Docker %s \"%s\"%s: %s%s",
                         p->absent ? "does not have the image" : "cannot run the image", image,
                         p->absent ? ", and cannot pull it" : "", p->refused, hint(p->refused));
    }
    if (child->code == REFUSED) {
        return weir_fail(err, rc, "Docker left the container of the image \"%s\" alone: %s", image,
                         child->tail);
    }
    if (child->code == NOT_FOUND && strstr(child->tail, "exec ")) {
        return weir_fail(err, rc,
                         "the image \"%s\" is none of an Airbyte source, as it has no ENTRYPOINT "
                         "that takes its commands: %s",
                         image, child->tail);
    }
    if (child->code == KILLED && lacked_memory(p, since)) {
        return weir_fail(err, rc,
                         "%s wanted more memory than its container may have, and was killed; raise "
                         "`memory`",
                         p->name);
    }
    return child->code == KILLED
               ? weir_fail(err, rc,
                           "%s was killed by somebody else (exit %d), by `docker kill` or for "
                           "its `cpu`; all that it said is in %s",
                           p->name, KILLED, p->log)
               : rc;
}
