--| Several groups: a cell is seen when one group whose condition holds for its row shows it.
--@ person two
--@ text country de
--@ grant a web.users
--@ rows sport = 'golf'
--@ hide secret
--@ mask email
--@ grant b web.users
--@ rows country = user.country
--@ mask paid
--@ hide email
--@ person one_all
--@ grant a web.users
--@ mask secret,paid
--@ grant b web.users
--@ rows country = 'fr'
--@ hide paid
--@ person specific
--@ grant a web.*
--@ grant a web.users
--@ rows id < 3
--@ hide secret,email
--@ person empty
--@ list sports
--@ grant a web.users
--@ rows sport in (user.sports)
--@ grant b web.pages
--@ rows sport not in (user.sports) or path = user.nothing
--@ person numbers
--@ int level 3
--@ text word golf
--@ list countries de,it
--@ grant a web.users
--@ rows id <= user.level and (sport = user.word or list_contains(user.countries, country))
--@ person broken
--@ grant a web.users
--@ rows nocolumn = 1
--@ grant a web.pages
--@ rows path = 
--@ grant a main.t
--@ rows i = (SELECT 1)
--@ grant a main.u
--@ rows getenv('HOME') = w
--@ grant a ios.pages
--@ rows true) OR (1 = 1
--@ grant a web.pg_stats
--@ rows id = user.email
--@ grant a hr.salaries
--@ rows peek() > 0
--@ grant a web.payers
--@ rows amount > 30
--@ person risky
--@ grant a web.users
--@ rows CAST(secret AS INTEGER) > 11
--@ hide secret
--@ grant a web.pages
--@ rows CAST(CASE WHEN id > 12 THEN path ELSE '1' END AS INTEGER) = 1
--@ person views
--@ grant a web.users
--@ rows country = 'de'
--@ grant a web.golfers
--@ mask email
--@ hide secret
--@ grant a web.payers
--@ rows amount > 10
--@ hide who
--@ person view_only
--@ grant a web.golfers

--as two
SELECT * FROM web.users ORDER BY id
--> 1|NULL|golf|de|10|11
--> 3|NULL|tennis|de|NULL|hush
--> 4|NULL|NULL|de|NULL|0
--> 5|NULL|golf|fr|50|NULL

SELECT typeof(email), typeof(paid), typeof(secret) FROM web.users LIMIT 1
--> VARCHAR|DOUBLE|VARCHAR

SELECT sum(paid), count(secret), count(email) FROM web.users
--> 60|3|0

--as one_all
SELECT id, paid, secret FROM web.users ORDER BY id
--> 1|NULL|NULL
--> 2|NULL|12
--> 3|NULL|NULL
--> 4|NULL|NULL
--> 5|NULL|15
--> 6|NULL|NULL

SELECT count(*) FROM web.users WHERE CAST(secret AS INTEGER) > 0
--> 2

--as specific
SELECT * FROM web.users ORDER BY id
--> 1|golf|de|10
--> 2|rugby|fr|20

SELECT count(*) FROM web.pages
--> 5

--as empty
SELECT count(*) FROM web.users
--> 0

SELECT count(*) FROM web.pages
--> 0

--as numbers
SELECT id FROM web.users ORDER BY id
--> 1
--> 3

--| A rule that cannot be read closes its table.
--as broken
SELECT * FROM web.users
--! the rows of "web.users" that you may see cannot be told: an administrator must mend the rule

SELECT * FROM web.pages
--! an administrator must mend the rule

SELECT * FROM t
--! an administrator must mend the rule

SELECT * FROM u
--! an administrator must mend the rule

SELECT * FROM ios.pages
--! an administrator must mend the rule

SELECT * FROM web.pg_stats

SELECT * FROM hr.salaries
--! an administrator must mend the rule

SELECT * FROM web.payers
--! table "web.payers" does not exist, or you may not see it

SELECT name FROM (SHOW ALL TABLES)
--> pg_stats

SELECT (SELECT count(*) FROM information_schema.tables), nocolumn FROM (SELECT 1 AS nocolumn) LEFT JOIN LATERAL (SELECT * FROM web.users) x ON true
--! an administrator must mend the rule

--| A condition that fails on a row leaves it out, and says nothing.
--as risky
SELECT id FROM web.users ORDER BY id
--> 2
--> 5

SELECT id FROM web.pages ORDER BY id
--> 10
--> 11
--> 12

--as views
SELECT * FROM web.golfers
--> 1|NULL|golf|de|10

SELECT * FROM web.payers ORDER BY 1
--> 30
--> 40

SELECT column_name FROM information_schema.columns WHERE table_name IN ('payers', 'golfers') ORDER BY table_name, ordinal_position
--> id
--> email
--> sport
--> country
--> paid
--> amount

--as view_only
SELECT * FROM web.golfers
--! table "web.golfers" does not exist, or you may not see it

--| A group that shows every row makes the other's condition void, and its values are not bound.
--@ person void
--@ list sports golf
--@ int level 2
--@ grant desk web.users
--@ rows sport in (user.sports) and id > user.level
--@ grant all web.users

--as void
select count(*) > 1 as n from web.users
--> true

--| Of an OR that two groups make, the engine's statistics know nothing of NULL.
--@ person unlike
--@ grant a web.visits
--@ rows plan is distinct from 3
--@ grant b web.visits
--@ rows plan = 3

--@ person not_like
--@ grant a web.visits
--@ rows not (tier is not distinct from 5)
--@ grant b web.visits
--@ rows tier = 4

--as unlike
SELECT id FROM web.visits ORDER BY id
--> 1
--> 2

--as not_like
SELECT id FROM web.visits ORDER BY id
--> 2
