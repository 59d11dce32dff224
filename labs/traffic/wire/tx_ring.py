"""Sending from memory that is shared with the kernel: PACKET_TX_RING, TPACKET_V2.

A slot has a status that says whose it is: ours (AVAILABLE), to be sent (SEND_REQUEST), on its way (SENDING), or not to
the kernel's liking (WRONG_FORMAT). The kernel goes round the ring and stops at the first slot that it cannot send; it
does not go on before that one is given to it again. So after each call the slots from there on are taken back, and both
sides stand at the same slot.

The kernel copies a frame as it takes it, so what is on its way stays as it was sent. A slot is free again when the
kernel lets go of that copy: so many frames may be on their way, and no more. Of frames that come with a header as
virtual machines have it, the kernel does not ask whether they are longer than the MTU; so we do.
"""

import errno
import mmap
import os
import socket
import struct
import time

import numpy as np

from labs.traffic.wire.interface import (
    QDISC_BYPASS,
    SOL_PACKET,
    TX_RING,
    VERSION,
    VIRTIO_HEADER,
    Network,
    fits,
    naming,
    packet_size,
    packet_socket,
    too_long,
)
from labs.traffic.wire.model import Rows, Sent
from labs.traffic.wire.slots import Slots, shape

V2 = 1
NO_ROOM = (errno.ENOBUFS, errno.EAGAIN)
LOOK = 0.0005  # seconds between two looks at a slot
UNFIT = (errno.EMSGSIZE, errno.EINVAL, errno.EFAULT)


class TxRing:
    """A ring of slots for frames of one length, which are written where the kernel reads them."""

    def __init__(
        self, network: Network, interface: str, frame: bytes, *, slots: int = 1024, bypass: bool = True
    ) -> None:
        """Open a ring whose slots all hold `frame`; `bypass` goes round the interface's own queueing discipline."""
        self._place = f"{network.node}:{interface}"
        block, slot, blocks, count = shape(len(frame), slots)
        self._sock, index, mtu = packet_socket(network, interface)
        try:
            fits(self._place, frame, mtu)
            self._sock.setsockopt(SOL_PACKET, VERSION, V2)
            with naming(self._place, f"a ring of {count} slots of {slot} bytes"):
                self._sock.setsockopt(SOL_PACKET, VIRTIO_HEADER, 1)
                self._sock.setsockopt(SOL_PACKET, TX_RING, struct.pack("4I", block, blocks, slot, count))
                self._memory = mmap.mmap(self._sock.fileno(), block * blocks)
            with naming(self._place, "sending"):
                self._sock.setsockopt(SOL_PACKET, QDISC_BYPASS, int(bypass))
                self._sock.bind((interface, 0))
        except BaseException:
            self._sock.close()
            raise
        assert index > 0
        self._slots = Slots.over(np.frombuffer(self._memory, np.uint8), slot, len(frame))
        self._slots.frames[:] = np.frombuffer(frame, np.uint8)
        self._interface, self._packet, self._given = interface, packet_size(frame), 0

    def rows(self, most: int) -> Rows:
        """At most so many free slots' frames, next to each other: the ring's own memory."""
        found = self._slots.free(most)
        self._given = len(found)
        return found

    def send(self, count: int) -> Sent:
        """Send the first `count` rows given out last; Fault where the interface is down or gone."""
        count, self._given = min(count, self._given), 0
        if not count:
            return Sent()
        if too_long(self._sock, self._interface, self._packet):
            return Sent(0, count - 1, 1)
        self._slots.request(count)
        error = 0
        try:
            self._sock.send(b"", socket.MSG_DONTWAIT)
        except OSError as refusal:
            error = refusal.errno or 0
        done = self._slots.settle(count)
        if error and error not in (*NO_ROOM, *UNFIT):
            with naming(self._place, f"sending, after {done.sent} of {count} frames"):
                raise OSError(error, os.strerror(error))
        return done

    def wait(self, within: float) -> bool:
        """Wait, some seconds at most, until the next slot is free again; whether it is.

        The slot itself is looked at: poll(2) says that the socket takes bytes, which says nothing about slots.
        """
        deadline = time.monotonic() + within
        while not len(self._slots.free(1)):
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK)
        return True

    def close(self) -> None:
        """Give the ring back; frames on their way still go out. Rows that somebody still holds keep its memory."""
        self._sock.close()
