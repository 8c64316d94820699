-- title: Who is watching right now?
-- bars: event watching
-- reading: {sum watching} people are watching {count} events; {event} has {watching} of them.

with beats as (
  select live_event_id, session_id, timestamp, buffering_ms from web.video_heartbeat
  union all
  select live_event_id, session_id, timestamp, buffering_ms from ios.video_heartbeat
  union all
  select live_event_id, session_id, timestamp, buffering_ms from android.video_heartbeat
),
-- A player that has not been heard of for 90 seconds is gone.
recent as (
  select * from beats
  where timestamp > (select max(timestamp) from beats) - interval 90 seconds
),
titles as (
  select live_event_id, any_value(title) as title, any_value(sport) as sport
  from (
    select live_event_id, title, sport from web.video_started
    union all
    select live_event_id, title, sport from ios.video_started
    union all
    select live_event_id, title, sport from android.video_started
  )
  group by live_event_id
)
select
  title as event,
  sport,
  count(distinct session_id) as watching,
  count(distinct session_id) filter (buffering_ms > 2000) as buffering,
  strftime(max(timestamp), '%H:%M:%S') as last_heard_utc
from recent join titles using (live_event_id)
group by title, sport
order by watching desc
