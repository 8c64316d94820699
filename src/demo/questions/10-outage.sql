-- title: What did the outage cost?
-- reading: {value} on {row 2}. Of the subscribers who saw it, {row 5} % cancelled within 24 to 36 days; {row 6} % of the others did.

-- The outage is the event with the most players that stood still for six seconds and more. Its
-- cost comes a month later: compare those who were there with all others who paid at the time.
with beats as (
  select live_event_id, user_id, timestamp, buffering_ms from web.video_heartbeat
  union all
  select live_event_id, user_id, timestamp, buffering_ms from ios.video_heartbeat
  union all
  select live_event_id, user_id, timestamp, buffering_ms from android.video_heartbeat
),
outage as (
  select live_event_id, min(timestamp) as began, count(*) // 2 as minutes
  from beats
  where buffering_ms >= 6000
  group by live_event_id
  order by count(*) desc
  limit 1
),
title as (
  select any_value(title) as title
  from (
    select live_event_id, title from web.video_started
    union all
    select live_event_id, title from ios.video_started
    union all
    select live_event_id, title from android.video_started
  )
  where live_event_id = (select live_event_id from outage)
),
affected as (
  select distinct user_id
  from beats join outage using (live_event_id)
  where buffering_ms >= 6000 and user_id is not null
),
billed as (
  select user_id, timestamp, case plan when 'yearly' then price / 12 else price end as mrr
  from server.subscription_started
  union all
  select user_id, timestamp, case plan when 'yearly' then price / 12 else price end
  from server.subscription_renewed
  union all
  select user_id, timestamp, 0 from server.subscription_cancelled
),
paying as (
  select user_id, arg_max(mrr, timestamp) as mrr
  from billed, outage
  where timestamp < began
  group by user_id
  having arg_max(mrr, timestamp) > 0
),
left_after as (
  select distinct user_id
  from server.subscription_cancelled, outage
  where timestamp between began + interval 24 days and began + interval 36 days
),
subscriber as (
  select
    paying.user_id,
    mrr,
    affected.user_id is not null as was_there,
    left_after.user_id is not null as went
  from paying
  left join affected using (user_id)
  left join left_after using (user_id)
),
tickets as (
  select topic, timestamp from web.support_contacted
  union all
  select topic, timestamp from ios.support_contacted
  union all
  select topic, timestamp from android.support_contacted
)
select what, value
from (
  select 1 as nr, 'Event' as what, title as value from title
  union all
  select 2, 'Day', strftime(began, '%d %b %Y') from outage
  union all
  select 3, 'Minutes that stood still', minutes::varchar from outage
  union all
  select 4, 'Subscribers who saw it', count(*) filter (was_there)::varchar from subscriber
  union all
  select 5, 'Of them cancelled a month later, %',
    round(100.0 * count(*) filter (was_there and went)
      / nullif(count(*) filter (was_there), 0), 1)::varchar
  from subscriber
  union all
  select 6, 'Of all others in those days, %',
    round(100.0 * count(*) filter (not was_there and went)
      / nullif(count(*) filter (not was_there), 0), 1)::varchar
  from subscriber
  union all
  select 7, 'MRR that left with them, USD',
    coalesce(sum(mrr) filter (was_there and went), 0)::decimal(12, 2)::varchar from subscriber
  union all
  select 8, 'Support contacts about the stream that day',
    count(*) filter (
      topic = 'stream_quality' and timestamp between began and began + interval 1 day
    )::varchar
  from tickets, outage
)
order by nr
