"""ECN marking against the law, packet by packet: leaf1 eth1 -- eth1 spine1, and leaf1 sends slowly.

A run fills the queue: its burst passes at once, then each packet finds one more waiting. Once all are in, the rate is
raised, so that they arrive, in order, with their marks. At 10 kbit/s less than two bytes leave in a millisecond.
"""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import pytest
from impaired import now
from wanted import fabric, running

from labs.impairing import far_end, impair, own_rate
from topologies.errors import Mistake
from topologies.impairments import backends, marking, queues
from topologies.impairments.model import Impairment, Marking, Seen
from topologies.impairments.red import chance
from topologies.lab import Veth
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.probe.capability import Capability
from topologies.runtime.sockets import give_room

SLOW, FAST = 0.01, 1_000  # Mbit/s
FRAME, PAYLOAD = 142, 100  # bytes of an Ethernet frame of IPv4, and of its datagram
LAW = Marking(kmin=5_000, kmax=15_000, pmax=90)
NOT_ECT, ECT1, ECT0, CE = range(4)
PASSED = queues.burst(SLOW) // FRAME  # packets that find no queue
ROOM = queues.room(SLOW) // FRAME  # packets that fit into it
SLACK = 2 * FRAME  # a burst is counted in time, and the daemons may have sent something
RUNS = 45


@dataclass(frozen=True)
class Way:
    """Two ends of a cable, and sockets by which datagrams cross it."""

    record: LabRecord
    near: str
    mouth: socket.socket
    ear: socket.socket

    def run(self, wanted: Impairment, ecn: int, count: int = PASSED + ROOM) -> tuple[list[int], Seen]:
        """The ECN fields of what arrives, in the order in which it was sent, and what the kernel counted."""
        self.mouth.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, ecn)
        impair(self.record, [self.near], Impairment())
        impair(self.record, [self.near], wanted)
        for _ in range(count):
            self.mouth.send(bytes(PAYLOAD))
        seen = now(self.record, self.near)
        impair(self.record, [self.near], Impairment(rate_mbps=FAST))
        self.mouth.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, NOT_ECT)
        self.mouth.send(b"end")  # has the queue look at its new rate
        return list(self._arrived()), seen

    def _arrived(self) -> Iterator[int]:
        while True:
            data, control, _, _ = self.ear.recvmsg(PAYLOAD, 64)
            if data == b"end":
                return
            yield next(value[0] & 3 for _, kind, value in control if kind == socket.IP_TOS)


@pytest.fixture(scope="module")
def way() -> Iterator[Way]:
    """The lab and the cable."""
    lab, _ = fabric(f"queuesm{os.getpid()}", spines=1, leaves=1)
    with running(lab) as record:
        ends = {str(end): end for each in record.lab.links if isinstance(each, Veth) for end in (each.a, each.b)}
        far = far_end(record, "leaf1:eth1")
        spine, leaf = open_door(record, far.partition(":")[0]), open_door(record, "leaf1")
        with datagrams(spine) as ear, datagrams(leaf) as mouth:
            ear.bind((next(each.partition("/")[0] for each in ends[far].addresses if ":" not in each), 0))
            ear.settimeout(10)
            mouth.connect(ear.getsockname())
            yield Way(record, "leaf1:eth1", mouth, ear)


def datagrams(door: Door) -> socket.socket:
    """A socket that tells ECN fields and holds a whole run."""
    made = door.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    give_room(made, 1 << 22)
    return made


