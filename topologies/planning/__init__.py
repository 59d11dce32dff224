"""From what is wanted to what must be true: `plan(fabric)`, a pure function."""

from topologies.planning.compose import plan

__all__ = ["plan"]
