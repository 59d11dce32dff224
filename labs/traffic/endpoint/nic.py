"""A NIC of a host: a packet socket that sends frames, one that hears RoCE, and one that keeps the kernel quiet.

The host's own stack would answer every packet that it has no program for with an ICMP message; a socket on RoCE's port
that nobody reads takes them instead, and they are dropped where its little room is full.
"""

import errno
import socket
import struct
from itertools import takewhile

from labs.traffic.endpoint.frames import Heard, heard
from labs.traffic.roce.explain import PORT
from labs.traffic.wire import filter
from labs.traffic.wire.interface import ALL, IGNORE_OUTGOING, SOL_PACKET, STATISTICS, Network, naming, packet_socket
from topologies.runtime.sockets import attach_filter, give_room

ROOM = 4 << 20  # bytes that may wait to be heard
LARGEST = 65535
TURN = 256  # frames that are heard in one turn, so that whoever sends much cannot keep the loop
GONE = (errno.ENETDOWN, errno.ENODEV, errno.ENXIO)  # the interface is down, or was taken away
LOST = (*GONE, errno.EMSGSIZE)  # what a NIC with a dead cable, or one that takes shorter packets, does without a word
NO_ROOM = (errno.ENOBUFS, errno.EAGAIN)


class Nic:
    """One interface of a node."""

    def __init__(self, network: Network, interface: str, address: str) -> None:
        """Open it. Raises Mistake and Fault as packet sockets do."""
        place = f"{network.node}:{interface}"
        self._dropped = 0
        self._mouth, _, _ = packet_socket(network, interface)
        self._ear, _, _ = packet_socket(network, interface)
        self._silencer = network.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            with naming(place, "sending and hearing"):
                self._mouth.bind((interface, 0))
                self._listen(interface)
                self._silencer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                self._silencer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # several workloads have one each
                self._silencer.bind((address, PORT))
        except BaseException:
            self.close()
            raise
        self._mouth.setblocking(False)
        self._ear.setblocking(False)

    def send(self, frame: bytes) -> bool:
        """Send a frame; False where there was no room, and it was not sent. What a dead interface takes is lost."""
        try:
            self._mouth.send(frame)
        except OSError as error:
            if error.errno in NO_ROOM:
                return False
            if error.errno not in LOST:
                raise
        return True

    def heard(self) -> list[Heard]:
        """What came since the last call, undamaged; TURN frames at most."""
        frames = takewhile(bool, (self._read() for _ in range(TURN)))
        return [found for each in frames if (found := heard(each)) is not None]

    def overrun(self) -> int:
        """Frames that came while all room for them was taken."""
        _, dropped = struct.unpack("2I", self._ear.getsockopt(SOL_PACKET, STATISTICS, 8))
        self._dropped += dropped  # the kernel counts from the last question
        return self._dropped

    def close(self) -> None:
        """Close all three."""
        for each in (self._mouth, self._ear, self._silencer):
            each.close()

    def _listen(self, interface: str) -> None:
        attach_filter(self._ear, filter.program())
        self._ear.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
        give_room(self._ear, ROOM)
        self._ear.bind((interface, ALL))

    def _read(self) -> bytes:
        try:
            return self._ear.recv(LARGEST)
        except OSError as error:
            if error.errno in (*NO_ROOM, *GONE):
                return b""
            raise
