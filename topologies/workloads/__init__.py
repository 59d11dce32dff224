"""Programs that run on the hosts of a fabric: what is wanted, on which host each runs, and how it is started there."""
