"""The seam between a lab as wanted and whatever makes it run: at most five verbs, and the record that survives them."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol, TypeAlias

from msgspec import field

from topologies.lab import Kept, Lab


class Status(StrEnum):
    """How a lab stands."""

    CREATING = "creating"  # `up` is at work, or was killed in the middle
    RUNNING = "running"
    BROKEN = "broken"  # `up` failed and could not clean up, or the machine rebooted


class Life(StrEnum):
    """How a node stands."""

    RUNNING = "running"
    PAUSED = "paused"
    DEAD = "dead"


class Action(StrEnum):
    """What can be done to a running node; its cables stay in place through all of them."""

    PAUSE = "pause"
    RESUME = "resume"
    KILL = "kill"  # power off: every process gone, carrier lost at the far ends
    START = "start"  # power on after KILL
    RENEW = "renew"  # power on after KILL as another machine in the same place: nothing on its disk but the lab's files
    RESTART = "restart"  # KILL and START of the processes, links kept up


class Process(Kept, frozen=True):
    """A process that cannot be confused with a later one of the same number. `started` is field 22 of /proc/PID/stat,
    in clock ticks since boot."""

    pid: int
    started: int


class NodeRecord(Kept, frozen=True):
    """One node as deployed. `init` is its first process as the machine sees it; None where it never started."""

    name: str
    long_name: str
    init: Process | None = None
    container: str = ""  # the engine's id, containerlab only
    mgmt_ipv4: str = ""
    mgmt_ipv6: str = ""
    profile: str = ""  # what the image was mapped to, netns only


class LabRecord(Kept, frozen=True, kw_only=True):
    """What is on disk of a lab: enough to destroy it when all else is gone."""

    name: str
    id: str  # random, names everything that the lab owns on the machine
    runtime: str
    status: Status
    created: float  # seconds since the epoch
    boot_id: str
    uid: int
    version: str  # closlab's
    files: str  # a folder of the lab's own, where a runtime keeps what its nodes need on disk
    lab: Lab
    fabric_text: str = ""  # the fabric file as read, "" for a containerlab file; the plan is computed from it
    init: Process | None = None  # netns: the lab's first process; killing it removes every node
    nodes: tuple[NodeRecord, ...] = ()
    host_links: tuple[str, ...] = ()  # interfaces made in the machine's own namespace
    host_paths: tuple[str, ...] = ()  # files made outside the lab's folder, such as /run/netns entries
    phases: Mapping[str, float] = field(default_factory=dict)  # seconds that each phase of `up` took


Note: TypeAlias = Callable[[LabRecord], None]
"""Writes the record to disk, whole or not at all; a runtime calls it before it makes what the record names."""

Say: TypeAlias = Callable[[str, int, int], None]
"""Progress: phase, how many are done, how many there are."""


class Runtime(Protocol):
    """One way of running labs. All verbs raise Mistake for what the lab asks wrongly, Fault for what did not work."""

    name: str

    def up(self, record: LabRecord, *, note: Note, say: Say) -> LabRecord:
        """Bring `record.lab` up; daemons are started and ready when it returns, routes need not be there yet."""

    def down(self, record: LabRecord) -> None:
        """Remove everything that the record names; fine when some or all of it is gone. Idempotent."""

    def look(self, record: LabRecord) -> Mapping[str, Life]:
        """How each node stands now."""

    def act(self, record: LabRecord, node: str, action: Action, *, note: Note) -> LabRecord:
        """Do one thing to one node; returns the record as it is afterwards."""
