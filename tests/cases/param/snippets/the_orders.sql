shop.orders
