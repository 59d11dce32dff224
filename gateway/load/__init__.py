"""Load for what speaks OpenAI's API: requests at moments that are settled before, whatever becomes of earlier ones."""
