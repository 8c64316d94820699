-- per2(grain, col)
[[col]:grain]
