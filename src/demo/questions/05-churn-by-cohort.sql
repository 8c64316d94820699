-- title: How many stay, by the quarter in which they began?
-- line: after_3_months
-- reading: Of the {started} who began in {cohort}, {after_3_months} % still paid after three months. Empty: that day has not come yet.

with cohort as (
  select user_id, min(timestamp) as began
  from server.subscription_started
  where started_from = 'trial'
  group by user_id
),
ended as (
  select user_id, min(timestamp) as ended from server.subscription_cancelled group by user_id
),
stay as (
  select
    strftime(began, '%Y') || ' Q' || quarter(began) as cohort,
    (select max(timestamp) from server.subscription_renewed) - began as known,
    coalesce(ended - began, interval 100 years) as lasted
  from cohort left join ended using (user_id)
)
select
  cohort,
  count(*) as started,
  round(100.0 * count(*) filter (lasted > interval 35 days and known > interval 35 days)
    / nullif(count(*) filter (known > interval 35 days), 0)) as after_1_month,
  round(100.0 * count(*) filter (lasted > interval 95 days and known > interval 95 days)
    / nullif(count(*) filter (known > interval 95 days), 0)) as after_3_months,
  round(100.0 * count(*) filter (lasted > interval 185 days and known > interval 185 days)
    / nullif(count(*) filter (known > interval 185 days), 0)) as after_6_months,
  round(100.0 * count(*) filter (lasted > interval 370 days and known > interval 370 days)
    / nullif(count(*) filter (known > interval 370 days), 0)) as after_12_months
from stay
group by cohort
order by cohort
