"""A packet socket on an interface of a node, and in what ways there cannot be one."""

import errno
import fcntl
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from topologies.errors import Fault, Mistake

SOL_PACKET = 263
VERSION, RX_RING, STATISTICS, RESERVE, TX_RING = 10, 5, 6, 12, 13
VIRTIO_HEADER, QDISC_BYPASS, IGNORE_OUTGOING = 15, 20, 23
ALL = 0x0003  # every protocol
ETHERNET, TAG = 14, 4
_INDEX, _MTU = 0x8933, 0x8921  # SIOCGIFINDEX, SIOCGIFMTU
_NAME_SIZE = 15


class Network(Protocol):
    """Where sockets can be made: a node by its door."""

    @property
    def node(self) -> str:
        """What errors call it."""

    def socket(self, family: int, type: int, proto: int = 0) -> socket.socket:
        """A socket of that network."""


def packet_socket(network: Network, interface: str) -> tuple[socket.socket, int, int]:
    """A packet socket that hears nothing yet, the interface's index, and its MTU in bytes; Mistake, or Fault."""
    try:
        sock = network.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise Fault(f"{network.node}: no packet sockets: {error.strerror}; CAP_NET_RAW is needed there") from error
    try:
        return sock, _asked(sock, network, interface, _INDEX), _asked(sock, network, interface, _MTU)
    except BaseException:
        sock.close()
        raise


def _asked(sock: socket.socket, network: Network, interface: str, question: int) -> int:
    if not 0 < len(interface.encode()) <= _NAME_SIZE or "\0" in interface:
        raise Mistake(f"{network.node}: {interface!r} is no name of an interface")
    try:
        return _told(sock, interface, question)
    except OSError as error:
        if error.errno == errno.ENODEV:
            raise Mistake(f"{network.node}: no interface {interface!r}") from error
        raise Fault(f"{network.node}:{interface}: {error.strerror}") from error


def _told(sock: socket.socket, interface: str, question: int) -> int:
    answer = fcntl.ioctl(sock, question, struct.pack("16si20x", interface.encode(), 0))
    return int(struct.unpack_from("i", answer, 16)[0])


def packet_size(frame: bytes) -> int:
    """The bytes of a frame that an MTU limits: those behind its Ethernet header and one VLAN tag."""
    return len(frame) - ETHERNET - (TAG if frame[12:14] == b"\x81\x00" else 0)


def fits(place: str, frame: bytes, mtu: int) -> None:
    """Mistake where a frame is longer than an interface takes, or is none."""
    if len(frame) < ETHERNET:
        raise Mistake(f"{place}: a frame of {len(frame)} bytes is shorter than its Ethernet header")
    if packet_size(frame) > mtu:
        raise Mistake(
            f"{place}: a packet of {packet_size(frame)} bytes is larger than the MTU of {mtu}; "
            "send less in each, or raise the MTU of the link"
        )


def too_long(sock: socket.socket, interface: str, packet: int) -> bool:
    """Whether packets of so many bytes are longer than an interface takes now; of one that is gone nothing is known."""
    try:
        return packet > _told(sock, interface, _MTU)
    except OSError:
        return False


@contextmanager
def naming(place: str, what: str) -> Iterator[None]:
    """Turn the kernel's refusal into a Fault that names the interface and what was wanted there."""
    try:
        yield
    except OSError as error:
        cure = "; ask for fewer or smaller slots" if error.errno in (errno.ENOMEM, errno.EAGAIN) else ""
        raise Fault(f"{place}: {what}: {error.strerror}{cure}") from error
