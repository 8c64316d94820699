select e.title as event, e.starts_at::date as day, count(distinct b.viewer) as viewers, count(*) // 2 as minutes
from [beats as b] join [live_events as e] using (live_event_id)
where [b.timestamp=dates] and [b.sport=sport]
group by all
order by viewers desc, event
limit 200
