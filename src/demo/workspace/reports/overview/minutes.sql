-- A heartbeat is half a minute watched.
select [timestamp:grain] as period, sport, count(*) // 2 as minutes
from [beats]
where [timestamp=dates] and [sport=sport]
group by all
order by all
