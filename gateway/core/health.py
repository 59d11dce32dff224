"""Which backends may be asked: ejected after failures in a row, let in again slowly, drained by an operator.

How many may be ejected has a floor, an absolute number: with three racks, "ten percent at most" would eject nobody,
and with no floor a common fault, such as a bad model file, would leave nobody to ask.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    """How a backend stands."""

    GOOD = "good"
    EJECTED = "ejected"  # until its time is over
    TRIED = "tried"  # back, and with a part of its share
    DRAINING = "draining"  # finishes what it has, and gets nothing new


class Event(StrEnum):
    """What happens to one."""

    FAILED_OFTEN = "failed_often"
    TIME_OVER = "time_over"
    PROVEN = "proven"
    DRAINED = "drained"
    RETURNED = "returned"


MOVES: Mapping[tuple[State, Event], State] = {
    (State.GOOD, Event.FAILED_OFTEN): State.EJECTED,
    (State.TRIED, Event.FAILED_OFTEN): State.EJECTED,
    (State.EJECTED, Event.TIME_OVER): State.TRIED,
    (State.TRIED, Event.PROVEN): State.GOOD,
    (State.GOOD, Event.DRAINED): State.DRAINING,
    (State.TRIED, Event.DRAINED): State.DRAINING,
    (State.EJECTED, Event.DRAINED): State.DRAINING,
    (State.DRAINING, Event.RETURNED): State.TRIED,
}
"""What may happen; everything else changes nothing."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When to eject and for how long, in seconds; `floor` is how many must be left of those that serve the same."""

    failures: int = 5  # in a row
    failures_tried: int = 1  # of one that is tried
    base: float = 30.0  # times how often it was ejected
    longest: float = 300.0
    ramp: float = 30.0  # from a part of its share to all of it
    least: float = 0.1  # the part that it begins with
    floor: int = 1


@dataclass(frozen=True, slots=True)
class Health:
    """One backend's. A new value for each thing that happens."""

    state: State = State.GOOD
    failures: int = 0  # in a row
    ejections: int = 0  # since it was last proven
    since: float = 0.0  # when it came to this state
    until: float = 0.0  # when an ejection is over

    @property
    def usable(self) -> bool:
        """Whether it may be asked."""
        return self.state in (State.GOOD, State.TRIED)

    def share(self, rules: Rules, now: float) -> float:
        """The part of its share that it gets: less where it has just come back."""
        if not self.usable:
            return 0.0
        if self.state is State.GOOD:
            return 1.0
        return min(rules.least + (1 - rules.least) * (now - self.since) / rules.ramp, 1.0)


def answered(health: Health, rules: Rules, now: float) -> Health:
    """It answered as it should."""
    if health.state is State.TRIED and now - health.since >= rules.ramp:
        return _moved(replace(health, failures=0, ejections=0), Event.PROVEN, now)
    return replace(health, failures=0) if health.failures else health


def failed(health: Health, rules: Rules, now: float, others: Collection[Health]) -> Health:
    """It failed; `others` serve the same. It is ejected if that leaves enough."""
    health = replace(health, failures=health.failures + 1)
    most = rules.failures_tried if health.state is State.TRIED else rules.failures
    left = sum(each.usable for each in others)
    if not health.usable or health.failures < most or left < rules.floor:
        return health
    ejections = health.ejections + 1
    until = now + min(rules.base * ejections, rules.longest)
    return _moved(replace(health, failures=0, ejections=ejections, until=until), Event.FAILED_OFTEN, now)


def passed(health: Health, now: float) -> Health:
    """Time has passed."""
    over = health.state is State.EJECTED and now >= health.until
    return _moved(health, Event.TIME_OVER, now) if over else health


def drained(health: Health, now: float) -> Health:
    """An operator takes it out of service."""
    return _moved(health, Event.DRAINED, now)


def returned(health: Health, now: float) -> Health:
    """An operator takes it back."""
    return _moved(replace(health, failures=0), Event.RETURNED, now)


def _moved(health: Health, event: Event, now: float) -> Health:
    state = MOVES.get((health.state, event))
    return health if state is None else replace(health, state=state, since=now)
