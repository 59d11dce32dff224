"""An AI API gateway, a product of its own."""
