/* Time zones are the engine's: it knows which there are, and their days. */
#include "warehouse/warehouse.h"

bool weir_zone_is_utc(const char *zone)
{
    return !zone || !*zone || weir_str_eq_nocase(weir_str_of(zone), WEIR_STR("UTC"));
}

int weir_warehouse_offset(struct weir_warehouse *warehouse, const char *zone, weir_time now,
                          int64_t *offset, struct weir_error *err)
{
    struct weir_session *session = NULL;
    struct weir_result *result = NULL;
    struct weir_batch batch;
    *offset = 0;
    if (weir_zone_is_utc(zone)) {
        return 0;
    }
    struct weir_param params[] = {
        {.name = WEIR_STR("zone"), .type = WEIR_TYPE_TEXT, .s = weir_str_of(zone)},
        {.name = WEIR_STR("now"), .type = WEIR_TYPE_TIMESTAMP, .i = now}};
    int rc = weir_session_new(warehouse, WEIR_SESSION_READER, &session, err);
    rc = rc ? rc
            : weir_session_query(session,
                                 "SELECT CAST(date_diff('microsecond', $now, "
                                 "timezone($zone, timezone('UTC', $now))) AS BIGINT)",
                                 params, 2, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    if (rc == 0 && batch.rows == 1 && batch.columns[0].ints) {
        *offset = batch.columns[0].ints[0];
    }
    weir_result_free(result);
    weir_session_free(session);
    return rc;
}
