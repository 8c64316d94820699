total > 0 and [sport=sport]
