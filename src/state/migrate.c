/* The tables, as a list of steps. A step that was released is never changed: a new one follows it.
 * The number of a step is its place in the list. */
#include "state/db.h"

static const char *const steps[] = {
    /* 1: people and what they may see */
    "create table people ("
    "  id text primary key,"
    "  email text not null unique," /* lower case */
    "  name text not null,"
    "  role text not null check (role in ('viewer', 'editor', 'admin')),"
    "  disabled integer not null default 0,"
    "  attributes text not null default '{}',"
    "  preferences text not null default '{}',"
    "  password text," /* argon2id; null: invited, cannot log in yet */
    "  created_at integer not null,"
    "  last_seen_at integer"
    ") strict;"
    "create table groups ("
    "  id text primary key,"
    "  name text not null unique collate nocase,"
    "  description text not null default '',"
    "  builtin integer not null default 0,"
    "  created_at integer not null"
    ") strict;"
    "create table members ("
    "  group_id text not null references groups on delete cascade,"
    "  person_id text not null references people on delete cascade,"
    "  primary key (group_id, person_id)"
    ") strict, without rowid;"
    "create index members_of_person on members (person_id);"
    "create table grants ("
    "  group_id text not null references groups on delete cascade,"
    "  place integer not null,"
    "  schema_name text not null,"
    "  table_name text not null,"
    "  rows text,"
    "  hidden text not null default '[]',"
    "  masked text not null default '[]',"
    "  primary key (group_id, place)"
    ") strict, without rowid;"
    "create table collection_grants ("
    "  group_id text not null references groups on delete cascade,"
    "  collection text not null,"
    "  level text not null check (level in ('view', 'edit')),"
    "  primary key (group_id, collection)"
    ") strict, without rowid;"
    "insert into groups (id, name, description, builtin, created_at)"
    "  values ('everyone', 'everyone', 'All people', 1, 0);"
    "insert into grants (group_id, place, schema_name, table_name)"
    "  values ('everyone', 0, '*', '*');"
    "create table sessions ("
    "  hash blob primary key,"
    "  person_id text not null references people on delete cascade,"
    "  created_at integer not null,"
    "  last_seen_at integer not null,"
    "  address text not null"
    ") strict, without rowid;"
    "create index sessions_of_person on sessions (person_id);"
    "create table tokens ("
    "  id text primary key,"
    "  person_id text references people on delete cascade," /* null: the owner's */
    "  name text not null,"
    "  hash blob not null unique,"
    "  scopes integer not null,"
    "  created_at integer not null,"
    "  expires_at integer,"
    "  last_used_at integer"
    ") strict;"
    "create index tokens_of_person on tokens (person_id);"
    "create table links ("
    "  hash blob primary key,"
    "  person_id text unique references people on delete cascade," /* null: the set-up link */
    "  expires_at integer not null"
    ") strict, without rowid;"
    "create table audit ("
    "  id integer primary key autoincrement,"
    "  at integer not null,"
    "  person_id text not null," /* outlives the person */
    "  person text not null,"
    "  action text not null,"
    "  object text not null,"
    "  detail text not null,"
    "  address text not null"
    ") strict;"
    "create index audit_by_person on audit (person_id, id);"
    "create index audit_by_action on audit (action, id);"
    "create table facts (key text primary key, value text not null) strict, without rowid;",
    /* 2: drafts; the default collection is everybody's, as all tables are */
    "create table drafts ("
    "  person_id text not null," /* or "owner", who is nobody's row */
    "  key text not null,"
    "  json text not null,"
    "  saved_at integer not null,"
    "  primary key (person_id, key)"
    ") strict;"
    "create trigger drafts_of_person after delete on people begin"
    "  delete from drafts where person_id = old.id;"
    " end;"
    "insert into collection_grants (group_id, collection, level)"
    "  select 'everyone', 'company', 'edit'"
    "  where not exists (select 1 from collection_grants where group_id = 'everyone');",
    /* 3: with whom reports are shared, and who opened them */
    "create table reports ("
    "  id text primary key,"
    "  seen_at integer not null,"
    "  opened_at integer," /* by anybody */
    "  gone_at integer"    /* since when its files are missing */
    ") strict, without rowid;"
    "create table shares ("
    "  report text not null references reports on delete cascade,"
    "  person_id text references people on delete cascade,"
    "  group_id text references groups on delete cascade,"
    "  check ((person_id is null) <> (group_id is null))"
    ") strict;"
    "create unique index shares_with_people on shares (report, person_id);"
    "create unique index shares_with_groups on shares (report, group_id);"
    "create index shares_of_person on shares (person_id);"
    "create index shares_of_group on shares (group_id);"
    "create table opens ("
    "  report text not null references reports on delete cascade,"
    "  person_id text not null," /* or "owner", who is nobody's row */
    "  at integer not null,"
    "  primary key (person_id, report)"
    ") strict, without rowid;"
    "create index opens_of_report on opens (report);"
    "create trigger opens_of_person after delete on people begin"
    "  delete from opens where person_id = old.id;"
    " end;",
    /* 4: what people ran */
    "create table runs ("
    "  id integer primary key autoincrement,"
    "  person_id text not null," /* or "owner", who is nobody's row */
    "  at integer not null,"
    "  sql text not null,"
    "  vals text not null,"
    "  report text not null,"
    "  query text not null,"
    "  row_count integer not null," /* -1: it failed */
    "  truncated integer not null,"
    "  elapsed integer not null," /* microseconds */
    "  error text not null"
    ") strict;"
    "create index runs_of_person on runs (person_id, id);"
    "create trigger runs_of_gone_person after delete on people begin"
    "  delete from runs where person_id = old.id;"
    " end;",
    /* 5: what is published of reports, and to whom */
    "create table publications ("
    "  report text not null references reports on delete cascade,"
    "  scheduled integer not null check (scheduled in (0, 1)),"
    "  version text not null,"
    "  at integer not null,"
    "  by text not null,"
    "  company integer not null,"
    "  primary key (report, scheduled)"
    ") strict, without rowid;"
    "create table audience ("
    "  report text not null,"
    "  scheduled integer not null,"
    "  person_id text references people on delete cascade,"
    "  group_id text references groups on delete cascade,"
    "  defaults text not null default '{}'," /* values by parameter */
    "  forced text not null default '{}',"
    "  check ((person_id is null) <> (group_id is null)),"
    "  foreign key (report, scheduled) references publications on delete cascade"
    ") strict;"
    "create unique index audience_of_people on audience (report, scheduled, person_id);"
    "create unique index audience_of_groups on audience (report, scheduled, group_id);"
    "create index audience_of_person on audience (person_id);"
    "create index audience_of_group on audience (group_id);",
    /* 6: what people find first, what they say about reports, and what they want to be sent */
    "create table favourites ("
    "  person_id text not null," /* or "owner", who is nobody's row; likewise below */
    "  report text not null references reports on delete cascade,"
    "  at integer not null,"
    "  primary key (person_id, report)"
    ") strict, without rowid;"
    "create index favourites_of_report on favourites (report);"
    "create table group_homes ("
    "  group_id text primary key references groups on delete cascade,"
    "  report text not null references reports on delete cascade"
    ") strict, without rowid;"
    "create index group_homes_of_report on group_homes (report);"
    "create table visits ("
    "  person_id text primary key,"
    "  at integer not null,"
    "  before integer not null"
    ") strict, without rowid;"
    "create table comments ("
    "  id text primary key,"
    "  report text not null references reports on delete cascade,"
    "  tile text not null,"
    "  text text not null,"
    "  vals text not null,"
    "  person_id text not null," /* outlives the person */
    "  by text not null,"
    "  name text not null,"
    "  at integer not null,"
    "  edited_at integer,"
    "  resolved_at integer,"
    "  resolved_by text"
    ") strict;"
    "create index comments_of_report on comments (report, tile, at);"
    "create table subscriptions ("
    "  person_id text not null,"
    "  report text not null references reports on delete cascade,"
    "  vals text not null,"
    "  every text not null,"
    "  at integer not null,"
    "  primary key (person_id, report)"
    ") strict, without rowid;"
    "create index subscriptions_of_report on subscriptions (report);"
    "create trigger home_of_gone_person after delete on people begin"
    "  delete from favourites where person_id = old.id;"
    "  delete from visits where person_id = old.id;"
    "  delete from subscriptions where person_id = old.id;"
    " end;",
    /* 7: what is used, by whom, and what it costs; outlives reports */
    "create index runs_of_time on runs (at, elapsed);"
    "create table usage_days ("
    "  day integer not null,"    /* since 1970, in UTC */
    "  report text not null,"    /* an id; empty: free SQL */
    "  person_id text not null," /* or "owner"; empty: of people who are gone */
    "  opens integer not null,"
    "  queries integer not null," /* answered, from what was kept or by a run */
    "  hits integer not null,"    /* of those, without a run */
    "  failures integer not null,"
    "  engine integer not null," /* microseconds */
    "  primary key (day, report, person_id)"
    ") strict, without rowid;"
    "create table usage_opens ("
    "  id integer primary key autoincrement,"
    "  at integer not null,"
    "  report text not null,"
    "  person_id text not null"
    ") strict;"
    "create index usage_opens_of_time on usage_opens (at);"
    "create index usage_opens_of_report on usage_opens (report, at);"
    "create trigger usage_of_gone_person after delete on people begin"
    "  update usage_opens set person_id = '' where person_id = old.id;"
    "  insert into usage_days select day, report, '', opens, queries, hits, failures, engine"
    "    from usage_days where person_id = old.id"
    "    on conflict (day, report, person_id) do update set opens = opens + excluded.opens,"
    "    queries = queries + excluded.queries, hits = hits + excluded.hits,"
    "    failures = failures + excluded.failures, engine = engine + excluded.engine;"
    "  delete from usage_days where person_id = old.id;"
    " end;",
    /* 8: secrets that weir reads again; boxes in base64url, see sealed.c */
    "create table sealed ("
    "  name text primary key,"
    "  box text not null,"
    "  changed_at integer not null"
    ") strict, without rowid;",
    /* 9: when sources ran last */
    "create table source_runs ("
    "  source text not null,"
    "  what text not null,"
    "  began_at integer not null,"
    "  ended_at integer not null,"
    "  failures integer not null,"
    "  primary key (source, what)"
    ") strict, without rowid;",
    /* 10: streams that are gone at their source */
    "alter table source_runs add column gone text not null default '';",
    /* 11: what runs of sources said */
    "create table source_logs ("
    "  run text primary key,"
    "  source text not null,"
    "  failed integer not null,"
    "  ended_at integer not null,"
    "  told text not null,"
    "  log text not null"
    ") strict;"
    "create index source_logs_of_source on source_logs (source, failed, ended_at);",
    /* 12: runs of sources of which a part failed */
    "alter table source_runs add column partly integer not null default 0;",
    /* 13: as of when a source's tables are, whatever came of the runs behind */
    ("alter table source_runs add column well_at integer not null default 0;"
     "update source_runs set well_at = began_at where failures = 0 and ended_at >= began_at;"),
};
#define STEP_COUNT ((int)(sizeof steps / sizeof steps[0]))

