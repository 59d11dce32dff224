"""Several workers, each in a process of its own, that are one gateway: one set of limits, settings and metrics."""
