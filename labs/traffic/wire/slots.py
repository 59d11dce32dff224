"""The arithmetic of a ring of slots in memory shared with the kernel (TPACKET_V2). Pure: any memory will do."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labs.traffic.wire.model import Rows, Sent
from topologies.errors import Mistake

HEADER: Final = 32  # struct tpacket2_hdr, behind which the kernel expects the frame
PAGE: Final = 4096
AVAILABLE, SEND_REQUEST, SENDING, WRONG_FORMAT = 0, 1, 2, 4
LARGEST = 1 << 30  # bytes of one ring; the kernel's own limit is the memory


def shape(length: int, slots: int) -> tuple[int, int, int, int]:
    """Block and slot size in bytes, blocks, slots: at least so many for frames of a length, all equally far apart."""
    if slots < 1 or length < 1:
        raise Mistake(f"a ring of {slots} slots for frames of {length} bytes; both must be at least 1")
    slot = 1 << (HEADER + length - 1).bit_length()  # a power of two, so that slots fill blocks without a rest
    block = max(slot, PAGE * 16)
    blocks = -(-slots * slot // block)
    if blocks * block > LARGEST:
        raise Mistake(
            f"a ring of {slots} slots of {slot} bytes is larger than {LARGEST >> 20} MiB; ask for fewer slots"
        )
    return block, slot, blocks, blocks * (block // slot)


@dataclass(slots=True)
class Slots:
    """All slots of a ring: `status` and `lengths` of each (uint32), `frames` as rows; `at` is the next to be sent."""

    status: NDArray[np.uint32]
    lengths: NDArray[np.uint32]
    frames: Rows
    at: int = 0

    @classmethod
    def over(cls, memory: NDArray[np.uint8], slot: int, length: int) -> "Slots":
        """The slots of a memory, each of `slot` bytes with a frame of `length`."""
        words = memory.view(np.uint32).reshape(-1, slot // 4)
        return cls(words[:, 0], words[:, 1], memory.reshape(-1, slot)[:, HEADER : HEADER + length])

    def free(self, most: int) -> Rows:
        """At most so many frames from the next on, up to the ring's end, of slots that are ours."""
        ours = self.status[self.at : self.at + max(most, 0)] == AVAILABLE
        count = len(ours) if ours.all() else int(ours.argmin())
        return self.frames[self.at : self.at + count]

    def request(self, count: int) -> None:
        """Hand the next slots over, the lengths before the status."""
        self.lengths[self.at : self.at + count] = self.frames.shape[1]
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
