--| Statements that a reader may run. A case is a block of lines; test_sandbox.c runs each one.

SELECT 1

select 1;

SELECT * FROM t

FROM t

TABLE t

FROM t SELECT v WHERE i > 1

VALUES (1, 'a'), (2, 'b')

WITH x AS (SELECT i + 1 AS j FROM t) SELECT sum(j) FROM x

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r

SELECT * FROM t UNION ALL FROM t EXCEPT SELECT 1, 'a' INTERSECT SELECT 1, 'a'

SELECT v, count(*), sum(i), avg(i), min(i), max(i), median(i), quantile_cont(i, 0.9) FROM t GROUP BY ALL ORDER BY ALL

SELECT count(*) FILTER (WHERE i > 1), string_agg(v, ',' ORDER BY i), list(v), histogram(v), approx_count_distinct(v), arg_max(v, i) FROM t

SELECT v, sum(i) OVER (PARTITION BY v ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), row_number() OVER w, lag(i) OVER w FROM t WINDOW w AS (ORDER BY i)

SELECT * FROM t QUALIFY row_number() OVER (PARTITION BY v ORDER BY i) = 1

SELECT v, i, grouping(v) FROM t GROUP BY ROLLUP (v, i)

SELECT a.i, b.v FROM t a LEFT JOIN t b USING (i) ASOF JOIN t c ON a.i >= c.i

SELECT * FROM t, LATERAL (SELECT t.i + 1 AS j)

SELECT * FROM t POSITIONAL JOIN t AS u

SELECT * FROM t TABLESAMPLE 50 PERCENT

SELECT i % 2 = 0, -i, i ** 2, i // 2, i << 1, i & 1, i | 1, NOT (i > 1), v || 'x', v LIKE 'a%', v ILIKE 'A', v SIMILAR TO 'a', v ~ 'a', v BETWEEN 'a' AND 'b', v IN ('a'), v IS NOT DISTINCT FROM 'a', v GLOB 'a*', v NOT LIKE '_' FROM t

SELECT CASE WHEN i > 1 THEN 'many' ELSE 'one' END, coalesce(v, 'x'), nullif(i, 1), if(i > 1, 1, 0), ifnull(v, ''), greatest(1, i), least(1, i) FROM t

SELECT CAST(i AS DOUBLE), i::VARCHAR, TRY_CAST(v AS INT), DATE '2020-01-01' + INTERVAL 1 DAY, TIMESTAMP '2020-01-01' AT TIME ZONE 'Europe/Berlin' FROM t

SELECT upper(v), lower(v), length(v), v[1], substr(v, 1, 1), replace(v, 'a', 'b'), regexp_replace(v, 'a', 'b'), regexp_matches(v, 'a'), split_part(v, 'a', 1), concat(v, 'x'), concat_ws(',', v, 'x'), lpad(v, 5, ' '), trim(v), format('{}', v), printf('%s', v), v.upper().lower() FROM t

SELECT date_trunc('month', d), extract(year FROM d), date_part('dow', d), strftime(d, '%Y'), date_diff('day', d, now()), dayname(d), epoch(d), time_bucket(INTERVAL '1 hour', d), age(d), last_day(d) FROM (SELECT TIMESTAMP '2020-01-01' AS d)

SELECT current_date, current_timestamp, now(), today(), current_time, localtimestamp

SELECT round(1.5), floor(1.5), ceil(1.5), abs(-1), sqrt(4), power(2, 3), ln(2), log(10), exp(1), random() >= 0, sin(1), pi(), 5 % 3, 5!

SELECT [1, 2, 3], [x * 2 FOR x IN [1, 2] IF x > 1], list_transform([1, 2], lambda x: x + 1), list_filter([1], lambda x: x > 0), unnest([1, 2]), list_sort([2, 1]), [1, 2][1:1], array_length([1]), list_contains([1], 1), range(3), flatten([[1]])

