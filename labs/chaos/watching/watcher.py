"""A process that follows a lab: bgpd's logs, bfdd's states, every kernel's routes, and what interfaces count.

bgpd says of each session at once when it comes up or goes down (`bgp log-neighbor-changes`), so an event is known to
TICK. bfdd says nothing by itself, and its own times are whole seconds, so it is asked again and again; threads wait for
the answers, so that one that hangs keeps nobody waiting.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import BinaryIO

from msgspec import Struct

from labs.chaos.model import Counted, Event
from labs.chaos.watching.counting import Counting
from labs.chaos.watching.judging import (
    Allowed,
    BfdKey,
    Named,
    ask_every,
    bfd_events,
    route_events,
    session_events,
    speaks_bfd,
    states,
)
from telemetry.frr import parse_bfd
from topologies.aside import Held, lasting
from topologies.errors import Fault, Mistake
from topologies.plan import NodePlan, Plan
from topologies.runtime.door import Door, enter, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import RouteMonitor
from topologies.runtime.store import Store

TICK = 0.01  # seconds between two looks at logs and kernels
STOOD = 0.1  # seconds between two looks from which on it is said that times are no better known than that
AGAIN = 0.1  # seconds until a log that was not there is looked for again
AT_ONCE = 32  # threads that wait for bfdd's answers
PATIENCE = 0.5  # seconds that bfdd may take
PAUSE = 2.0  # seconds without questions to one that took longer
LOG = "/var/log/frr/bgpd.log"


class Watched(Struct, frozen=True):
    """What happened, in order, what could not be followed, in words, and what interfaces carried."""

    events: tuple[Event, ...]
    missed: tuple[str, ...]
    counted: tuple[Counted, ...]


@contextmanager
def watching(record: LabRecord, plan: Plan, *, at: Store) -> Iterator[Held[Watched]]:
    """A watcher of all nodes that speak BGP, which waits for `begin`; `result` ends it and returns what it saw.

    Call it while the process has one thread. Times are CLOCK_MONOTONIC's, in seconds.
    """
    enter(record)
    with lasting("watcher", lambda: _ready(record, plan, at)) as held:
        yield held


def _ready(record: LabRecord, plan: Plan, at: Store) -> Callable[[Callable[[], bool]], Watched]:
    followed = [node for node in plan.nodes.values() if node.takes_routes]
    asked = [node for node in followed if speaks_bfd(node)]
    pool = ThreadPoolExecutor(min(max(len(asked), 1), AT_ONCE))  # its threads begin with the first question
    nodes = [_Node(node, pool, ask_every(len(asked))) for node in followed]
    counting = Counting(plan)
    for each in nodes:
        each.follow(record)
    counting.follow(record)

    def work(ended: Callable[[], bool]) -> Watched:
        seen, stood, looked = 0, 0.0, time.monotonic()
        while not ended():
            with suppress(OSError, Fault, Mistake):  # written this moment, or the lab is on its way down: look again
                if (changed := at.written(record.name)) != seen:
                    latest = at.read(record.name)
                    for node in nodes:
                        node.follow(latest)
                    counting.follow(latest)
                    seen = changed
            now = time.monotonic()
            stood, looked = max(stood, now - looked), now
            for node in nodes:
                node.look()
            counting.look(now)
            time.sleep(TICK)
        return _gathered(nodes, stood, counting)

    return work


def _gathered(nodes: list["_Node"], stood: float, counting: Counting) -> Watched:
    events = sorted((event for node in nodes for event in node.events), key=lambda each: each.at)
    missed = [word for node in nodes for word in node.all_missed()]
    if stood > STOOD:
        missed.append(f"nobody looked for {stood * 1000:.0f} ms: events may have been so much earlier than it says")
    return Watched(tuple(events), tuple(missed), counting.counted())


class _Node:
    """One node, followed through its deaths."""

    def __init__(self, plan: NodePlan, pool: ThreadPoolExecutor, every: float) -> None:
        self.events: list[Event] = []
        self._missed: list[str] = []
        self._name, self._named, self._allowed = plan.name, Named(plan), Allowed(plan)
        self._door: Door | None = None
        self._network = 0
        self._log: BinaryIO | None = None
        self._rest = b""
        self._lacks, self._look_for_at = "", 0.0  # why the log is not open, and when to try again
        self._monitor: RouteMonitor | None = None
        self._pool, self._every = pool, every
        self._states: dict[BfdKey, str] = {}
        self._answer: Future[tuple[float, dict[BfdKey, str]]] | None = None
        self._ask_at = 0.0 if speaks_bfd(plan) else math.inf

    def all_missed(self) -> list[str]:
        """What could not be followed, in words."""
        return [*self._missed, *([f"{self._name}: {LOG}: {self._lacks}"] if self._lacks else [])]

    def follow(self, record: LabRecord) -> None:
        """Open the log and the kernel of a node that has come, or come back; a log is read from its present end on."""
        try:
            door = open_door(record, self._name)
        except Fault:
            self._door = None  # off; its kernel is heard on where that still lives
            self._states = dict.fromkeys(self._states, "down")  # which the other ends tell
            return
        if self._door is not None and self._door.pid == door.pid:
            return
        self._door = door
        self._open_log(door)
        with suppress(OSError):  # it died between two lines of this: the next record says so
            network = os.stat(door.netns).st_ino
            if network != self._network:
                fresh, former = RouteMonitor(door.netns), self._monitor
                self._monitor, self._network = fresh, network
                if former is not None:
                    former.close()

    def look(self) -> None:
        """Take down what is new."""
        now = time.monotonic()
        if self._lacks and self._door is not None and now >= self._look_for_at:
            self._open_log(self._door)
        if self._log is not None:
            lines = (self._rest + self._log.read()).split(b"\n")
            self._rest = lines.pop()
            text = (line.decode(errors="replace") for line in lines)
            self.events += session_events(text, now, self._name, self._named)
        self._hear(now)
        self._ask(now)

    def _open_log(self, door: Door) -> None:
        """Open a log: the first one at its end, one that goes on where it was, and one that came later whole."""
        self._look_for_at = time.monotonic() + AGAIN
        try:
            log = door.open(LOG)
        except OSError as error:
            self._lacks = error.strerror or str(error)
            return
        if self._log is None and not self._lacks:
            log.seek(0, os.SEEK_END)
        elif self._log is not None and os.fstat(log.fileno()).st_ino == os.fstat(self._log.fileno()).st_ino:
            log.seek(self._log.tell())
        if self._log is not None:
            self._log.close()
        self._log, self._rest, self._lacks = log, b"", ""

    def _hear(self, now: float) -> None:
        if self._monitor is None:
            return
        try:
            for change in self._monitor.changes():
                self.events += route_events(change, now, self._name, self._allowed)
        except Fault as error:
            self._missed.append(f"{self._name}: {error}")

    def _ask(self, now: float) -> None:
        """Take bfdd's answer where it is there, and ask again when it is time."""
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            try:
                at, found = answer.result()
            except (Fault, OSError):
                self._ask_at = now + PAUSE  # dead or hung, which the sessions' other ends tell
            else:
                self.events += bfd_events(self._states, found, at, self._name, self._named)
                self._states = found
        if self._answer is None and self._door is not None and now >= self._ask_at:
            self._ask_at = now + self._every
            self._answer = self._pool.submit(_bfd, self._door)


def _bfd(door: Door) -> tuple[float, dict[BfdKey, str]]:
    """The states of a node's BFD sessions, and when it told them."""
    told = door.vty("bfdd", "show bfd peers json", timeout=PATIENCE)
    return time.monotonic(), states(parse_bfd(told))
