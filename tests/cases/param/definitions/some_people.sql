select * from {{ @people }} where id > 0
