#include "source/feed/program.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"
#include "source/define/secret.h"
#include "source/run/scratch.h"
#include "source/schedule/watch.h"

#define MAX_CONFIG (16u << 20)
#define MAX_LOG    (16u << 20)
#define INSTALL    (20 * 60 * WEIR_SECOND)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a program");
}

/* --- where it may be ----------------------------------------------------------------------------
 */

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool weir_program_package(struct weir_str package)
{
    size_t i = 0, start;
    if (package.len == 0 || package.len > 200 || package.ptr[0] == '-' || package.ptr[0] == '.') {
        return false;
    }
    while (i < package.len && plain(package.ptr[i])) {
        i++;
    }
    if (i < package.len && package.ptr[i] == '[') {
        for (i++; i < package.len && (plain(package.ptr[i]) || package.ptr[i] == ','); i++) {
        }
        if (i == package.len || package.ptr[i++] != ']') {
            return false;
        }
    }
    if (i == package.len) {
        return true;
    }
    if (package.len - i < 3 || memcmp(package.ptr + i, "==", 2) != 0) {
        return false;
    }
    for (start = i += 2; i < package.len; i++) {
        char c = package.ptr[i];
        if (!plain(c) && c != '+' && c != '!') {
            return false;
        }
    }
    return i > start && package.ptr[start] != '-';
}

static bool packages_allowed(const struct weir_source_site *site)
{
    for (size_t i = 0; i < site->programs.count; i++) {
        if (strcmp(site->programs.items[i], "package") == 0) {
            return true;
        }
    }
    return false;
}

/* --- a virtual environment ----------------------------------------------------------------------
 */

static int add_env(struct weir_program *p, size_t *n, const char *name, const char *value)
{
    if (value && *n + 1 < sizeof p->env / sizeof p->env[0]) {
        p->env[*n] = weir_arena_printf(&p->arena, "%s=%s", name, value);
        *n += p->env[*n] != NULL;
    }
    return 0;
}

static void make_env(struct weir_program *p, bool installing)
{
    static const char *const always[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
                                         NULL};
    static const char *const installs[] = {"HTTP_PROXY",      "HTTPS_PROXY",
                                           "NO_PROXY",        "http_proxy",
                                           "https_proxy",     "no_proxy",
                                           "PIP_INDEX_URL",   "PIP_EXTRA_INDEX_URL",
                                           "PIP_FIND_LINKS",  "PIP_NO_INDEX",
                                           "PIP_CERT",        "PIP_TRUSTED_HOST",
                                           "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT",
                                           "PIP_CACHE_DIR",   NULL};
    size_t n = 0;
    char path[8400];
    snprintf(path, sizeof path, "%s%s/bin:/usr/local/bin:/usr/bin:/bin",
             *p->settings->package ? "" : "/nowhere", *p->settings->package ? p->venv : "");
    if (weir_program_is_image(p)) {
        for (const char *const *name = weir_program_docker_env; *name; name++) {
            add_env(p, &n, *name, getenv(*name));
        }
    } else {
        add_env(p, &n, "PATH", *p->settings->package ? path : strchr(path, ':') + 1);
        add_env(p, &n, "HOME", p->home);
    }
    add_env(p, &n, "TMPDIR", p->tmp);
    add_env(p, &n, "LANG", "C.UTF-8");
    add_env(p, &n, "PYTHONIOENCODING", "utf-8");
    for (const char *const *name = always; *name; name++) {
        add_env(p, &n, *name, getenv(*name));
    }
    for (const char *const *name = installs; installing && *name; name++) {
        add_env(p, &n, *name, getenv(*name));
    }
    for (size_t i = 0; !installing && i < p->settings->env.count; i++) {
        add_env(p, &n, p->settings->env.items[i], getenv(p->settings->env.items[i]));
    }
    p->env[n] = NULL;
}

static int run_step(struct weir_program *p, const char *what, const char *const *argv,
                    struct weir_error *err)
{
    struct weir_buf said;
    struct weir_child_options options = {.name = what,
                                         .what = {.argv = argv, .env = p->env, .dir = p->tmp},
                                         .line_max = 1u << 20,
                                         .timeout = INSTALL,
                                         .stop = p->site->stop,
                                         .log_path = p->log,
                                         .log_max = MAX_LOG};
    weir_buf_init(&said, MAX_LOG);
    int rc = weir_child_run(&options, &said, err);
    weir_buf_free(&said);
    return rc;
}

