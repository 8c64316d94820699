-- title: How much support does a thousand viewers need?
-- line: per_1000_viewers
-- reading: {max per_1000_viewers month} was the worst month: {max per_1000_viewers per_1000_viewers} contacts for every 1,000 viewers, most about {max per_1000_viewers mostly_about}.

with viewers as (
  select date_trunc('month', timestamp) as month, coalesce(user_id, anonymous_id) as viewer
  from web.video_started
  union all
  select date_trunc('month', timestamp), coalesce(user_id, anonymous_id) from ios.video_started
  union all
  select date_trunc('month', timestamp), coalesce(user_id, anonymous_id)
  from android.video_started
),
contacts as (
  select date_trunc('month', timestamp) as month, topic from web.support_contacted
  union all
  select date_trunc('month', timestamp), topic from ios.support_contacted
  union all
  select date_trunc('month', timestamp), topic from android.support_contacted
),
per_month as (select month, count(distinct viewer) as viewers from viewers group by month),
contacts_per_month as (
  select month, count(*) as contacts, mode(topic) as mostly_about from contacts group by month
)
select
  strftime(month, '%Y-%m') as month,
  viewers,
  coalesce(contacts, 0) as contacts,
  round(1000.0 * coalesce(contacts, 0) / viewers, 1) as per_1000_viewers,
  mostly_about
from per_month left join contacts_per_month using (month)
order by per_month.month
