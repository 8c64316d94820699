-- Makes a number larger (much larger)
-- scale(x, by)
[x] * [by]
