"""Impairments by counts, on one small lab: leaf1 eth1 -- eth1 spine1, and what leaves leaf1 is impaired."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from impaired import now, within_bounds
from wanted import fabric, nothing, running

from labs.cables import cables
from labs.impairing import far_end, impair, with_impairments
from topologies import deploy
from topologies.errors import Mistake
from topologies.impairments import backends, rules
from topologies.impairments.model import Impairment, Marking, Seen
from topologies.lab import Veth
from topologies.runtime import store
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import Action, LabRecord
from topologies.runtime.netns import Netns
from topologies.runtime.probe import kernel
from topologies.runtime.probe.capability import Capability

SENT = 20_000
FILE = """
name: {name}
design: leaf-spine
spines: 1
leaves: 2
hosts_per_leaf: 1
links:
  rate_mbps: 1000
  impaired: {{loss_percent: 1, ecn: {{kmin: 40000, kmax: 160000, pmax: 20}}}}
  host_impaired: {{}}
  ends:
    leaf1:eth1: {{rate_mbps: 100}}
    spine1:eth1: {{}}
"""
PAYLOAD = bytes(range(64))
needs_netem = pytest.mark.skipif(not kernel.trial("netem").present, reason="this kernel has no sch_netem")
needs_nft = pytest.mark.skipif(kernel.trial("netem").present, reason="this kernel has netem, which counts nothing")


@pytest.fixture(scope="module")
def record() -> Iterator[LabRecord]:
    lab, _ = fabric(f"impair{os.getpid()}", spines=1, leaves=1)
    with running(lab) as record:
        yield record


@pytest.fixture
def near(record: LabRecord) -> Iterator[str]:
    """The leaf's end of its cable to the spine, cleared before and after, the far end too."""
    ends = [(str(each.a), str(each.b)) for each in record.lab.links if isinstance(each, Veth)]
    end = next(side for pair in ends for side in pair if side.startswith("leaf1:") and any("spine1" in x for x in pair))
    both = [end, far_end(record, end)]
    impair(record, both, Impairment())
    yield end
    impair(record, both, Impairment())


def address(door: Door, interface: str) -> str:
    """The IPv4 address of an interface."""
    (shown,) = json.loads(door.run(["ip", "-json", "-4", "address", "show", "dev", interface]).stdout)
    return str(shown["addr_info"][0]["local"])


