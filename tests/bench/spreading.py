r"""Queue pairs of RoCE on the uplinks of a live fabric: where their frames go, and how many arrive.

spine1 .. spineS         as many hosts a leaf as spines, so that uplinks carry as much as NICs send
  | \  ...  / |
leaf1 ...  leafL

Every NIC sends at its rate to that of another host, its frames over its queue pairs in turn, and nobody slows down:
what an uplink cannot carry, its queue drops.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import numpy as np
from scapy.contrib.roce import BTH
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from labs.traffic.endpoint.placing import Seat, seats
from labs.traffic.flows.model import MBPS, Floats, Ints, Paths
from labs.traffic.roce.template import Template, compiled
from labs.traffic.wire.model import Sender
from labs.traffic.wire.rx_ring import RxRing
from labs.traffic.wire.senders import open_sender
from tests.bench.cable import DROP
from tests.modelled import Modelled
from topologies.model import Role
from topologies.runtime.door import Door, open_door
from topologies.waiting import until

DATA = 1024  # bytes in each frame
DSCP = 26
WARM, SECONDS = 0.15, 0.4  # until queues are full that will be, and in which is counted
BLOCKS, BLOCK = 24, 1 << 16  # of each ring: more than comes over a cable in that time
LINGER, LOOK = 50, 0.1  # ms that a ring keeps what has come to itself, and seconds, more than that, between two looks
SOME = 16  # queue pairs of a NIC that are asked for their way at once: an uplink has room for those of four NICs
PATIENCE = 5  # seconds until a frame of each queue pair has been seen, or none is on its way


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Queue pairs: a row a NIC, a column each. To which NIC each row sends; numbers at the far end, and UDP ports."""

    target: Ints
    numbers: Ints
    ports: Ints

    @property
    def each(self) -> int:
        """How many a NIC has."""
        return int(self.numbers.shape[1])


class Wires:
    """All NICs of a fabric as senders and receivers, and every cable of a spine."""

    def __init__(self, lab: Modelled, held: ExitStack) -> None:
        self.lab = lab
        self.seats = seats(lab.plan)
        first = frame(self.seats[0], self.seats[1].address)
        self._template = compiled(first)
        doors = {name: open_door(lab.record, name) for name in lab.plan.nodes}
        for seat in self.seats:
            doors[seat.node].run(["nft", "--file", "-"], input=DROP)
        self._senders: list[tuple[Sender, Template]] = []
        self._doors, self._held = doors, held
        self._ears = [held.enter_context(ring(doors[seat.node], seat.interface)) for seat in self.seats]
        link_of = lab.link_of()
        self._taps = [
            (link_of[port.peer.node, port.peer.interface], held.enter_context(ring(doors[node.name], port.name)))
            for node in lab.plan.nodes.values()
            if node.role is Role.SPINE
            for port in node.interfaces
        ]

    def ways(self, draw: Draw) -> dict[int, int]:
        """By the number of each queue pair, the uplink that its frame took. Raises Fault for one never seen."""
        self._aim(draw)
        found: dict[int, int] = {}

        def missing() -> str:
            for link, tap in self._taps:
                for frames in tap:
                    rows = frames.rows(self._template.size)
                    found.update(dict.fromkeys(self._template.read(rows, "qp").tolist(), link))
            lacking = ~np.isin(draw.numbers, list(found))
            for nic, row in enumerate(lacking):
                self._send(draw, nic, np.flatnonzero(row)[:SOME])
            return f"{lacking.sum()} of them are missing" if lacking.any() else ""

        until("every queue pair on an uplink", missing, within=PATIENCE, every=LOOK, longest=LOOK)
        return found

    def goodput(self, draw: Draw) -> float:
        """The share of what all NICs send that arrives, once queues are as full as they will be."""
        for ear in self._ears:
            for _ in ear:
                pass
        rate = self.lab.mbps * MBPS / 8 / self._template.size
        apart = np.arange(len(self.seats)) / len(self.seats)  # NICs do not send at the same moment
        sent = np.zeros(len(self.seats), np.int64)
        begun, clock = time.monotonic(), time.time_ns()
        while (passed := time.monotonic() - begun) < WARM + SECONDS:
            due = (passed * rate + apart).astype(np.int64)
            for nic in np.flatnonzero(due > sent).tolist():
                self._send(draw, nic, np.arange(sent[nic], due[nic]))
            sent = due
        until("no frame on any cable", self._under_way, within=PATIENCE, every=LOOK)
        window = clock + int(WARM * 1e9), clock + int((WARM + SECONDS) * 1e9)
        arrived = sum(self._within(ear, window) for ear in self._ears)
        return arrived / (rate * SECONDS * len(self.seats))

    def _aim(self, draw: Draw) -> None:
        """Have every NIC send to its target from now on."""
        for sender, _ in self._senders:
            sender.close()
        self._senders = []
        for seat, target in zip(self.seats, draw.target.tolist(), strict=True):
            template = compiled(frame(seat, self.seats[target].address))
            sender = open_sender("batches", self._doors[seat.node], seat.interface, template.frame)
            self._held.callback(sender.close)
            self._senders.append((sender, template))

    def _send(self, draw: Draw, nic: int, numbers: Ints) -> None:
        """Frames of a NIC, whose queue pairs take turns by the frames' numbers."""
        if not len(numbers):
            return
        (sender, template), pair = self._senders[nic], numbers % draw.each
        rows = sender.rows(len(numbers))
        template.renew(rows, qp=draw.numbers[nic, pair], port=draw.ports[nic, pair], psn=numbers % (1 << 24))
        sender.send(len(rows))

    def _under_way(self) -> str:
        """Whether frames have come to spines since this was last asked."""
        came = sum(len(frames) for _, tap in self._taps for frames in tap)
        return f"{came} came" if came else ""

    def _within(self, ear: RxRing, window: tuple[int, int]) -> int:
        return sum(int(((each.stamps >= window[0]) & (each.stamps < window[1])).sum()) for each in ear)


