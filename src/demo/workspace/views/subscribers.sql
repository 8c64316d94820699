-- Who pays now: the last thing that billing said about each person is what holds.
with said as (
  select user_id, sport, plan, price, timestamp, true as pays from server.subscription_started
  union all
  select user_id, sport, plan, price, timestamp, true from server.subscription_renewed
  union all
  select user_id, sport, plan, price, timestamp, false from server.subscription_cancelled
),
latest as (
  select * from said
  qualify row_number() over (partition by user_id order by timestamp desc) = 1
)
select user_id, sport, plan, case plan when 'yearly' then price / 12 else price end as mrr
from latest
where pays
