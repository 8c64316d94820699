-- The live events that somebody watched, by their id.
select live_event_id, any_value(title) as title, any_value(sport) as sport, any_value(tier) as tier, min(starts_at) as starts_at
from (
  select live_event_id, title, sport, tier, starts_at from web.video_started
  union all
  select live_event_id, title, sport, tier, starts_at from ios.video_started
  union all
  select live_event_id, title, sport, tier, starts_at from android.video_started
)
where live_event_id is not null
group by live_event_id