static struct weir_str name_of(struct weir_str package)
{
    struct weir_str name = weir_str_cut(&package, '=');
    return weir_str_cut(&name, '[');
}

/* Many taps import pkg_resources without saying so: environments used to have it. Where it cannot
 * be had, those that need it say so when they run. */
static void bring_setuptools(struct weir_program *p, const char *own, const char *python)
{
    struct weir_error ignored;
    const char *look[] = {own, "-c", "import pkg_resources", NULL};
    const char *get[] = {python,       "-m",
                         "pip",        "--python",
                         own,          "install",
                         "--quiet",    "--disable-pip-version-check",
                         "--no-input", "setuptools<81",
                         NULL};
    if (run_step(p, "python", look, &ignored)) {
        (void)!run_step(p, "pip", get, &ignored);
    }
}

/* `before`: the package that the environment was made for, or "". Another version of it goes into
 * the same one. */
static int install(struct weir_program *p, const char *venv, struct weir_str before,
                   struct weir_error *err)
{
    char python[4096], own[4200];
    const char *package = p->settings->package;
    if (!weir_process_find("python3", python, sizeof python)) {
        return weir_fail(err, WEIR_ENOENT,
                         "Python is not there, which \"%s\" needs: install python3 and "
                         "python3-venv, or say `executable:`",
                         package);
    }
    snprintf(own, sizeof own, "%s/bin/python", venv);
    const char *make[] = {python, "-m", "venv", "--without-pip", venv, NULL};
    const char *get[] = {python,  "-m",         "pip",     "--python",
                         own,     "install",    "--quiet", "--disable-pip-version-check",
                         package, "--no-input", NULL};
    const char *bring[] = {own, "-m", "ensurepip", NULL};
    const char *get_own[] = {
        own,       "-m",         "pip",   "install", "--disable-pip-version-check",
        "--quiet", "--no-input", package, NULL};
    make_env(p, true);
    bool same = before.len && weir_str_eq(name_of(before), name_of(weir_str_of(package))) &&
                access(own, X_OK) == 0;
    if (!same) {
        (void)weir_tree_remove(venv, NULL);
    }
    int rc = same ? 0 : run_step(p, "python3 -m venv", make, err);
    if (rc) {
        return weir_error_prefix(err, rc, "no virtual environment can be made for \"%s\"", package);
    }
    rc = run_step(p, "pip", get, err);
    if (rc && (strstr(err->message, "No module named pip") ||
               strstr(err->message, "no such option: --python"))) {
        /* No pip, or one that is too old to work for others: the environment gets its own. */
        rc = run_step(p, "ensurepip (on Debian the package python3-venv)", bring, err);
        rc = rc ? rc : run_step(p, "pip", get_own, err);
    }
    if (rc) {
        return weir_error_prefix(err, rc, "the package \"%s\" cannot be installed", package);
    }
    bring_setuptools(p, own, python);
    return 0;
}

struct search {
    char found[256];
    size_t count;
};

static int look_at(const char *name, void *arg, struct weir_error *err)
{
    struct search *s = arg;
    struct weir_str n = weir_str_of(name);
    (void)err;
    if (weir_str_starts(n, WEIR_STR("tap-")) || weir_str_starts(n, WEIR_STR("source-"))) {
        if (!weir_str_is(n, "source-declarative-manifest")) {
            snprintf(s->found, sizeof s->found, "%s", name);
            s->count++;
        }
    }
    return 0;
}

