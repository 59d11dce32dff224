"""What interfaces carried while a fabric is observed: two spines, two leaves, a host each."""

import socket
import time
from collections.abc import Iterator

import pytest
from probed import Fabric, fabric, pass_time

from labs.chaos.model import Recording, Sampled
from labs.impairing import impair
from topologies.impairments.model import Impairment
from topologies.runtime.model import Action

RATE = 1.0  # Mbit/s that the cable carries
OFFERED = 2.0  # Mbit/s that are sent
PAYLOAD, OVERHEAD = 1000, 42  # bytes of a datagram, and of the headers around it
LASTS = 1.5  # seconds


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    with fabric(tmp_path_factory.mktemp("c"), "c", hosts=1) as lab:
        yield lab


def flood(lab: Fabric, node: str, target: str) -> None:
    """Send at a pace: what is offered is the case under test."""
    begun, sent = time.monotonic(), 0
    with lab.live.door(node).socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        while (passed := time.monotonic() - begun) < LASTS:
            due = int(passed * OFFERED * 1e6 / 8 / (PAYLOAD + OVERHEAD))
            while sent < due:
                mouth.sendto(bytes(PAYLOAD), (target, 9))
                sent += 1
            pass_time(0.005)


def samples(seen: Recording, node: str, interface: str) -> list[Sampled]:
    """Those of one interface."""
    return [
        sample for each in seen.counted if (each.node, each.interface) == (node, interface) for sample in each.samples
    ]


def test_a_cable_that_is_offered_more_than_it_carries(lab: Fabric) -> None:
    """Its rate, what waits and what is dropped are seen, there and nowhere else."""
    near = next(each for each in lab.live.node("leaf1").interfaces if each.peer.node == "leaf1-host1")
    target = next(each.partition("/")[0] for each in near.peer_addresses if ":" not in each)
    impair(lab.live.record, [f"leaf1:{near.name}"], Impairment(rate_mbps=RATE))
    with (observed := lab.observed(rate=100)):
        flood(lab, "leaf1", target)
    impair(lab.live.record, [f"leaf1:{near.name}"], Impairment())

    found = samples(observed.seen, "leaf1", near.name)
    carried = [each.octets * 8 / each.seconds / 1e6 for each in found]
    assert sorted(carried)[-4] == pytest.approx(RATE, rel=0.1)
    assert max(each.queued for each in found) > PAYLOAD
    lost = sum(each.dropped for each in found)
    expected = (OFFERED - RATE) * 1e6 * LASTS / 8 / (PAYLOAD + OVERHEAD)
    assert lost == pytest.approx(expected, rel=0.3)
    others = [each for each in observed.seen.counted if (each.node, each.interface) != ("leaf1", near.name)]
    assert sum(sample.dropped for each in others for sample in each.samples) == 0
    assert {(each.node, each.peer) for each in others} >= {("spine1", "leaf1"), ("leaf1-host1", "leaf1")}


def test_a_node_that_dies_and_boots_is_followed(lab: Fabric) -> None:
    """Nothing is counted twice, nothing less than nothing, and what it carries afterwards is seen."""
    with (observed := lab.observed()):
        lab.live.act("spine1", Action.KILL)
        lab.live.act("spine1", Action.START)
        lab.settle()

    for each in observed.seen.counted:
        assert all(min(sample.octets, sample.packets, sample.dropped) >= 0 for sample in each.samples)
        if each.node == "spine1":
            assert sum(sample.packets for sample in each.samples[-5:]) > 0, each.interface
