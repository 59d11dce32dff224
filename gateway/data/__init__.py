"""What a gateway keeps in a database: tenants, keys and models that operators added, and what tenants have spent. It is
off the way of requests: they see what was read of it last."""