/* The one that is called as the package is, else the only one that looks like a connector. */
static int find_in_venv(struct weir_program *p, const char *venv, struct weir_error *err)
{
    char bin[4100];
    struct search search = {0};
    struct weir_str name = name_of(weir_str_of(p->settings->package));
    const char *wanted = p->settings->executable;
    snprintf(bin, sizeof bin, "%s/bin", venv);
    if (strchr(wanted, '/')) {
        return weir_fail(err, WEIR_EINVAL,
                         "`executable` with `package` is the name of a program of the package");
    }
    if (*wanted) {
        snprintf(p->path, sizeof p->path, "%.3900s/%.150s", bin, wanted);
    } else {
        snprintf(p->path, sizeof p->path, "%.3900s/%.150s", bin,
                 weir_arena_dup(&p->arena, name).ptr);
        if (access(p->path, X_OK) && weir_dir_each(bin, look_at, &search, err) == 0 &&
            search.count == 1) {
            snprintf(p->path, sizeof p->path, "%.3900s/%.150s", bin, search.found);
        }
    }
    return access(p->path, X_OK) == 0
               ? 0
               : weir_fail(err, WEIR_ENOENT,
                           "the package \"%s\" has no program \"%s\"; name one of those in %s by "
                           "`executable:`",
                           p->settings->package, strrchr(p->path, '/') + 1, bin);
}

static int find_package(struct weir_program *p, struct weir_error *err)
{
    char stamp[4016], lock[4016];
    struct weir_buf have;
    struct weir_error ignored;
    int fd = -1, rc = 0;
    const char *package = p->settings->package;
    if (!weir_program_package(weir_str_of(package))) {
        return weir_fail(err, WEIR_EINVAL,
                         "`package` is \"%.100s\"; it must be NAME or NAME==VERSION", package);
    }
    if (!packages_allowed(p->site)) {
        return weir_fail(err, WEIR_EPERM,
                         "packages may not be installed: add `package` to source.programs in "
                         "weir.yml (they run as weir's own user)");
    }
    snprintf(p->venv, sizeof p->venv, "%s/venv", p->home);
    snprintf(stamp, sizeof stamp, "%s/package", p->home);
    snprintf(lock, sizeof lock, "%s/lock", p->home);
    weir_buf_init(&have, 4096);
    bool there =
        weir_file_read(stamp, &have, &ignored) == 0 && weir_str_is(weir_buf_str(&have), package);
    if (!there && p->aside) {
        snprintf(p->venv, sizeof p->venv, "%s/venv", p->tmp);
        snprintf(stamp, sizeof stamp, "%s/package", p->tmp);
        snprintf(lock, sizeof lock, "%s/lock", p->tmp);
        weir_buf_reset(&have);
    }
    if (!there) {
        rc = weir_lock_take(lock, &fd, &ignored);
        rc = rc ? weir_fail(err, WEIR_EAGAIN,
                            "the package \"%s\" is just being installed; try "
                            "again in a moment",
                            package)
                : 0;
        struct weir_str name = name_of(weir_str_of(package));
        const char *half = weir_arena_printf(&p->arena, WEIR_STR_FMT "==", WEIR_STR_ARG(name));
        rc = rc ? rc : weir_file_replace(stamp, weir_str_of(half ? half : ""), 0600, err);
        rc = rc ? rc : install(p, p->venv, weir_buf_str(&have), err);
        rc = rc ? rc : weir_file_replace(stamp, weir_str_of(package), 0600, err);
    }
    weir_buf_free(&have);
    if (fd >= 0) {
        close(fd);
    }
    return rc ? rc : find_in_venv(p, p->venv, err);
}

/* --- opening ------------------------------------------------------------------------------------
 */

static int make_places(struct weir_program *p, struct weir_error *err)
{
    char data[PATH_MAX];
    int rc = weir_source_scratch_make(p->site, p->config->name, p->tmp, &p->tmp_lock, err);
    if (rc || !realpath(p->site->data, data)) {
        return rc ? rc : weir_fail_errno(err, errno, "cannot find %s", p->site->data);
    }
    snprintf(p->home, sizeof p->home, "%.3700s/taps/%s", data, p->config->name);
    snprintf(p->log, sizeof p->log, "%s/sources/%s.yml", p->site->dir, p->config->name);
    p->aside = p->site->trial && access(p->log, F_OK) == 0;
    snprintf(p->log, sizeof p->log, "%s/%s", p->home, p->aside ? "trial.log" : "log");
    bool made = access(p->home, F_OK) != 0;
    rc = weir_dir_make(p->home, 0700, err);
    return rc || p->aside ? rc : weir_source_trial_note(p->home, p->site->trial, made, err);
}

uint64_t weir_program_memory(const void *settings)
{
    return ((const struct weir_program_settings *)settings)->memory;
}

