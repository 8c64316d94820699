select date_trunc('minute', timestamp) as minute, sport, count(distinct session_id) as viewers
from [beats]
where timestamp > (select max(timestamp) from [beats]) - interval 60 minutes and [sport=sport]
group by all
order by all
