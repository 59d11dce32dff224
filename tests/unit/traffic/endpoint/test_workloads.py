"""Workloads over queue pairs that are joined in memory, with time as we like it."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from labs.traffic.endpoint.engine import Engine
from labs.traffic.endpoint.fake import FakeLink
from labs.traffic.endpoint.frames import heard
from labs.traffic.endpoint.model import Link, TrafficLog, Wanted
from labs.traffic.endpoint.placing import Seat, engine, seats
from labs.traffic.endpoint.workload import Job, transfers
from topologies.errors import Mistake
from topologies.files.fabric import parse_fabric
from topologies.planning import plan

TURN = 50_000  # ns
FABRIC = "name: x\ndesign: leaf-spine\nspines: 1\nleaves: {leaves}\nhosts_per_leaf: {hosts}\n"


def placed(leaves: int = 2, hosts: int = 1) -> list[Seat]:
    """The NICs of a small fabric."""
    return seats(plan(parse_fabric(FABRIC.format(leaves=leaves, hosts=hosts), "x.yml")))


class Switch:
    """Joins any number of links in memory: a frame goes to whom its address belongs."""

    def __init__(self, fate: Callable[[bytes], bytes | None] = lambda frame: frame) -> None:
        self._fate = fate
        self._links: dict[bytes, FakeLink] = {}

    def open(self, seat: Seat) -> Link:
        """One more port."""
        made = FakeLink(self._carry)
        made.join(FakeLink())
        self._links[_address(seat)] = made
        return made

    def _carry(self, frame: bytes) -> bytes | None:
        arrives = self._fate(frame)
        if arrives is not None:
            self._links[frame[30:34]].come(arrives)
        return None


def _address(seat: Seat) -> bytes:
    return bytes(int(part) for part in seat.address.split("."))


def ran(made: tuple[Engine, Job], milliseconds: float) -> TrafficLog:
    """A workload that runs for so long."""
    machine, job = made
    for now in range(0, round(milliseconds * 1e6), TURN):
        job.advance(now)
        machine.turn(now)
        for end, done in machine.completions():
            job.completed(end, done, now)
    return job.log(sum(port.refused for port in machine.ports.values()), 0.0)


def losing(every: int) -> Callable[[bytes], bytes | None]:
    """Loses every so manyth frame."""
    numbers: Iterator[int] = count(1)
    return lambda frame: None if next(numbers) % every == 0 else frame


@pytest.mark.parametrize("name", ["all-reduce", "all-to-all", "permutation", "incast"])
def test_a_collective_runs_again_and_again(name: str) -> None:
    """Every byte of every iteration is acknowledged, and nothing is sent twice."""
    places = placed(leaves=4)

    log = ran(engine(Wanted("job", name, 60_000, rate=1e9), places, Switch().open), 60)

    assert not log.failed
    assert len(log.iterations) >= 2
    once = sum(size for step in transfers(Wanted("job", name, 60_000), 4, 1) for _, _, size in step)
    acked = sum(each.bytes_acked for each in log.flows)
    assert once * len(log.iterations) <= acked <= once * (len(log.iterations) + 1)
    assert sum(each.frames_retransmitted for each in log.flows) == 0
    assert sum(each.count for each in log.moved) == acked


def test_lost_frames_are_sent_again_and_the_collective_ends() -> None:
    """By go-back-N, after a NAK or in time."""
    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), placed(), Switch(losing(50)).open), 2000)

    assert not log.failed
    assert len(log.iterations) >= 2
    assert sum(each.frames_retransmitted for each in log.flows) > 0


def test_a_wire_that_is_cut_ends_the_workload_with_its_reason() -> None:
    """When a queue pair has waited in vain often enough."""
    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), placed(), Switch(lambda _: None).open), 1000)

    assert "transport retry counter exceeded" in log.failed
    assert log.iterations == ()


def test_a_nic_keeps_its_rate() -> None:
    """Whatever the number of its queue pairs; headers count."""
    log = ran(engine(Wanted("job", "permutation", 10**7, 8, rate=20e6), placed(), Switch().open), 1000)

    sent = sum(each.frames_tx for each in log.flows) / 2 * (1024 + 58) * 8
    assert sent == pytest.approx(20e6, rel=0.05)


def test_a_marked_packet_slows_the_sender_down() -> None:
    """The receiver notifies, once an interval, and the sender's rate falls: much less arrives than without marks."""

    def mark(frame: bytes) -> bytes:
        return frame[:15] + bytes([frame[15] | 3]) + frame[16:]

    free = ran(engine(Wanted("job", "permutation", 10**7, rate=50e6), placed(), Switch().open), 1000)
    slowed = ran(engine(Wanted("job", "permutation", 10**7, rate=50e6), placed(), Switch(mark).open), 1000)

    assert all(each.cnps_rx > 0 for each in slowed.flows)
    assert all(each.cnps_rx == each.ecn_marked_rx == 0 for each in free.flows)
    assert all(each.ecn_marked_rx >= each.cnps_rx for each in slowed.flows)
    moved = [sum(each.bytes_acked for each in log.flows) for log in (free, slowed)]
    assert moved[1] < moved[0] / 2


def test_what_a_nic_has_no_room_for_is_sent_later() -> None:
    """It is counted, and nothing is lost of it."""
    places = placed()
    links = [FakeLink(room=3), FakeLink(room=3)]
    links[0].join(links[1])
    found = dict(zip([place.name for place in places], links, strict=True))

    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), places, lambda seat: found[seat.name]), 100)

    assert log.refused > 0
    assert len(log.iterations) >= 2
    assert sum(each.frames_retransmitted for each in log.flows) == 0


def test_queue_pairs_of_one_pair_of_nics_differ_in_their_ports() -> None:
    """So that ECMP spreads them."""
    switch = Switch()
    machine, _ = engine(Wanted("job", "permutation", 1000, 8), placed(), switch.open)

    ports = {end.route.port for port in machine.ports.values() for end in port.ends.values()}

    assert len(ports) > 8


def test_rails_are_kept() -> None:
    """An all-reduce runs on each rail by itself; what an all-to-all has for another rail leaves by that rail's NIC."""
    on_rails = {pair for step in transfers(Wanted("job", "all-reduce", 1000), 3, 2) for pair in step}
    crossing = {pair for step in transfers(Wanted("job", "all-to-all", 1000), 3, 2) for pair in step}

    for found in (on_rails, crossing):
        assert all(source % 2 == target % 2 and source // 2 != target // 2 for source, target, _ in found)
    assert {source for source, _, _ in on_rails} == set(range(6))


def test_a_fabric_without_hosts_is_refused() -> None:
    """There is nobody to talk."""
    with pytest.raises(Mistake, match="traffic needs two"):
        placed(hosts=0)


def test_a_collective_that_is_none_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(Mistake, match="no collective 'all-reuce'; there are all-reduce"):
        engine(Wanted("job", "all-reuce", 1000), placed(), Switch().open)


def test_packets_of_strangers_are_not_heeded() -> None:
    """A queue pair that is none here answers nothing."""
    machine, job = engine(Wanted("job", "permutation", 2000, rate=1e9), placed(), Switch().open)
    job.advance(0)
    port = next(iter(machine.ports.values()))
    stranger = port.ends.popitem()[1]

    for now in range(0, 10_000_000, TURN):
        machine.turn(now)

    assert stranger.frames == 0
    assert heard(b"") is None
