-- title: Which live events drew the most people?
-- bars: event viewers
-- reading: {event} drew {viewers} viewers for {minutes} minutes, {times_median} times as many as the median event.

-- A heartbeat is half a minute watched. A viewer is the account, or else the device.
with beats as (
  select live_event_id, coalesce(user_id, anonymous_id) as viewer from web.video_heartbeat
  union all
  select live_event_id, coalesce(user_id, anonymous_id) from ios.video_heartbeat
  union all
  select live_event_id, coalesce(user_id, anonymous_id) from android.video_heartbeat
),
titles as (
  select live_event_id, any_value(title) as title, any_value(starts_at) as starts_at
  from (
    select live_event_id, title, starts_at from web.video_started
    union all
    select live_event_id, title, starts_at from ios.video_started
    union all
    select live_event_id, title, starts_at from android.video_started
  )
  group by live_event_id
),
per_event as (
  select live_event_id, count(distinct viewer) as viewers, count(*) // 2 as minutes
  from beats group by live_event_id
)
select
  title as event,
  strftime(starts_at, '%d %b %Y') as day,
  viewers,
  minutes,
  round(viewers / (select median(viewers) from per_event), 1) as times_median
from per_event join titles using (live_event_id)
order by viewers desc, minutes desc
limit 10
