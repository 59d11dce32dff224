"""What a collective moves: steps of transfers between ranks, each of which carries blocks of data. Values only.

A schedule cuts its data into `blocks` equal blocks. Between two steps everybody waits for everybody; within a step all
transfers run at once. What a rank sends in a round is what it had before that round.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from topologies.errors import Mistake

Ranks: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Transfers from `source` to `destination`, one a position, and the same again, `rounds` times in all.

    In round k a transfer carries `count` blocks from `first` + k * `stride` on, each `apart` from the one before it,
    modulo the blocks of the schedule.
    `adds`: the receiver adds them to its own, else they take the place of its own.
    """

    source: Ranks
    destination: Ranks
    first: Ranks
    count: int = 1
    apart: int = 1
    rounds: int = 1
    stride: int = 0
    adds: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The steps of a collective over `ranks` ranks; a block is `block_bytes` long, which need be no whole number."""

    ranks: int
    blocks: int
    block_bytes: float
    steps: tuple[Step, ...]


def sent(schedule: Schedule) -> NDArray[np.float64]:
    """Bytes that each rank sends in the whole schedule."""
    return _moved(schedule, [step.source for step in schedule.steps])


def received(schedule: Schedule) -> NDArray[np.float64]:
    """Bytes that each rank receives in the whole schedule."""
    return _moved(schedule, [step.destination for step in schedule.steps])


def check(ranks: int, size: float) -> None:
    """Raise Mistake where there is no rank, or less than no data."""
    if ranks < 1:
        raise Mistake(f"a collective over {ranks} ranks; there must be one or more")
    if not 0 <= size < float("inf"):
        raise Mistake(f"a collective over {size} bytes; there must be a number of them, 0 or more")


def _moved(schedule: Schedule, ends: list[Ranks]) -> NDArray[np.float64]:
    blocks = np.zeros(schedule.ranks, np.int64)
    for step, ranks in zip(schedule.steps, ends, strict=True):
        blocks += np.bincount(ranks, minlength=schedule.ranks) * step.count * step.rounds
    return blocks.astype(np.float64) * np.float64(schedule.block_bytes)
