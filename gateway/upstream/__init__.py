"""How the gateway asks a server of models: one call out, one answer in, in pieces."""
