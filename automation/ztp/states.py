"""The states of a switch that provisions itself, and what leads from one to another: the one table of it. Pure.

The agent moves by it, docs/ztp.md draws it, and tests walk it. A switch that was cut off in whatever state begins there
again; every state may be entered twice.
"""

from enum import StrEnum


class State(StrEnum):
    """What a switch is at. It is in one state at a time, which is on its disk."""

    DISCOVERING = "discovering"  # asking for an address, and where to be provisioned
    BOOTSTRAPPING = "bootstrapping"  # asking the server for its bundle
    VERIFYING = "verifying"  # looking whether the bundle is genuine, for this switch, and of now
    CABLING = "cabling"  # comparing its neighbours with the plan
    CONFIGURING = "configuring"  # having its configuration run, with a timer that takes it back
    CHECKING = "checking"  # waiting until its sessions and routes are as planned
    COMPLYING = "complying"  # waiting for the compliance report of whoever watches, then confirming
    READY = "ready"  # a member of the fabric
    WAITING = "waiting"  # something did not work: it begins again in a while
    QUARANTINED = "quarantined"  # somebody has to do something first: it asks again in a while


class Event(StrEnum):
    """How a state ended."""

    DONE = "done"
    FAILED = "failed"  # what may work another time
    REFUSED = "refused"  # what will not, unless somebody does something
    LOST = "lost"  # what was begun is gone, as after a power cut
    AGAIN = "again"  # the wait is over, or somebody asked for it


MOVES: dict[tuple[State, Event], State] = {
    (State.DISCOVERING, Event.DONE): State.BOOTSTRAPPING,
    (State.DISCOVERING, Event.FAILED): State.WAITING,
    (State.BOOTSTRAPPING, Event.DONE): State.VERIFYING,
    (State.BOOTSTRAPPING, Event.FAILED): State.WAITING,
    (State.BOOTSTRAPPING, Event.REFUSED): State.QUARANTINED,
    (State.VERIFYING, Event.DONE): State.CABLING,
    (State.VERIFYING, Event.FAILED): State.WAITING,
    (State.CABLING, Event.DONE): State.CONFIGURING,
    (State.CABLING, Event.FAILED): State.WAITING,
    (State.CABLING, Event.REFUSED): State.QUARANTINED,
    (State.CONFIGURING, Event.DONE): State.CHECKING,
    (State.CONFIGURING, Event.FAILED): State.WAITING,
    (State.CHECKING, Event.DONE): State.COMPLYING,
    (State.CHECKING, Event.FAILED): State.WAITING,
    (State.CHECKING, Event.LOST): State.CONFIGURING,
    (State.COMPLYING, Event.DONE): State.READY,
    (State.COMPLYING, Event.FAILED): State.WAITING,
    (State.COMPLYING, Event.REFUSED): State.QUARANTINED,
    (State.COMPLYING, Event.LOST): State.CONFIGURING,
    (State.WAITING, Event.AGAIN): State.DISCOVERING,
    (State.QUARANTINED, Event.AGAIN): State.DISCOVERING,
    (State.READY, Event.AGAIN): State.DISCOVERING,
}

FIRST, LAST = State.DISCOVERING, State.READY

PROGRESS: dict[State, str] = {  # the progress type of RFC 8572 (section 7.3) that entering a state is reported as
    State.DISCOVERING: "informational",
    State.BOOTSTRAPPING: "bootstrap-initiated",
    State.VERIFYING: "parsing-initiated",
    State.CABLING: "parsing-complete",
    State.CONFIGURING: "config-initiated",
    State.CHECKING: "config-complete",
    State.COMPLYING: "informational",
    State.READY: "bootstrap-complete",
    State.WAITING: "bootstrap-warning",
    State.QUARANTINED: "bootstrap-error",
}


def move(state: State, event: Event) -> State:
    """The state that follows; ValueError for a move that the table does not have."""
    if (state, event) not in MOVES:
        raise ValueError(f"a switch that is {state} cannot move on by {event}")
    return MOVES[state, event]
