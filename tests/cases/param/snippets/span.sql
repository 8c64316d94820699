-- span(col, range)
[[col]=range]
