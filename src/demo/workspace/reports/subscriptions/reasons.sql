select date_trunc('month', timestamp)::date as month, reason, count(*) as people
from [moves]
where after = 0 and [sport=sport] and [plan=plan]
group by all
order by month, people desc
