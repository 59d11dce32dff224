"""Workloads over queue pairs that are joined in memory, with time as we like it."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from labs.traffic.collectives import collective
from labs.traffic.endpoint import workload
from labs.traffic.endpoint.engine import Engine
from labs.traffic.endpoint.fake import FakeLink
from labs.traffic.endpoint.frames import heard
from labs.traffic.endpoint.model import Fidelity, Link, TrafficLog, Wanted, judged
from labs.traffic.endpoint.placing import Seat, engine, seats
from labs.traffic.endpoint.running import stolen
from labs.traffic.endpoint.workload import Job, Ranks, messages, rounds, transfers
from topologies.errors import Mistake
from topologies.files.fabric import parse_fabric
from topologies.planning import plan

TURN = 50_000  # ns
FABRIC = "name: x\ndesign: leaf-spine\nspines: 1\nleaves: {leaves}\nhosts_per_leaf: {hosts}\n"


def placed(leaves: int = 2, hosts: int = 1, more: str = "") -> list[Seat]:
    """The NICs of a small fabric."""
    return seats(plan(parse_fabric(FABRIC.format(leaves=leaves, hosts=hosts) + more, "x.yml")))


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


def ran(made: tuple[Engine, Job], milliseconds: float, turn: int = TURN) -> TrafficLog:
    """A workload that runs for so long, its loop coming round every so many ns."""
    machine, job = made
    for now in range(0, round(milliseconds * 1e6), turn):
        job.advance(now)
        machine.turn(now)
        for end, done in machine.completions():
            job.completed(end, done, now)
    return job.log(machine.fidelity(0.0, 0.0, milliseconds / 1e3), round(milliseconds * 1e6))


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
    once = sum(sum(step.values()) for step in transfers(collective(name, 4, 60_000, 0)))
    acked = sum(each.bytes_acked for each in log.flows)
    assert once * len(log.iterations) <= acked <= once * (len(log.iterations) + 1)
    assert sum(each.data_frames_retransmitted for each in log.flows) == 0
    assert sum(each.count for each in log.moved) == acked


def test_lost_frames_are_sent_again_and_the_collective_ends() -> None:
    """By go-back-N, after a NAK or in time."""
    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), placed(), Switch(losing(50)).open), 2000)

    assert not log.failed
    assert len(log.iterations) >= 2
    assert sum(each.data_frames_retransmitted for each in log.flows) > 0


def test_each_queue_pair_has_counts_of_its_own() -> None:
    """They share a transfer's messages, what the one end says the other hears, and a flow has the sums."""
    log = ran(engine(Wanted("job", "all-reduce", 60_000, 4, rate=1e9), placed(), Switch().open), 60)

    for flow in log.flows:
        numbers = [each.src_qp for each in flow.per_qp]
        assert len(set(numbers)) == len({each.dest_qp for each in flow.per_qp}) == 4
        for each in flow.per_qp:
            assert each.message_complete_rx > 0
            assert each.message_tx - each.message_complete_rx in (0, 1)
            assert each.tx_bytes >= each.rx_bytes >= each.bytes_acked > 0
            assert each.ack_tx >= each.ack_rx > 0
            assert each.data_frames_tx - each.data_frames_rx <= 16
        assert flow.bytes_acked == sum(each.bytes_acked for each in flow.per_qp)
        assert flow.data_frames_tx == sum(each.data_frames_tx for each in flow.per_qp)


def test_a_wire_that_is_cut_ends_the_workload_with_its_reason() -> None:
    """When a queue pair has waited in vain often enough."""
    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), placed(), Switch(lambda _: None).open), 1000)

    assert "transport retry counter exceeded" in log.failed
    assert log.iterations == ()


def test_a_nic_keeps_its_rate() -> None:
    """Whatever the number of its queue pairs; headers count."""
    log = ran(engine(Wanted("job", "permutation", 10**7, 8, rate=20e6), placed(), Switch().open), 1000)

    sent = sum(each.data_frames_tx for each in log.flows) / 2 * (1024 + 58) * 8
    assert sent == pytest.approx(20e6, rel=0.05)


@pytest.mark.parametrize(("queue_pairs", "turn"), [(4, 216_000), (16, 200_000), (64, 1_000_000)])
def test_no_queue_pair_gives_up_waiting_while_its_nic_keeps_it_back(queue_pairs: int, turn: int) -> None:
    """Of many on a slow NIC each has its share, and its timer does not run out in the meantime: nothing is sent twice.

    A packet takes 433 us, and 16 of them, without a message's end, 111 ms where 16 queue pairs share the NIC.
    """
    log = ran(engine(Wanted("job", "permutation", 10**6, queue_pairs, rate=20e6), placed(), Switch().open), 1000, turn)

    assert len(log.iterations) >= 2
    assert sum(each.data_frames_retransmitted + each.timeouts for each in log.flows) == 0


