"""What operators see of a gateway, and may do to it, on an address of its own."""
