select * from shop.orders where id = {{ nobody }}
