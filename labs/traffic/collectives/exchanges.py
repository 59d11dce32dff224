"""Patterns in which nothing is added up: everybody with everybody, along a pipeline, to one, by a permutation. Pure."""

import numpy as np

from labs.traffic.collectives.model import Schedule, Step, check
from topologies.errors import Mistake


def all_to_all(ranks: int, size: float) -> Schedule:
    """Rank s has a block for each rank d, number s * ranks + d; in step k it sends to the k-th after it.

    `size`: bytes that each rank has for all, its own block included.
    """
    check(ranks, size)
    every = np.arange(ranks)
    steps = []
    for ahead in range(1, ranks):
        target = (every + ahead) % ranks
        steps.append(Step(every, target, every * ranks + target))
    return Schedule(ranks, ranks * ranks, size / ranks, tuple(steps))


def pipeline(ranks: int, size: float) -> Schedule:
    """Each stage of a pipeline gives its block to the next, all at once. `size`: bytes of a block."""
    check(ranks, size)
    stages = np.arange(ranks - 1)
    return Schedule(ranks, ranks, float(size), _once(Step(stages, stages + 1, stages)))


def incast(ranks: int, size: float, root: int = 0) -> Schedule:
    """All others send their block to one at once. `size`: bytes of a block. Raises Mistake where `root` is no rank."""
    check(ranks, size)
    if not 0 <= root < ranks:
        raise Mistake(f"an incast to rank {root}; there are 0 to {ranks - 1}")
    others = np.delete(np.arange(ranks), root)
    return Schedule(ranks, ranks, float(size), _once(Step(others, np.full(ranks - 1, root), others)))


def permutation(ranks: int, size: float, seed: int = 0) -> Schedule:
    """Each sends its block to one other and gets one, all in one random circle. `size`: bytes of a block."""
    check(ranks, size)
    if ranks == 1:
        return Schedule(1, 1, float(size), ())
    circle = np.random.default_rng(seed).permutation(ranks)
    return Schedule(ranks, ranks, float(size), _once(Step(circle, np.roll(circle, -1), circle)))


def shift(ranks: int, size: float, ahead: int) -> Schedule:
    """Each sends its block to the rank so far ahead, around the end. Raises Mistake where that is itself."""
    check(ranks, size)
    if ahead % ranks == 0:
        raise Mistake(f"a shift by {ahead} among {ranks} ranks sends everybody's block to itself")
    every = np.arange(ranks)
    return Schedule(ranks, ranks, float(size), _once(Step(every, (every + ahead) % ranks, every)))


def _once(step: Step) -> tuple[Step, ...]:
    return (step,) if len(step.source) else ()
