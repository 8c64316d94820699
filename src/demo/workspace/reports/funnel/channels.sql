-- A person's channel is that of the first thing we ever saw of them: a landing page with its
-- campaign or referrer, or an app's install attribution. identify joins it to the account.
with touches as (
  select anonymous_id, timestamp,
    case
      when context_campaign_medium = 'cpc' then 'Paid search'
      when context_campaign_medium = 'social' then 'Social'
      when context_campaign_medium = 'email' then 'Mail'
      when context_campaign_medium = 'referral' then 'Partner sites'
      when context_page_referrer similar to '.*(google|bing|duckduckgo).*' then 'Search'
      else 'Direct'
    end as channel
  from web.pages
  union all
  select anonymous_id, timestamp,
    case campaign_source
      when 'google' then 'Paid search' when 'instagram' then 'Social'
      when 'newsletter' then 'Mail' when 'partner' then 'Partner sites'
      when 'organic' then 'Search' else 'Direct'
    end
  from (
    select anonymous_id, timestamp, campaign_source from ios.install_attributed
    union all
    select anonymous_id, timestamp, campaign_source from android.install_attributed
  )
),
first_touch as (
  select anonymous_id, arg_min(channel, timestamp) as channel from touches group by anonymous_id
),
signups as (
  select user_id, anonymous_id, context_user_agent like '%Mobile%' as phone from web.signed_up
  union all
  select user_id, anonymous_id, true from ios.signed_up
  union all
  select user_id, anonymous_id, true from android.signed_up
),
trials as ( -- only those whose seven days are over
  select user_id from server.trial_started
  where timestamp < (select max(timestamp) from server.trial_started) - interval 7 days
),
paid as (
  select distinct user_id from server.subscription_started where started_from = 'trial'
)
select
  channel,
  count(*) as signups,
  count(t.user_id) as trials,
  count(p.user_id) as paid,
  round(100.0 * count(p.user_id) / nullif(count(t.user_id), 0), 1) as converted_pct,
  round(100.0 * count(p.user_id) filter (not phone)
    / nullif(count(t.user_id) filter (not phone), 0), 1) as desktop_pct,
  round(100.0 * count(p.user_id) filter (phone)
    / nullif(count(t.user_id) filter (phone), 0), 1) as phone_pct
from signups s
join first_touch using (anonymous_id)
left join trials t on t.user_id = s.user_id
left join paid p on p.user_id = t.user_id
group by channel
order by converted_pct desc nulls last, channel
