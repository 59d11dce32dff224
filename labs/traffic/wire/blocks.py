"""What is in a block of a receive ring (TPACKET_V3), as NumPy arrays. Pure: any memory will do.

A block begins with its own header; each frame has one too, which says how far the next is. Frames of one length are
equally far apart: then they are found and read all at once, and their bytes are a view. Others are found one by one.
"""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from labs.traffic.wire.model import Rows

STATUS: Final = 8  # where a block's status is; 1 in it: the block is ours
COUNT, FIRST = 12, 16
HEADER: Final = 48  # struct tpacket3_hdr
_NEXT, _SECONDS, _NANOSECONDS, _KEPT, _LENGTH, _FRAME_STATUS, _MAC, _TAG = 0, 1, 2, 3, 4, 5, 6, 8  # in words of 4 bytes
_TAGGED, _TYPED = 0x10, 0x40  # TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The frames of one block; one value a frame in each array. Valid until the block is given back.

    `at`: where it begins in `memory`, in bytes. `lengths`: its bytes here. `stamps`: when the kernel had it, ns since
    the epoch. `tags`: the outer VLAN tag that the kernel took off, type and value in 32 bits, 0 for none.
    """

    memory: NDArray[np.uint8]
    at: NDArray[np.int64]
    lengths: NDArray[np.int64]
    stamps: NDArray[np.int64]
    tags: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.at)

    def rows(self, length: int) -> Rows:
        """The frames of a length, one a row: a view where all of the block are such and equally far apart."""
        steps = np.diff(self.at)
        if len(self) and (self.lengths == length).all() and (steps == steps[:1]).all():
            step = int(steps[0]) if len(steps) else length
            return as_strided(self.memory[int(self.at[0]) :], (len(self), length), (step, 1), writeable=False)
        begin = self.at[self.lengths == length]
        gathered: Rows = self.memory[begin[:, None] + np.arange(length)]
        return gathered

    def whole(self, which: int) -> bytes:
        """A copy of one frame as it was on the cable, its VLAN tag put back."""
        begin, tag = int(self.at[which]), int(self.tags[which])
        frame = self.memory[begin : begin + int(self.lengths[which])].tobytes()
        return frame[:12] + tag.to_bytes(4, "big") + frame[12:] if tag else frame


def frames(block: NDArray[np.uint8]) -> Frames:
    """The frames of a block that is ours."""
    count, first = struct.unpack_from("=II", block.data, COUNT)
    words = block.view(np.uint32)
    headers = _headers(words, count, first) // 4

    def column(place: int) -> NDArray[np.int64]:
        return words[headers + place].astype(np.int64)

    status = words[headers + _FRAME_STATUS]
    value, kind = words[headers + _TAG] & 0xFFFF, words[headers + _TAG + 1] & 0xFFFF
    kind = np.where(status & _TYPED, kind, 0x8100)
    tag = np.where(status & _TAGGED, kind << 16 | value, 0).astype(np.uint32)
    stamps = column(_SECONDS) * 1_000_000_000 + column(_NANOSECONDS)
    return Frames(block, headers * 4 + (column(_MAC) & 0xFFFF), column(_KEPT), stamps, tag)


def _headers(words: NDArray[np.uint32], count: int, first: int) -> NDArray[np.int64]:
    """Where the headers of a block's frames are, in bytes: all equally far apart, or else step by step."""
    step = int(words[first // 4]) if count > 1 else 0
    guess = first + step * np.arange(count, dtype=np.int64)
    if count < 2 or (guess[-1] < words.nbytes and (words[guess[:-1] // 4] == step).all()):
        return guess
    found = np.empty(count, np.int64)
    at = first
    for number in range(count):
        found[number] = at
        at += int(words[at // 4])
    return found
