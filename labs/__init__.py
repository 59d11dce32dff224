"""Put it together: the command line and everything a person meets."""
