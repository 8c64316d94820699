--| The tables that tests/cases/rules/*.sql ask about; the owner makes them.
CREATE SCHEMA web;
CREATE SCHEMA ios;
CREATE SCHEMA hr;
CREATE TABLE web.users(id BIGINT, email VARCHAR, sport VARCHAR, country VARCHAR, paid DOUBLE, secret VARCHAR);
INSERT INTO web.users VALUES
  (1, 'a@x.org', 'golf', 'de', 10, '11'), (2, 'b@x.org', 'rugby', 'fr', 20, '12'),
  (3, 'c@x.org', 'tennis', 'de', 30, 'hush'), (4, 'd@x.org', NULL, 'de', 40, '0'),
  (5, 'e@x.org', 'golf', 'fr', 50, '15'), (6, 'f@x.org', 'chess', 'it', 60, 'whisper');
CREATE TABLE web.pages(id BIGINT, user_id BIGINT, path VARCHAR, sport VARCHAR);
INSERT INTO web.pages VALUES (10, 1, '/a', 'golf'), (11, 2, '/b', 'rugby'), (12, 3, '/c', 'tennis'), (13, 6, '/d', 'chess'), (14, 5, '/e', 'golf');
CREATE TABLE ios.pages(id BIGINT, user_id BIGINT, screen VARCHAR);
INSERT INTO ios.pages VALUES (20, 1, 'home'), (21, 3, 'cart');
CREATE TABLE web.pg_stats(id BIGINT, info STRUCT(a BIGINT, b VARCHAR));
INSERT INTO web.pg_stats VALUES (1, {'a': 7, 'b': 'x'});
CREATE TABLE hr.salaries(name VARCHAR, salary BIGINT);
INSERT INTO hr.salaries VALUES ('Zoe', 424242);
CREATE TABLE web.visits(id BIGINT, plan BIGINT, tier BIGINT);
INSERT INTO web.visits VALUES (1, NULL, 5), (2, NULL, NULL);
CREATE TABLE t(i BIGINT, v VARCHAR);
INSERT INTO t VALUES (1, 'a'), (2, 'b');
CREATE TABLE u(i BIGINT, w VARCHAR);
INSERT INTO u VALUES (1, 'x'), (3, 'y');
CREATE TABLE "Odd ""name"""("a b" BIGINT, "select" VARCHAR, "Größe" DOUBLE);
INSERT INTO "Odd ""name""" VALUES (1, 'x', 1.5), (2, 'y', 2.5);
CREATE VIEW web.golfers AS SELECT * FROM users WHERE sport = 'golf';
CREATE VIEW web.payers(who, amount) AS SELECT email, paid FROM web.users;
CREATE VIEW web.secrets AS SELECT id, secret FROM web.users;
CREATE VIEW web.pay AS SELECT count(*) AS n, sum(salary) AS total FROM hr.salaries;
CREATE VIEW web.outer_view AS WITH users AS (SELECT id, sport FROM web.golfers) SELECT id FROM users;
CREATE VIEW sizes AS SELECT table_name, estimated_size FROM duckdb_tables();
CREATE MACRO peek() AS (SELECT max(salary) FROM hr.salaries);
CREATE MACRO peek_all() AS TABLE SELECT * FROM hr.salaries;