SELECT {'a': 1}, {'a': 1}.a, struct_pack(a := 1), MAP {'a': 1}, MAP {'a': 1}['a'], row(1, 2), map_keys(MAP {'a': 1})

SELECT '{"a": {"b": [1]}}'::JSON -> 'a' ->> '$.b[0]', json_extract('{"a": 1}', '$.a'), json_extract_string('{"a": 1}', 'a'), to_json([1]), json_object('a', 1), json_array(1), json_keys('{"a": 1}'), json_type('[]'), json_valid('x'), json_group_array(1)

SELECT * FROM json_each('[1, 2]')

SELECT * FROM range(3), generate_series(1, 2) g(n), unnest([1, 2]) u(m)

SELECT * EXCLUDE (v) REPLACE (i + 1 AS i) FROM t

SELECT COLUMNS('i.*'), COLUMNS(c -> c = 'v') FROM t

SELECT * RENAME (i AS j) FROM t

SELECT md5('a'), sha256('a'), hash(1), encode('a'), base64(encode('a')), hex('a'), uuid() IS NOT NULL, gen_random_uuid() IS NOT NULL

SELECT typeof(1), pg_typeof(1), version(), current_schema(), current_database() WHERE false

SELECT 'read_csv(''/etc/passwd'')', '/etc/passwd', 'DROP TABLE t; --' AS "drop table t;"

SELECT 1 -- ; DROP TABLE t

SELECT /* ; DROP TABLE t */ 1

SELECT $$ ; DROP TABLE t $$, 'a''b', E'a\'b'

PIVOT t ON v IN ('a', 'b') USING sum(i)

PIVOT t ON v USING sum(i)

PIVOT t ON v USING sum(i), count(*) GROUP BY i

PIVOT (SELECT v, i % 2 AS odd FROM t WHERE v <> 'zz') ON odd USING count(*) GROUP BY v

WITH x AS (SELECT * FROM t) PIVOT x ON v USING max(i)

FROM (PIVOT t ON v IN ('a') USING sum(i))

SELECT * FROM t PIVOT (sum(i) FOR v IN ('a', 'b'))

UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b

UNPIVOT (SELECT 1 AS a, 2 AS b) ON COLUMNS(*)

DESCRIBE t

DESCRIBE SELECT i FROM t

DESC t

SUMMARIZE t

SUMMARIZE SELECT i FROM t

SHOW TABLES

SHOW ALL TABLES

SHOW t

EXPLAIN SELECT * FROM t

EXPLAIN ANALYZE SELECT count(*) FROM t

EXPLAIN (FORMAT json) SELECT 1

EXPLAIN (ANALYZE, FORMAT json) SELECT 1

EXPLAIN (SELECT 1)

SELECT * FROM information_schema.tables

SELECT * FROM information_schema.columns

SELECT table_name FROM duckdb_tables()

SELECT column_name FROM duckdb_columns

SELECT * FROM duckdb_views()

SELECT * FROM pg_catalog.pg_tables

SELECT * FROM pg_class

SELECT function_name FROM duckdb_functions() LIMIT 1

SELECT * FROM web.pg_viewed

SELECT * FROM warehouse.web.pg_viewed

SELECT * FROM main.t

SELECT * FROM warehouse.main.t

SELECT * FROM v

SELECT i AS read_csv, v AS "DROP TABLE" FROM t read_text

SELECT count(*) FROM t GROUP BY GROUPING SETS ((v), ())

SELECT EXISTS (FROM t), i = ANY (SELECT i FROM t), i > ALL (SELECT 0) FROM t

SELECT (SELECT max(i) FROM t), ARRAY(SELECT i FROM t)

SELECT v COLLATE NOCASE FROM t ORDER BY v COLLATE NOCASE

SELECT try(1 / 0), 1 IS NULL, true AND false OR NOT true, (1, 2) = (1, 2)
