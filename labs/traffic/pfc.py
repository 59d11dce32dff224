"""Priority flow control frames (IEEE 802.1Q, clause 36, formerly 802.1Qbb): a receiver has its switch wait. Pure.

A frame names classes of traffic and for each a time in quanta, the time of 512 bits at the cable's rate. It overrides
the one before; 0 lets the class go on.
"""

import struct

from msgspec import Struct

ETHERTYPE, GROUP = 0x8808, bytes.fromhex("0180c2000001")  # MAC control; bridges do not pass it on
CLASSES = 8
MOST = 0xFFFF  # quanta of one frame
_OPCODE = 0x0101
_HEAD, _BODY = struct.Struct("!6s6sH"), struct.Struct("!HH8H")
_LEAST, _QUANTUM = 60, 512  # bytes of a frame without its FCS; bits


class Pause(Struct, frozen=True):
    """How many quanta each class must wait; None for classes that the frame does not name."""

    quanta: tuple[int | None, ...]


def frame(mac: bytes, pause: Pause) -> bytes:
    """The frame that a NIC of that address sends."""
    named = sum(1 << number for number, each in enumerate(pause.quanta) if each is not None)
    body = _BODY.pack(_OPCODE, named, *(each or 0 for each in pause.quanta))
    return (_HEAD.pack(GROUP, mac, ETHERTYPE) + body).ljust(_LEAST, b"\0")


def pause_of(octets: bytes) -> Pause | None:
    """What a frame says; None for one that is no priority flow control."""
    if len(octets) < _HEAD.size + _BODY.size or _HEAD.unpack_from(octets)[2] != ETHERTYPE:
        return None
    opcode, named, *quanta = _BODY.unpack_from(octets, _HEAD.size)
    if opcode != _OPCODE:
        return None
    return Pause(tuple(each if named >> number & 1 else None for number, each in enumerate(quanta)))


def quanta(seconds: float, rate_mbps: float) -> int:
    """A time in quanta at a rate, as long as one frame can say."""
    return min(round(seconds * rate_mbps * 1e6 / _QUANTUM), MOST)


def seconds(quanta: int, rate_mbps: float) -> float:
    """Quanta at a rate as a time."""
    return quanta * _QUANTUM / (rate_mbps * 1e6)