int weir_program_open(struct weir_program *p, const struct weir_source_config *config,
                      const struct weir_source_site *site,
                      const struct weir_program_settings *settings, struct weir_error *err)
{
    *p = (struct weir_program){.config = config, .site = site, .settings = settings};
    weir_arena_init(&p->arena, 64u << 20);
    if (!*settings->package && !*settings->executable && !weir_program_is_image(p)) {
        return weir_fail(err, WEIR_EINVAL,
                         "say which program: `package: NAME==VERSION`, `executable: PATH`%s",
                         settings->image ? ", or `image: NAME:TAG`" : "");
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < settings->env.count; i++) {
        rc = weir_source_check_variable(site, settings->env.items[i], err);
    }
    rc = rc ? rc : make_places(p, err);
    rc = rc                         ? rc
         : weir_program_is_image(p) ? weir_program_open_image(p, err)
         : *settings->package       ? find_package(p, err)
                                    : weir_program_find(p, err);
    if (rc == 0) {
        p->name = p->name ? p->name : strrchr(p->path, '/') + 1;
        make_env(p, false);
    }
    return rc;
}

void weir_program_free(struct weir_program *p)
{
    weir_source_scratch_remove(p->tmp, p->tmp_lock);
    weir_arena_free(&p->arena);
}

static void hear(void *arg, struct weir_str line)
{
    struct weir_program *p = arg;
    weir_program_hear_docker(p, line);
    if (!(p->understands && p->understands(p->of, line)) && p->progress) {
        weir_source_watch_say(p->progress->watch, WEIR_STR_FMT,
                              WEIR_STR_ARG(weir_utf8_cut(line, 1000)));
    }
}

struct weir_child_options weir_program_options(struct weir_program *p, const char *const *argv,
                                               const atomic_bool *stop)
{
    bool image = weir_program_is_image(p); /* Docker's command line has no limits of its own */
    const struct weir_program_settings *s = p->settings;
    weir_time patience = stop && stop != p->site->stop ? 0 : p->site->patience;
    bool goes_on = p->logs;
    p->logs = true;
    bool less = patience && (!s->timeout || patience < s->timeout);
    p->stop = stop ? stop : p->site->stop;
    p->patience = patience;
    return (struct weir_child_options){
        .name = p->name,
        .what = {.argv = argv,
                 .env = p->env,
                 .dir = p->tmp,
                 .max_memory = image ? 0 : s->memory,
                 .max_cpu = image ? 0 : (uint64_t)(s->cpu / WEIR_SECOND),
                 .max_files = 4096},
        .line_max = s->max_line,
        .idle = s->idle,
        .timeout = less ? patience : s->timeout,
        .more_time = less ? "a run has all the time it needs" : NULL,
        .stop = p->stop,
        .keeps = !image,
        .listens = image, /* and has its container die with weir */
        .log_path = p->log,
        .log_goes_on = goes_on,
        .log_max = MAX_LOG,
        .mask = p->mask,
        .said = hear,
        .arg = p};
}

void weir_program_listen(struct weir_program *p, struct weir_source_progress *progress)
{
    p->progress = progress;
}

/* --- what it is given ---------------------------------------------------------------------------
 */

int weir_program_write(struct weir_program *p, const char *name, struct weir_str text,
                       const char **path, struct weir_error *err)
{
    if (weir_program_is_image(p)) {
        return weir_program_share(p, name, text, path, err);
    }
    *path = weir_arena_printf(&p->arena, "%s/%s", p->tmp, name);
    return *path ? weir_file_replace(*path, text, 0600, err) : no_memory(err);
}

/* ${secret:NAME} and ${NAME} anywhere in it: their values. */
static int resolve(struct weir_program *p, struct weir_data *data, struct weir_error *err)
{
    const char *value = NULL;
    for (struct weir_data *m = data->first; m; m = m->next) {
        int rc = resolve(p, m, err);
        if (rc) {
            return rc;
        }
    }
    if (data->type != WEIR_DATA_TEXT || !weir_source_is_reference(data->text)) {
        return 0;
    }
    int rc = weir_source_reveal(p->site, p->config->name, data->text, &p->arena, &value, err);
    if (rc) {
        return weir_error_prefix(err, rc, "`config`");
    }
    bool number = weir_source_is_number(data->text);
    data->text = weir_str_of(value);
    if (number && !weir_source_is_numeral(data->text)) {
        return weir_fail(err, WEIR_EINVAL,
                         "`config`: a secret that is written ${secret:NAME:number} is no number; "
                         "write ${secret:NAME}, or set it anew");
    }
    data->type = number ? WEIR_DATA_NUMBER : WEIR_DATA_TEXT;
    return weir_mask_add(&p->mask, &p->arena, data->text, err);
}