@pytest.mark.parametrize("turn", [200_000, 216_000, 433_000, 866_000])
def test_queue_pairs_share_their_nic_evenly(turn: int) -> None:
    """Whatever the loop's pace is to a packet's time on the wire."""
    made = engine(Wanted("job", "permutation", 10**6, 8, rate=20e6), placed(), Switch().open)

    ran(made, 400, turn)

    for port in made[0].ports.values():
        sent = sorted(end.said.all for end in port.ends.values())[
            8:
        ]  # of the others, that only acknowledge, it is less
        assert sent[-1] - sent[0] <= 8
        assert sent[0] > 50


def test_a_marked_packet_slows_the_sender_down() -> None:
    """The receiver notifies, once an interval, and the sender's rate falls: much less arrives than without marks."""

    def mark(frame: bytes) -> bytes:
        return frame[:15] + bytes([frame[15] | 3]) + frame[16:]

    free = ran(engine(Wanted("job", "permutation", 10**7, rate=50e6), placed(), Switch().open), 1000)
    slowed = ran(engine(Wanted("job", "permutation", 10**7, rate=50e6), placed(), Switch(mark).open), 1000)

    assert all(each.cnp_rx > 0 for each in slowed.flows)
    assert all(each.cnp_rx == each.ecn_ce_rx == 0 for each in free.flows)
    assert all(each.ecn_ce_rx >= each.cnp_rx for each in slowed.flows)
    moved = [sum(each.bytes_acked for each in log.flows) for log in (free, slowed)]
    assert moved[1] < moved[0] / 2


def test_what_a_nic_has_no_room_for_is_sent_later() -> None:
    """It is counted, and nothing is lost of it."""
    places = placed()
    links = [FakeLink(room=3), FakeLink(room=3)]
    links[0].join(links[1])
    found = dict(zip([place.name for place in places], links, strict=True))

    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), places, lambda seat: found[seat.name]), 100)

    assert log.fidelity.refused > 0
    assert log.fidelity.doubts == ()
    assert len(log.iterations) >= 2
    assert sum(each.data_frames_retransmitted for each in log.flows) == 0


def test_queue_pairs_of_one_pair_of_nics_differ_in_their_ports() -> None:
    """So that ECMP spreads them."""
    switch = Switch()
    machine, _ = engine(Wanted("job", "permutation", 1000, 8), placed(), switch.open)

    ports = {end.route.port for port in machine.ports.values() for end in port.ends.values()}

    assert len(ports) > 8


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

    assert stranger.said.all == stranger.heard.all == 0
    assert heard(b"") is None


def test_every_transfer_has_a_completion_time() -> None:
    """From the begin of its step until all of it was acknowledged, one a pair and step; together they are all bytes."""
    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), placed(leaves=4), Switch().open), 60)

    done = log.transfers[: len(log.iterations) * 6 * 4]
    assert len(log.transfers) - len(done) < 6 * 4
    assert {each.size for each in done} == {15_000}
    assert all(0 < each.seconds <= log.ended - each.begun for each in done)
    steps = sorted({each.begun for each in done})
    ends = [max(each.begun + each.seconds for each in done if each.begun == at) for at in steps]
    assert all(end <= begun for end, begun in zip(ends, steps[1:], strict=False))
    assert log.unkept == 0


