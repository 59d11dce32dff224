"""What the server knows of switches, and what it says to one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as it says itself; `address` is where from."""

    serial: str
    mac: str
    model: str
    version: str
    address: str


@dataclass(frozen=True, slots=True)
class Known:
    """A switch that was here: a serial together with a MAC. `state` is what it told last."""

    serial: str
    mac: str
    node: str
    state: str


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody allowed: this serial is that node; with a `mac`, only the switch that has it."""

    serial: str
    node: str
    mac: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A change that waits to be kept: the move of a switch since when it does."""

    serial: str
    mac: str
    life: str
    number: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a request: the node that the switch is, or why it is none."""

    node: str = ""
    why: str = ""
