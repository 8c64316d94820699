with money as (
  select timestamp, sport, plan, price as charged, 0 as refunded from server.subscription_started
  where imported is not true
  union all
  select timestamp, sport, plan, price, 0 from server.subscription_renewed
  union all
  select timestamp, sport, plan, 0, amount from server.refund_issued
)
select
  date_trunc('month', timestamp)::date as month,
  sum(charged)::decimal(12, 2) as charged,
  sum(refunded)::decimal(12, 2) as refunded,
  sum(refunded) / nullif(sum(charged), 0) as refunded_share
from money
where [sport=sport] and [plan=plan]
group by 1
order by 1