def cross(record: LabRecord, end: str, count: int = SENT) -> list[bytes]:
    """Send datagrams from one end of a cable to the other; returns those that arrived."""
    there, interface = far_end(record, end).split(":")
    door = open_door(record, there)
    arrived: list[bytes] = []
    with (
        door.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        open_door(record, end.split(":", maxsplit=1)[0]).socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind((address(door, interface), 0))
        ear.setblocking(False)
        mouth.connect(ear.getsockname())
        for number in range(count):
            mouth.send(PAYLOAD)
            if number % 50 == 49:  # less than the socket's buffer holds
                arrived += drained(ear)
        return arrived + drained(ear)


def drained(ear: socket.socket) -> list[bytes]:
    """All datagrams that wait; over a veth, sending ends after arriving, unless a queue shapes."""
    found = []
    while True:
        try:
            found.append(ear.recv(2048))
        except BlockingIOError:
            return found


def test_a_loss_is_of_the_asked_share_in_one_direction_only(record: LabRecord, near: str) -> None:
    """5 % of 20,000 within the bound, none the other way, and the kernel's own count is that of the receiver."""
    impair(record, [near], Impairment(loss_percent=5))

    lost = SENT - len(cross(record, near))
    back = SENT - len(cross(record, far_end(record, near)))
    assert within_bounds(lost, 0.05, SENT), lost
    assert back == 0
    seen = now(record, near)
    assert seen.impairment == Impairment(loss_percent=5)
    assert now(record, far_end(record, near)) == Seen()
    if seen.count.dropped >= 0:
        assert lost <= seen.count.dropped <= lost + 50, "what the daemons sent meanwhile may be among it"


@needs_nft
def test_a_corruption_damages_the_asked_share_and_loses_nothing(record: LabRecord, near: str) -> None:
    """All datagrams arrive, 5 % with another byte 12, as the rules have counted."""
    impair(record, [near], Impairment(corruption_percent=5))

    arrived = cross(record, near)
    damaged = [each for each in arrived if each != PAYLOAD]
    assert len(arrived) == SENT
    assert within_bounds(len(damaged), 0.05, SENT), len(damaged)
    assert {each for each in damaged} == {PAYLOAD[:12] + bytes([PAYLOAD[12] ^ 0xFF]) + PAYLOAD[13:]}
    assert len(damaged) <= now(record, near).count.corrupted <= len(damaged) + 50


def test_what_is_cleared_is_gone(record: LabRecord, near: str) -> None:
    """Everything was lost, then everything arrives."""
    impair(record, [near], Impairment(loss_percent=100))
    nothing = cross(record, near, 1000)
    impair(record, [near], Impairment())

    assert nothing == []
    assert len(cross(record, near)) == SENT
    assert now(record, near) == Seen()


def test_a_rate_is_held_within_five_percent(record: LabRecord, near: str) -> None:
    """50 Mbit/s of frames, measured by what arrives in two seconds after the burst is gone."""
    impair(record, [near], Impairment(rate_mbps=50))
    there, interface = far_end(record, near).split(":")
    door = open_door(record, there)
    with (
        door.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        open_door(record, "leaf1").socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind((address(door, interface), 0))
        ear.setblocking(False)
        mouth.connect(ear.getsockname())
        begun, octets, measured_from = time.monotonic(), 0, 0.0
        while (at := time.monotonic()) < begun + 2.5:
            mouth.send(bytes(1400))
            arrived = sum(len(each) + 42 for each in drained(ear))
            if at >= begun + 0.5:
                measured_from = measured_from or at
                octets += arrived
        rate = octets * 8 / (at - measured_from) / 1e6

    assert rate == pytest.approx(50, rel=0.05)
    assert now(record, near).impairment == Impairment(rate_mbps=50)


@needs_nft
def test_one_that_is_refused_changes_nothing(record: LabRecord, near: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine lacks is named, and the former loss stays."""
    impair(record, [near], Impairment(loss_percent=1))
    monkeypatch.setattr(backends.kernel, "trial", lambda name: Capability(name, "", lack="no /dev/net/tun"))

    why = r"delay, duplicate: this kernel has no netem queue \(sch_netem\), and .* no relay \(no /dev/net/tun\)"
    with pytest.raises(Mistake, match=why):
        impair(record, [near], Impairment(delay_ms=5, duplicate_percent=1))
    assert now(record, near).impairment == Impairment(loss_percent=1)


@needs_nft
def test_the_links_own_rate_stays(record: LabRecord) -> None:
    """A cable of 1,000 Mbit/s is that again when its impairment is cleared, and is not shown as impaired."""
    end = next(str(each.a) for each in record.lab.links if isinstance(each, Veth) and each.rate_mbps)
    before = now(record, end)
    impair(record, [end], Impairment(rate_mbps=10, loss_percent=1))
    during = now(record, end)
    impair(record, [end], Impairment())
    node, interface = end.split(":")
    queue = open_door(record, node).run(["tc", "qdisc", "show", "dev", interface]).stdout

    assert before == now(record, end) == Seen()
    assert during.impairment == Impairment(rate_mbps=10, loss_percent=1)
    assert "rate 1Gbit" in queue


@needs_nft
def test_one_killed_between_its_steps_is_put_right_by_the_next(
    record: LabRecord, near: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the rules and before the rate: the rules are whole, and clearing clears them."""
    if not (pid := os.fork()):
        monkeypatch.setattr(backends.queues, "words", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        impair(record, [near], Impairment(loss_percent=2, corruption_percent=3, rate_mbps=10))
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    half = now(record, near).impairment
    impair(record, [near], Impairment())

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert half == Impairment(loss_percent=2, corruption_percent=3)
    assert now(record, near) == Seen()


@needs_netem
def test_netem_shows_what_it_was_told(record: LabRecord, near: str) -> None:
    """All seven, read back from the kernel."""
    wanted = Impairment(10, 5, 1, 2, 3, 4, 5)
    impair(record, [near], wanted)

    assert now(record, near).impairment == wanted


def test_a_table_name_is_one_word() -> None:
    """What nft would read as something else is refused."""
    with pytest.raises(Mistake, match="nftables takes names of letters"):
        rules.table("eth1;flush")


def test_a_files_impairments_are_there_when_the_lab_is_up(tmp_path: Path) -> None:
    """Each end as the file has it, with the kernel's word for it, and a node's power leaves a slower rate as it was."""
    file = tmp_path / "fabric.yml"
    file.write_text(FILE.format(name=f"impairf{os.getpid()}"))
    at = store.Store(tmp_path / "labs")
    record = deploy.up(deploy.load(file), "netns", say=nothing, at=at)
    try:
        up = {end: now(record, end).impairment for end in ("leaf1:eth1", "spine1:eth1", "leaf2:eth1", "leaf1:eth2")}
        off = deploy.act(record.name, "leaf1", Action.KILL, at=at)
        on = deploy.act(off.name, "leaf1", Action.START, at=at)
        again = now(on, "leaf1:eth1").impairment
    finally:
        deploy.down(record.name, at=at)

    marked = Impairment(loss_percent=1, ecn=Marking(40_000, 160_000, 20))
    slow = Impairment(rate_mbps=100)
    assert up == {"leaf1:eth1": slow, "spine1:eth1": Impairment(), "leaf2:eth1": marked, "leaf1:eth2": Impairment()}
    assert again == slow


def test_an_impairment_outlives_the_power_of_both_ends(record: LabRecord) -> None:
    """A node's network stays while it is off. The last test here, for the record that it began with is then old."""
    wanted = Impairment(rate_mbps=10, loss_percent=1)
    far, near = "spine1:eth1", far_end(record, "spine1:eth1")
    impair(record, [near, far], wanted)
    off = Netns().act(record, "leaf1", Action.KILL, note=nothing)
    gone = [each.a_impaired or each.b_impaired for each in with_impairments(off, cables(off)) if each.touches(near)]
    on = Netns().act(off, "leaf1", Action.START, note=nothing)

    assert len(gone) == 1
    assert now(on, near).impairment == now(on, far).impairment == wanted
    impair(on, [near, far], Impairment())
    assert now(on, near) == now(on, far) == Seen()
