"""Queues by DSCP on a cable that is offered more than it carries: leaf1 eth1 -- eth1 spine1."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from wanted import fabric, running

from labs.impairing import far_end, impair
from topologies.errors import Mistake
from topologies.impairments import backends
from topologies.impairments.model import Impairment, Marking, Queue, Seen
from topologies.lab import Veth
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.probe import kernel

RATE = 20  # Mbit/s
LARGE, SMALL = 1_400, 60  # bytes of a datagram
LOSSLESS, CONTROL, OTHER = 26, 48, 0  # DSCPs
pytestmark = pytest.mark.features("htb")


@dataclass(frozen=True)
class Stream:
    """Datagrams of one DSCP, from the leaf to the spine."""

    mouth: socket.socket
    ear: socket.socket

    def arrived(self) -> int:
        """How many wait to be read; they are read."""
        found = 0
        while True:
            try:
                self.ear.recv(LARGE)
                found += 1
            except BlockingIOError:
                return found


class Way:
    """The cable, and a stream of each DSCP."""

    def __init__(self, record: LabRecord, held: ExitStack, *, six: bool) -> None:
        self.record, self.near = record, "leaf1:eth1"
        far = far_end(record, self.near)
        ends = {str(end): end for each in record.lab.links if isinstance(each, Veth) for end in (each.a, each.b)}
        address = next(each.partition("/")[0] for each in ends[far].addresses if (":" in each) is six)
        family = socket.AF_INET6 if six else socket.AF_INET
        level, option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if six else (socket.IPPROTO_IP, socket.IP_TOS)
        self.streams = {}
        for dscp in (LOSSLESS, CONTROL, OTHER):
            ear = held.enter_context(open_door(record, far.partition(":")[0]).socket(family, socket.SOCK_DGRAM))
            mouth = held.enter_context(open_door(record, "leaf1").socket(family, socket.SOCK_DGRAM))
            ear.setblocking(False)
            ear.bind((address, 0))
            mouth.connect(ear.getsockname())
            mouth.setsockopt(level, option, dscp << 2)
            mouth.setsockopt(socket.SOL_SOCKET, 32, 1 << 24)  # SO_SNDBUFFORCE: the queue drops, not the socket
            self.streams[dscp] = Stream(mouth, ear)

    def flooded(self, *dscps: int, seconds: float = 1.5) -> dict[int, int]:
        """How many of each arrive while these are sent as fast as can be, once the queues are full."""
        begun, counting = time.monotonic(), False
        found = dict.fromkeys(dscps, 0)
        while (passed := time.monotonic() - begun) < seconds:
            for dscp in dscps:
                self.streams[dscp].mouth.send(bytes(LARGE))
            for dscp in dscps:
                arrived = self.streams[dscp].arrived()
                found[dscp] += arrived if counting else 0
            counting = passed > 0.4
        return found


@pytest.fixture(scope="module")
def record() -> Iterator[LabRecord]:
    lab, _ = fabric(f"queuesq{os.getpid()}", spines=1, leaves=1)
    with running(lab) as record:
        yield record


@pytest.fixture(params=[False, True], ids=["IPv4", "IPv6"])
def way(record: LabRecord, request: pytest.FixtureRequest) -> Iterator[Way]:
    """The cable, unimpaired before and after."""
    with ExitStack() as held:
        way = Way(record, held, six=request.param)
        impair(record, [way.near], Impairment())
        yield way
        impair(record, [way.near], Impairment())


def test_shares_are_held_when_all_want_more(way: Way) -> None:
    """80 percent for DSCP 26 and the rest for what has no queue, and the rate as a whole within 5 percent."""
    impair(way.record, [way.near], Impairment(rate_mbps=RATE, queues=(Queue(LOSSLESS, 80),)))

    found = way.flooded(LOSSLESS, OTHER)
    whole = sum(found.values())
    frame = LARGE + 14 + (48 if ":" in way.streams[OTHER].ear.getsockname()[0] else 28)

    assert found[LOSSLESS] / whole == pytest.approx(0.8, abs=0.04)
    assert whole * frame * 8 / 1e6 == pytest.approx(RATE * 1.1, rel=0.1)


def test_a_share_that_is_not_used_is_the_others(way: Way) -> None:
    """A queue alone has all."""
    impair(way.record, [way.near], Impairment(rate_mbps=RATE, queues=(Queue(LOSSLESS, 80),)))

    alone = way.flooded(OTHER)[OTHER]
    impair(way.record, [way.near], Impairment(rate_mbps=RATE))

    assert alone == pytest.approx(way.flooded(OTHER)[OTHER], rel=0.1)


def test_the_first_goes_before_all_others_and_loses_nothing(way: Way) -> None:
    """A hundred small packets among a flood; without queues some of them are lost with the others."""

    def lost(wanted: Impairment) -> int:
        impair(way.record, [way.near], Impairment())
        impair(way.record, [way.near], wanted)
        flood, control = way.streams[OTHER], way.streams[CONTROL]
        control.arrived()
        for number in range(5_000):
            flood.mouth.send(bytes(LARGE))
            if number % 50 == 49:
                control.mouth.send(bytes(SMALL))
        deadline, found = time.monotonic() + 2, 0
        while found < 100 and time.monotonic() < deadline:
            found += control.arrived()
        return 100 - found

    queued = lost(Impairment(rate_mbps=RATE, queues=(Queue(CONTROL),)))
    plain = lost(Impairment(rate_mbps=RATE))

    assert queued == 0
    assert plain > 50


def test_a_deep_queue_loses_nothing_where_others_do(way: Way) -> None:
    """A burst of 500 packets fits into the room of the lossless class, and not into that of the others."""
    arrived = {}
    impair(way.record, [way.near], Impairment(rate_mbps=RATE, queues=(Queue(LOSSLESS, 80, room=2_000_000),)))
    for dscp in (LOSSLESS, OTHER):
        for _ in range(500):
            way.streams[dscp].mouth.send(bytes(LARGE))
        deadline, arrived[dscp] = time.monotonic() + 1, 0
        while arrived[dscp] < 500 and time.monotonic() < deadline:
            arrived[dscp] += way.streams[dscp].arrived()

    assert arrived[LOSSLESS] == 500
    assert 100 < arrived[OTHER] < 300


def test_queues_are_read_back_and_cleared(way: Way) -> None:
    """With their shares and room, beside loss and marks; a rate alone, and nothing, take them away whole."""
    netem = kernel.trial("netem").present
    queues = (Queue(3, 10), Queue(LOSSLESS, 80, room=2_000_000), Queue(CONTROL))
    wanted = Impairment(rate_mbps=RATE, loss_percent=0 if netem else 1, ecn=Marking(1, 500_000, 5), queues=queues)
    shown = [
        impair(way.record, [way.near], each)[0] for each in (wanted, Impairment(rate_mbps=5), wanted, Impairment())
    ]

    assert [each.impairment for each in shown] == [wanted, Impairment(rate_mbps=5), wanted, Impairment()]
    assert shown[0].report()["queues"] == [
        {"dscp": 3, "share": 10, "room": 0},
        {"dscp": 26, "share": 80, "room": 2_000_000},
        {"dscp": 48, "share": 0, "room": 0},
    ]
    assert shown[3] == Seen()


def test_what_has_nothing_to_share_is_refused(way: Way) -> None:
    """A link without a rate; and what netem would do in the place of queues."""
    with pytest.raises(Mistake, match="--queue needs --rate"):
        impair(way.record, [way.near], Impairment(queues=(Queue(LOSSLESS, 80),)))
    with pytest.raises(Mistake, match=r"--queue: not with delay, which are made by another queue \(netem\)"):
        backends.refuse(backends.Netem(), Impairment(rate_mbps=1, delay_ms=1, queues=(Queue(1, 1),)), own_mbps=0)
