-- rate(a, b)
[a] / nullif([b], 0)
