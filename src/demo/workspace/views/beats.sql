-- Every half minute that somebody watched, on any device. A viewer is the account, or else the device.
select * from (
  select timestamp, sport, live_event_id, session_id, buffering_ms, 'Web' as device, coalesce(user_id, anonymous_id) as viewer from web.video_heartbeat
  union all
  select timestamp, sport, live_event_id, session_id, buffering_ms, 'iPhone', coalesce(user_id, anonymous_id) from ios.video_heartbeat
  union all
  select timestamp, sport, live_event_id, session_id, buffering_ms, 'Android', coalesce(user_id, anonymous_id) from android.video_heartbeat
)
