-- Every month and plan, also those in which nothing moved.
with changes as (
  select date_trunc('month', timestamp) as month, plan, sum(change) as change
  from [moves]
  where [sport=sport]
  group by all
),
months as (
  select unnest(range(min(month), max(month) + interval 1 month, interval 1 month)) as month from changes
)
select
  m.month::date as month, p.plan as plan,
  (sum(coalesce(c.change, 0)) over (partition by p.plan order by m.month))::decimal(12, 2) as mrr
from months as m
cross join (select distinct plan from changes) as p
left join changes as c on c.month = m.month and c.plan = p.plan
order by month, plan
