select sport, count(*) as subscribers, sum(mrr)::decimal(12, 2) as mrr
from [subscribers]
where [sport=sport]
group by all
order by mrr desc
