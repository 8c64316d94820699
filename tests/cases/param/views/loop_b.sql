select * from [loop_a] x
