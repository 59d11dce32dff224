"""Sending and receiving on one cable, a:eth1 -- eth1:b: ratios and counts, never absolute rates."""

import os
from collections.abc import Iterator
from statistics import median

import pytest

from labs.traffic.roce.template import compiled
from tests.bench.cable import by_scapy, by_sender, cable, packet, received, ring_ear
from topologies.runtime.door import Door

FLOOR = 400  # times Scapy's sendp of a packet, at 1 KiB; here it was 470 to 840, the least with both cores busy
TURNS = 3
PACE = 50_000  # frames a second that a receiver must not lose, on a machine that does other things too


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Door, Door]]:
    with cable(f"benchwire{os.getpid()}") as doors:
        yield doors


def test_a_ring_is_hundreds_of_times_as_fast_as_scapy(ends: tuple[Door, Door]) -> None:
    """At 1 KiB, each frame with its own number and CRC; by turns, so that the machine's other work meets both."""
    template = compiled(bytes(packet(1024)))
    theirs, ours = [], []
    for _ in range(TURNS):
        theirs.append(by_scapy(ends[0], packet(1024), 0.4).rate)
        ours.append(by_sender(ends[0], "ring", template, 0.4).rate)

    assert median(ours) > FLOOR * median(theirs), f"{ours} and {theirs} frames a second"


@pytest.mark.parametrize("size", [1024, 4096])
def test_a_receiver_loses_nothing_at_its_pace(ends: tuple[Door, Door], size: int) -> None:
    """Every frame that was sent is there, in order."""
    sent, heard = received(ends, ring_ear, compiled(bytes(packet(size))), 1.0, PACE)

    assert sent.rate > PACE / 2
    assert (heard.frames, heard.gaps, heard.dropped) == (sent.frames, 0, 0)
