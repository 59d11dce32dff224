"""A relay, and how a tap's alias tells of it."""

import json

import msgspec
from msgspec import Struct

from topologies.impairments.model import Impairment
from topologies.runtime.model import Process

MARK = 0x4105_1AB5  # of packets that have waited already
WAITS = ("delay_ms", "jitter_ms", "duplicate_percent", "reorder_percent")  # what it does, of an impairment
_NAMED = "closlab-relay"


class Relay(Struct, frozen=True):
    """A relay at work: its tap, the interface whose packets wait there, the process, and what it does."""

    tap: str
    interface: str
    process: Process
    wanted: Impairment

    def alias(self) -> str:
        """As the tap bears it; `relay_of` reads it back."""
        told = json.dumps(self.wanted.written(), separators=(",", ":"))
        return f"{_NAMED} {self.process.pid} {self.process.started} {self.interface} {told}"


def relay_of(tap: str, alias: str) -> Relay | None:
    """The relay of a tap by its alias; None for what is none of ours."""
    if not alias.startswith(f"{_NAMED} "):
        return None
    _, pid, started, interface, told = alias.split(" ", 4)
    wanted = msgspec.convert(json.loads(told), Impairment)
    return Relay(tap, interface, Process(int(pid), int(started)), wanted)


def waiting(wanted: Impairment) -> Impairment:
    """The part of an impairment that makes packets wait; an empty one for none."""
    return Impairment(**{name: getattr(wanted, name) for name in WAITS})
