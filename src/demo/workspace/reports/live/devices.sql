select device, count(distinct session_id) as watching
from [beats]
where timestamp > (select max(timestamp) from [beats]) - interval 90 seconds and [sport=sport]
group by all
order by watching desc
