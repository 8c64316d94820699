select timestamp as time, 'started watching' as what, sport, title as event
from (
  select timestamp, sport, title from web.video_started
  union all
  select timestamp, sport, title from ios.video_started
  union all
  select timestamp, sport, title from android.video_started
)
where [sport=sport]
order by time desc
limit 30
