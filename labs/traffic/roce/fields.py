"""The extended headers of a RoCE packet as values, and the words that their codes stand for. Pure.

InfiniBand Architecture Specification, volume 1, 9.3 (headers), 9.7.5.2 (acknowledge syndromes, tables 45 and 46),
annex A19.4.1 (FLUSH).
"""

import struct
from enum import StrEnum

from msgspec import Struct


class Answer(StrEnum):
    """What an acknowledge header says."""

    ACK = "ACK"
    RNR = "RNR NAK"  # the receiver was not ready: send again after a while
    NAK = "NAK"
    RESERVED = "reserved"


# Milliseconds by the timer code of an RNR NAK.
RNR_TIMERS: tuple[float, ...] = (
    655.36,
    0.01,
    0.02,
    0.03,
    0.04,
    0.06,
    0.08,
    0.12,
    0.16,
    0.24,
    0.32,
    0.48,
    0.64,
    0.96,
    1.28,
    1.92,
)
RNR_TIMERS += (2.56, 3.84, 5.12, 7.68, 10.24, 15.36, 20.48, 30.72, 40.96, 61.44, 81.92, 122.88, 163.84, 245.76)
RNR_TIMERS += (327.68, 491.52)
NAK_REASONS = {
    0: "PSN sequence error",
    1: "invalid request",
    2: "remote access error",
    3: "remote operational error",
    4: "invalid RD request",
}
# Messages that the receiver can take, by credit code; the last code says that it counts none.
CREDITS: tuple[int, ...] = (
    0,
    1,
    2,
    3,
    4,
    6,
    8,
    12,
    16,
    24,
    32,
    48,
    64,
    96,
    128,
    192,
    256,
    384,
    512,
    768,
    1024,
    1536,
    2048,
    3072,
)
CREDITS += (4096, 6144, 8192, 12288, 16384, 24576, 32768)
SELECTIVITIES = {0: "range", 1: "memory region"}
PLACEMENTS = {1: "global visibility", 2: "persistence"}
_KINDS = (Answer.ACK, Answer.RNR, Answer.RESERVED, Answer.NAK)
_CODE = 0x1F


class Reth(Struct, frozen=True):
    """RDMA extended header: where in the peer's memory, by which key, and how many bytes the whole message has."""

    address: int
    rkey: int
    length: int


class Aeth(Struct, frozen=True):
    """Acknowledge extended header. `code` is five bits, whose meaning depends on `answer`."""

    answer: Answer
    code: int
    msn: int

    @property
    def credits(self) -> int | None:
        """Messages that the receiver can take; None where it counts none, or this is no ACK."""
        return CREDITS[self.code] if self.answer is Answer.ACK and self.code < len(CREDITS) else None

    @property
    def wait_ms(self) -> float | None:
        """Milliseconds until another try, of an RNR NAK."""
        return RNR_TIMERS[self.code] if self.answer is Answer.RNR else None

    def __str__(self) -> str:
        if self.answer is Answer.RNR:
            return f"{self.answer}: not ready, again in {self.wait_ms:g} ms"
        if self.answer is Answer.NAK:
            return f"{self.answer}: {NAK_REASONS.get(self.code, f'reserved code {self.code}')}"
        return str(self.answer)


class Deth(Struct, frozen=True):
    """Datagram extended header."""

    qkey: int
    source_qp: int


class Atomic(Struct, frozen=True):
    """Atomic extended header: the operands of a compare and swap, or in `swap` what a fetch and add adds."""

    address: int
    rkey: int
    swap: int
    compare: int


class Feth(Struct, frozen=True):
    """Flush extended header: how much of the memory, and how far writes to it are to have come."""

    selectivity: int  # two bits
    placement: int  # four bits, each a place of its own

    def __str__(self) -> str:
        much = SELECTIVITIES.get(self.selectivity, f"reserved selectivity {self.selectivity}")
        places = [PLACEMENTS.get(bit, f"reserved placement {bit:#x}") for bit in (1, 2, 4, 8) if self.placement & bit]
        return f"flush {much}: {', '.join(places) or 'no placement'}"


def reth(data: bytes, at: int) -> Reth:
    """The header that begins at a byte, as are the others below; struct.error where it is cut short."""
    return Reth(*_RETH.unpack_from(data, at))


def aeth(data: bytes, at: int) -> Aeth:
    """An acknowledge header."""
    (word,) = _WORD.unpack_from(data, at)
    syndrome = word >> 24
    return Aeth(_KINDS[syndrome >> 5 & 3] if syndrome < 0x80 else Answer.RESERVED, syndrome & _CODE, word & 0xFFFFFF)


def deth(data: bytes, at: int) -> Deth:
    """A datagram header."""
    qkey, queue_pair = _DETH.unpack_from(data, at)
    return Deth(qkey, queue_pair & 0xFFFFFF)


def atomic(data: bytes, at: int) -> Atomic:
    """An atomic header."""
    return Atomic(*_ATOMIC.unpack_from(data, at))


def feth(data: bytes, at: int) -> Feth:
    """A flush header."""
    bits = word(data, at)
    return Feth(bits >> 4 & 0x03, bits & 0x0F)


def word(data: bytes, at: int) -> int:
    """Four bytes as a number: immediate data, a key to invalidate."""
    found: int = _WORD.unpack_from(data, at)[0]
    return found


def low_word(data: bytes, at: int) -> int:
    """The lower 24 bits of four bytes, behind a reserved byte: an end-to-end context, an XRC receive queue."""
    return word(data, at) & 0xFFFFFF


def long(data: bytes, at: int) -> int:
    """Eight bytes as a number: what an atomic operation found."""
    found: int = _LONG.unpack_from(data, at)[0]
    return found


_RETH, _DETH, _ATOMIC = struct.Struct("!QII"), struct.Struct("!II"), struct.Struct("!QIQQ")
_WORD, _LONG = struct.Struct("!I"), struct.Struct("!Q")
