-- Each change of a person's monthly value is a move: from nothing it is new (or a return), to
-- nothing it is churn, and in between expansion or contraction.
with value as (
  select user_id, sport, plan, timestamp, case plan when 'yearly' then price / 12 else price end as mrr
  from server.subscription_started
  union all
  select user_id, sport, plan, timestamp, case plan when 'yearly' then price / 12 else price end
  from server.subscription_renewed
  union all
  select user_id, sport, plan, timestamp, 0 from server.subscription_cancelled
),
moves as (
  select
    date_trunc('month', timestamp)::date as month,
    mrr - coalesce(lag(mrr) over person, 0) as change,
    lag(mrr) over person as before,
    mrr as after
  from value
  where [sport=sport] and [plan=plan]
  window person as (partition by user_id order by timestamp)
)
select
  moves.month as month,
  coalesce(sum(change) filter (before is null), 0)::decimal(12, 2) as new,
  coalesce(sum(change) filter (before = 0), 0)::decimal(12, 2) as returned,
  coalesce(sum(change) filter (before > 0 and after > before), 0)::decimal(12, 2) as expansion,
  coalesce(sum(change) filter (before > 0 and after = 0), 0)::decimal(12, 2) as churn,
  (sum(sum(change)) over (order by moves.month))::decimal(12, 2) as mrr
from moves
group by moves.month
order by moves.month
