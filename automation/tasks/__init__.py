"""What Nornir does to the routers of a lab."""
