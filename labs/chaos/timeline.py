"""When each fault of a scenario begins, beats and ends. Pure; all times are seconds after the proven steady state."""

from collections.abc import Iterator, Sequence
from enum import IntEnum

from msgspec import Struct

from labs.chaos.faults.model import AnyFault, Flapping
from topologies.durations import seconds


class Deed(IntEnum):
    """What is done to a fault. Where several are due at once, healing comes first."""

    HEAL = 0
    INJECT = 1
    BEAT = 2  # a flapping cable changes to the other state


class Moment(Struct, frozen=True, order=True):
    """Something to be done: when, what, and to which step by its number."""

    at: float
    deed: Deed
    step: int


def timeline(steps: Sequence[AnyFault]) -> tuple[Moment, ...]:
    """All moments in order."""
    return tuple(sorted(moment for number, step in enumerate(steps) for moment in _moments(number, step)))


def _moments(number: int, step: AnyFault) -> Iterator[Moment]:
    begun, lasts = seconds(step.at), seconds(step.lasts)
    yield Moment(begun, Deed.INJECT, number)
    yield Moment(begun + lasts, Deed.HEAL, number)
    if isinstance(step, Flapping):
        half, count = seconds(step.period) / 2, 1
        while count * half < lasts - half / 2:
            yield Moment(begun + count * half, Deed.BEAT, number)
            count += 1
