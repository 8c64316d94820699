select topic, count(*) as calls
from (
  select timestamp, sport, topic from web.support_contacted
  union all
  select timestamp, sport, topic from ios.support_contacted
  union all
  select timestamp, sport, topic from android.support_contacted
)
where [timestamp=dates] and [sport=sport]
group by all
order by calls desc, topic
