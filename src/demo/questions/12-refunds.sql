-- title: What does a naive revenue figure miss?
-- line: net
-- reading: In {max refunded month} {max refunded refunded} USD went back: {max refunded refunded_pct} % of what was charged. The charges alone do not show it; finance's books do.

with money as (
  select timestamp, price as charged, 0 as refunded from server.subscription_started
  where imported is not true
  union all
  select timestamp, price, 0 from server.subscription_renewed
  union all
  select timestamp, 0, amount from server.refund_issued
)
select
  strftime(date_trunc('month', timestamp), '%Y-%m') as month,
  count(*) filter (charged > 0) as charges,
  sum(charged)::decimal(12, 2) as charged,
  count(*) filter (refunded > 0) as refunds,
  sum(refunded)::decimal(12, 2) as refunded,
  round(100.0 * sum(refunded) / nullif(sum(charged), 0), 1) as refunded_pct,
  (sum(charged) - sum(refunded))::decimal(12, 2) as net
from money
group by 1
order by 1
