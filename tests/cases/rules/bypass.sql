--| Ways round the rules that were found in other products, by class, and others that we know. Ann
--| sees golf in web.users, without secret; all of web.pages; nothing of hr.
--@ person ann
--@ list sports golf
--@ grant sales web.users
--@ rows sport in (user.sports)
--@ hide secret
--@ grant sales web.pages
--@ grant sales main.t
--@ grant sales main.u
--@ grant sales web.golfers
--@ grant sales web.secrets

--as ann
--| CVE-2025-48912, CVE-2026-23980, CVE-2022-27479, GHSA-cxvp-3frm-3876 (rules got round by SQL text):
--| comments, quoting, case, sub-queries, set operations, CTEs.
SELECT/**/count(*)/**/FROM/**/WEB . "Users"
--> 2

SELECT count(*) FROM web.users -- WHERE true
--> 2

SELECT count(*) FROM web.users WHERE 1=1 OR 1=1
--> 2

SELECT count(*) FROM web.users) OR (1=1
--! syntax

SELECT (SELECT count(*) FROM web.users), (SELECT max(salary) FROM hr.salaries)
--! does not exist, or you may not see it

SELECT count(*) FROM (SELECT * FROM web.users UNION ALL SELECT * FROM web.users)
--> 4

SELECT 1 UNION SELECT salary FROM hr.salaries
--! does not exist, or you may not see it

WITH users AS (SELECT * FROM web.users) SELECT count(*) FROM users
--> 2

WITH salaries AS (SELECT 1 AS salary) SELECT salary FROM hr.salaries
--! does not exist, or you may not see it

WITH t AS (SELECT 7 AS i) SELECT i FROM t
--> 7

WITH t AS (SELECT 7 AS i) SELECT count(*) FROM main.t
--> 2

WITH t AS (SELECT count(*) AS n FROM t) SELECT n FROM t
--> 2

WITH a AS (WITH t AS (SELECT 1 AS i) SELECT * FROM t), b AS (SELECT count(*) AS n FROM t) SELECT a.i, b.n FROM a, b
--> 1|2

WITH salaries AS (SELECT * FROM salaries) SELECT * FROM salaries
--! does not exist, or you may not see it

WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a
--! table "b" does not exist

WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t WHERE i < 3) SELECT sum(i) FROM t
--> 6

WITH RECURSIVE r AS (SELECT id FROM web.users UNION SELECT r.id FROM r JOIN web.users USING (id)) SELECT count(*) FROM r
--> 2

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT salary FROM hr.salaries, r) SELECT * FROM r
--! does not exist, or you may not see it

WITH "weir" AS (SELECT 1 AS a), x AS (SELECT * FROM "weir") SELECT a FROM x
--> 1

FROM "t (weir 1)"
--! does not exist, or you may not see it

SELECT * FROM web.pages WHERE EXISTS (SELECT 1 FROM hr.salaries)
--! does not exist, or you may not see it

SELECT * FROM web.pages WHERE id IN (SELECT salary FROM hr.salaries)
--! does not exist, or you may not see it

SELECT p.id, (SELECT u.sport FROM web.users u WHERE u.id = p.user_id) FROM web.pages p ORDER BY 1
--> 10|golf
--> 11|NULL
--> 12|NULL
--> 13|NULL
--> 14|golf

SELECT p.id, l.email FROM web.pages p, LATERAL (SELECT email FROM web.users u WHERE u.id = p.user_id) l ORDER BY 1
--> 10|a@x.org
--> 14|e@x.org

SELECT p.id, u.email FROM web.pages p LEFT JOIN web.users u ON u.id = p.user_id ORDER BY 1
--> 10|a@x.org
--> 11|NULL
--> 12|NULL
--> 13|NULL
--> 14|e@x.org

SELECT count(*) FROM web.users FULL JOIN web.pages ON users.id = user_id
--> 5

SELECT count(*) FROM web.pages SEMI JOIN web.users ON users.id = user_id
--> 2

SELECT count(*) FROM web.pages ANTI JOIN web.users ON users.id = user_id
--> 3

SELECT count(*) FROM web.users NATURAL JOIN (SELECT 'golf' AS sport)
--> 2

