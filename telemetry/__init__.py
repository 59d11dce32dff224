"""See what happens in a running fabric: facts, checks, probes."""
