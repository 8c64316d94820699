select id, name from shop.users where country = '{{ country }}'
