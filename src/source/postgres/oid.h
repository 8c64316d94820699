/* Numbers of PostgreSQL's own types. Private to src/source/postgres. */
#ifndef WEIR_SOURCE_POSTGRES_OID_H
#define WEIR_SOURCE_POSTGRES_OID_H

/* As pg_type has them. A type's name may be anybody's. */
enum weir_pg_oid {
    WEIR_PG_BOOL = 16,
    WEIR_PG_INT8 = 20,
    WEIR_PG_INT2 = 21,
    WEIR_PG_INT2VECTOR = 22,
    WEIR_PG_INT4 = 23,
    WEIR_PG_TEXT = 25,
    WEIR_PG_OID = 26,
    WEIR_PG_OIDVECTOR = 30,
    WEIR_PG_JSON = 114,
    WEIR_PG_XML = 142,
    WEIR_PG_BOX = 603,
    WEIR_PG_FLOAT4 = 700,
    WEIR_PG_FLOAT8 = 701,
    WEIR_PG_INET = 869,
    WEIR_PG_BPCHAR = 1042,
    WEIR_PG_DATE = 1082,
    WEIR_PG_TIMESTAMP = 1114,
    WEIR_PG_TIMESTAMPTZ = 1184,
    WEIR_PG_NUMERIC = 1700,
    WEIR_PG_JSONB = 3802
};

#endif
