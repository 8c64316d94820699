select [timestamp:grain] as period, device, count(*) // 2 as minutes
from [beats]
where [timestamp=dates] and [sport=sport]
group by all
order by all
