select sport, plan, count(*) as subscribers, sum(mrr)::decimal(12, 2) as mrr
from [subscribers]
where [sport=sport] and [plan=plan]
group by all
order by mrr desc
