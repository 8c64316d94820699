--| Statements that a reader may not run. A case is a block of lines; its first line says why.
--| test_sandbox.c runs each one: none may succeed, none may change or read anything.

--| writing to a table
INSERT INTO t VALUES (9, 'z')

UPDATE t SET i = 0

DELETE FROM t

TRUNCATE t

MERGE INTO t USING (SELECT 1 AS i) n ON t.i = n.i WHEN MATCHED THEN DELETE

INSERT INTO t SELECT * FROM t RETURNING *

--| writing inside a query
WITH x AS (INSERT INTO t VALUES (9, 'z') RETURNING i) SELECT * FROM x

WITH x AS (DELETE FROM t RETURNING i) FROM x

SELECT * FROM (DELETE FROM t RETURNING i)

SELECT (INSERT INTO t VALUES (9, 'z') RETURNING i)

WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 'a' FROM x

--| changing tables
CREATE TABLE x AS SELECT 1

CREATE TEMP TABLE x AS SELECT 1

CREATE OR REPLACE VIEW v AS SELECT 1

CREATE SCHEMA s

CREATE MACRO m(a) AS a + 1

CREATE SEQUENCE q

CREATE TYPE mood AS ENUM ('a')

CREATE INDEX x ON t(i)

CREATE SECRET x (TYPE s3)

DROP TABLE t

DROP VIEW v

ALTER TABLE t ADD COLUMN x INT

COMMENT ON TABLE t IS 'x'

SELECT 1 INTO x

--| files out
COPY t TO '/tmp/weir-escape.csv'

COPY (SELECT 1) TO '/tmp/weir-escape.csv' (FORMAT csv)

COPY t FROM '/etc/passwd'

COPY (SELECT 1) TO PROGRAM 'id'

EXPORT DATABASE '/tmp/weir-escape'

IMPORT DATABASE '/tmp/weir-escape'

--| files in
SELECT * FROM read_csv('/etc/passwd')

SELECT * FROM read_csv_auto('/etc/passwd')

SELECT * FROM read_text('/etc/passwd')

SELECT * FROM read_blob('/etc/passwd')

SELECT * FROM read_json('/etc/passwd')

SELECT * FROM read_json_auto('/etc/passwd')

SELECT * FROM read_json_objects('/etc/passwd')

SELECT * FROM read_ndjson('/etc/passwd')

SELECT * FROM read_ndjson_auto('/etc/passwd')

SELECT * FROM read_ndjson_objects('/etc/passwd')

SELECT * FROM read_parquet('/etc/passwd')

SELECT * FROM parquet_scan('/etc/passwd')

SELECT * FROM parquet_metadata('/etc/passwd')

SELECT * FROM parquet_schema('/etc/passwd')

SELECT * FROM parquet_file_metadata('/etc/passwd')

SELECT * FROM parquet_kv_metadata('/etc/passwd')

SELECT * FROM parquet_full_metadata('/etc/passwd')

SELECT * FROM parquet_bloom_probe('/etc/passwd', 'a', 1)

SELECT * FROM read_duckdb('/etc/passwd')

SELECT * FROM sniff_csv('/etc/passwd')

SELECT * FROM glob('/*')

SELECT * FROM READ_CSV('/etc/passwd')

SELECT * FROM "read_csv"('/etc/passwd')

SELECT * FROM system.main.read_csv('/etc/passwd')

SELECT * FROM main.read_text('/etc/passwd')

SELECT * FROM read_text(['/etc/passwd', '/etc/group'])

SELECT (SELECT content FROM read_text('/etc/passwd'))

SELECT * FROM t WHERE i IN (SELECT 1 FROM read_text('/etc/passwd'))

SELECT * FROM t, LATERAL (SELECT * FROM read_text(t.v))

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, read_text('/etc/passwd')) FROM r

FROM (VALUES (1)) a JOIN read_text('/etc/passwd') ON true

SELECT * FROM t UNION ALL SELECT 1, content FROM read_text('/etc/passwd')

SELECT 1 ORDER BY (SELECT count(*) FROM read_text('/etc/passwd'))

SELECT 1 LIMIT (SELECT count(*) FROM read_text('/etc/passwd'))

SELECT list_transform([1], lambda x: (SELECT content FROM read_text('/etc/passwd')))

SELECT sum(i) FILTER (WHERE (SELECT true FROM read_text('/etc/passwd'))) FROM t

SELECT sum(i) OVER (ORDER BY (SELECT 1 FROM read_text('/etc/passwd'))) FROM t

SELECT * FROM t QUALIFY row_number() OVER () > (SELECT count(*) FROM glob('/*'))

VALUES ((SELECT content FROM read_text('/etc/passwd')))

SELECT COLUMNS(c -> (SELECT true FROM read_text('/etc/passwd'))) FROM t

