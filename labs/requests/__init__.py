"""Requests that clients in a lab make of its services, for as long as a scenario lasts."""
