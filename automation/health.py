"""When a service is announced: a table of moves over what its health checks say. Pure; the time is an argument.

One check says little. A service is announced after `rise` checks in a row that it passed, and withdrawn after `fall`
that it failed; in between it stays as it was. Before it is withdrawn it is drained for the time of one check: announced
as what nobody should use who has another way (RFC 8326), so that no router is left without one while others still send.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from topologies.errors import Mistake


class State(StrEnum):
    """How an announcement stands. A service is wanted while it is ANNOUNCED or FALLING."""

    WITHDRAWN = "withdrawn"
    RISING = "rising"
    ANNOUNCED = "announced"
    FALLING = "falling"
    DRAINING = "draining"


class Event(StrEnum):
    """What a check may mean: RISEN and FALLEN are the last of enough in a row."""

    PASSED = "passed"
    FAILED = "failed"
    RISEN = "risen"
    FALLEN = "fallen"


MOVES: dict[tuple[State, Event], State] = {
    (State.WITHDRAWN, Event.FAILED): State.WITHDRAWN,
    (State.WITHDRAWN, Event.PASSED): State.RISING,
    (State.WITHDRAWN, Event.RISEN): State.ANNOUNCED,
    (State.RISING, Event.FAILED): State.WITHDRAWN,
    (State.RISING, Event.PASSED): State.RISING,
    (State.RISING, Event.RISEN): State.ANNOUNCED,
    (State.ANNOUNCED, Event.PASSED): State.ANNOUNCED,
    (State.ANNOUNCED, Event.FAILED): State.FALLING,
    (State.ANNOUNCED, Event.FALLEN): State.DRAINING,
    (State.FALLING, Event.PASSED): State.ANNOUNCED,
    (State.FALLING, Event.FAILED): State.FALLING,
    (State.FALLING, Event.FALLEN): State.DRAINING,
    (State.DRAINING, Event.FAILED): State.WITHDRAWN,
    (State.DRAINING, Event.PASSED): State.RISING,
    (State.DRAINING, Event.RISEN): State.ANNOUNCED,
}
WANTED = (State.ANNOUNCED, State.FALLING)


class Timing(Struct, frozen=True):
    """How often a service is looked at, how long a check may take, both in seconds; and how many in a row count."""

    interval: float = 1.0
    timeout: float = 1.0
    rise: int = 2
    fall: int = 3


class Health(Struct, frozen=True):
    """What is known of a service. `streak` checks in a row say otherwise than its state; times in seconds."""

    state: State = State.WITHDRAWN
    streak: int = 0
    due: float = 0.0  # when to look next
    since: float = 0.0  # when it came to this state
    why: str = ""  # what the last check found wrong

    @property
    def announced(self) -> bool:
        """Whether traffic is wanted."""
        return self.state in WANTED


def checked(timing: Timing) -> Timing:
    """The same. Raises Mistake where it makes no sense."""
    for name in ("interval", "timeout"):
        if not 0.05 <= getattr(timing, name) <= 3600:
            raise Mistake(f"{name} {getattr(timing, name):g}: it must be from 0.05 to 3600 seconds")
    for name in ("rise", "fall"):
        if not 1 <= getattr(timing, name) <= 1000:
            raise Mistake(f"{name} {getattr(timing, name)}: it must be from 1 to 1000 checks")
    return timing


def judged(health: Health, wrong: str, *, now: float, timing: Timing) -> Health:
    """What is known after one more check, which found `wrong`, "" for nothing; the next one is due an interval later.

    After a check that took longer than its interval, the next one is due at once, and none is made up for.
    """
    agrees = health.announced != bool(wrong)
    streak = 0 if agrees else health.streak + 1
    state = MOVES[health.state, _event(streak, wrong, timing)]
    moved = state is not health.state
    return replace(
        health,
        state=state,
        streak=0 if (state in WANTED) != health.announced else streak,
        due=max(health.due + timing.interval, now),
        since=now if moved else health.since,
        why=wrong,
    )


def _event(streak: int, wrong: str, timing: Timing) -> Event:
    if wrong:
        return Event.FALLEN if streak >= timing.fall else Event.FAILED
    return Event.RISEN if streak >= timing.rise else Event.PASSED