static int mask_variables(struct weir_program *p, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->settings->env.count; i++) {
        const char *value = getenv(p->settings->env.items[i]);
        rc = value ? weir_mask_add(&p->mask, &p->arena, weir_str_of(value), err) : 0;
    }
    return rc;
}

/* Settings that the program made; what is secret in them is masked. */
static bool is_well(struct weir_program *p, struct weir_str text)
{
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_json root;
    struct weir_data *data;
    struct weir_error ignored;
    bool well = parser && weir_json_parse(parser, text, &root, &ignored) == 0 &&
                weir_json_type(root) == WEIR_JSON_OBJECT &&
                weir_data_from_json(&p->arena, root, &data, &ignored) == 0 &&
                weir_source_mapping_mask(data, &p->mask, &p->arena, &ignored) == 0;
    weir_json_parser_free(parser);
    return well;
}

int weir_program_keep_config(struct weir_program *p, struct weir_str text, struct weir_error *err)
{
    char path[4100];
    snprintf(path, sizeof path, "%s/config.json", p->place);
    return weir_file_replace(path, text, 0600, err);
}

/* Hashes: what is marked may have secrets in it. */
static void hash_of(struct weir_str text, char out[17])
{
    snprintf(out, 17, "%016" PRIx64, weir_hash64(text.ptr, text.len, 1));
}

bool weir_program_is_marked(const struct weir_program *p, const char *mark, struct weir_str text)
{
    char path[4100], hash[17];
    struct weir_buf have;
    struct weir_error ignored;
    weir_buf_init(&have, 4096);
    hash_of(text, hash);
    snprintf(path, sizeof path, "%s/%s", p->place, mark);
    bool is = weir_file_read(path, &have, &ignored) == 0 && weir_str_is(weir_buf_str(&have), hash);
    weir_buf_free(&have);
    return is;
}

int weir_program_mark(const struct weir_program *p, const char *mark, struct weir_str text,
                      struct weir_error *err)
{
    char path[4100], hash[17];
    hash_of(text, hash);
    snprintf(path, sizeof path, "%s/%s", p->place, mark);
    return weir_file_replace(path, weir_str_of(hash), 0600, err);
}

int weir_program_config(struct weir_program *p, const char **path, struct weir_error *err)
{
    struct weir_buf text, have;
    struct weir_error ignored;
    struct weir_data *config = p->settings->config ? weir_data_copy(&p->arena, p->settings->config)
                                                   : weir_data_new(&p->arena, WEIR_DATA_OBJECT);
    int rc = config ? resolve(p, config, err) : no_memory(err);
    rc = rc ? rc : mask_variables(p, err);
    weir_buf_init(&text, MAX_CONFIG);
    weir_buf_init(&have, MAX_CONFIG);
    if (rc == 0) {
        struct weir_jw w = weir_jw_on(&text);
        weir_data_print(config, &w);
        rc = weir_buf_check(&text, "the settings of a program", err);
    }
    if (rc == 0) {
        p->place = p->home;
        bool same = weir_program_is_marked(p, "config.from", weir_buf_str(&text));
        p->place = p->aside && !same ? p->tmp : p->home;
        *path = weir_arena_printf(&p->arena, "%s/config.json", p->place);
        same = same && *path && weir_file_read(*path, &have, &ignored) == 0 &&
               is_well(p, weir_buf_str(&have));
        rc = same     ? 0
             : !*path ? no_memory(err)
                      : weir_program_keep_config(p, weir_buf_str(&text), err);
        rc = rc || same ? rc : weir_program_mark(p, "config.from", weir_buf_str(&text), err);
        if (rc == 0 && weir_program_is_image(p)) {
            rc =
                weir_program_share(p, "config.json", weir_buf_str(same ? &have : &text), path, err);
        }
    }
    weir_buf_free(&text);
    weir_buf_free(&have);
    return rc;
}