@pytest.mark.parametrize("queue", [pytest.param("real", marks=pytest.mark.features("backlogs")), "virtual"])
def test_marks_follow_the_law(way: Way, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None up to kmin, all above kmax, and between them as many as the law has it, within five standard deviations."""
    if queue == "virtual":
        monkeypatch.setattr(marking, "real_queue", lambda: None)
    expected = variance = 0.0
    drawn = 0
    for _ in range(RUNS):
        fields, seen = way.run(Impairment(rate_mbps=SLOW, ecn=LAW), ECT0)
        assert len(fields) >= PASSED + ROOM - 2
        for number, field in enumerate(fields):
            backlog = max(number - PASSED, 0) * FRAME
            if backlog + SLACK <= LAW.kmin:
                assert field == ECT0, (number, backlog)
            elif backlog - SLACK > LAW.kmax:
                assert field == CE, (number, backlog)
            elif LAW.kmin + SLACK < backlog <= LAW.kmax - SLACK:
                share = chance(LAW, backlog)
                expected, variance, drawn = expected + share, variance + share * (1 - share), drawn + (field == CE)
        assert abs(seen.count.marked - fields.count(CE)) <= 2, "those that did not fit were marked before they fell"
        assert seen.count.marked + seen.count.unmarked == PASSED + ROOM

    assert expected > 300
    # A packet too many or too few waiting moves each chance by 0.9 * 142 / 10,000.
    assert abs(drawn - expected) <= 5 * sqrt(variance) + RUNS * 65 * LAW.pmax / 100 * FRAME / 10_000, (drawn, expected)


def test_what_is_not_ecn_capable_is_never_marked(way: Way) -> None:
    """It waits as long and is counted by neither."""
    fields, seen = way.run(Impairment(rate_mbps=SLOW, ecn=Marking(0, 1_000, 100)), NOT_ECT)

    assert set(fields) == {NOT_ECT}
    assert (seen.count.marked, seen.count.unmarked) == (0, 0)


def test_ect1_is_marked_too_and_an_empty_queue_marks_nothing(way: Way) -> None:
    """Both codepoints of RFC 3168 are capable; kmin 0 still means that something waits."""
    fields, seen = way.run(Impairment(rate_mbps=SLOW, ecn=Marking(0, 0, 100)), ECT1)

    assert set(fields[: PASSED - 2]) == {ECT1}
    assert set(fields[PASSED + 2 :]) == {CE}
    assert fields == sorted(fields)
    assert seen.count.marked >= ROOM - 2


def test_ipv6_is_marked(way: Way) -> None:
    """Its ECN field lies elsewhere."""
    far, ends = far_end(way.record, way.near), way.record.lab.links
    spine = open_door(way.record, far.partition(":")[0])
    address = next(
        each.partition("/")[0]
        for link in ends
        if isinstance(link, Veth)
        for end in (link.a, link.b)
        if str(end) == far
        for each in end.addresses
        if ":" in each
    )
    impair(way.record, [way.near], Impairment())
    impair(way.record, [way.near], Impairment(rate_mbps=SLOW, ecn=Marking(0, 0, 100)))
    with (
        spine.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ear,
        open_door(way.record, "leaf1").socket(socket.AF_INET6, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind((address, 0))
        mouth.connect(ear.getsockname())
        for capable in (0, ECT0):
            mouth.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, capable)
            for _ in range(200):
                mouth.send(bytes(PAYLOAD))
    count = now(way.record, way.near).count

    assert count.marked == 200, "the first 200, which are not capable, had filled the burst"
    assert count.unmarked == 0


def test_a_marking_is_shown_and_cleared(way: Way) -> None:
    """With its law and its counts, on this end only; nothing is left of it."""
    wanted = Impairment(rate_mbps=10, loss_percent=1, ecn=LAW)
    shown = impair(way.record, [way.near], wanted)
    far = now(way.record, far_end(way.record, way.near))
    cleared = impair(way.record, [way.near], Impairment())
    filters = open_door(way.record, "leaf1").run(["tc", "filter", "show", "dev", "eth1", "egress"]).stdout

    assert [each.impairment for each in shown] == [wanted]
    assert shown[0].report()["ecn"] == {"kmin": 5_000, "kmax": 15_000, "pmax": 90}
    assert far == Seen()
    assert cleared == [Seen()]
    assert filters == ""


def test_what_has_no_queue_is_refused(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link without a rate, a kmax that the queue drops before, a machine without BPF; the former impairment stays."""
    impair(way.record, [way.near], Impairment(rate_mbps=1))

    with pytest.raises(Mistake, match="--ecn needs --rate"):
        impair(way.record, [way.near], Impairment(ecn=LAW))
    with pytest.raises(Mistake, match="at 1 Mbit/s the queue has room for 26250 bytes and drops"):
        impair(way.record, [way.near], Impairment(rate_mbps=1, ecn=Marking(1, 26_250, 10)))
    monkeypatch.setattr(marking.kernel, "bpf", lambda: Capability("bpf", "", lack="not for you"))
    with pytest.raises(Mistake, match="--ecn needs BPF: not for you"):
        impair(way.record, [way.near], Impairment(rate_mbps=1, ecn=LAW))
    assert now(way.record, way.near) == Seen(Impairment(rate_mbps=1))


def test_a_links_own_rate_is_a_queue_too(way: Way) -> None:
    """A host's cable of 1,000 Mbit/s is marked by its own rate, and keeps it."""
    end = next(str(each.a) for each in way.record.lab.links if isinstance(each, Veth) and each.rate_mbps)
    assert own_rate(way.record, end) == 1000
    law = Marking(1_000_000, 5_000_000, 1)
    shown = impair(way.record, [end], Impairment(ecn=law))
    impair(way.record, [end], Impairment())

    assert [each.impairment for each in shown] == [Impairment(ecn=law)]
    assert backends.chosen().read(open_door(way.record, end.partition(":")[0]).netns, {"eth1": 1000}) == {
        "eth1": Seen()
    }
