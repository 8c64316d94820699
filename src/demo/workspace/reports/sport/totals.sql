select
  count(distinct viewer) as viewers,
  count(*) // 2 as minutes,
  (count(*) / 2.0 / nullif(count(distinct viewer), 0))::decimal(10, 1) as minutes_a_viewer
from [beats]
where [timestamp=dates] and [sport=sport]
