"""One row for each request that is over, kept for a while, and sums of each minute, kept for longer: for those who want
to know later what was asked, by whom, and what it cost. A process of its own writes them; no request waits for it."""
