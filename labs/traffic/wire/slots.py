"""The arithmetic of a ring of slots in memory shared with the kernel (TPACKET_V2). Pure: any memory will do.

A slot is the kernel's header, a header as virtual machines have it, and the frame. The second header says how many of
the bytes behind it are to be copied, and here it says all. Else the kernel would send from the slot's own pages, and
the first interface that hands a packet on, such as a veth, would copy it into new pages, at a third of the rate.
"""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labs.traffic.wire.model import Rows, Sent
from topologies.errors import Mistake

HEADER: Final = 32  # struct tpacket2_hdr
VIRTIO: Final = struct.Struct("=BBHHHH")  # struct virtio_net_hdr; its third number is how many bytes to copy
MOST_COPIED = 0xFFFF
PAGE: Final = 4096
AVAILABLE, SEND_REQUEST, SENDING, WRONG_FORMAT = 0, 1, 2, 4
LARGEST = 1 << 30  # bytes of one ring; the kernel's own limit is the memory


def shape(length: int, slots: int) -> tuple[int, int, int, int]:
    """Block and slot size in bytes, blocks, slots: at least so many for frames of a length, all equally far apart."""
    if slots < 1 or length < 1:
        raise Mistake(f"a ring of {slots} slots for frames of {length} bytes; both must be at least 1")
    needed = HEADER + VIRTIO.size + length
    slot = 1 << (needed - 1).bit_length()  # a power of two, so that slots fill blocks without a rest
    block = max(slot, PAGE * 16)
    blocks = -(-slots * slot // block)
    if blocks * block > LARGEST:
        raise Mistake(
            f"a ring of {slots} slots of {slot} bytes is larger than {LARGEST >> 20} MiB; ask for fewer slots"
        )
    return block, slot, blocks, blocks * (block // slot)


@dataclass(slots=True)
class Slots:
    """All slots of a ring: `status` of each (uint32), `frames` as rows; `at` is the next to be sent."""

    status: NDArray[np.uint32]
    frames: Rows
    at: int = 0

    @classmethod
    def over(cls, memory: NDArray[np.uint8], slot: int, length: int) -> "Slots":
        """The slots of a memory, each of `slot` bytes with a frame of `length`; all is written but status and frame."""
        words, whole = memory.view(np.uint32).reshape(-1, slot // 4), memory.reshape(-1, slot)
        begin = HEADER + VIRTIO.size
        whole[:, HEADER:begin] = np.frombuffer(VIRTIO.pack(0, 0, min(length, MOST_COPIED), 0, 0, 0), np.uint8)
        words[:, 1] = VIRTIO.size + length
        return cls(words[:, 0], whole[:, begin : begin + length])

    def free(self, most: int) -> Rows:
        """At most so many frames from the next on, up to the ring's end, of slots that are ours."""
        ours = self.status[self.at : self.at + max(most, 0)] == AVAILABLE
        count = len(ours) if ours.all() else int(ours.argmin())
        return self.frames[self.at : self.at + count]

    def request(self, count: int) -> None:
        """Hand the next slots over."""
        self.status[self.at : self.at + count] = SEND_REQUEST

    def settle(self, count: int) -> Sent:
        """What became of the slots handed over; those that were not taken are ours again, and the next to be sent."""
        status = self.status[self.at : self.at + count]
        stuck = (status == SEND_REQUEST) | (status == WRONG_FORMAT)
        sent = int(stuck.argmax()) if stuck.any() else count
        malformed = int(sent < count and status[sent] == WRONG_FORMAT)
        status[sent:] = AVAILABLE
        self.at = (self.at + sent) % len(self.status)
        return Sent(sent, count - sent - malformed, malformed)
