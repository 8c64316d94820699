with checkouts as (
  select user_id, timestamp, context_user_agent not like '%Mobile%' as desktop
  from web.checkout_started
  union all
  select user_id, timestamp, false from ios.checkout_started
  union all
  select user_id, timestamp, false from android.checkout_started
),
done as (
  select user_id from web.checkout_completed
  union
  select user_id from ios.checkout_completed
  union
  select user_id from android.checkout_completed
)
select
  strftime(timestamp, '%Y') || ' Q' || quarter(timestamp) as quarter,
  count(*) filter (not desktop) as on_phones,
  count(done.user_id) filter (not desktop) as finished,
  round(100.0 * count(done.user_id) filter (not desktop)
    / nullif(count(*) filter (not desktop), 0), 1) as phone_pct,
  count(*) filter (desktop) as at_desks,
  round(100.0 * count(done.user_id) filter (desktop)
    / nullif(count(*) filter (desktop), 0), 1) as desktop_pct
from checkouts
left join done using (user_id)
group by 1
order by 1
