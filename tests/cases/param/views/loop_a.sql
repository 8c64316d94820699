select * from [loop_b]
