"""Take a router out of service without losing a packet, and back: what may be taken out, and how. Tasks do it."""