SELECT * FROM (SELECT 1 AS id) JOIN web.users USING (id)
--> 1|a@x.org|golf|de|10

SELECT p.id, u.id FROM web.pages p ASOF JOIN web.users u ON p.user_id >= u.id ORDER BY 1
--> 10|1
--> 11|1
--> 12|1
--> 13|5
--> 14|5

SELECT a.id, b.i FROM web.users a POSITIONAL JOIN t b ORDER BY b.i
--> 1|1
--> 5|2

SELECT id, count(*) OVER (), row_number() OVER (ORDER BY id) FROM web.users ORDER BY id
--> 1|2|1
--> 5|2|2

SELECT sport, count(*) FROM web.users GROUP BY ROLLUP (sport) ORDER BY ALL
--> golf|2
--> NULL|2

FROM (PIVOT web.users ON country IN ('de', 'fr', 'it') USING count(*) GROUP BY sport)
--> golf|1|1|0

PIVOT web.users ON country USING count(*)
--! PIVOT needs its list of values

SELECT * FROM (UNPIVOT (SELECT id, email FROM web.users) ON email INTO NAME n VALUE v) ORDER BY id
--> 1|email|a@x.org
--> 5|email|e@x.org

VALUES ((SELECT count(*) FROM web.users)), ((SELECT count(*) FROM web.pages))
--> 2
--> 5

SELECT ARRAY(SELECT id FROM web.users ORDER BY id), id = ANY (SELECT 5) FROM web.users ORDER BY id
--> [1, 5]|false
--> [1, 5]|true

SELECT count(*) FROM web.users ORDER BY (SELECT max(salary) FROM hr.salaries)
--! does not exist, or you may not see it

SELECT count(*) FROM web.users LIMIT (SELECT max(salary) FROM hr.salaries)
--! does not exist, or you may not see it

SELECT id FROM web.users QUALIFY row_number() OVER (ORDER BY (SELECT max(salary) FROM hr.salaries)) = 1
--! does not exist, or you may not see it

SELECT id FROM web.users GROUP BY id HAVING id > (SELECT max(salary) FROM hr.salaries)
--! does not exist, or you may not see it

SELECT list_transform([1], lambda x: (SELECT max(salary) FROM hr.salaries))
--! does not exist, or you may not see it

SELECT * FROM range((SELECT max(salary) FROM hr.salaries))
--! does not exist, or you may not see it

SELECT * FROM unnest((SELECT list(name) FROM hr.salaries))
--! does not exist, or you may not see it

SELECT secret FROM web.users
--! column "secret" does not exist, or you may not see it

SELECT nowhere FROM web.users
--! column "nowhere" does not exist, or you may not see it

SELECT u.secret FROM web.users u
--! column "secret" does not exist, or you may not see it

SELECT users.secret, web.users.secret FROM web.users
--! secret

SELECT * EXCLUDE (secret) FROM web.users
--! secret

SELECT COLUMNS('sec.*') FROM web.users
--! sec

SELECT COLUMNS(c -> true) FROM web.users WHERE id = 1
--> 1|a@x.org|golf|de|10

SELECT users FROM web.users WHERE id = 1
--> {'id': 1, 'email': a@x.org, 'sport': golf, 'country': de, 'paid': 10.0}

SELECT u.* FROM web.users u(a, b, c, d, e, f)
--! u

SELECT * FROM web.secrets
--! table "web.secrets" does not exist, or you may not see it

SELECT count(*) FROM web.golfers
--> 2

--| CVE-2024-39887, CVE-2025-55674 (denied functions called in another way)
SELECT * FROM query('SELECT * FROM hr.salaries')
--! not allowed

SELECT * FROM query_table('hr.salaries')
--! not allowed

SELECT peek()
--! not allowed

SELECT main.peek()
--! not allowed

SELECT * FROM peek_all()
--! not allowed

SELECT current_query()
--! not open to you

SELECT "CURRENT_QUERY"()
--! not open to you

--| CVE-2023-40610 (the metadata reached from a query)
SELECT * FROM weir.load_state
--! does not exist, or you may not see it

SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL
--> main|t
--> main|u
--> web|golfers
--> web|pages
--> web|users

