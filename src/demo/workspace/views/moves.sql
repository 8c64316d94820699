-- Each change of what somebody pays a month: from nothing it is new (or a return), to nothing it is churn, and in
-- between expansion or contraction. A yearly plan counts as a twelfth of its price.
with value as (
  select user_id, sport, plan, timestamp, null as reason, case plan when 'yearly' then price / 12 else price end as mrr
  from server.subscription_started
  union all
  select user_id, sport, plan, timestamp, null, case plan when 'yearly' then price / 12 else price end
  from server.subscription_renewed
  union all
  select user_id, sport, plan, timestamp, reason, 0 from server.subscription_cancelled
)
select
  user_id, sport, plan, timestamp, reason,
  mrr - coalesce(lag(mrr) over person, 0) as change,
  lag(mrr) over person as before,
  mrr as after
from value
window person as (partition by user_id order by timestamp)
