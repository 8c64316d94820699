select distinct sport from web.video_started where sport is not null order by sport
