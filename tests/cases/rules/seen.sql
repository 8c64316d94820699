--| Who sees what: tables, rows, columns, by the union of one's groups.
--@ person ann
--@ list sports golf,rugby
--@ text country de
--@ int level 3
--@ grant sales web.users
--@ rows sport in (user.sports)
--@ hide secret
--@ mask email
--@ grant sales web.pages
--@ grant sales ios.*
--@ grant sales web.golfers
--@ grant sales web.payers
--@ grant sales web.secrets
--@ grant sales web.pay
--@ grant sales web.outer_view
--@ grant sales web.pg_stats
--@ grant sales main.t
--@ grant sales main.sizes
--@ grant sales main.Odd*
--@ rows "a b" > 1 and "select" <> user.country
--@ person all
--@ grant everyone *.*
--@ person nobody

--as ann
SELECT * FROM web.users ORDER BY id
--> 1|NULL|golf|de|10
--> 2|NULL|rugby|fr|20
--> 5|NULL|golf|fr|50

SELECT count(*), sum(paid), max(id) FROM web.users
--> 3|80|5

SELECT secret FROM web.users
--! secret

SELECT typeof(email), typeof(paid) FROM web.users LIMIT 1
--> VARCHAR|DOUBLE

SELECT rowid FROM web.users
--! rowid

SELECT * FROM hr.salaries
--! table "hr.salaries" does not exist, or you may not see it

SELECT * FROM hr.nothing
--! table "hr.nothing" does not exist, or you may not see it

SELECT * FROM "Odd ""name"""
--> 2|y|2.5

SELECT "Größe" FROM "odd ""NAME""" AS x
--> 2.5

SELECT * FROM web.golfers ORDER BY id
--> 1|NULL|golf|de|10
--> 5|NULL|golf|fr|50

SELECT * FROM web.payers ORDER BY amount
--> NULL|10
--> NULL|20
--> NULL|50

SELECT * FROM web.outer_view ORDER BY 1
--> 1
--> 5

SELECT * FROM web.secrets
--! table "web.secrets" does not exist, or you may not see it

SELECT * FROM web.pay
--! table "web.pay" does not exist, or you may not see it

SELECT web.pages.id, ios.pages.id FROM web.pages, ios.pages WHERE web.pages.user_id = ios.pages.user_id ORDER BY ALL
--> 10|20
--> 12|21

SELECT pages.id FROM web.pages UNION ALL SELECT pages.id FROM ios.pages ORDER BY 1 LIMIT 2
--> 10
--> 11

SELECT warehouse.web.pages.id FROM warehouse.web.pages WHERE web.pages.id = 10 AND pages.id = 10
--> 10

SELECT info.a, web.pg_stats.info.b FROM web.pg_stats
--> 7|x

SELECT * FROM web.users AS x(a, b, c) WHERE a = 1
--> 1|NULL|golf|de|10

SELECT t FROM main.t ORDER BY 1 LIMIT 1
--> {'i': 1, 'v': a}

SELECT count(*) FROM web.users TABLESAMPLE 100 PERCENT (bernoulli)
--> 3

SELECT count(*) FROM (FROM web.users USING SAMPLE 2 ROWS)
--> 2

SELECT 1.0e0::DOUBLE, 100.0, 1e300, -0.1 FROM web.users WHERE paid = 1e1
--> 1|100.0|1e+300|-0.1

DESCRIBE web.users
--> id|BIGINT|YES|NULL|NULL|NULL
--> email|VARCHAR|YES|NULL|NULL|NULL
--> sport|VARCHAR|YES|NULL|NULL|NULL
--> country|VARCHAR|YES|NULL|NULL|NULL
--> paid|DOUBLE|YES|NULL|NULL|NULL

SELECT column_name, min, max, count FROM (SUMMARIZE web.users) WHERE column_name IN ('id', 'email')
--> id|1|5|3
--> email|NULL|NULL|3

SHOW TABLES
--> Odd "name"
--> sizes
--> t

SELECT name, column_names FROM (SHOW ALL TABLES) WHERE schema = 'web' ORDER BY 1 LIMIT 2
--> golfers|[id, email, sport, country, paid]
--> outer_view|[id]

SELECT * FROM sizes WHERE table_name = 'users'
--> users|NULL

--as nobody
SELECT * FROM t
--! table "t" does not exist, or you may not see it

SHOW TABLES

SELECT count(*) FROM duckdb_tables()
--> 0

SELECT 1
--> 1

--as all
SELECT * FROM web.users ORDER BY id
--= SELECT * FROM web.users ORDER BY id
