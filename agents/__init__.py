"""An agent platform, a product of its own."""
