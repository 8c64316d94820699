#include "source/mysql/binlog_bytes.h"

#include <strings.h>

#define CRC32 1

/* --- events -------------------------------------------------------------------------------------
 */

int weir_my_event_read(struct weir_str bytes, bool *checksums, struct weir_my_event *out,
                       struct weir_error *err)
{
    struct weir_str rest = bytes;
    uint64_t at, kind, server, size, ends, flags;
    if (!weir_my_take_number(&rest, 4, &at) || !weir_my_take_number(&rest, 1, &kind) ||
        !weir_my_take_number(&rest, 4, &server) || !weir_my_take_number(&rest, 4, &size) ||
        !weir_my_take_number(&rest, 4, &ends) || !weir_my_take_number(&rest, 2, &flags) ||
        size != bytes.len) {
        return weir_my_damaged(err, "an event's header");
    }
    if (kind == WEIR_MY_FORMAT) { /* …, one byte: how it is checked, and then 4, always */
        if (rest.len < 57 + 5) {
            return weir_my_damaged(err, "its format");
        }
        *checksums = rest.ptr[rest.len - 5] == CRC32;
        rest.len -= 5;
    } else if (*checksums) {
        if (rest.len < 4) {
            return weir_my_damaged(err, "an event without its checksum");
        }
        rest.len -= 4;
    }
    *out = (struct weir_my_event){.kind = (unsigned)kind,
                                  .flags = (unsigned)flags,
                                  .at = (uint32_t)at,
                                  .server = (uint32_t)server,
                                  .begins = ends > size ? ends - size : 0,
                                  .ends = ends,
                                  .body = rest};
    return 0;
}

int weir_my_rotate_read(struct weir_str body, struct weir_str *file, uint64_t *position,
                        struct weir_error *err)
{
    *file = WEIR_STR("");
    if (!weir_my_take_number(&body, 8, position) || !body.len || body.len > 512) {
        return weir_my_damaged(err, "the name of its next file");
    }
    *file = body;
    return 0;
}

bool weir_my_gtid_opens(struct weir_str body)
{
    return body.len > 12 && !(body.ptr[12] & 1);
}

bool weir_my_gtid_prepares(struct weir_str body)
{
    return body.len > 12 && body.ptr[12] & 64;
}

int weir_my_gtid_read(struct weir_str body, uint32_t *domain, uint64_t *number,
                      struct weir_error *err)
{
    uint64_t value;
    bool read = weir_my_take_number(&body, 8, number) && weir_my_take_number(&body, 4, &value);
    *domain = read ? (uint32_t)value : 0;
    return read ? 0 : weir_my_damaged(err, "a transaction's id");
}

/* --- tables -------------------------------------------------------------------------------------
 */

static bool take_meta(struct weir_str *metas, unsigned type, uint16_t *out)
{
    uint64_t value = 0;
    size_t bytes = 0;
    switch (type) {
    case T_FLOAT:
    case T_DOUBLE:
    case T_BLOB:
    case T_GEOMETRY:
    case T_JSON:
    case T_VECTOR:
    case T_TIMESTAMP2:
    case T_DATETIME2:
    case T_TIME2:
        bytes = 1;
        break;
    case T_VARCHAR:
    case T_BIT:
    case T_DECIMAL:
    case T_ENUM:
    case T_SET:
    case T_VAR_STRING:
    case T_STRING:
        bytes = 2;
        break;
    default:
        break;
    }
    bool there = weir_my_take_number(metas, bytes, &value);
    *out = (uint16_t)value;
    return there;
}

int weir_my_map_read(struct weir_str body, struct weir_my_map *out, struct weir_error *err)
{
    uint64_t flags, len, count, zero;
    struct weir_str types, metas;
    bool read = weir_my_take_number(&body, 6, &out->number) &&
                weir_my_take_number(&body, 2, &flags) && weir_my_take_number(&body, 1, &len) &&
                weir_my_take(&body, len, &out->schema) && weir_my_take_number(&body, 1, &zero) &&
                weir_my_take_number(&body, 1, &len) && weir_my_take(&body, len, &out->table) &&
                weir_my_take_number(&body, 1, &zero) && weir_my_take_packed(&body, &count) &&
                count <= WEIR_MY_MAX_COLUMNS && weir_my_take(&body, count, &types) &&
                weir_my_take_packed(&body, &len) && weir_my_take(&body, len, &metas);
    out->count = read ? count : 0;
    for (size_t i = 0; read && i < out->count; i++) {
        out->types[i] = (unsigned char)types.ptr[i];
        read = take_meta(&metas, out->types[i], &out->metas[i]);
    }
    return read ? 0 : weir_my_damaged(err, "what a table is");
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static bool all_set(struct weir_str bits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!(bits.ptr[i / 8] & 1 << (i % 8))) {
            return false;
        }
    }
    return true;
}