def test_transfers_beyond_measure_are_counted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a day of them has room."""
    monkeypatch.setattr(workload, "TRANSFERS", 5)

    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), placed(), Switch().open), 60)

    assert len(log.transfers) == 5
    assert log.unkept >= len(log.iterations) * 4 - 5 > 0


def test_what_is_lost_on_the_way_is_the_difference_of_what_was_sent_and_received() -> None:
    """And nothing is, where the cable is whole, but what is still on its way."""
    number, lost = count(), count()

    def fate(frame: bytes) -> bytes | None:
        if len(frame) < 1000 or next(number) % 100 < 99:
            return frame
        next(lost)
        return None

    wanted = Wanted("job", "permutation", 200_000, rate=100e6)
    log = ran(engine(wanted, placed(), Switch(fate).open), 300)
    whole = ran(engine(wanted, placed(), Switch().open), 300)

    assert sum(each.data_frames_tx - each.data_frames_rx for each in whole.flows) <= 64
    assert sum(each.data_frames_tx - each.data_frames_rx for each in log.flows) == pytest.approx(next(lost), abs=4)
    assert next(lost) > 10


def test_a_ring_of_hosts_with_several_nics_stays_on_its_rails() -> None:
    """A share of the data on each, and no packet from rail to rail, which is NVLink's."""
    steps = rounds(Wanted("job", "all-reduce", 80_000), Ranks(hosts=4, gpus=2))

    assert all(source % 2 == target % 2 and source // 2 != target // 2 for step in steps for source, target in step)
    assert sum(sum(step.values()) for step in steps) == 2 * 3 * 80_000


def test_all_to_all_leaves_by_the_rail_of_its_receiver() -> None:
    """What the GPUs of a host have for one NIC goes as one transfer; what stays in the host is none."""
    steps = rounds(Wanted("job", "all-to-all", 80_000), Ranks(hosts=2, gpus=2))

    pairs = {pair for step in steps for pair in step}
    assert pairs == {(0, 2), (1, 3), (2, 0), (3, 1)}
    assert sum(sum(step.values()) for step in steps) == 4 * 2 * 20_000


def test_the_nics_of_a_host_are_its_ranks() -> None:
    """Of a fabric of rails as its file has it: all take part, host by host, each with an address and a rail."""
    text = "name: x\ndesign: rail\npods: 1\nrails: 2\nhosts_per_pod: 3\nspines: 1\n"
    places = seats(plan(parse_fabric(text, "x.yml")))
    switch = Switch()

    log = ran(engine(Wanted("job", "all-reduce", 60_000, rate=1e9), places, switch.open), 30)

    assert len(places) == len({each.address for each in places}) == 6
    assert log.iterations
    rails = {each.name: number % 2 for number, each in enumerate(places)}
    assert all(rails[each.source] == rails[each.target] for each in log.flows)


@pytest.mark.parametrize(
    ("mtu", "room", "fine"), [(1024, 1280, True), (2048, 1500, False), (4096, 4155, False), (4096, 4156, True)]
)
def test_packets_must_fit_the_nics(mtu: int, room: int, *, fine: bool) -> None:
    """Data, and the headers of the first packet of a write."""
    places = placed(more=f"links: {{host_mtu: {room}}}\n")

    if fine:
        engine(Wanted("job", "permutation", 1000, mtu=mtu), places, Switch().open)
        return
    with pytest.raises(Mistake, match=rf"mtu: {mtu} bytes and 60 of headers do not fit .*:eth1, whose MTU is {room}"):
        engine(Wanted("job", "permutation", 1000, mtu=mtu), places, Switch().open)


def test_doubts_name_what_the_machine_did() -> None:
    """Frames that waited for room are none: they were sent later, and nobody missed them."""
    said = "the loop was away for 34 ms, and queue pairs wait 67 ms"

    assert judged(Fidelity(0.01, 0.01, 1000, 0, 0.01), 0.067).doubts == ()
    assert judged(Fidelity(0.034, 0.0, 0, 0, 0.0), 0.067).doubts == (said,)
    assert len(judged(Fidelity(0.2, 0.1, 0, 3, 0.5), 0.067).doubts) == 4
    assert judged(Fidelity(10.0, 0.0, 0, 0, 0.0), float("inf")).doubts == ()


@pytest.mark.parametrize(("turn", "behind"), [(1_000_000, 0.0), (10_000_000, 0.8)])
def test_a_loop_that_comes_late_keeps_its_nics_below_their_rate(turn: int, behind: float) -> None:
    """By what the log says: of every 10 ms it makes up for two, and sends no more than that, whole packets apart."""
    log = ran(engine(Wanted("job", "permutation", 10**7, rate=50e6), placed(), Switch().open), 1000, turn)

    acked = sum(each.bytes_acked for each in log.flows) / 2 * 8 * (1082 / 1024) / 50e6
    assert log.fidelity.behind == pytest.approx(behind, abs=0.04)
    assert acked == pytest.approx(1 - behind, abs=0.06)


def test_stolen_time_is_a_share_of_all_time() -> None:
    """Guests' time, the ninth and tenth, is in the first two already."""
    before = "cpu  100 0 50 800 10 0 0 40 7 0\ncpu0 1 2 3\n"
    after = "cpu  160 0 60 810 10 0 0 60 99 0\ncpu0 1 2 3\n"

    assert stolen(before, after) == pytest.approx(20 / 100)
    assert stolen(before, before) == 0


@pytest.mark.parametrize(
    ("size", "queue_pairs", "mtu", "rate", "made"),
    [
        (0, 4, 1024, 1e9, []),
        (1, 4, 1024, 1e9, [1]),
        (4096, 4, 1024, 1e9, [1024] * 4),
        (4097, 4, 1024, 1e9, [2048, 2048, 1]),
        (100_000, 1, 1024, 1e9, [16_384] * 6 + [1696]),
        (100_000, 3, 4096, 1e9, [16_384] * 6 + [1696]),
        (30_000, 3, 4096, 1e9, [12_288, 12_288, 5424]),
        (10_000, 1, 1024, 20e6, [4096, 4096, 1808]),
        (10_000, 1, 4096, 1000, [4096, 4096, 1808]),
    ],
)
def test_a_transfer_is_cut_into_messages_for_all_queue_pairs(
    size: int, queue_pairs: int, mtu: int, rate: float, made: list[int]
) -> None:
    """Whole packets but the last one, and no message so long that its progress cannot be seen."""
    assert messages(size, Wanted("job", "permutation", size, queue_pairs, mtu, rate)) == made


@pytest.mark.parametrize("size", [3000, 16_384, 1_000_000])
def test_small_transfers_use_all_queue_pairs_too(size: int) -> None:
    """Of a step that is one packet, or one message, the next one goes by the next queue pair."""
    made = engine(Wanted("job", "permutation", size, 8, rate=1e9), placed(), Switch().open)

    ran(made, 30)

    sent = [end.said.all for port in made[0].ports.values() for end in port.ends.values()]
    assert min(sent) > 0
    assert len(sent) == 2 * 2 * 8