@contextmanager
def ring(door: Door, interface: str) -> Iterator[RxRing]:
    """A receive ring that has room for all that comes while nobody reads it."""
    with closing(RxRing(door, interface, blocks=BLOCKS, size=BLOCK, linger=LINGER)) as found:
        yield found


def frame(seat: Seat, target: str) -> bytes:
    """A send from a NIC to an address."""
    head = IP(src=seat.address, dst=target, tos=DSCP << 2) / UDP(sport=0xC000, dport=4791, chksum=0)
    made = Ether(src=seat.mac.hex(":"), dst=seat.next_mac.hex(":")) / head / BTH(opcode=4, dqpn=0, psn=0)
    return bytes(made / Raw(bytes(DATA)))


def paths_of(draw: Draw, ways: Mapping[int, int], lab: Modelled, places: Sequence[Seat]) -> Paths:
    """The links of every queue pair that was seen on an uplink: a row a hop, a column each, NIC by NIC."""
    link_of = lab.link_of()
    down = {
        (node.name, port.peer.node): link_of[node.name, port.name]
        for node in lab.plan.nodes.values()
        for port in node.interfaces
    }
    spine_of = {number: lab.network.names[lab.network.upper[number // 2]] for number in set(ways.values())}
    columns = []
    for nic, (row, target) in enumerate(zip(draw.numbers.tolist(), draw.target.tolist(), strict=True)):
        here, there = places[nic], places[target]
        leaf = lab.plan.nodes[there.node].interfaces[0].peer.node
        for number in row:
            up = ways[number]
            columns.append((link_of[here.node, here.interface], up, down[spine_of[up], leaf], down[leaf, there.node]))
    return Paths(np.array(columns, np.int64).T)


def carried(paths: Paths, capacities: Floats, each: int, rate: float) -> float:
    """The share that arrives of what NICs send without slowing down, where only the second link drops: an uplink has as
    much as its queue pairs bring, and carries no more than it can. Pure."""
    flows = paths.links.shape[1]
    brought = np.bincount(paths.links[1], minlength=len(capacities)) * rate / each
    return float(np.minimum(brought, capacities)[brought > 0].sum() / (flows / each * rate))
