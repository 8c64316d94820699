with began as (
  select user_id, min(timestamp) as first, any_value(sport) as sport, any_value(plan) as plan
  from server.subscription_started
  group by user_id
),
ended as (
  select user_id, max(timestamp) as last from server.subscription_cancelled group by user_id
),
lives as (
  select
    date_trunc('month', first)::date as cohort,
    date_diff('month', first, coalesce(last, (select max(timestamp) from server.subscription_renewed))) as stayed
  from began left join ended using (user_id)
  where first >= (select max(timestamp) from server.subscription_started) - interval 12 months
    and [sport=sport] and [plan=plan]
)
select cohort, month, count(*) as people
from lives, unnest(range(0, greatest(stayed, 0) + 1)) as months(month)
group by all
order by cohort, month
