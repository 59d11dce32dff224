"""Receiving into memory that is shared with the kernel: PACKET_RX_RING, TPACKET_V3, behind a filter for RoCE.

The kernel fills block after block and hands each over when it is full, or when `linger` has passed; what comes while
all blocks are ours, or not read yet, it drops and counts. The socket hears nothing before filter and ring are there.
"""

import mmap
import select
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labs.traffic.wire import filter
from labs.traffic.wire.blocks import STATUS, Frames, frames
from labs.traffic.wire.interface import (
    ALL,
    IGNORE_OUTGOING,
    RX_RING,
    SOL_PACKET,
    STATISTICS,
    VERSION,
    Network,
    naming,
    packet_socket,
)
from topologies.errors import Mistake
from topologies.runtime.sockets import attach_filter

V3 = 2
FRAME = 2048  # what the kernel wants to be told and does not use: frames take the room that they need
OURS, KERNELS = 1, 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Frames that passed the filter since the ring was opened: those in blocks, and those that found no room."""

    received: int = 0
    dropped: int = 0


class RxRing:
    """A ring of blocks of frames."""

    def __init__(
        self, network: Network, interface: str, *, blocks: int = 64, size: int = 1 << 20, linger: int = 10
    ) -> None:
        """Open a ring of `blocks` blocks of `size` bytes; `linger` in ms is how long a frame waits for company."""
        self._place = f"{network.node}:{interface}"
        if blocks < 1 or size < 1 << 16 or size % mmap.PAGESIZE or size & (size - 1) or linger < 1:
            raise Mistake(
                f"{self._place}: {blocks} blocks of {size} bytes, {linger} ms; allowed are 1, 2^16 and 1 at least"
            )
        self._sock, _, _ = packet_socket(network, interface)
        try:
            self._open(interface, blocks, size, linger)
        except BaseException:
            self._sock.close()
            raise
        self._next, self._counts = 0, Counts()

    def _open(self, interface: str, blocks: int, size: int, linger: int) -> None:
        self._sock.setsockopt(SOL_PACKET, VERSION, V3)
        with naming(self._place, "a filter"):
            attach_filter(self._sock, filter.program())
            self._sock.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
        with naming(self._place, f"a ring of {blocks} blocks of {size} bytes"):
            request = struct.pack("7I", size, blocks, FRAME, blocks * size // FRAME, linger, 0, 0)
            self._sock.setsockopt(SOL_PACKET, RX_RING, request)
            memory = mmap.mmap(self._sock.fileno(), blocks * size)
        self._blocks: NDArray[np.uint8] = np.frombuffer(memory, np.uint8).reshape(blocks, size)
        with naming(self._place, "receiving"):
            self._sock.bind((interface, ALL))

    def __iter__(self) -> Iterator[Frames]:
        """The frames of each block that is ready now; a block goes back to the kernel as the next is asked for."""
        while (status := self._status())[0] & OURS:
            try:
                yield frames(self._blocks[self._next])
            finally:
                status[0] = KERNELS
                self._next = (self._next + 1) % len(self._blocks)

    def wait(self, within: float) -> bool:
        """Wait, some seconds at most, until a block is ready; whether one is. Fault where the interface is gone."""
        if self._status()[0] & OURS:
            return True
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        if any(event & select.POLLERR for _, event in poll.poll(within * 1000)):
            with naming(self._place, "receiving"):
                if error := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(error, f"error {error}")
        return bool(self._status()[0] & OURS)

    def counts(self) -> Counts:
        """Frames received and dropped since the ring was opened."""
        passed, dropped, _ = struct.unpack("3I", self._sock.getsockopt(SOL_PACKET, STATISTICS, 12))
        self._counts = Counts(self._counts.received + passed - dropped, self._counts.dropped + dropped)
        return self._counts

    def close(self) -> None:
        """Hear nothing more. Frames that somebody still holds keep the ring's memory."""
        self._sock.close()

    def _status(self) -> NDArray[np.uint32]:
        return self._blocks[self._next, STATUS : STATUS + 4].view(np.uint32)
