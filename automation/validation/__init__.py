"""A plan as rules for NAPALM's compliance report, and what a report says of a router."""
