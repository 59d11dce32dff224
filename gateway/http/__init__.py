"""The edge that speaks HTTP: OpenAI's shapes in, OpenAI's shapes out."""
