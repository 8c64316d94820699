select u.country as country, count(*) as subscribers, sum(s.mrr)::decimal(12, 2) as mrr
from [subscribers as s] join server.users as u on u.id = s.user_id
where [s.sport=sport] and [u.country=country]
group by all
order by subscribers desc, country
