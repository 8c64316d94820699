#include "serve/source_news.h"

#include <stdlib.h>

#include "io/loop.h"
#include "serve/changes.h"
#include "serve/server.h"
#include "serve/shelf.h"
#include "serve/source.h"

#define LOOK_EVERY (WEIR_SECOND / 2)

struct weir_source_news {
    struct weir_server *server;
    struct weir_timer *timer;
};

static void tell(void *arg, const char *source, struct weir_str json)
{
    const struct weir_source_news *news = arg;
    weir_changes_tell_source(weir_shelf_changes(news->server->shelf), source, json);
}

static void look(void *arg)
{
    struct weir_source_news *news = arg;
    weir_source_runs_news(news->server->source_runs, tell, news);
    if (weir_source_runs_touched(news->server->source_runs)) {
        tell(news, "*", WEIR_STR("null"));
    }
}

int weir_source_news_new(struct weir_server *server, struct weir_source_news **out,
                         struct weir_error *err)
{
    struct weir_source_news *news = *out = calloc(1, sizeof *news);
    if (!news) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for news of sources");
    }
    news->server = server;
    return weir_timer_new(server->loop, LOOK_EVERY, LOOK_EVERY, look, news, &news->timer)
               ? weir_fail(err, WEIR_ENOMEM, "no memory for a timer")
               : 0;
}

void weir_source_news_free(struct weir_source_news *news)
{
    if (news) {
        weir_timer_free(news->timer);
        free(news);
    }
}
