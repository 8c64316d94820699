-- A player that has not been heard of for 90 seconds is gone. "Now" is the latest that was heard.
with recent as (
  select session_id, max(buffering_ms) as waited
  from [beats]
  where timestamp > (select max(timestamp) from [beats]) - interval 90 seconds and [sport=sport]
  group by session_id
)
select count(*) as watching, coalesce(count(*) filter (waited > 2000) / nullif(count(*), 0), 0) as buffering
from recent
