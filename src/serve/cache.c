/* GET and DELETE /api/cache. */
#include "serve/keeper.h"

void weir_serve_cache(const struct weir_call *call)
{
    struct weir_keeper_stats stats;
    struct weir_buf body;
    weir_keeper_stats(call->server->keeper, &stats);
    uint64_t answers = stats.hits + stats.shared + stats.misses;
    weir_buf_init(&body, 4096);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_ku64(&w, "entries", stats.memory.entries);
    weir_jw_ku64(&w, "bytes", stats.memory.bytes);
    weir_jw_ku64(&w, "budget", stats.memory.budget);
    weir_jw_ku64(&w, "disk_entries", stats.disk.entries);
    weir_jw_ku64(&w, "disk_bytes", stats.disk.bytes);
    weir_jw_ku64(&w, "disk_budget", stats.disk.budget);
    weir_jw_ku64(&w, "disk_failures", stats.disk_failures);
    weir_jw_ku64(&w, "hits", stats.hits);
    weir_jw_ku64(&w, "disk_hits", stats.disk_hits);
    weir_jw_ku64(&w, "misses", stats.misses);
    weir_jw_ku64(&w, "shared", stats.shared);
    weir_jw_ku64(&w, "stale", stats.stale);
    weir_jw_ku64(&w, "uncachable", stats.uncachable);
    weir_jw_keyz(&w, "hit_rate");
    weir_jw_double(&w, answers ? (double)(stats.hits + stats.shared) / (double)answers : 0);
    weir_jw_object_end(&w);
    weir_buf_addc(&body, '\n');
    weir_serve_reply_json(call, 200, &body);
    weir_buf_free(&body);
}

void weir_serve_cache_clear(const struct weir_call *call)
{
    weir_keeper_clear(call->server->keeper);
    call->server->requests[2]++;
    weir_http_reply(call->req, 204, NULL, WEIR_STR(""));
}
