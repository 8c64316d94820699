-- The dates chosen, and as many days before them.
with spans as (
  select
    case when timestamp >= {{ dates.start }} then {{ dates.start }} else {{ dates.start }} - ({{ dates.end }} - {{ dates.start }}) end as began,
    viewer
  from [beats]
  where timestamp >= {{ dates.start }} - ({{ dates.end }} - {{ dates.start }}) and timestamp < {{ dates.end }} and [sport=sport]
)
select began::date as began, count(distinct viewer) as viewers, count(*) // 2 as minutes
from spans
group by all
order by began