SELECT * REPLACE ((SELECT content FROM read_text('/etc/passwd')) AS v) FROM t

SELECT CASE WHEN true THEN (SELECT content FROM read_text('/etc/passwd')) END

SELECT * FROM t TABLESAMPLE reservoir(1) JOIN glob('/*') ON true

DESCRIBE SELECT * FROM read_csv('/etc/passwd')

SUMMARIZE SELECT * FROM read_csv('/etc/passwd')

SUMMARIZE read_csv('/etc/passwd')

EXPLAIN SELECT * FROM read_csv('/etc/passwd')

EXPLAIN ANALYZE SELECT * FROM read_csv('/etc/passwd')

--| a table that is a file
SELECT * FROM '/etc/passwd'

SELECT * FROM 'data.csv'

SELECT * FROM "/etc/passwd"

FROM './x.parquet'

FROM '*.json'

SELECT * FROM "data"."csv"

SELECT * FROM 'https://example.com/x.parquet'

SELECT * FROM 's3://bucket/x.parquet'

DESCRIBE '/etc/passwd'

SUMMARIZE '/etc/passwd.csv'

SHOW '/etc/passwd'

PIVOT '/etc/passwd.csv' ON a

UNPIVOT '/etc/passwd.csv' ON a

TABLE "/etc/passwd"

SELECT * FROM u&"\002fetc\002fpasswd"

SELECT * FROM t ASOF JOIN '/etc/passwd' p ON t.i >= p.i

SELECT * FROM t WHERE EXISTS (FROM '/etc/passwd')

--| SQL made from text
SELECT * FROM query('DROP TABLE t')

FROM query('SELECT * FROM read_text(''/etc/passwd'')')

SELECT * FROM query_table('t')

SELECT * FROM query_table(['t', '/etc/passwd'])

SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))

SELECT json_serialize_sql('SELECT 1')

SELECT json_deserialize_sql('{}')

SELECT json_serialize_plan('SELECT * FROM read_text(''/etc/passwd'')')

PREPARE p AS SELECT 1

EXECUTE p

DEALLOCATE p

--| other databases and extensions
ATTACH '/tmp/weir-escape.db' AS x

ATTACH ':memory:' AS x

DETACH x

USE main

USE memory

INSTALL httpfs

LOAD httpfs

FORCE INSTALL httpfs

UPDATE EXTENSIONS

COPY FROM DATABASE memory TO x

--| settings
SET threads = 1

SET SESSION threads = 1

SET VARIABLE x = 1

SET search_path = 's'

RESET threads

PRAGMA database_list

PRAGMA table_info('t')

PRAGMA enable_profiling

PRAGMA version

PRAGMA threads = 1

SELECT current_setting('home_directory')

SELECT getvariable('x')

SELECT * FROM duckdb_settings()

FROM duckdb_settings

SELECT * FROM pg_settings

SELECT * FROM pg_catalog.pg_settings

SELECT * FROM system.pg_catalog.pg_settings

SELECT * FROM duckdb_secrets()

SELECT * FROM which_secret('s3://x', 's3')

SELECT * FROM duckdb_databases()

SELECT * FROM duckdb_databases

SELECT * FROM pragma_database_list

SELECT * FROM pragma_database_list()

SELECT * FROM duckdb_extensions()

SELECT * FROM duckdb_logs

SELECT * FROM duckdb_logs()

SELECT * FROM duckdb_temporary_files()

SELECT * FROM duckdb_memory()

SELECT * FROM duckdb_variables()

SELECT * FROM duckdb_prepared_statements()

SELECT * FROM duckdb_external_file_cache()

SELECT * FROM pragma_storage_info('t')

SELECT * FROM pragma_metadata_info()

SELECT * FROM pragma_user_agent()

SELECT getenv('HOME')

SELECT system.main.getenv('HOME')

SELECT 'HOME'.getenv()

--| state and the machine
CALL pragma_version()

CALL enable_logging()

SELECT write_log('x')

SELECT nextval('q')

SELECT currval('q')

SELECT setseed(0.5)

SELECT sleep_ms(100000)

SELECT error('{"exception_type":"FATAL","exception_message":"down"}')

SELECT pg_sleep(1000)

SELECT txid_current()

SELECT * FROM checkpoint()

SELECT * FROM force_checkpoint()

SELECT * FROM seq_scan('t')

SELECT * FROM arrow_scan(1, 2, 3)

SELECT * FROM arrow_scan_dumb(1, 2, 3)

SELECT * FROM test_all_types()

SELECT * FROM sql_auto_complete('S')

SELECT * FROM truncate_duckdb_logs()

SELECT * FROM import_database('x')

SELECT * FROM copy_database('a', 'b')

SELECT sum(i) EXPORT_STATE FROM t

SELECT finalize(sum(i) EXPORT_STATE) FROM t

