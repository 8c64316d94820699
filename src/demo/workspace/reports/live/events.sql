select e.title as event, e.sport as sport, count(distinct b.session_id) as watching
from [beats as b] join [live_events as e] using (live_event_id)
where b.timestamp > (select max(timestamp) from [beats]) - interval 90 seconds and [b.sport=sport]
group by all
order by watching desc, event
limit 10
