-- Who began to watch, in UTC.
select strftime(timestamp, '%H:%M:%S') as time, sport, title as event
from (
  select timestamp, sport, title from web.video_started
  union all
  select timestamp, sport, title from ios.video_started
  union all
  select timestamp, sport, title from android.video_started
)
where [sport=sport]
order by timestamp desc
limit 30
