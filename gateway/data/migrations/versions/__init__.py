"""One a file, each with the one before it."""
