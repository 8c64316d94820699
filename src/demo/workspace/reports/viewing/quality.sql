select [timestamp:grain] as period, sum(buffering_ms) / 1000.0 / nullif(count(*) / 120.0, 0) as buffering_per_hour
from [beats]
where [timestamp=dates] and [sport=sport]
group by 1
order by 1
