"""Sending and receiving RoCE on one cable, a:eth1 -- eth1:b, by several ways. b's own stack drops what comes, else
most of a sender's time would be the work of b, which happens within the sender's own calls.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
from scapy.config import conf
from scapy.contrib.roce import BTH
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.sendrecv import sendp

from labs.traffic.roce.template import Template
from labs.traffic.wire.rx_ring import RxRing
from labs.traffic.wire.senders import open_sender
from tests.wanted import running
from topologies.aside import lasting
from topologies.lab import End, Lab, LabNode, Veth
from topologies.runtime.door import Door, open_door
from topologies.runtime.syscalls import inside_netns

PSNS = 1 << 24
BATCH = 1024  # frames written and sent at once
TURN = 100  # frames of Scapy between two looks at the clock
ROOM = 64 << 20  # bytes that may wait to be received, either way
LONGEST = 65_535
IPV4, RECEIVE_ROOM_FORCE = 0x0800, 33  # the second is SO_RCVBUFFORCE
QUIET = 0.2  # seconds without a frame after which nothing more is to come
DROP = """
table inet bench {
    chain coming {
        type filter hook prerouting priority -300
        udp dport 4791 drop
    }
}
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """Frames that were sent, in how many seconds."""

    frames: int
    seconds: float

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds


@dataclass(frozen=True, slots=True)
class Heard:
    """Frames that were received; of a ring also how often one did not follow the one before, and those that the kernel
    had to drop."""

    frames: int
    gaps: int = 0
    dropped: int = 0


Ear = Callable[[Door, Template], Callable[[Callable[[], bool]], Heard]]
"""Opens a way to receive on b; what it returns hears until it is told that the sender has ended, and nothing comes."""


@contextmanager
def cable(name: str) -> Iterator[tuple[Door, Door]]:
    """Both ends of a cable, in a lab of its own."""
    nodes = tuple(LabNode(name=each, network_mode="none") for each in "ab")
    link = Veth(a=End("a", "eth1", "02:00:00:00:00:01"), b=End("b", "eth1", "02:00:00:00:00:02"), mtu=9000)
    with running(Lab(name=name, nodes=nodes, links=(link,))) as record:
        doors = open_door(record, "a"), open_door(record, "b")
        doors[1].run(["nft", "--file", "-"], input=DROP)
        yield doors


def packet(size: int, source: str = "10.0.0.1", target: str = "10.0.0.2") -> Packet:
    """A send of so many bytes, over the cable from the one MAC address to the other."""
    head = IP(src=source, dst=target) / UDP(sport=0xC000, dport=4791, chksum=0) / BTH(opcode=4, psn=0)
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / head / Raw(bytes(size))


def by_scapy(door: Door, it: Packet | bytes, seconds: float) -> Sent:
    """By sendp, which builds a packet anew each time, with its CRC, and takes bytes as they are."""

    def some(count: int) -> None:
        sendp(it, socket=sock, count=count, verbose=False)

    with inside_netns(door.netns):
        conf.ifaces.reload()
        sock = conf.L2socket(iface="eth1")
    with closing(sock):
        return for_a_while(seconds, TURN, some)


def by_send(door: Door, frame: bytes, seconds: float) -> Sent:
    """The same bytes again and again, a call each."""

    def some(count: int) -> None:
        for _ in range(count):
            sock.send(frame)

    with door.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("eth1", 0))
        return for_a_while(seconds, BATCH, some)


def for_a_while(seconds: float, turn: int, some: Callable[[int], None]) -> Sent:
    """Send so many, again and again until the time is over."""
    begun, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < seconds:
        some(turn)
        sent += turn
    return Sent(sent, passed)


def by_sender(door: Door, way: str, template: Template, seconds: float, pace: int = 0) -> Sent:
    """By a sender of ours, each frame with its own number and CRC. At a pace, or as fast as can be."""
    sent = 0
    with closing(open_sender(way, door, "eth1", template.frame)) as sender:
        begun = time.perf_counter()
        while (passed := time.perf_counter() - begun) < seconds:
            due = int(passed * pace) - sent if pace else BATCH
            rows = sender.rows(min(BATCH, due))
            if len(rows):
                template.renew(rows, psn=(sent + np.arange(len(rows))) % PSNS)
                sent += sender.send(len(rows)).sent
        return Sent(sent, time.perf_counter() - begun)


def ring_ear(door: Door, template: Template) -> Callable[[Callable[[], bool]], Heard]:
    """A receive ring; every frame's number is looked at."""
    ring = RxRing(door, "eth1", blocks=ROOM >> 20)
    return lambda ended: _heard(ring, template, ended)


def plain_ear(door: Door, template: Template) -> Callable[[Callable[[], bool]], Heard]:
    """A call for each frame, which nobody looks at; the socket has as much room as the ring."""
    sock = door.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.setsockopt(socket.SOL_SOCKET, RECEIVE_ROOM_FORCE, ROOM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(QUIET * 1e6)))
    sock.bind(("eth1", IPV4))
    return lambda ended: _counted(sock, ended)


def received(doors: tuple[Door, Door], ear: Ear, template: Template, seconds: float, pace: int) -> tuple[Sent, Heard]:
    """What comes to b while a sends by a ring, each in a process of its own."""
    with lasting("a receiver", lambda: ear(doors[1], template)) as child:
        child.ready()
        child.begin()
        sent = by_sender(doors[0], "ring", template, seconds, pace)
        child.end()
        return sent, child.result()


def _heard(ring: RxRing, template: Template, ended: Callable[[], bool]) -> Heard:
    count = gaps = 0
    last = -1
    while ring.wait(QUIET) or not ended():
        for frames in ring:
            psns = template.read(frames.rows(template.size), "psn").astype(np.int64)
            gaps += int(np.count_nonzero(np.diff(psns, prepend=last) % PSNS != 1))
            count, last = count + len(psns), int(psns[-1])
    return Heard(count, gaps, ring.counts().dropped)


def _counted(sock: socket.socket, ended: Callable[[], bool]) -> Heard:
    count = 0
    while True:
        try:
            sock.recv(LONGEST)
            count += 1
        except BlockingIOError:
            if ended():
                return Heard(count)
