select distinct sport from server.subscription_started where sport is not null order by sport
