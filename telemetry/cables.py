"""Where each cable leads, seen and not believed: a frame leaves every interface, and whoever hears it is the far end.

As LLDP would tell, but at once and with no daemon. The frames have LLDP's destination address, which no bridge passes
on (IEEE 802.1Q, 8.6.3), and an EtherType for local experiments (RFC 9542), so that nobody else takes them.
"""

import os
import select
import socket
import struct
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from topologies.model import Endpoint
from topologies.runtime.door import Door

ETHERTYPE = 0x88B5
VETH = "veth"  # cables; a macvlan leads into the network of the machine, which is not ours to call into
NEAREST_BRIDGE = bytes.fromhex("0180c200000e")
AT_ONCE = 64  # sockets that are closed side by side
TRIES = 3  # an impaired link may lose a frame
LISTEN = 0.05  # seconds for stragglers; veth hands over at once
_OUTGOING = 4  # a packet type that is an echo of our own
_MAGIC = struct.Struct("!6s6sH8sI")


def see_cables(doors: Mapping[str, Door], management: Mapping[str, str]) -> dict[str, dict[str, Endpoint]]:
    """For each node the far end of each interface, as heard from the far end; silent interfaces are absent.

    `management` has the interface of each node that leads out of the fabric.
    """
    run = os.urandom(8)
    seen: dict[str, dict[str, Endpoint]] = {node: {} for node in doors}
    ears: dict[str, socket.socket] = {}
    try:
        for node, door in doors.items():
            ears[node] = door.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        mouths = {node: _interfaces(door, management[node]) for node, door in doors.items()}
        ends = [Endpoint(node, name) for node, names in mouths.items() for name in names]
        for _ in range(TRIES):
            silent = [number for number, end in enumerate(ends) if not _heard(seen, end)]
            for number in silent:
                _call(ears[ends[number].node], ends[number].interface, run, number)
            _listen(ears, run, ends, seen)
            if all(_heard(seen, end) for end in ends):
                break
    finally:
        _close(ears.values())
    return seen


def _close(ears: Collection[socket.socket]) -> None:
    """All at once: each close waits some 10 ms for the kernel to be sure that no packet is on its way to it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ear in ears:
            pool.submit(ear.close)


def _heard(seen: Mapping[str, Mapping[str, Endpoint]], end: Endpoint) -> bool:
    return end.interface in seen[end.node]


def _interfaces(door: Door, management: str) -> list[str]:
    with door.netlink() as kernel:
        return [link.name for link in kernel.links() if link.kind == VETH and link.carrier and link.name != management]


def _call(sock: socket.socket, interface: str, run: bytes, number: int) -> None:
    frame = _MAGIC.pack(NEAREST_BRIDGE, bytes(6), ETHERTYPE, run, number)
    try:
        sock.sendto(frame, (interface, ETHERTYPE))
    except OSError:  # the interface went down or away meanwhile: then it leads nowhere
        return


def _listen(
    ears: Mapping[str, socket.socket], run: bytes, ends: list[Endpoint], seen: dict[str, dict[str, Endpoint]]
) -> None:
    """Hear until every interface was heard, or nothing more comes."""
    silent = sum(not _heard(seen, end) for end in ends)
    poll = select.poll()
    nodes = {}
    for node, ear in ears.items():
        poll.register(ear, select.POLLIN)
        nodes[ear.fileno()] = node
    while silent > 0 and (ready := poll.poll(LISTEN * 1000)):
        for fd, _ in ready:
            node = nodes[fd]
            frame, (interface, _, kind, *_) = ears[node].recvfrom(64)
            if kind == _OUTGOING or len(frame) < _MAGIC.size:
                continue
            *_, whose, number = _MAGIC.unpack_from(frame)
            if whose == run and number < len(ends):
                silent -= interface not in seen[node]
                seen[node][interface] = ends[number]
