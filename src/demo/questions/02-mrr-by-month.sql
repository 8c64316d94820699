-- title: What moved MRR, month by month?
-- line: mrr
-- reading: MRR went from {mrr} USD in {month} to {last mrr} USD in {last month}; the last month is not over. The price rise shows as expansion.

-- Each change of a person's monthly value is a move: from nothing it is new (or a return), to
-- nothing it is churn, and in between expansion or contraction.
with value as (
  select user_id, timestamp, case plan when 'yearly' then price / 12 else price end as mrr
  from server.subscription_started
  union all
  select user_id, timestamp, case plan when 'yearly' then price / 12 else price end
  from server.subscription_renewed
  union all
  select user_id, timestamp, 0 from server.subscription_cancelled
),
moves as (
  select
    date_trunc('month', timestamp) as month,
    mrr - coalesce(lag(mrr) over person, 0) as change,
    lag(mrr) over person as before,
    mrr as after
  from value
  window person as (partition by user_id order by timestamp)
)
select
  strftime(month, '%Y-%m') as month,
  coalesce(sum(change) filter (before is null), 0)::decimal(12, 2) as new,
  coalesce(sum(change) filter (before = 0), 0)::decimal(12, 2) as returned,
  coalesce(sum(change) filter (before > 0 and after > before), 0)::decimal(12, 2) as expansion,
  coalesce(sum(change) filter (before > 0 and after = 0), 0)::decimal(12, 2) as churn,
  sum(change)::decimal(12, 2) as net,
  (sum(sum(change)) over (order by month))::decimal(12, 2) as mrr
from moves
group by moves.month
qualify row_number() over (order by moves.month desc) <= 18
order by moves.month
