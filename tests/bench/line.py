"""A line of routers, a -- r1 -- r2 .. -- b: how many frames a second it forwards, and how long one is on its way.

All is one machine's work, in the sender's own calls as far as its processor gets: so the more routers, the slower.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from labs.traffic.roce.template import compiled
from tests.bench.cable import DROP, Heard, Sent, packet, received, ring_ear
from tests.wanted import running
from topologies.lab import End, Lab, LabNode, Veth
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord

LOST = 0.001  # the share of frames that may be lost
ROUNDS = 6  # of halving what is known of the budget
TRIPS, WARM = 2000, 100
PATIENCE = 2  # seconds that a datagram of a trip may be away
PORT = 4792  # not RoCE's, which b drops


@dataclass(frozen=True, slots=True)
class Budget:
    """Frames a second that arrived, and the share that was lost at that rate."""

    rate: float
    lost: float


def lab(name: str, routers: int) -> Lab:
    """The routers between a and b, with an address on either side of every cable. Pure."""
    names = names_of(routers)
    settings = (("net.ipv4.ip_forward", "1"),)
    nodes = tuple(LabNode(name=n, network_mode="none", sysctls=settings if n[0] == "r" else ()) for n in names)
    cables = tuple(
        Veth(
            a=End(near, "eth1" if not at else "eth2", mac(at, 1), (f"10.9.{at}.1/24",)),
            b=End(far, "eth1", mac(at, 2), (f"10.9.{at}.2/24",)),
            mtu=9000,
        )
        for at, (near, far) in enumerate(pairwise(names))
    )
    return Lab(name=name, nodes=nodes, links=cables)


def routes(routers: int) -> dict[str, list[str]]:
    """What each node is told so that a's cable and b's reach each other, as words for `ip`. Pure."""
    last = routers
    found: dict[str, list[str]] = {}
    for at, name in enumerate(names_of(routers)):
        there = [f"route replace 10.9.{last}.0/24 via 10.9.{at}.2"] if at < last else []
        back = [f"route replace 10.9.0.0/24 via 10.9.{at - 1}.1"] if at > 1 else []
        found[name] = there + back
    return found


def names_of(routers: int) -> list[str]:
    """All nodes, from left to right. Pure."""
    return ["a", *(f"r{number + 1}" for number in range(routers)), "b"]


def mac(cable: int, side: int) -> str:
    """Of an end of a cable. Pure."""
    return f"02:00:00:00:{cable:02x}:{side:02x}"


@contextmanager
def line(name: str, routers: int) -> Iterator[tuple[Door, Door]]:
    """Both hosts at the ends of a line that forwards."""
    with running(lab(name, routers)) as record:
        for node, lines in routes(routers).items():
            open_door(record, node).run(["ip", "-batch", "-"], input="\n".join(lines))
        ends = _ends(record)
        ends[1].run(["nft", "--file", "-"], input=DROP)
        yield ends


def forwarded(ends: tuple[Door, Door], routers: int, size: int, seconds: float) -> Budget:
    """What the line carries of frames with so many bytes of data."""
    template = compiled(bytes(packet(size, "10.9.0.1", f"10.9.{routers}.2")))
    return budget(lambda pace: received(ends, ring_ear, template, seconds, pace))


def budget(offer: Callable[[int], tuple[Sent, Heard]]) -> Budget:
    """The most frames a second at which no more than LOST is lost; `offer` sends at a pace, 0 being all that it can.

    Where all that can be sent arrives, that is it; else the pace is halved in between.
    """
    found = _offered(*offer(0))
    if found.lost <= LOST:
        return found
    low, high, best = 0.0, found.rate, Budget(0, 0)
    for _ in range(ROUNDS):
        pace = (low + high) / 2
        tried = _offered(*offer(max(int(pace), 1)))
        if tried.lost <= LOST:
            low, best = pace, max(best, tried, key=lambda each: each.rate)
        else:
            high = pace
    return best


def _offered(sent: Sent, heard: Heard) -> Budget:
    return Budget(heard.frames / sent.seconds, 1 - heard.frames / max(sent.frames, 1))


def trips(ends: tuple[Door, Door], routers: int, size: int = 64) -> list[float]:
    """Seconds that datagrams took there and back. One thread is both ends, so that no scheduler is in it."""
    found = []
    with (
        ends[0].socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        ends[1].socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        near.bind(("10.9.0.1", PORT))
        far.bind((f"10.9.{routers}.2", PORT))
        near.connect(far.getsockname())
        far.connect(near.getsockname())
        for each in (near, far):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))
        for _ in range(WARM + TRIPS):
            begun = time.perf_counter()
            near.send(bytes(size))
            far.send(far.recv(size))
            near.recv(size)
            found.append(time.perf_counter() - begun)
    return found[WARM:]


def percentiles(seconds: list[float]) -> dict[str, float]:
    """The least, the median and what 99 of 100 stay within, in microseconds. Pure."""
    least, middle, most = np.percentile(np.array(seconds) * 1e6, (0, 50, 99)).round(1).tolist()
    return {"least": least, "median": middle, "99 %": most}


def _ends(record: LabRecord) -> tuple[Door, Door]:
    return open_door(record, "a"), open_door(record, "b")
