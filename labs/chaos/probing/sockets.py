"""The sockets of a mesh of probes in the networks of its nodes, opened anew where a node came back with another one."""

import os
import select
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from labs.chaos.model import Flow
from labs.chaos.probing.layout import SMALL
from telemetry.mesh import allow_files
from topologies.errors import Fault
from topologies.plan import IPV4
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.sockets import give_room, send_whole

BUFFER = 1 << 20  # bytes that a receiver may hold
BATCH = 64  # datagrams read from one receiver before the next has its turn


class Sockets:
    """A socket for each address that hears and each flow that sends. What cannot be opened is tried again later."""

    def __init__(self, flows: Sequence[Flow]) -> None:
        allow_files(len(flows) + len({flow.target_address for flow in flows}))
        self._flows = flows
        self._nodes = tuple(dict.fromkeys(name for flow in flows for name in (flow.source, flow.target)))
        self._mouths: dict[int, socket.socket] = {}
        self._ears: dict[str, socket.socket] = {}
        self._places: dict[str, tuple[str, int]] = {}  # where each address hears
        self._by_number: dict[int, socket.socket] = {}  # the ears by their file descriptors
        self._networks: dict[str, int] = {}  # by node: the inode of the network that its sockets are in
        self._poll = select.epoll()
        self.whole = False  # whether everything is open of the nodes that were on at the last look

    def follow(self, record: LabRecord) -> None:
        """Open what is not open yet, and anew what is in a network that its node has left."""
        self.whole = True
        for node in self._nodes:
            try:
                door = open_door(record, node)
                network = os.stat(door.netns).st_ino
            except (Fault, OSError):
                continue  # it is off; what it had open stays where it is
            if self._networks.get(node) != network:
                if self._open(node, door):
                    self._networks[node] = network
                else:
                    self.whole = False

    def send(self, number: int, data: bytes) -> bool:
        """Send a probe of a flow; False where the node's network refused it."""
        mouth, place = self._mouths.get(number), self._places.get(self._flows[number].target_address)
        if mouth is None or place is None:
            return False
        try:
            mouth.sendto(data, place)
        except OSError:
            return False
        return True

    def heard(self) -> Iterator[bytes]:
        """What has come, BATCH of each receiver at most: the first bytes of each datagram."""
        for number, _ in self._poll.poll(0):
            yield from _read(self._by_number[number])

    def close(self) -> None:
        """Close them all."""
        for sock in (*self._mouths.values(), *self._ears.values()):
            sock.close()
        self._poll.close()

    def _open(self, node: str, door: Door) -> bool:
        """Open what belongs to one node, whole; False where it lacks an address for now."""
        made_ears: dict[str, socket.socket] = {}
        made_mouths: dict[int, socket.socket] = {}
        try:
            for number, flow in enumerate(self._flows):
                if flow.target == node and flow.target_address not in made_ears:
                    made_ears[flow.target_address] = _bound(door, flow.family, flow.target_address)
                if flow.source == node:
                    made_mouths[number] = _mouth(door, flow)
        except OSError:
            for sock in (*made_ears.values(), *made_mouths.values()):
                sock.close()
            return False
        self._replace(made_ears, made_mouths)
        return True

    def _replace(self, ears: Mapping[str, socket.socket], mouths: Mapping[int, socket.socket]) -> None:
        for address, ear in ears.items():
            if old := self._ears.get(address):
                del self._by_number[old.fileno()]
                self._poll.unregister(old)
                old.close()
            give_room(ear, BUFFER)
            self._poll.register(ear, select.EPOLLIN)
            self._ears[address], self._by_number[ear.fileno()] = ear, ear
            self._places[address] = ear.getsockname()[:2]
        for number, mouth in mouths.items():
            if former := self._mouths.get(number):
                former.close()
            self._mouths[number] = mouth


def _bound(door: Door, family: str, address: str) -> socket.socket:
    sock = door.socket(socket.AF_INET if family == IPV4 else socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setblocking(False)
    try:
        sock.bind((address, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _mouth(door: Door, flow: Flow) -> socket.socket:
    sock = _bound(door, flow.family, flow.source_address)
    if flow.size > SMALL:
        send_whole(sock)
    return sock


def _read(ear: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):  # nothing more to read, or an ICMP error that says what the missing probe says too
        for _ in range(BATCH):
            yield ear.recv(SMALL)
