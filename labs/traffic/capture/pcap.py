"""The older format: a header of 24 bytes, then frames with 16 bytes before each (draft-ietf-opsawg-pcap). Pure."""

import struct
from collections.abc import Iterator

from labs.traffic.capture.model import SECOND, Broken, Captured
from labs.traffic.capture.source import Source
from topologies.errors import Mistake

MAGICS: dict[bytes, tuple[str, int]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""The first four bytes: the order of bytes in numbers, and the nanoseconds that parts of seconds are counted in."""

VERSION = (2, 4)  # since 1998
LONGEST = 262_144  # bytes of a frame that libpcap takes, whatever the header says
_LINK = 0xFFFF  # the upper half says whether frames have their check sequence


def frames(source: Source, magic: bytes) -> Iterator[Captured]:
    """The frames that follow the magic number. Raises Broken where the file is cut or damaged, Mistake for a version
    that nobody writes."""
    order, unit = MAGICS[magic]
    header, record = struct.Struct(f"{order}HHiIII"), struct.Struct(f"{order}IIII")
    *version, _, _, snapped, link = header.unpack(source.take(header.size))
    if tuple(version) != VERSION:
        raise Mistake(f"{source.name}: it is pcap {version[0]}.{version[1]}; only 2.4 is understood")
    longest = max(snapped, LONGEST)
    while head := source.begin(record.size):
        seconds, part, length, size = record.unpack(head)
        if length > longest:
            raise Broken(f"a frame of {length} bytes, where {longest} are the most")
        if part * unit >= SECOND:
            raise Broken(f"{part} parts of a second, where {SECOND // unit} are a whole one")
        yield Captured(seconds * SECOND + part * unit, source.take(length), size, link & _LINK)
