-- The last thing that billing said about each person is what holds now.
with said as (
  select user_id, sport, plan, price, timestamp, true as pays from server.subscription_started
  union all
  select user_id, sport, plan, price, timestamp, true from server.subscription_renewed
  union all
  select user_id, sport, plan, price, timestamp, false from server.subscription_cancelled
),
now_holds as (
  select * from said
  qualify row_number() over (partition by user_id order by timestamp desc) = 1
)
select
  sport,
  plan,
  count(*) as subscribers,
  sum(case plan when 'yearly' then price / 12 else price end)::decimal(12, 2) as mrr
from now_holds
where pays and [sport=sport] and [plan=plan]
group by all
order by mrr desc
