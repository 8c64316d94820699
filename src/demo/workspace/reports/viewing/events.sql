with titles as (
  select live_event_id, any_value(title) as title
  from (
    select live_event_id, title from web.video_started
    union all
    select live_event_id, title from ios.video_started
    union all
    select live_event_id, title from android.video_started
  )
  group by live_event_id
)
select title as event, count(distinct viewer) as viewers, count(*) // 2 as minutes
from [beats as b] join titles using (live_event_id)
where [b.timestamp=dates] and [b.sport=sport]
group by live_event_id, title
order by viewers desc
limit 10
