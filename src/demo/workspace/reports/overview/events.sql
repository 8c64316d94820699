select
  e.title as event, e.sport as sport, e.starts_at::date as day,
  count(distinct b.viewer) as viewers,
  count(*) // 2 as minutes,
  (count(*) / 2.0 / count(distinct b.viewer))::decimal(10, 1) as "minutes a viewer",
  (100.0 * count(*) filter (b.buffering_ms > 2000) / count(*))::decimal(5, 2) as "buffering %"
from [beats as b] join [live_events as e] using (live_event_id)
where [b.timestamp=dates] and [b.sport=sport]
group by all
order by viewers desc, event
limit 50
