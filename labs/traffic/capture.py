"""Frames out of a capture file, pcap or pcapng, by Scapy's readers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from topologies.errors import Mistake

ETHERNET = 1  # link type, https://www.tcpdump.org/linktypes.html
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


def _refuse_others(path: Path, kind: int) -> None:
    if kind != ETHERNET:
        raise Mistake(f"{path}: its link type is {OTHERS.get(kind, kind)}; only Ethernet is understood")
