-- one row a person
select u.id as user_id, u.name, count(o.id) as orders
from shop.users u left join shop.orders o on o.user_id = u.id
group by all; -- the end