int weir_state_version(struct weir_state *state, int *out, struct weir_error *err)
{
    *out = 0;
    struct weir_db q = weir_db_on(state, "select coalesce(max(version), 0) from migrations");
    if (weir_db_row(&q)) {
        *out = (int)weir_db_int(&q, 0);
    }
    return weir_db_end(&q, err);
}

static int apply(struct weir_state *state, int version, struct weir_error *err)
{
    int rc = weir_db_script(state, steps[version - 1], err);
    if (rc == 0) {
        struct weir_db q =
            weir_db_on(state, "insert into migrations (version, applied_at) values (?, ?)");
        weir_db_i64(&q, version);
        weir_db_i64(&q, weir_now());
        rc = weir_db_run(&q, NULL, err);
    }
    return rc ? weir_error_prefix(err, rc, "version %d of the tables", version) : 0;
}

/* All in one transaction: another process that opens the file waits, and finds it done. */
int weir_state_migrate(struct weir_state *state, struct weir_error *err)
{
    int version = 0;
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    rc = weir_db_script(state,
                        "create table if not exists migrations ("
                        "  version integer primary key, applied_at integer not null) strict",
                        err);
    rc = rc ? rc : weir_state_version(state, &version, err);
    if (rc == 0 && version > STEP_COUNT) {
        rc = weir_fail(err, WEIR_EUNSUPPORTED,
                       "a newer weir made it (version %d; this one knows up to %d); run that one, "
                       "or put a backup in its place",
                       version, STEP_COUNT);
    }
    while (rc == 0 && version < STEP_COUNT) {
        rc = apply(state, ++version, err);
    }
    return weir_state_end(state, rc, err);
}
