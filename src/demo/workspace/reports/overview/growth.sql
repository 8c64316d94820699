with happened as (
  select timestamp, sport, 1 as signed_up, 0 as tried from web.signed_up
  union all
  select timestamp, sport, 1, 0 from ios.signed_up
  union all
  select timestamp, sport, 1, 0 from android.signed_up
  union all
  select timestamp, sport, 0, 1 from server.trial_started
),
spans as (
  select
    case when timestamp >= {{ dates.start }} then {{ dates.start }} else {{ dates.start }} - ({{ dates.end }} - {{ dates.start }}) end as began,
    signed_up, tried
  from happened
  where timestamp >= {{ dates.start }} - ({{ dates.end }} - {{ dates.start }}) and timestamp < {{ dates.end }} and [sport=sport]
)
select began::date as began, sum(signed_up)::bigint as signups, sum(tried)::bigint as trials
from spans
group by all
order by began
