"""Frames out of a capture file, pcap or pcapng, by Scapy's readers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from topologies.errors import Mistake

ETHERNET = 1  # link type, https://www.tcpdump.org/linktypes.html
SECTION, MAGIC, SHORTEST = b"\x0a\x0d\x0d\x0a", b"\x1a\x2b\x3c\x4d", 12  # of pcapng
OTHERS = {
    101: "raw IP",
    113: "Linux cooked (tcpdump -i any)",
    276: "Linux cooked v2 (tcpdump -i any)",
    247: "InfiniBand",
}


class Captured(Struct, frozen=True):
    """One frame: when, in seconds since the epoch or whatever the file counts from, and its bytes as far as they were
    captured; `size` is how many there were on the wire."""

    when: float
    frame: bytes
    size: int


def frames(path: Path) -> Iterator[Captured]:
    """The frames of a file in its order. Raises Mistake where it is no capture of Ethernet, or ends within a frame."""
    from scapy.error import Scapy_Exception
    from scapy.utils import RawPcapNgReader, RawPcapReader

    try:
        with RawPcapReader(str(path)) as reader:
            yield from _newer(path, reader) if isinstance(reader, RawPcapNgReader) else _older(path, reader)
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror}") from error
    except Scapy_Exception as error:
        raise Mistake(f"{path}: it is no pcap or pcapng file: {error}") from error


def _older(path: Path, reader: Any) -> Iterator[Captured]:
    """The frames of a pcap file, whose times are in micro- or nanoseconds."""
    _refuse_others(path, reader.linktype)
    part = 1e-9 if reader.nano else 1e-6
    for frame, about in reader:
        if len(frame) < about.caplen:
            raise Mistake(f"{path}: it ends in the middle of a frame")
        yield Captured(about.sec + about.usec * part, frame, about.wirelen)


def _newer(path: Path, reader: Any) -> Iterator[Captured]:
    """The frames of a pcapng file, each of which may be of another interface."""
    for frame, about in reader:
        _refuse_others(path, about.linktype)
        known = None not in (about.tshigh, about.tslow, about.tsresol)
        when = (about.tshigh << 32 | about.tslow) / about.tsresol if known else 0.0
        yield Captured(when, frame, about.wirelen)
    if (at := torn(path.read_bytes())) is not None:  # Scapy takes what it cannot read for the end
        raise Mistake(f"{path}: it is cut or damaged at byte {at}")


def torn(data: bytes) -> int | None:
    """Where the first block of a pcapng file begins that is not whole; None where all are. Pure.

    A block has its length at both ends, and at least twelve bytes; a section header says in which byte order.
    """
    at = 0
    order: Literal["little", "big"] = "little"
    while at < len(data):
        if data[at : at + 4] == SECTION:
            order = "big" if data[at + 8 : at + 12] == MAGIC else "little"
        length = int.from_bytes(data[at + 4 : at + 8], order)
        end = data[at + length - 4 : at + length]
        if length < SHORTEST or length % 4 or at + length > len(data) or int.from_bytes(end, order) != length:
            return at
        at += length
    return None


def _refuse_others(path: Path, kind: int) -> None:
    if kind != ETHERNET:
        raise Mistake(f"{path}: its link type is {OTHERS.get(kind, kind)}; only Ethernet is understood")