SELECT column_name, ordinal_position FROM information_schema.columns WHERE table_name = 'users' ORDER BY 2
--> id|1
--> email|2
--> sport|3
--> country|4
--> paid|5

SELECT count(*) FROM information_schema.columns WHERE column_name = 'secret'
--> 0

SELECT schema_name FROM information_schema.schemata ORDER BY 1
--> main
--> web

SELECT table_name, estimated_size, column_count, sql FROM duckdb_tables() ORDER BY 1
--> pages|NULL|NULL|NULL
--> t|NULL|NULL|NULL
--> u|NULL|NULL|NULL
--> users|NULL|NULL|NULL

SELECT view_name, sql FROM duckdb_views ORDER BY 1
--> golfers|NULL

SELECT table_name, column_name, column_index FROM duckdb_columns WHERE table_name = 'golfers' ORDER BY 3 DESC LIMIT 1
--> golfers|paid|5

SELECT schema_name FROM duckdb_schemas() ORDER BY 1
--> main
--> web

SELECT count(*) FROM duckdb_functions() WHERE function_name LIKE 'peek%'
--> 0

SELECT count(*) FROM duckdb_tables() WHERE 1 / (CASE WHEN table_name = 'salaries' THEN 0 ELSE 1 END) = 1
--> 4

SELECT count(*) FROM duckdb_tables() WHERE CAST(CASE WHEN table_name = 'salaries' THEN 'x' ELSE '1' END AS INTEGER) = 1
--> 4

FROM pg_catalog.pg_tables
--! not open to you

FROM pg_class
--! not open to you

FROM duckdb_constraints()
--! not open to you

FROM information_schema.table_constraints
--! not open to you

SHOW DATABASES
--! not open to you

SHOW TABLES FROM hr
--! not open to you

DESCRIBE hr.salaries
--! does not exist, or you may not see it

SUMMARIZE hr.salaries
--! does not exist, or you may not see it

DESCRIBE SELECT * FROM hr.salaries
--! does not exist, or you may not see it

SHOW hr.salaries
--! does not exist, or you may not see it

EXPLAIN SELECT * FROM web.users
--! EXPLAIN is not open to you

EXPLAIN ANALYZE SELECT * FROM web.users
--! EXPLAIN is not open to you

--| CVE-2023-49736 (templates): values are bound, and nobody's can take the rule's place
SELECT $weir_1_0
--! may not begin with weir_

SELECT $WEIR_x
--! may not begin with weir_

--| errors that tell of rows: cast, division, and what the engine suggests
SELECT count(*) FROM web.users WHERE 100 / (CASE WHEN sport = 'rugby' THEN 0 ELSE 1 END) > 0
--> 2

SELECT count(*) FROM web.users WHERE 9223372036854775807 + (CASE WHEN sport = 'golf' THEN 0 ELSE 1 END) > 0
--> 2

SELECT 9223372036854775806 + id FROM web.users WHERE id < 2
--> 9223372036854775807

SELECT count(*) FROM web.users WHERE CAST(CASE WHEN sport = 'chess' THEN email ELSE '1' END AS INTEGER) = 1
--> 2

SELECT sum(CAST(CASE WHEN sport = 'chess' THEN email ELSE '1' END AS INTEGER)) FROM web.users
--> 2

SELECT max(CAST(CASE WHEN u.sport = 'chess' THEN u.email ELSE '1' END AS INTEGER)) FROM web.pages p JOIN web.users u ON u.id = p.user_id AND CAST(CASE WHEN u.sport <> 'golf' THEN u.email ELSE '1' END AS INTEGER) = 1
--> 1

SELECT count(*) FROM web.pages p WHERE (SELECT max(CAST(CASE WHEN u.sport = 'golf' THEN '1' ELSE u.email END AS INTEGER)) FROM web.users u WHERE u.id = p.user_id) = 1
--> 2

SELECT secre FROM web.users
--! secre

SELECT x FROM salarie
--! table "salarie" does not exist, or you may not see it

SELECT * FROM nope.web.users
--! does not exist, or you may not see it

SELECT * FROM hr.salaries AT (VERSION => 1)
--! AT is not allowed
