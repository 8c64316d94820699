/* A program that is an image of Docker, run by Docker's own command line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"
#include "source/program.h"

#define SEEN    "/weir" /* where the container sees what it is given */
#define MOST    64      /* words of a command */
#define PATIENT (30 * WEIR_SECOND)

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

/* Each source has one that reads, so that what a killed weir left of it is found. */
static void name_container(struct weir_program *p, bool reads)
{
    char which[40] = "read";
    if (!reads || p->aside) {
        snprintf(which, sizeof which, "%d-%llx", (int)getpid(), (unsigned long long)weir_mono());
    }
    snprintf(p->container, sizeof p->container, "weir-%.40s-%016llx-%s", p->config->name,
             (unsigned long long)p->id, which);
    for (char *c = p->container; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || *c == '.';
        *c = plain ? *c : '-';
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
        bool reads = arguments[0] && strcmp(arguments[0], "read") == 0;
        name_container(p, reads);
        p->refused[0] = 0;
        if (reads) {
            weir_program_end(p);
        }
        for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
            add(&c, always[i]);
        }
        add(&c, "--name");
        add(&c, weir_arena_printf(&p->arena, "%s", p->container));
        add(&c, "--mount"); /* `-v` makes the folder where Docker does not have it */
        add(&c, weir_arena_printf(&p->arena, "type=bind,source=%s,target=" SEEN ",readonly",
                                  p->shared));
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
    struct weir_child_options o = {.name = "docker",
                                   .what = {.argv = argv, .env = p->env, .dir = p->tmp},
                                   .line_max = 1u << 16,
                                   .timeout = PATIENT};
    struct weir_buf said;
    struct weir_error ignored;
    if (weir_program_is_image(p) && p->container[0]) {
        weir_buf_init(&said, 1u << 20);
        (void)!weir_child_run(&o, &said, &ignored); /* mostly it has gone by itself */
        weir_buf_free(&said);
    }
}

/* --- what Docker says ---------------------------------------------------------------------------
 */

void weir_program_hear_docker(struct weir_program *p, struct weir_str line)
{
    if (weir_program_is_image(p) && weir_str_starts(line, WEIR_STR("docker: "))) {
        struct weir_str words = weir_utf8_cut((struct weir_str){line.ptr + 8, line.len - 8}, 400);
        snprintf(p->refused, sizeof p->refused, WEIR_STR_FMT, WEIR_STR_ARG(words));
    }
}

int weir_program_explain(const struct weir_program *p, int rc, struct weir_error *err)
{
    bool elsewhere = strstr(p->refused, "bind source path does not exist") != NULL;
    return rc == WEIR_EIO && p->refused[0]
               ? weir_fail(err, rc, "Docker cannot run the image \"%s\": %s%s", p->settings->image,
                           p->refused,
                           elsewhere
                               ? " (Docker sees other files than weir, which runs in a "
                                 "container or on another machine: have weir's data folder at "
                                 "the same path in both)"
                               : "")
               : rc;
}