int weir_my_change_read(const struct weir_my_event *event, struct weir_my_change *out,
                        struct weir_error *err)
{
    bool second = event->kind >= WEIR_MY_WRITE_2 && event->kind <= WEIR_MY_DELETE_2;
    unsigned kind = event->kind - (second ? WEIR_MY_WRITE_2 : WEIR_MY_WRITE_1);
    struct weir_str body = event->body, extra, bits;
    uint64_t flags, len, count;
    *out = (struct weir_my_change){.kind = kind < 3 ? "IUD"[kind] : 0};
    bool read = kind < 3 && weir_my_take_number(&body, 6, &out->number) &&
                weir_my_take_number(&body, 2, &flags);
    if (read && second) {
        read =
            weir_my_take_number(&body, 2, &len) && len >= 2 && weir_my_take(&body, len - 2, &extra);
    }
    read = read && weir_my_take_packed(&body, &count) && count <= WEIR_MY_MAX_COLUMNS &&
           weir_my_take(&body, (count + 7) / 8, &bits);
    if (read) {
        out->count = count;
        out->whole = all_set(bits, count);
    }
    if (read && out->kind == 'U') {
        read = weir_my_take(&body, (count + 7) / 8, &bits);
        out->whole = read && out->whole && all_set(bits, count);
    }
    out->rest = body;
    return read ? 0 : weir_my_damaged(err, "a change");
}

/* Texts have their length before them; all else one that its type says. */
static bool take_value(struct weir_str *rest, unsigned type, unsigned meta, struct weir_str *out)
{
    static const unsigned char sizes[] = {
        [T_TINY] = 1,     [T_SHORT] = 2, [T_LONG] = 4, [T_FLOAT] = 4, [T_DOUBLE] = 8,
        [T_LONGLONG] = 8, [T_INT24] = 3, [T_DATE] = 3, [T_YEAR] = 1};
    uint64_t len;
    switch (type) {
    case T_TIMESTAMP2:
        return meta <= 6 && weir_my_take(rest, 4 + (meta + 1) / 2, out);
    case T_DATETIME2:
        return meta <= 6 && weir_my_take(rest, 5 + (meta + 1) / 2, out);
    case T_TIME2:
        return meta <= 6 && weir_my_take(rest, 3 + (meta + 1) / 2, out);
    case T_VARCHAR:
    case T_VAR_STRING:
        return weir_my_take_number(rest, meta > 255 ? 2 : 1, &len) && weir_my_take(rest, len, out);
    case T_BIT:
        return weir_my_take(rest, (meta >> 8) + ((meta & 255) + 7) / 8, out);
    case T_DECIMAL: {
        unsigned precision = meta & 255, scale = meta >> 8;
        return precision >= 1 && precision <= 65 && scale <= precision &&
               weir_my_take(rest,
                            weir_my_decimal_bytes(precision - scale) + weir_my_decimal_bytes(scale),
                            out);
    }
    case T_BLOB:
    case T_GEOMETRY:
    case T_JSON:
    case T_VECTOR:
        return meta >= 1 && meta <= 4 && weir_my_take_number(rest, meta, &len) &&
               weir_my_take(rest, len, out);
    case T_STRING: {
        unsigned real = meta & 255, more = meta >> 8;
        if (real == T_ENUM || real == T_SET) {
            return weir_my_take(rest, more, out);
        }
        /* Lengths over 255 have their upper bits where the type leaves some. */
        unsigned most = more | ((real & 0x30) ^ 0x30) << 4;
        return weir_my_take_number(rest, most > 255 ? 2 : 1, &len) && weir_my_take(rest, len, out);
    }
    default:
        return type < sizeof sizes && sizes[type] && weir_my_take(rest, sizes[type], out);
    }
}

int weir_my_image_read(const struct weir_my_map *map, struct weir_str *rest,
                       struct weir_str *values, struct weir_error *err)
{
    struct weir_str nulls;
    bool read = map->count && weir_my_take(rest, (map->count + 7) / 8, &nulls);
    for (size_t i = 0; read && i < map->count; i++) {
        values[i] = (struct weir_str){NULL, 0};
        if (!(nulls.ptr[i / 8] & 1 << (i % 8))) {
            read = take_value(rest, map->types[i], map->metas[i], &values[i]);
        }
    }
    return read ? 0 : weir_my_damaged(err, "a row, or a type that weir does not know");
}
