"""What interfaces and their queues carried, short time by short time. Kernels count since an interface was made, so
each look is compared with the one before."""

import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress

from msgspec import Struct

from labs.chaos.model import Counted, Sampled
from topologies.errors import Fault
from topologies.plan import NodePlan, Plan
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import Netlink
from topologies.runtime.netlink_decode import KernelLink, KernelQueue

SOONEST, LOOKS = 0.1, 2000.0  # seconds between two looks at an interface, and interfaces looked at in a second
ROUNDING = 1e-6  # of a turn
QUEUES = ("tbf", "htb", "netem")  # the others hold nothing back


class Totals(Struct, frozen=True):
    """What an interface has sent, dropped and had errors with since it was made, and the bytes that wait in it."""

    octets: int = 0
    packets: int = 0
    dropped: int = 0
    errors: int = 0
    queued: int = 0


def look_every(interfaces: int) -> float:
    """Seconds between two looks at each of so many interfaces: as often as LOOKS in all allows."""
    return max(SOONEST, interfaces / LOOKS)


def totals(link: KernelLink, queue: KernelQueue | None) -> Totals:
    """An interface and the queue at its root, as they stand."""
    counts = link.counters
    held, lost = (queue.backlog, queue.dropped) if queue is not None else (0, 0)
    errors = counts.rx_errors + counts.tx_errors
    return Totals(counts.tx_bytes, counts.tx_packets, counts.rx_dropped + counts.tx_dropped + lost, errors, held)


def sampled(before: Totals, now: Totals, at: float, seconds: float) -> Sampled:
    """What came between two looks; an interface or a queue that was made anew counts from nothing."""
    first = Totals() if now.octets < before.octets or now.packets < before.packets else before
    dropped = now.dropped - first.dropped if now.dropped >= first.dropped else now.dropped
    errors = max(now.errors - first.errors, 0)
    return Sampled(at, seconds, now.octets - first.octets, now.packets - first.packets, dropped, errors, now.queued)


class Turns:
    """Whose turn it is of `count`, each of whom has one every so many seconds."""

    def __init__(self, count: int, every: float) -> None:
        self._count, self._every = count, every
        self._next = 0
        self._due: float | None = None

    def take(self, now: float) -> list[int]:
        """Those who are due by now and have not had their turn. What was missed is not made up for."""
        if not self._count:
            return []
        share = self._every / self._count
        due = now if self._due is None else max(self._due, now - self._every)
        number = math.floor((now - due) / share + ROUNDING)
        self._due = due + number * share
        taken = [(self._next + each) % self._count for each in range(number)]
        self._next = (self._next + number) % self._count
        return taken


class Counting:
    """All interfaces that a plan has, looked at in turn."""

    def __init__(self, plan: Plan) -> None:
        nodes = [node for node in plan.nodes.values() if node.interfaces]
        every = look_every(sum(len(node.interfaces) for node in nodes))
        self._nodes, self._turns = [_Node(node) for node in nodes], Turns(len(nodes), every)

    def follow(self, record: LabRecord) -> None:
        """Look at nodes that have come, or come back, where they are now."""
        for each in self._nodes:
            each.follow(record)

    def look(self, now: float) -> None:
        """Look at those whose turn it is."""
        for number in self._turns.take(now):
            self._nodes[number].look()

    def counted(self) -> tuple[Counted, ...]:
        """All that was seen."""
        return tuple(each for node in self._nodes for each in node.counted())


class _Node:
    """One node, followed through its deaths."""

    def __init__(self, plan: NodePlan) -> None:
        self._name = plan.name
        self._peers = {each.name: each.peer.node for each in plan.interfaces if each.peer}
        self._samples: dict[str, list[Sampled]] = {name: [] for name in self._peers}
        self._before: Mapping[str, Totals] = {}
        self._looked = 0.0
        self._kernel: Netlink | None = None
        self._network = 0

    def follow(self, record: LabRecord) -> None:
        with suppress(Fault, OSError):  # off, or on its way down: its kernel is looked at where that still lives
            door = open_door(record, self._name)
            network = os.stat(door.netns).st_ino
            if network != self._network:
                fresh, former = door.netlink(), self._kernel
                self._kernel, self._network, self._before = fresh, network, {}
                if former is not None:
                    former.close()

    def look(self) -> None:
        if self._kernel is None:
            return
        now, seen = time.monotonic(), self._seen(self._kernel)
        for name, each in seen.items():
            if name in self._before:
                sample = sampled(self._before[name], each, self._looked, now - self._looked)
                self._samples[name].append(sample)
        self._before, self._looked = seen, now

    def counted(self) -> list[Counted]:
        return [Counted(self._name, name, self._peers[name], tuple(each)) for name, each in self._samples.items()]

    def _seen(self, kernel: Netlink) -> dict[str, Totals]:
        queues = {each.index: each for each in kernel.queues() if each.root and each.kind in QUEUES}
        links = [each for each in kernel.links() if each.name in self._peers]
        return {each.name: totals(each, queues.get(each.index)) for each in links}
