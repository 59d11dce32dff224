"""Numbered packets between all hosts of a fabric at a steady rate, every one of them counted.

Each pair of hosts has several flows in each address family, which differ in their source port, so that every spine has
some. Nothing is sent twice: a packet that does not arrive is lost.
"""

import os
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from topologies.aside import aside
from topologies.model import Role
from topologies.plan import Plan
from topologies.runtime.door import Door, enter, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.sockets import give_room

FLOWS = 8  # of each pair of hosts and family
RATE = 2000  # packets a second, all together
BURST = 10  # packets sent one after another
QUIET = 0.5  # seconds without an arrival after which the rest counts as lost
ROOM = 8 << 20  # bytes that a receiver may hold
_HEADER = struct.Struct("!8sII")


@dataclass(frozen=True)
class Tally:
    """What was sent and what became of it. `lost` counts by (family, source, target); `spell` is in seconds."""

    sent: int
    received: int
    lost: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    spell: float = 0  # from the first to the last that was lost
    longest: float = 0  # the longest time between two sendings: whether the machine kept up

    @property
    def missing(self) -> int:
        """How many were lost."""
        return self.lost.total()


@dataclass(frozen=True)
class Flow:
    """One flow between two hosts."""

    family: str
    source: str
    target: str
    sender: socket.socket
    place: tuple[str, int]


@contextmanager
def traffic(record: LabRecord, plan: Plan, rate: int = RATE) -> Iterator[Callable[[], Tally]]:
    """Send until the function that this gives is called; it waits for what is under way, and tells what arrived.

    When the block begins, every flow has been heard once, so nothing waits for a neighbour to be found any more.
    """
    ready, begun = os.pipe()
    stopped, stop = os.pipe()

    def work() -> Tally:
        os.close(stop)
        return _stream(record, plan, rate, begun, stopped)

    def end() -> Tally:
        os.write(stop, b".")
        return told()

    with aside("traffic", work) as told:
        os.close(begun)
        os.read(ready, 1)
        try:
            yield end
        finally:
            for each in (ready, stopped, stop):
                os.close(each)


def _stream(record: LabRecord, plan: Plan, rate: int, begun: int, stopped: int) -> Tally:
    enter(record)
    with ExitStack() as stack:
        ears, flows = _flows(stack, record, plan)
        stream = _Stream(ears, flows)
        stream.warm()
        os.write(begun, b".")
        return stream.run(rate, stopped)


def _flows(stack: ExitStack, record: LabRecord, plan: Plan) -> tuple[list[socket.socket], list[Flow]]:
    """A receiver for each address of each host, and a sender for each flow."""
    hosts = [node for node in plan.nodes.values() if node.role is Role.HOST]
    doors = {host.name: open_door(record, host.name) for host in hosts}
    ears: dict[str, socket.socket] = {}
    for host in hosts:
        for address in host.probe_addresses:
            ears[address] = _open(stack, doors[host.name], address)
            give_room(ears[address], ROOM)
    pairs = [
        (one, other, source, target)
        for one in hosts
        for other in hosts
        if one is not other
        for source in one.probe_addresses
        for target in other.probe_addresses
        if (":" in source) == (":" in target)
    ]
    flows = [
        Flow(
            "ipv6" if ":" in source else "ipv4",
            one.name,
            other.name,
            _open(stack, doors[one.name], source),
            (target, ears[target].getsockname()[1]),
        )
        for one, other, source, target in pairs
        for _ in range(FLOWS)
    ]
    return list(ears.values()), flows


class _Stream:
    """The sockets, and what was sent and heard."""

    def __init__(self, ears: list[socket.socket], flows: list[Flow]) -> None:
        self._flows = flows
        self._run = os.urandom(8)
        self._ears = {ear.fileno(): ear for ear in ears}
        self._poll = select.epoll()
        for fd in self._ears:
            self._poll.register(fd, select.EPOLLIN)
        self._sent: list[tuple[int, float]] = []  # by number: the flow, and when
        self._heard = bytearray()
        self._refused: Counter[str] = Counter()

    def warm(self) -> None:
        """Have every flow heard once; forget what it took."""
        for _ in range(5):
            for number in range(len(self._flows)):
                self._send(number)
            self._hear(QUIET)
        heard = {self._sent[number][0] for number, came in enumerate(self._heard) if came}
        assert heard == set(range(len(self._flows))), f"{len(self._flows) - len(heard)} flows lead nowhere"
        self._run, self._sent, self._heard = os.urandom(8), [], bytearray()

    def run(self, rate: int, stopped: int) -> Tally:
        """Send in turns until `stopped` can be read."""
        turns = cycle(range(len(self._flows)))
        start = last = time.monotonic()
        longest = 0.0
        while not select.select([stopped], [], [], 0)[0]:
            for _ in range(BURST):
                self._send(next(turns))
            self._hear(0)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            time.sleep(max(start + len(self._sent) / rate - now, 0))  # the rate, nothing is waited for
        self._hear(QUIET)
        return self._tally(longest)

    def _send(self, flow: int) -> None:
        number = len(self._sent)
        self._sent.append((flow, time.monotonic()))
        self._heard.append(0)
        try:
            self._flows[flow].sender.sendto(_HEADER.pack(self._run, flow, number), self._flows[flow].place)
        except OSError as error:  # the kernel's own word for a way that is gone: lost like others
            self._refused[error.strerror or str(error)] += 1

    def _hear(self, within: float) -> None:
        """Take all that has come, until nothing comes for so many seconds."""
        while ready := self._poll.poll(within):
            for fd, _ in ready:
                self._empty(self._ears[fd])

    def _empty(self, ear: socket.socket) -> None:
        while True:
            try:
                data = ear.recv(_HEADER.size)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error that came back; there may be more behind it
                continue
            run, _, number = _HEADER.unpack(data)
            if run == self._run:
                self._heard[number] = 1

    def _tally(self, longest: float) -> Tally:
        missing = [number for number, came in enumerate(self._heard) if not came]
        flows = [self._flows[self._sent[number][0]] for number in missing]
        times = [self._sent[number][1] for number in missing]
        return Tally(
            sent=len(self._sent),
            received=sum(self._heard),
            lost=Counter((flow.family, flow.source, flow.target) for flow in flows),
            spell=max(times) - min(times) if times else 0.0,
            longest=longest,
        )


def _open(stack: ExitStack, door: Door, address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = stack.enter_context(door.socket(family, socket.SOCK_DGRAM))
    sock.setblocking(False)
    sock.bind((address, 0))
    return sock
