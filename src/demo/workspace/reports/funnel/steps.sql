-- A visitor is a device that came without an account: the second device of someone who has one
-- is no new visitor.
with devices as (
  select anonymous_id from web.pages
  union
  select anonymous_id from ios.screens
  union
  select anonymous_id from android.screens
),
signups as (
  select user_id, anonymous_id from web.signed_up
  union
  select user_id, anonymous_id from ios.signed_up
  union
  select user_id, anonymous_id from android.signed_up
),
accounts as ( -- devices that were somebody's, and never signed up themselves
  select distinct anonymous_id
  from (
    select anonymous_id from web.pages where user_id is not null
    union
    select anonymous_id from ios.screens where user_id is not null
    union
    select anonymous_id from android.screens where user_id is not null
  )
  anti join signups using (anonymous_id)
),
steps as (
  select 1 as nr, 'Visit' as step, count(*) as people
  from devices anti join accounts using (anonymous_id)
  union all
  select 2, 'Sign-up', count(*) from signups
  union all
  select 3, 'Trial', count(distinct user_id) from server.trial_started
  union all
  select 4, 'Subscription', count(distinct user_id)
  from server.subscription_started where started_from = 'trial'
)
select
  step,
  people,
  round(100.0 * people / lag(people) over (order by nr), 1) as of_the_step_before_pct,
  round(max(people) over () / people) as one_in
from steps
order by nr
