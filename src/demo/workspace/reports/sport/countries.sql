-- Only countries in which the sports chosen have subscribers.
select distinct u.country as country
from [subscribers as s] join server.users as u on u.id = s.user_id
where u.country is not null and [s.sport=sport]
order by country
