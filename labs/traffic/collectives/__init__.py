"""Collectives as schedules of transfers, by name. Each says itself what its size is."""

from collections.abc import Callable
from typing import Final

from labs.traffic.collectives import exchanges, halving, rings, trees
from labs.traffic.collectives.model import Schedule, Step
from topologies.errors import Mistake

COLLECTIVES: Final[dict[str, Callable[[int, float, int], Schedule]]] = {
    "all-reduce": lambda ranks, size, _: rings.all_reduce(ranks, size),
    "all-reduce-tree": lambda ranks, size, _: trees.all_reduce(ranks, size),
    "all-reduce-halving": lambda ranks, size, _: halving.all_reduce(ranks, size),
    "all-gather": lambda ranks, size, _: rings.all_gather(ranks, size),
    "reduce-scatter": lambda ranks, size, _: rings.reduce_scatter(ranks, size),
    "all-to-all": lambda ranks, size, _: exchanges.all_to_all(ranks, size),
    "pipeline": lambda ranks, size, _: exchanges.pipeline(ranks, size),
    "incast": lambda ranks, size, _: exchanges.incast(ranks, size),
    "permutation": exchanges.permutation,
}
RAILED: Final = frozenset(("all-reduce", "all-reduce-tree", "all-reduce-halving", "all-gather", "reduce-scatter"))
"""Those that run on every rail at once, between the GPUs of one rail; the rest of the work is NVLink's."""

__all__ = ["COLLECTIVES", "RAILED", "Schedule", "Step", "collective"]


def collective(name: str, ranks: int, size: float, seed: int = 0) -> Schedule:
    """A collective over so many ranks; `seed` is for those that are random. Raises Mistake for an unknown one."""
    if name not in COLLECTIVES:
        raise Mistake(f"no collective {name!r}; there are {', '.join(COLLECTIVES)}")
    return COLLECTIVES[name](ranks, size, seed)
