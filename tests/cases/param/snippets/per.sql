-- (grain, col)
date_trunc('[grain]', [col])
