"""NCCL's terms for how fast a collective was. Pure.

nccl-tests, doc/PERFORMANCE.md: the algorithm bandwidth is size over time; the bus bandwidth is that times a factor
which makes it what the busiest link carried, so that it compares with the rate of a NIC whatever the number of ranks.
"""

from collections.abc import Callable
from typing import Final

from topologies.errors import Mistake

FACTORS: Final[dict[str, Callable[[int], float]]] = {
    "all-reduce": lambda ranks: 2 * (ranks - 1) / ranks,
    "all-reduce-tree": lambda ranks: 2 * (ranks - 1) / ranks,
    "all-reduce-halving": lambda ranks: 2 * (ranks - 1) / ranks,
    "all-gather": lambda ranks: (ranks - 1) / ranks,
    "reduce-scatter": lambda ranks: (ranks - 1) / ranks,
    "all-to-all": lambda ranks: (ranks - 1) / ranks,
    "pipeline": lambda ranks: float(ranks > 1),
    "incast": lambda ranks: float(ranks - 1),  # the one that is sent to is the busiest; not a test of nccl-tests
    "permutation": lambda ranks: float(ranks > 1),
}


def factor(collective: str, ranks: int) -> float:
    """Bus bandwidth over algorithm bandwidth. Raises Mistake for a collective that there is not."""
    if collective not in FACTORS:
        raise Mistake(f"no collective {collective!r}; there are {', '.join(FACTORS)}")
    return FACTORS[collective](ranks)


def algbw(size: float, seconds: float) -> float:
    """Bytes a second of the data that the collective is about. Raises Mistake where no time passed."""
    if not seconds > 0:
        raise Mistake(f"a collective that took {seconds} s has no bandwidth")
    return size / seconds


def busbw(collective: str, ranks: int, size: float, seconds: float) -> float:
    """Bytes a second that the busiest link carried."""
    return algbw(size, seconds) * factor(collective, ranks)
