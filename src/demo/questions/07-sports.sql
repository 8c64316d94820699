-- title: Which sports grow?
-- bars: sport minutes
-- reading: {max growth sport} grew most: {max growth growth} times the minutes of the same 150 days a year before.

with beats as (
  select sport, timestamp, coalesce(user_id, anonymous_id) as viewer from web.video_heartbeat
  union all
  select sport, timestamp, coalesce(user_id, anonymous_id) from ios.video_heartbeat
  union all
  select sport, timestamp, coalesce(user_id, anonymous_id) from android.video_heartbeat
),
newest as (select max(timestamp) as latest from beats),
-- The same days of both years, so that the seasons cancel out.
compared as (
  select sport, viewer,
    timestamp > latest - interval 150 days as this_year,
    timestamp between latest - interval 515 days and latest - interval 365 days as last_year
  from beats, newest
)
select
  sport,
  count(*) filter (this_year) // 2 as minutes,
  count(*) filter (last_year) // 2 as a_year_before,
  count(distinct viewer) filter (this_year) as viewers,
  round(count(*) filter (this_year) / nullif(count(*) filter (last_year), 0), 1) as growth
from compared
group by sport
order by minutes desc
