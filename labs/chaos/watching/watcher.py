"""A process that follows the routing of a lab: bgpd's logs, bfdd's states, and every kernel's routes.

bgpd says of each session at once when it comes up or goes down (`bgp log-neighbor-changes`), so an event is known to
TICK. bfdd says nothing by itself and is asked every ASK seconds. A daemon that hangs is not asked again for a while, so
that the others are not kept waiting.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from msgspec import Struct

from labs.chaos.model import Event
from labs.chaos.watching.judging import Allowed, BfdKey, Named, bfd_events, route_events, session_events, states
from telemetry.frr import parse_bfd
from topologies.aside import Held, lasting
from topologies.errors import Fault, Mistake
from topologies.plan import NodePlan, Plan
from topologies.runtime.door import Door, enter, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import RouteMonitor
from topologies.runtime.store import Store

TICK = 0.01  # seconds between two looks at logs and kernels
ASK = 0.1  # seconds between two questions to each bfdd
PATIENCE = 0.2  # seconds that bfdd may take
PAUSE = 2.0  # seconds without questions to one that took longer
LOG = "/var/log/frr/bgpd.log"


class Watched(Struct, frozen=True):
    """What happened, in order, and what could not be followed, in words."""

    events: tuple[Event, ...]
    missed: tuple[str, ...]


@contextmanager
def watching(record: LabRecord, plan: Plan, *, at: Store) -> Iterator[Held[Watched]]:
    """A watcher of all nodes that speak BGP, which waits for `begin`; `result` ends it and returns what it saw.

    Call it while the process has one thread. Times are CLOCK_MONOTONIC's, in seconds.
    """
    enter(record)
    with lasting("watcher", lambda: _ready(record, plan, at)) as held:
        yield held


def _ready(record: LabRecord, plan: Plan, at: Store) -> Callable[[Callable[[], bool]], Watched]:
    nodes = [_Node(node) for node in plan.nodes.values() if node.takes_routes]
    for node in nodes:
        node.follow(record)

    def work(ended: Callable[[], bool]) -> Watched:
        seen = 0
        while not ended():
            with suppress(OSError, Fault, Mistake):  # written this moment, or the lab is on its way down: look again
                if (changed := at.written(record.name)) != seen:
                    latest = at.read(record.name)
                    for node in nodes:
                        node.follow(latest)
                    seen = changed
            for node in nodes:
                node.look()
            time.sleep(TICK)
        return _gathered(nodes)

    return work


def _gathered(nodes: list["_Node"]) -> Watched:
    events = sorted((event for node in nodes for event in node.events), key=lambda each: each.at)
    return Watched(tuple(events), tuple(word for node in nodes for word in node.missed))


class _Node:
    """One node, followed through its deaths."""

    def __init__(self, plan: NodePlan) -> None:
        self.events: list[Event] = []
        self.missed: list[str] = []
        self._name, self._named, self._allowed = plan.name, Named(plan), Allowed(plan)
        self._bfd = any(session.bfd for session in plan.sessions)
        self._door: Door | None = None
        self._log: BinaryIO | None = None
        self._rest = b""
        self._monitor: RouteMonitor | None = None
        self._network = 0
        self._states: dict[BfdKey, str] = {}
        self._ask_at = 0.0

    def follow(self, record: LabRecord) -> None:
        """Open the log and the kernel of a node that has come, or come back; a log is read from its present end on."""
        try:
            door = open_door(record, self._name)
        except Fault:
            self._door = None  # off; its kernel is heard on where that still lives
            return
        if self._door is not None and self._door.pid == door.pid:
            return
        self._door = door
        self._open_log(door)
        with suppress(OSError):  # it died between two lines of this: the next record says so
            network = os.stat(door.netns).st_ino
            if network != self._network:
                self._monitor, self._network = RouteMonitor(door.netns), network

    def look(self) -> None:
        """Take down what is new."""
        now = time.monotonic()
        if self._log is not None:
            lines = (self._rest + self._log.read()).split(b"\n")
            self._rest = lines.pop()
            text = (line.decode(errors="replace") for line in lines)
            self.events += session_events(text, now, self._name, self._named)
        self._hear(now)
        if self._bfd and self._door is not None and now >= self._ask_at:
            self._ask(self._door, now)

    def _open_log(self, door: Door) -> None:
        try:
            log = door.open(LOG)
        except OSError as error:
            self.missed.append(f"{self._name}: {LOG}: {error.strerror}")
            return
        if self._log is None:
            log.seek(0, os.SEEK_END)
        elif os.fstat(log.fileno()).st_ino == os.fstat(self._log.fileno()).st_ino:
            log.seek(self._log.tell())
        self._log, self._rest = log, b""

    def _hear(self, now: float) -> None:
        if self._monitor is None:
            return
        try:
            for change in self._monitor.changes():
                self.events += route_events(change, now, self._name, self._allowed)
        except Fault as error:
            self.missed.append(f"{self._name}: {error}")

    def _ask(self, door: Door, now: float) -> None:
        self._ask_at = now + ASK
        try:
            found = states(parse_bfd(door.vty("bfdd", "show bfd peers json", timeout=PATIENCE)))
        except (Fault, OSError):
            self._ask_at = now + PAUSE  # dead or hung, which the sessions' other ends tell
            return
        self.events += bfd_events(self._states, found, now, self._name, self._named)
        self._states = found
