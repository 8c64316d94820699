/* Time zones of schedules: which there are, the engine knows. */
#include "source/connector.h"
#include "source/define/config.h"

int weir_source_zone_check(struct weir_warehouse *engine, const char *key, const char *zone,
                           struct weir_error *err)
{
    struct weir_error why;
    int64_t offset;
    int rc = weir_warehouse_offset(engine, zone, weir_now(), &offset, &why);
    if (rc == WEIR_EINVAL || rc == WEIR_EUNSUPPORTED) { /* how the engine says that, by version */
        return weir_fail(err, WEIR_EINVAL,
                         "`%s`: there is no time zone \"%s\"; write, for example, Europe/Berlin",
                         key, zone);
    }
    return rc ? weir_fail(err, rc, "%s", why.message) : 0;
}

int weir_source_zones_check(const char *workspace_dir, const char *name,
                            struct weir_warehouse **engine, struct weir_error *err)
{
    struct weir_source_config config;
    struct weir_warehouse_options options = {.path = ":memory:", .threads = 1};
    int rc = weir_source_config_read(workspace_dir, name, &config, err);
    const struct {
        const char *key;
        const struct weir_source_schedule *schedule;
    } both[] = {{"schedule", &config.schedule}, {"verify", &config.verify}};
    for (size_t i = 0; rc == 0 && i < sizeof both / sizeof both[0]; i++) {
        const struct weir_source_schedule *s = both[i].schedule;
        if (s->kind != WEIR_SOURCE_CRON) {
            continue;
        }
        rc = *engine ? 0 : weir_warehouse_open(&weir_warehouse_duckdb, &options, engine, err);
        rc = rc ? rc : weir_source_zone_check(*engine, both[i].key, s->cron.zone, err);
        rc = rc == WEIR_EINVAL ? weir_error_prefix(err, rc, "sources/%s.yml", name) : rc;
    }
    weir_source_config_free(&config);
    return rc;
}
