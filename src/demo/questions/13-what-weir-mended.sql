-- title: What did weir mend on the way?
-- reading: Nobody had to notice: {value} events came twice and are counted once.

select what, value
from (
  select 1 as nr, 'Events left out because their messageId was there already' as what,
    max(duplicates) as value from weir.load_state
  union all
  select 2, 'Events from devices that live in 1970, put at their real time', count(*)
  from android.tracks where original_timestamp < timestamp '2000-01-01'
  union all
  select 3, 'Values of the iOS release that sent video_position as text', count(*)
  from ios.video_heartbeat
  where context_app_version = '4.16.0'
  union all
  select 4, 'Values that could not be stored as asked (see weir.discards)', count(*)
  from weir.discards
)
order by nr
