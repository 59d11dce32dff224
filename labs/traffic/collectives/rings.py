"""Collectives around a ring, each rank sending to the next: the least data a NIC can carry, in most steps. Pure.

Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations" (2009).
"""

import numpy as np

from labs.traffic.collectives.model import Schedule, Step, check


def reduce_scatter(ranks: int, size: float) -> Schedule:
    """Rank r ends with block r of the sum. `size`: bytes that each rank has to begin with, all blocks."""
    check(ranks, size)
    return Schedule(ranks, ranks, size / ranks, _around(ranks, ahead=-1, adds=True))


def all_gather(ranks: int, size: float) -> Schedule:
    """Every rank ends with the block of each. `size`: bytes that each rank has in the end, all blocks."""
    check(ranks, size)
    return Schedule(ranks, ranks, size / ranks, _around(ranks, ahead=0, adds=False))


def all_reduce(ranks: int, size: float) -> Schedule:
    """Every rank ends with the whole sum: the sum is scattered, then gathered. `size`: bytes of each rank."""
    scattered, gathered = reduce_scatter(ranks, size), all_gather(ranks, size)
    return Schedule(ranks, ranks, scattered.block_bytes, (*scattered.steps, *gathered.steps))


def _around(ranks: int, *, ahead: int, adds: bool) -> tuple[Step, ...]:
    """n - 1 rounds in which a rank passes on what it got in the round before, beginning with block r + `ahead`."""
    if ranks == 1:
        return ()
    every = np.arange(ranks)
    return (Step(every, (every + 1) % ranks, (every + ahead) % ranks, rounds=ranks - 1, stride=-1, adds=adds),)
