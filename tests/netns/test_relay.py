"""Packets that wait without netem, on one small lab: leaf1 eth1 -- eth1 spine1, and what leaves leaf1 waits.

How late a packet may be is the machine's, so middles are held to bounds and single packets to what can never be.
"""

import hashlib
import os
import signal
import socket
import statistics
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from impaired import now, within_bounds
from wanted import fabric, nothing, running

from labs.impairing import far_end, impair
from topologies import deploy
from topologies.aside import aside
from topologies.impairments import backends
from topologies.impairments.model import Impairment, Seen
from topologies.impairments.relay import relays
from topologies.impairments.relay.model import Relay
from topologies.lab import Veth
from topologies.runtime import identity, store
from topologies.runtime.door import open_door
from topologies.runtime.model import Action, LabRecord
from topologies.runtime.sockets import give_room
from topologies.waiting import until

pytestmark = pytest.mark.features("relay")
LATE = 3.0  # ms that the middle of all packets may be late
MEGABYTES = 8
ROOM = 1 << 20  # bytes that the receiver of datagrams may hold
FILE = """
name: {name}
design: leaf-spine
spines: 1
leaves: 2
links: {{ends: {{leaf1:eth1: {{delay_ms: 5}}}}}}
"""
_NUMBER = struct.Struct("!I")


@pytest.fixture(autouse=True)
def _without_netem(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a kernel that has none, whether this one has it or not."""
    monkeypatch.setattr(backends, "chosen", backends.Nft)


@pytest.fixture(scope="module")
def record() -> Iterator[LabRecord]:
    lab, _ = fabric(f"relay{os.getpid()}", spines=1, leaves=1)
    with running(lab) as record:
        yield record


@pytest.fixture
def near(record: LabRecord) -> Iterator[str]:
    """The leaf's end of its cable to the spine, cleared before and after."""
    end = far_end(record, "spine1:eth1")
    impair(record, [end], Impairment())
    yield end
    impair(record, [end], Impairment())
    gone(record, end)


def at_work(record: LabRecord, end: str) -> list[Relay]:
    """The relays of the network that an end is in."""
    return relays.found(open_door(record, end.partition(":")[0]).netns)


def gone(record: LabRecord, end: str) -> None:
    """Wait until the last relay has ended."""
    until("no relay", lambda: "; ".join(each.alias() for each in at_work(record, end)), within=10)


def address(record: LabRecord, end: str, *, six: bool = False) -> str:
    """The address of an end."""
    ends = {str(end): end for each in record.lab.links if isinstance(each, Veth) for end in (each.a, each.b)}
    return next(each.partition("/")[0] for each in ends[end].addresses if (":" in each) is six)


class Way:
    """Numbered datagrams from one end of a cable to the other, and when each came."""

    def __init__(self, stack: ExitStack, record: LabRecord, near: str) -> None:
        far = far_end(record, near)
        self._ear = stack.enter_context(self._socket(record, far))
        self._mouth = stack.enter_context(self._socket(record, near))
        self._ear.bind((address(record, far), 0))
        self._ear.settimeout(10)
        give_room(self._ear, ROOM)
        self._mouth.connect(self._ear.getsockname())
        self._count = 0

    @staticmethod
    def _socket(record: LabRecord, end: str) -> socket.socket:
        return open_door(record, end.partition(":")[0]).socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self) -> int:
        """One more; returns its number."""
        self._mouth.send(_NUMBER.pack(self._count))
        self._count += 1
        return self._count - 1

    def waited(self) -> float:
        """Milliseconds that one packet took, sent when nothing else is on its way."""
        begun = time.monotonic()
        number = self.send()
        assert self.heard() == number
        return (time.monotonic() - begun) * 1000

    def heard(self) -> int:
        """The number of the next one that comes."""
        number: int = _NUMBER.unpack(self._ear.recv(64))[0]
        return number

    def rest(self, within: float) -> list[int]:
        """The numbers of all that come until nothing has for so many seconds."""
        self._ear.settimeout(within)
        found = []
        try:
            while True:
                found.append(self.heard())
        except TimeoutError:
            return found
        finally:
            self._ear.settimeout(10)


@pytest.fixture
def way(record: LabRecord, near: str) -> Iterator[Way]:
    with ExitStack() as stack:
        yield Way(stack, record, near)


def test_a_packet_waits_for_the_delay(record: LabRecord, near: str, way: Way) -> None:
    """Never less, and hardly more; shown as it was set; and without it, it does not wait."""
    impair(record, [near], Impairment(delay_ms=20))

    waited = [way.waited() for _ in range(100)]
    assert min(waited) >= 20
    assert statistics.median(waited) <= 20 + LATE
    assert now(record, near) == Seen(Impairment(delay_ms=20))
    impair(record, [near], Impairment())
    assert statistics.median(way.waited() for _ in range(100)) < LATE


def test_jitter_spreads_evenly(record: LabRecord, near: str, way: Way) -> None:
    """Between delay less jitter and delay and jitter, about as many in each quarter."""
    impair(record, [near], Impairment(delay_ms=20, jitter_ms=10))

    waited = [way.waited() for _ in range(200)]
    assert min(waited) >= 10
    assert statistics.quantiles(waited, n=4) == pytest.approx([15, 20, 25], abs=2 + LATE)


def test_without_jitter_all_come_and_keep_their_order(record: LabRecord, near: str, way: Way) -> None:
    """Also when they come at once."""
    impair(record, [near], Impairment(delay_ms=30))
    sent = [way.send() for _ in range(500)]

    assert way.rest(1) == sent