SELECT combine('a', 'b')

SELECT stats(i) FROM t

SELECT vector_type(i) FROM t

SELECT create_sort_key(i, 'ASC') FROM t

SELECT __internal_compress_integral_utinyint(1, 0)

CHECKPOINT

FORCE CHECKPOINT

VACUUM

VACUUM ANALYZE t

ANALYZE

--| transactions
BEGIN

COMMIT

ROLLBACK

START TRANSACTION

--| several statements
SELECT 1; DROP TABLE t

SELECT 1; SELECT 2

SELECT 1;; SELECT 2

; SELECT 1; SELECT 2

SELECT 1; -- comment
DROP TABLE t

EXPLAIN SELECT 1; DROP TABLE t

EXPLAIN SELECT 1; SELECT 2

PIVOT t ON v USING sum(i); DROP TABLE t

PIVOT t ON v USING sum(i); SELECT 2

--| explaining what may not run
EXPLAIN DROP TABLE t

EXPLAIN ANALYZE INSERT INTO t VALUES (9, 'z')

EXPLAIN ANALYZE DELETE FROM t

EXPLAIN (ANALYZE) DELETE FROM t

EXPLAIN (ANALYZE, FORMAT json) DELETE FROM t

EXPLAIN (FORMAT json, ANALYZE) COPY t TO '/tmp/weir-escape.csv'

EXPLAIN ANALYZE COPY t TO '/tmp/weir-escape.csv'

EXPLAIN EXPLAIN DROP TABLE t

EXPLAIN ANALYZE PIVOT read_csv('/etc/passwd') ON a

EXPLAIN/**/ANALYZE/**/DELETE FROM t

--| words hidden from a reader of text
/* SELECT 1 */ DROP TABLE t

--
DROP TABLE t

DROP/**/TABLE/**/t

SELECT/* ; */* /* FROM t */ FROM/**/read_text/**/('/etc/passwd')

SELECT * FROM read_text -- comment
('/etc/passwd')

/* /* nested */ SELECT 1 */ DELETE FROM t

SELECT * FROM "READ_TEXT"('/etc/passwd')

SELECT * FROM ｒｅａｄ_ｔｅｘｔ('/etc/passwd')

SELECT * FROM  read_text('/etc/passwd')

SELECT * FROM​read_text('/etc/passwd')

EXPLAIN ANALYZE DELETE FROM t

SELECT $$a$$; DROP TABLE t

SELECT $x$ ; $x$; DROP TABLE t

SELECT 'a'';'; DROP TABLE t

SELECT E'\''; DROP TABLE t; --'

--| pivots that the engine rewrites
PIVOT read_csv('/etc/passwd') ON a

PIVOT (SELECT * FROM read_text('/etc/passwd')) ON filename

PIVOT (SELECT content FROM "read_text"('/etc/passwd')) ON content

PIVOT (FROM '/etc/passwd.csv') ON a

PIVOT "/etc/passwd.csv" ON a

PIVOT t ON (SELECT content FROM read_text('/etc/passwd'))

PIVOT t ON v USING first(getenv('HOME'))

PIVOT t ON getenv(v) USING sum(i)

PIVOT (SELECT * FROM query('DROP TABLE t')) ON x

PIVOT (FROM duckdb_settings()) ON name

PIVOT (FROM pg_catalog.pg_settings) ON name

PIVOT duckdb_secrets ON name

PIVOT 'pg_settings' ON name USING first(setting)

PIVOT (FROM e'pg_settings') ON name USING first(setting)

PIVOT (FROM $a$pg_settings$a$) ON name USING first(setting)

PIVOT (FROM 'p'
'g_settings') ON name USING first(setting)

PIVOT (FROM pg_settings) ON name USING first(setting)

PIVOT (FROM getenv ('HOME')) ON name

WITH x AS (FROM read_text('/etc/passwd')) PIVOT x ON filename

FROM t PIVOT (sum(i) FOR v IN (SELECT content FROM read_text('/etc/passwd')))

SELECT 'pivot'; CREATE TABLE x AS SELECT 1

CREATE TABLE x AS PIVOT t ON v

INSERT INTO t PIVOT t ON v

PIVOT (INSERT INTO t VALUES (9, 'z') RETURNING *) ON v

PIVOT t ON v USING sum(i) INTO x

PIVOT t ON v USING first(e'\x2fetc')

--| other ways to the catalog's insides
SHOW DATABASES; DROP TABLE t

SELECT * FROM sqlite_temp_master, pg_settings

SELECT * FROM warehouse.pg_settings

SELECT * FROM warehouse.main.duckdb_settings

SELECT * FROM temp.duckdb_settings

SELECT * FROM "duckdb_settings"

SELECT * FROM DuckDB_Settings

SELECT * FROM pg_catalog."pg_settings"
