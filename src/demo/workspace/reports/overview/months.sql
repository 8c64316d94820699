select
  date_trunc('month', timestamp)::date as month,
  coalesce(sum(change) filter (before is null), 0)::decimal(12, 2) as new,
  coalesce(sum(change) filter (before = 0), 0)::decimal(12, 2) as returned,
  coalesce(sum(change) filter (before > 0 and after > before), 0)::decimal(12, 2) as expansion,
  coalesce(sum(change) filter (before > 0 and after < before), 0)::decimal(12, 2) as churn,
  (sum(sum(change)) over (order by date_trunc('month', timestamp)))::decimal(12, 2) as mrr
from [moves]
where [sport=sport]
group by date_trunc('month', timestamp)
qualify row_number() over (order by date_trunc('month', timestamp) desc) <= 18
order by month
