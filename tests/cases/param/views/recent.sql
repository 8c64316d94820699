select * from shop.orders where [created_at=daterange]
