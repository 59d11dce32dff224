"""Sending and receiving on one cable, a:eth1 -- eth1:b: ratios and counts, never absolute rates."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from scapy.config import conf
from scapy.contrib.roce import BTH
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.sendrecv import sendp

from labs.traffic.roce.template import compiled
from labs.traffic.wire.rx_ring import RxRing
from labs.traffic.wire.senders import open_sender
from tests.wanted import running
from topologies.lab import End, Lab, LabNode, Veth
from topologies.runtime.door import Door, open_door
from topologies.runtime.syscalls import inside_netns

FLOOR = 100  # times Scapy's sendp of a packet, at 1 KiB; a quiet machine has about 300
BATCH = 1024  # frames filled and sent at once
PACE = 50_000  # frames a second that a receiver must not lose, on a machine that does other things too


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Door, Door]]:
    nodes = tuple(LabNode(name=name, network_mode="none") for name in "ab")
    cable = Veth(a=End("a", "eth1", "02:00:00:00:00:01"), b=End("b", "eth1", "02:00:00:00:00:02"), mtu=9000)
    with running(Lab(name=f"benchwire{os.getpid()}", nodes=nodes, links=(cable,))) as record:
        yield open_door(record, "a"), open_door(record, "b")


def packet(size: int) -> Packet:
    """A send of so many bytes."""
    head = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=0xC000, dport=4791, chksum=0) / BTH(opcode=4, psn=0)
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / head / Raw(bytes(size))


def by_scapy(door: Door, it: Packet | bytes, count: int) -> float:
    """Frames a second by sendp."""
    with inside_netns(door.netns):
        conf.ifaces.reload()
        sock = conf.L2socket(iface="eth1")
    begun = time.perf_counter()
    sendp(it, socket=sock, count=count, verbose=False)
    taken = time.perf_counter() - begun
    sock.close()
    return count / taken


def by_us(door: Door, way: str, size: int, seconds: float, pace: int = 0) -> tuple[float, int, int]:
    """Frames a second, frames sent, and refusals; each has its own number and CRC. At a pace, or as fast as can be."""
    template = compiled(bytes(packet(size)))
    sent = refused = 0
    with closing(open_sender(way, door, "eth1", template.frame)) as sender:
        begun = time.perf_counter()
        while (passed := time.perf_counter() - begun) < seconds:
            due = int(passed * pace) - sent if pace else BATCH
            rows = sender.rows(min(BATCH, due))
            if not len(rows):
                continue
            template.fill(rows, psn=(sent + np.arange(len(rows))) & 0xFFFFFF)
            told = sender.send(len(rows))
            sent, refused = sent + told.sent, refused + told.refused
        return sent / (time.perf_counter() - begun), sent, refused


def received(doors: tuple[Door, Door], way: str, size: int, seconds: float, pace: int) -> tuple[float, int, int, int]:
    """Rate, frames sent, frames lost on the way, and gaps, while a process of its own sends."""
    template, fork = compiled(bytes(packet(size))), multiprocessing.get_context("fork")
    there, mine = fork.Pipe(duplex=False)
    with closing(RxRing(doors[1], "eth1")) as ring:
        sender = fork.Process(target=lambda: mine.send(by_us(doors[0], way, size, seconds, pace)))
        sender.start()
        count = gaps = 0
        last = -1
        while ring.wait(0.3) or sender.is_alive():
            for frames in ring:
                psns = template.read(frames.rows(len(template.frame)), "psn").astype(np.int64)
                gaps += int(np.count_nonzero(np.diff(psns, prepend=last) != 1))
                count, last = count + len(psns), int(psns[-1])
        rate, sent, _ = there.recv()
        sender.join()
        assert ring.counts().received == count
    return rate, sent, sent - count, gaps


def test_a_filled_ring_is_a_hundred_times_as_fast_as_scapy(ends: tuple[Door, Door]) -> None:
    """At 1 KiB, each frame with its own number and CRC, in the same run."""
    theirs = by_scapy(ends[0], packet(1024), 400)
    ours, _, _ = by_us(ends[0], "ring", 1024, 1.0)

    assert ours > FLOOR * theirs, f"{ours:.0f} and {theirs:.0f} frames a second"


@pytest.mark.parametrize("size", [1024, 4096])
def test_a_receiver_loses_nothing_at_its_pace(ends: tuple[Door, Door], size: int) -> None:
    """Every frame that was sent is there, in order."""
    rate, _, lost, gaps = received(ends, "ring", size, 1.0, PACE)

    assert rate > PACE / 2
    assert (lost, gaps) == (0, 0)
