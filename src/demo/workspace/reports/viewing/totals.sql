select count(distinct viewer) as viewers, count(*) // 2 as minutes
from [beats]
where [timestamp=dates] and [sport=sport]
