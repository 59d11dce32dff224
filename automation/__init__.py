"""Act on a running fabric."""
