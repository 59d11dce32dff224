"""All-reduce over two binary trees at once, half of the data over each: few steps, all ranks at work. Pure.

Sanders, Speck and Traeff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan" (2009): a rank that
has children in one tree has none in the other, but for a root where the number of ranks is odd. A
tree is ordered from left to right by the numbers of its ranks. Data
goes level by level and whole; libraries cut it into pieces that follow each other, which hides all levels but one.
"""

import numpy as np

from labs.traffic.collectives.model import Ranks, Schedule, Step, check


def all_reduce(ranks: int, size: float) -> Schedule:
    """Every rank ends with the whole sum. `size`: bytes of each rank."""
    check(ranks, size)
    one, other = parents(ranks)
    depth = depths(one), depths(other)
    up = []
    for level in range(int(max(depth[0].max(), depth[1].max())), 0, -1):
        there = np.flatnonzero(depth[0] == level), np.flatnonzero(depth[1] == level)
        halves = np.repeat([0, 1], [len(there[0]), len(there[1])])
        up.append(Step(np.concatenate(there), np.concatenate([one[there[0]], other[there[1]]]), halves, adds=True))
    down = [Step(step.destination, step.source, step.first) for step in reversed(up)]
    return Schedule(ranks, 2, size / 2, (*up, *down))


def parents(ranks: int) -> tuple[Ranks, Ranks]:
    """Each rank's parent in either tree; a root is its own."""
    one = _tree(ranks)
    every = np.arange(ranks)
    if ranks % 2:  # the same tree for the ranks one further
        return one, (one[(every - 1) % ranks] + 1) % ranks
    return one, ranks - 1 - one[ranks - 1 - every]


def depths(parent: Ranks) -> Ranks:
    """How far each rank is from its root."""
    depth = np.zeros(len(parent), np.int64)
    at = parent
    while (moving := at != parent[at]).any():
        depth += moving
        at = parent[at]
    return np.where(parent == np.arange(len(parent)), 0, depth + 1)


def _tree(ranks: int) -> Ranks:
    """A rank with its lowest bit at b hangs under the nearest multiple of 2b that is no multiple of 4b; rank 0 is the
    root, and what would hang beyond the last rank hangs under the multiple before it."""
    every = np.arange(ranks)
    bit = every & -every
    above = (every ^ bit) | bit << 1
    parent: Ranks = np.where(above < ranks, above, every ^ bit)
    parent[0] = 0
    return parent
