#include "source/ledger/counts.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

#define TOGETHER 50                 /* tables of one statement: planning more of them is dearer */
#define QUICK    (WEIR_SECOND / 20) /* what took no longer is counted at each change */
#define SHARE    20                 /* the others for one part of so many of the time */
#define MOST     100000             /* tables that are kept */

struct kept {
    uint64_t version; /* of the table when it was counted */
    int64_t rows;
    weir_time again; /* monotonic: not before */
};
struct weir_source_counts {
    pthread_mutex_t lock; /* guards the map, and what is in it */
    struct weir_map tables;
};
/* One that is to be counted. */
struct due {
    struct weir_source_standing *item;
    uint64_t version;
};

struct weir_source_counts *weir_source_counts_new(void)
{
    struct weir_source_counts *c = calloc(1, sizeof *c);
    if (c) {
        pthread_mutex_init(&c->lock, NULL);
        weir_map_init(&c->tables);
    }
    return c;
}

static void clear(struct weir_source_counts *c)
{
    for (size_t i = 0; i < c->tables.count; i++) {
        free(c->tables.entries[i].value);
    }
    weir_map_clear(&c->tables);
}

void weir_source_counts_free(struct weir_source_counts *c)
{
    if (c) {
        clear(c);
        weir_map_free(&c->tables);
        pthread_mutex_destroy(&c->lock);
        free(c);
    }
}

/* Quoted, so that no two tables have one key. */
static void add_name(struct weir_buf *out, const struct weir_source_standing *item)
{
    weir_sql_ident(out, item->schema);
    weir_buf_addc(out, '.');
    weir_sql_ident(out, item->table);
}

/* Is it known? */
static bool recall(struct weir_source_counts *c, struct weir_buf *name, uint64_t version,
                   struct weir_source_standing *item)
{
    weir_buf_reset(name);
    add_name(name, item);
    pthread_mutex_lock(&c->lock);
    const struct kept *kept =
        weir_buf_ok(name) ? weir_map_get(&c->tables, weir_buf_str(name)) : NULL;
    bool known = kept && (kept->version == version || weir_mono() < kept->again);
    item->rows = known ? kept->rows : -1;
    pthread_mutex_unlock(&c->lock);
    return known;
}

/* What cannot be kept is counted again. */
static void remember(struct weir_source_counts *c, struct weir_buf *name, const struct due *due,
                     weir_time took)
{
    weir_buf_reset(name);
    add_name(name, due->item);
    pthread_mutex_lock(&c->lock);
    if (c->tables.count >= MOST) {
        clear(c);
    }
    struct kept *kept = weir_buf_ok(name) ? weir_map_get(&c->tables, weir_buf_str(name)) : NULL;
    if (!kept && weir_buf_ok(name) && (kept = malloc(sizeof *kept)) &&
        weir_map_put(&c->tables, weir_buf_str(name), kept)) {
        free(kept);
        kept = NULL;
    }
    if (kept) {
        *kept = (struct kept){due->version, due->item->rows,
                              took > QUICK ? weir_mono() + SHARE * took : 0};
    }
    pthread_mutex_unlock(&c->lock);
}

static int ask(struct weir_session *session, struct weir_buf *sql, const struct due *due,
               size_t count, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch b;
    weir_buf_reset(sql);
    for (size_t i = 0; i < count; i++) {
        weir_buf_addf(sql, "%sSELECT %zu, count(*) FROM ", i ? " UNION ALL " : "", i);
        add_name(sql, due[i].item);
    }
    int rc = weir_buf_check(sql, "the names of tables", err);
    rc = rc ? rc : weir_session_query(session, weir_buf_cstr(sql), NULL, 0, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        for (size_t row = 0; row < b.rows; row++) {
            due[b.columns[0].ints[row]].item->rows = b.columns[1].ints[row];
        }
    }
    weir_result_free(result);
    return rc;
}

/* A table that is not there fails the statement of all: then by halves. */
static int count_all(struct weir_session *session, struct weir_buf *sql, const struct due *due,
                     size_t count, struct weir_error *err)
{
    int rc = count ? ask(session, sql, due, count, err) : 0;
    if (rc == 0 || rc == WEIR_ECANCELED || rc == WEIR_EFATAL || rc == WEIR_ENOMEM) {
        return rc;
    }
    if (count == 1) {
        due->item->rows = -1;
        return 0;
    }
    rc = count_all(session, sql, due, count / 2, err);
    return rc ? rc : count_all(session, sql, due + count / 2, count - count / 2, err);
}

int weir_source_counts_take(struct weir_source_counts *c, struct weir_warehouse *warehouse,
                            struct weir_session *session, struct weir_source_standing *items,
                            size_t count, struct weir_error *err)
{
    struct due *due = calloc(count + 1, sizeof *due);
    struct weir_buf text;
    size_t n = 0;
    weir_buf_init(&text, 1u << 20);
    int rc = due ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the rows of tables");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct weir_source_standing *item = &items[i];
        item->rows = -1;
        if (item->table.len) {
            uint64_t version =
                weir_warehouse_version_of(warehouse, item->schema, item->table).version;
            if (!recall(c, &text, version, item)) {
                due[n++] = (struct due){item, version};
            }
        }
    }
    for (size_t at = 0; rc == 0 && at < n; at += TOGETHER) {
        size_t some = n - at < TOGETHER ? n - at : TOGETHER;
        weir_time began = weir_mono();
        rc = count_all(session, &text, due + at, some, err);
        weir_time took = weir_mono() - began;
        for (size_t i = 0; rc == 0 && i < some; i++) {
            remember(c, &text, &due[at + i], took);
        }
    }
    weir_buf_free(&text);
    free(due);
    return rc;
}
