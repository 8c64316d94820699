select dayname(timestamp) as weekday, hour(timestamp) as hour, count(*) // 2 as minutes
from [beats]
where [timestamp=dates] and [sport=sport]
group by weekday, hour, isodow(timestamp)
order by isodow(timestamp), hour
