"""A tap that takes packets as their kernel has them, virtio header in front (uapi/linux/if_tun.h, virtio_net.h)."""

import fcntl
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

from topologies.errors import Fault

DEVICE = "/dev/net/tun"
HEADER = 10  # bytes of struct virtio_net_hdr
MTU = 65_521  # the largest of a tap
LARGEST = MTU + 18 + HEADER  # bytes of what is read at once, with Ethernet's header and a VLAN tag
QUEUE = 10_000  # packets that wait to be read; what comes beyond, the kernel drops and counts on the tap

_SET_INTERFACE, _SET_OFFLOADS, _SET_HEADER = 0x400454CA, 0x400454D0, 0x400454D8
_TAP, _NO_INFO, _VIRTIO = 0x0002, 0x1000, 0x4000
_OFFLOADS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40  # checksums; TCP of both families, with ECN; UDP of both
_OFFLOADS_ONCE = 0x01 | 0x02 | 0x04 | 0x08  # what kernels before 6.2 know
_PACKET, _PACKET_HEADER, _MARK = 263, 15, 36  # SOL_PACKET, PACKET_VNET_HDR, SO_MARK


def open_tap() -> tuple[int, str]:
    """A tap in the network that this thread is in, down, as its open fd and its name. Raises Fault.

    It is gone when the fd is closed. The kernel gives it a number, so that two never get in each other's way.
    """
    try:
        tap = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        asked = struct.pack("16sH22x", b"relay%d", _TAP | _NO_INFO | _VIRTIO)
        name = fcntl.ioctl(tap, _SET_INTERFACE, asked)[:16].rstrip(b"\0").decode()
        fcntl.ioctl(tap, _SET_HEADER, struct.pack("i", HEADER))
        try:
            fcntl.ioctl(tap, _SET_OFFLOADS, _OFFLOADS)
        except OSError:
            fcntl.ioctl(tap, _SET_OFFLOADS, _OFFLOADS_ONCE)
        with suppress(FileNotFoundError):  # a kernel without IPv6; else it would speak for itself
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
    except OSError as error:
        raise Fault(f"a tap by {DEVICE}: {error.strerror}") from error
    return tap, name


def open_mouth(interface: str, mark: int) -> socket.socket:
    """A socket in the network that this thread is in, which sends what a tap read over an interface, marked.

    It is readable, with an error, when the interface goes down or away. Raises OSError.
    """
    mouth = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    try:
        mouth.setsockopt(_PACKET, _PACKET_HEADER, 1)
        mouth.setsockopt(socket.SOL_SOCKET, _MARK, mark)
        mouth.bind((interface, 0))
    except OSError:
        mouth.close()
        raise
    return mouth
