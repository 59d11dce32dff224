"""A simulator of a server of models: its times and its limits are a real one's, its words are nobody's."""
