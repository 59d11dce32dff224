"""A wire between two queue pairs that exists in memory only, and does to packets what it is told. Pure.

It stands beside the real one (`labs.traffic.wire`) for tests: what happens to the first packet, the second and so on is
a list of values, and behind its end nothing happens to any. Like a real one it carries no `offset`.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from msgspec import structs

from labs.traffic.qp.model import Packet


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a packet: how many `copies` arrive, and by how much `later` than usual, in ns."""

    copies: int = 1
    later: int = 0
    marked: bool = False  # a switch said that it was congested
    refused: bool = False  # no room with the sender: not sent


FINE, LOST, REFUSED, TWICE = Fate(), Fate(copies=0), Fate(refused=True), Fate(copies=2)


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """A packet that comes out; `at` in ns, `order` that of sending."""

    at: int
    order: int
    packet: Packet
    marked: bool


class Wire:
    """One direction. `delay` in ns."""

    def __init__(self, delay: int, fates: Iterable[Fate] = ()) -> None:
        self._delay, self._fates = delay, iter(fates)
        self._under_way: list[tuple[int, int, Arrival]] = []
        self._count = 0
        self.taken: list[Packet] = []  # all packets that were sent, whatever became of them

    def send(self, packets: list[Packet], now: int) -> int:
        """Send packets in order up to one that is refused; how many were sent."""
        for sent, packet in enumerate(packets):
            fate = next(self._fates, FINE)
            if fate.refused:
                return sent
            self.taken.append(packet)
            for _ in range(fate.copies):
                self._count += 1
                arrival = Arrival(
                    now + self._delay + fate.later, self._count, structs.replace(packet, offset=0), fate.marked
                )
                heapq.heappush(self._under_way, (arrival.at, self._count, arrival))
        return len(packets)

    def arrived(self, now: int) -> list[Arrival]:
        """What has come out by now, in order."""
        found: list[Arrival] = []
        while self._under_way and self._under_way[0][0] <= now:
            found.append(heapq.heappop(self._under_way)[2])
        return found

    def next_moment(self) -> int | None:
        """When the next packet comes out; None while there is none."""
        return self._under_way[0][0] if self._under_way else None


class Pair(Protocol):
    """A queue pair of either kind."""

    def hear(self, packet: Packet, now: int) -> None:
        """Take a packet."""

    def poll(self, now: int) -> list[Packet]:
        """What may be sent now."""

    def sent(self, count: int, now: int) -> None:
        """So many of those were sent."""

    def next_moment(self, now: int) -> int | None:
        """When to poll again."""


@dataclass(slots=True)
class Line:
    """Two queue pairs, and a wire each way; `now` in ns."""

    left: Pair
    right: Pair
    to_right: Wire
    to_left: Wire
    retry: int = 1000  # ns after which a refused packet is tried again
    now: int = 0

    def run(self, turns: int = 100_000) -> bool:
        """Let time pass from one event to the next until nothing is left to happen; whether that was within so many."""
        for _ in range(turns):
            full = self._turn(self.left, self.to_left, self.to_right)
            full |= self._turn(self.right, self.to_right, self.to_left)
            moment = self._next(full)
            if moment is None:
                return True
            self.now = max(moment, self.now)
        return False

    def _turn(self, pair: Pair, heard: Wire, said: Wire) -> bool:
        """Have one end hear and say what there is; whether the wire refused some of it."""
        for arrival in heard.arrived(self.now):
            pair.hear(arrival.packet, self.now)
        packets = pair.poll(self.now)
        sent = said.send(packets, self.now)
        pair.sent(sent, self.now)
        return sent < len(packets)

    def _next(self, full: bool) -> int | None:
        moments = [self.to_left.next_moment(), self.to_right.next_moment()]
        for pair in (self.left, self.right):
            moment = pair.next_moment(self.now)
            moments.append(self.now + self.retry if full and moment == self.now else moment)
        return min((moment for moment in moments if moment is not None), default=None)
