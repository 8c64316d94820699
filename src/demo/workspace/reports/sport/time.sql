select [timestamp:grain] as period, count(distinct viewer) as viewers, count(*) // 2 as minutes
from [beats]
where [timestamp=dates] and [sport=sport]
group by all
order by all
