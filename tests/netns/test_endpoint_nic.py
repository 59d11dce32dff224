"""A NIC of a queue pair on a real cable: a:eth1 -- eth1:b."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from wanted import running

from labs.traffic.endpoint.engine import Engine
from labs.traffic.endpoint.frames import Route, frame
from labs.traffic.endpoint.model import Wanted
from labs.traffic.endpoint.nic import TURN, Nic
from labs.traffic.endpoint.placing import Seat, engine
from labs.traffic.endpoint.workload import Job
from labs.traffic.qp.model import Packet
from labs.traffic.roce.opcodes import OPCODES
from topologies.lab import End, Lab, LabNode, Veth
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.waiting import until

MTU = 1500
MAC = {"a": "02:00:00:00:00:01", "b": "02:00:00:00:00:02"}
ADDRESS = {"a": "10.9.0.1", "b": "10.9.0.2"}
ROUTE = Route(bytes.fromhex(MAC["a"].replace(":", "")), bytes.fromhex(MAC["b"].replace(":", "")), *ADDRESS.values(), 1)
SEND = {each.name: each.number for each in OPCODES.values()}["RC_SEND_ONLY"]


@pytest.fixture(scope="module")
def record() -> Iterator[LabRecord]:
    nodes = tuple(LabNode(name=name, network_mode="none") for name in MAC)
    ends = [End(name, "eth1", MAC[name], (f"{ADDRESS[name]}/24",)) for name in MAC]
    with running(Lab(f"endpoints{os.getpid()}", nodes, (Veth(a=ends[0], b=ends[1], mtu=MTU),))) as record:
        yield record


@pytest.fixture
def nics(record: LabRecord) -> Iterator[dict[str, Nic]]:
    """A NIC at either end of a cable that is up before and after."""
    up(record)
    with ExitStack() as stack:
        made = {name: Nic(open_door(record, name), "eth1", ADDRESS[name]) for name in MAC}
        for each in made.values():
            stack.callback(each.close)
        yield made
    up(record)


def up(record: LabRecord, how: str = "up", mtu: int = MTU) -> None:
    """Have the interface of `a` up or down."""
    open_door(record, "a").run(["ip", "link", "set", "dev", "eth1", "mtu", str(mtu), how])


def workload(nics: dict[str, Nic], size: int, queue_pairs: int = 1) -> tuple[Engine, Job]:
    """Each sends to the other."""
    octets = {name: bytes.fromhex(mac.replace(":", "")) for name, mac in MAC.items()}
    seats = [
        Seat(name, "eth1", octets[name], octets[peer], ADDRESS[name], MTU) for name, peer in (("a", "b"), ("b", "a"))
    ]
    wanted = Wanted("job", "permutation", size, queue_pairs, rate=200e6)
    return engine(wanted, seats, lambda seat: nics[seat.node])


def drive(machine: Engine, job: Job, now: int) -> None:
    """One turn at a moment that we choose."""
    job.advance(now)
    machine.turn(now)
    for end, done in machine.completions():
        job.completed(end, done, now)


def test_a_write_of_a_mebibyte_arrives_to_the_byte(nics: dict[str, Nic]) -> None:
    """From each to the other, with nothing sent twice and nothing lost."""
    machine, job = workload(nics, 1 << 20, queue_pairs=4)
    now = 0

    def unfinished() -> str:
        nonlocal now
        now += 100_000
        drive(machine, job, now)
        return "" if len(job.log(machine.fidelity(0, 0, 1), now).transfers) >= 2 else "a transfer"

    until("both writes are complete", unfinished, within=30, every=0, longest=0)
    log = job.log(machine.fidelity(0, 0, 1), now)

    assert [each.size for each in log.transfers] == [1 << 20, 1 << 20]
    assert [(each.data_frames_retransmitted, each.timeouts, each.nak_rx) for each in log.flows] == [(0, 0, 0)] * 2
    assert log.fidelity.overrun == 0


def test_a_dead_interface_loses_what_it_takes_and_the_queue_pair_gives_up(
    nics: dict[str, Nic], record: LabRecord
) -> None:
    """As one on the other side of the cable does: a workload does not wait for ever for its own NIC."""
    machine, job = workload(nics, 100_000)
    up(record, "down")

    for now in range(0, 2_000_000_000, 1_000_000):
        drive(machine, job, now)

    log = job.log(machine.fidelity(0, 0, 2), 2_000_000_000)
    assert "transport retry counter exceeded" in log.failed
    assert log.fidelity.refused == 0


def test_it_goes_on_when_its_interface_is_up_again(nics: dict[str, Nic], record: LabRecord) -> None:
    """After 200 ms of the queue pairs' time, with what was lost sent again."""
    machine, job = workload(nics, 100_000)
    up(record, "down")
    for now in range(0, 200_000_000, 1_000_000):
        drive(machine, job, now)

    up(record)
    now = 200_000_000

    def unfinished() -> str:
        nonlocal now
        now += 100_000
        drive(machine, job, now)
        return "" if job.log(machine.fidelity(0, 0, 1), now).iterations else "an iteration"

    until("an iteration is over", unfinished, within=30, every=0, longest=0)

    assert sum(each.timeouts for each in job.log(machine.fidelity(0, 0, 1), now).flows) > 0


def test_a_packet_that_is_too_large_for_the_interface_is_lost(nics: dict[str, Nic], record: LabRecord) -> None:
    """What was made smaller meanwhile loses without a word, as a NIC does."""
    up(record, mtu=600)

    assert nics["a"].send(frame(ROUTE, Packet(SEND, 2, 1, size=1024)))
    assert nics["a"].send(frame(ROUTE, Packet(SEND, 2, 2, size=256)))

    assert [each.packet.psn for each in nics["b"].heard()] == [2]


def test_what_nobody_listens_to_for_too_long_is_lost_and_counted(nics: dict[str, Nic]) -> None:
    """And what was heard in one turn is bounded, so that the loop comes round."""
    sent = 20_000
    for psn in range(sent):
        assert nics["a"].send(frame(ROUTE, Packet(SEND, 2, psn, size=1024)))

    turns = []
    while found := nics["b"].heard():
        turns.append(len(found))

    assert max(turns) == TURN
    assert nics["b"].overrun() > 0
    assert sum(turns) + nics["b"].overrun() == sent
    assert nics["a"].overrun() == 0