def test_a_share_is_doubled(record: LabRecord, near: str, way: Way) -> None:
    """Of 2,000 packets 10 %, within the bound; without delay too."""
    impair(record, [near], Impairment(duplicate_percent=10))
    found = []
    for _ in range(20):
        sent = [way.send() for _ in range(100)]
        found += way.rest(0.1)
        assert set(found) >= set(sent)

    assert within_bounds(len(found) - 2000, 0.1, 2000)


def test_a_share_overtakes(record: LabRecord, near: str, way: Way) -> None:
    """A quarter of 1,000 packets does not wait, and so comes before the first that does."""
    impair(record, [near], Impairment(delay_ms=200, reorder_percent=25))
    early = 0
    for _ in range(10):
        sent = [way.send() for _ in range(100)]
        first, later = way.rest(0.1), way.rest(0.3)
        assert sorted(first + later) == sent
        early += len(first)

    assert within_bounds(early, 0.25, 1000)


@pytest.mark.parametrize("six", [False, True])
def test_a_connection_goes_through_whole(record: LabRecord, near: str, six: bool) -> None:
    """Large packets, and checksums that were left to the device, arrive as they were sent."""
    impair(record, [near], Impairment(delay_ms=2, jitter_ms=1))
    far, family = far_end(record, near), socket.AF_INET6 if six else socket.AF_INET
    data = os.urandom(MEGABYTES << 20)
    doors = [open_door(record, end.partition(":")[0]) for end in (far, near)]
    with doors[0].socket(family, socket.SOCK_STREAM) as ear, doors[1].socket(family, socket.SOCK_STREAM) as mouth:
        ear.bind((address(record, far, six=six), 0))
        ear.listen()
        with aside("receiver", lambda: received(ear)) as told:
            mouth.connect(ear.getsockname())
            mouth.sendall(data)
            mouth.shutdown(socket.SHUT_WR)
            assert told() == hashlib.sha256(data).hexdigest()


def received(ear: socket.socket) -> str:
    """The sum of all that one connection brings."""
    whole = hashlib.sha256()
    connection, _ = ear.accept()
    with connection:
        while data := connection.recv(1 << 16):
            whole.update(data)
    return whole.hexdigest()


def test_nothing_is_lost_when_it_changes(record: LabRecord, near: str, way: Way) -> None:
    """The new relay is there before the former goes, and the former goes once nothing waits there."""
    sent = []
    for delay in (40, 5, 0, 10):
        impair(record, [near], Impairment(delay_ms=delay))
        sent += [way.send() for _ in range(50)]

    assert sorted(way.rest(1)) == sent
    (left,) = at_work(record, near)
    assert left.wanted == Impairment(delay_ms=10)


def test_what_else_is_changed_leaves_the_relay_alone(record: LabRecord, near: str) -> None:
    """The same process goes on, with loss and rate beside it."""
    impair(record, [near], Impairment(delay_ms=5))
    before = at_work(record, near)
    impair(record, [near], Impairment(delay_ms=5, loss_percent=1, rate_mbps=100))

    assert at_work(record, near) == before
    assert now(record, near).impairment == Impairment(delay_ms=5, loss_percent=1, rate_mbps=100)


def test_one_that_was_killed_is_told_and_cured(record: LabRecord, near: str, way: Way) -> None:
    """Nothing passes, which is said; set again, all is well."""
    impair(record, [near], Impairment(delay_ms=5, loss_percent=0.0001))
    (relay,) = at_work(record, near)
    os.kill(relay.process.pid, signal.SIGKILL)
    gone(record, near)
    way.send()

    assert way.rest(0.2) == []
    assert now(record, near).impairment == Impairment(loss_percent=0.0001)
    assert now(record, near).trouble == "its relay is gone, so nothing leaves; set it again, or clear it"
    impair(record, [near], Impairment(delay_ms=5))
    assert way.waited() >= 5
    assert now(record, near) == Seen(Impairment(delay_ms=5))


def test_one_killed_before_its_relay_has_work_is_put_right_by_the_next(
    record: LabRecord, near: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay that nobody steers to ends, and the one that there was goes on until then."""
    impair(record, [near], Impairment(delay_ms=5))
    if not (pid := os.fork()):
        monkeypatch.setattr("topologies.impairments.rules.script", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        impair(record, [near], Impairment(delay_ms=10))
        os._exit(1)
    _, status = os.waitpid(pid, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert len(at_work(record, near)) == 2
    assert now(record, near).impairment == Impairment(delay_ms=5)
    impair(record, [near], Impairment())
    gone(record, near)


def test_a_frozen_node_goes_on_forwarding_late(record: LabRecord, near: str, way: Way) -> None:
    """A relay is none of its processes."""
    impair(record, [near], Impairment(delay_ms=5))
    deploy.runtime_named("netns").act(record, "leaf1", Action.PAUSE, note=nothing)
    try:
        assert way.waited() >= 5
    finally:
        deploy.runtime_named("netns").act(record, "leaf1", Action.RESUME, note=nothing)


def test_a_lab_takes_its_relays_with_it(tmp_path: Path) -> None:
    """There from its file, also where the node was off and on; away when the lab is."""
    file = tmp_path / "fabric.yml"
    file.write_text(FILE.format(name=f"relayf{os.getpid()}"))
    at = store.Store(tmp_path / "labs")
    record = deploy.up(deploy.load(file), "netns", say=nothing, at=at)
    try:
        (relay,) = at_work(record, "leaf1:eth1")
        off = deploy.act(record.name, "leaf1", Action.KILL, at=at)
        on = deploy.act(off.name, "leaf1", Action.START, at=at)
        again = now(on, "leaf1:eth1").impairment
    finally:
        deploy.down(record.name, at=at)

    assert again == relay.wanted == Impairment(delay_ms=5)
    until("its relay ends", lambda: identity.state(relay.process, record.boot_id).strip("Z") and "it runs", within=10)
