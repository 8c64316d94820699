select
  date_trunc('month', timestamp)::date as month, plan,
  (sum(sum(change)) over (partition by plan order by date_trunc('month', timestamp)))::decimal(12, 2) as mrr
from [moves]
where [sport=sport]
group by date_trunc('month', timestamp), plan
order by month, plan
