"""The newer format: blocks, of which a reader skips those that it does not know (draft-ietf-opsawg-pcapng). Pure.

A block has its kind, its length, its body, and its length again. Numbers are in the order of bytes of the section that
they stand in; interfaces are counted anew in each section. Times are in units of their interface.
"""

import struct
from collections.abc import Callable, Iterator

from msgspec import Struct, field

from labs.traffic.capture.model import SECOND, Broken, Captured
from labs.traffic.capture.source import Source
from topologies.errors import Mistake

MAGIC = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_HEAD, _FRAME = 8, 12  # bytes before a block's body, and around it
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_END, _RESOLUTION, _OFFSET = 0, 9, 14  # options
_BINARY, _POWER = 0x80, 0x7F


class Interface(Struct, frozen=True):
    """Where frames were captured. Times count `units` a second, from `offset` seconds on; `snap`: bytes of a frame,
    0 for all of them."""

    link: int
    snap: int
    units: int = 1_000_000
    offset: int = 0

    def when(self, stamp: int) -> int:
        """A time stamp in nanoseconds, cut to whole ones."""
        return self.offset * SECOND + stamp * SECOND // self.units


class Section(Struct, frozen=True):
    """What numbers mean from a section's header on. `end` is the byte at which it ends; None where it does not say.
    Interfaces are added as they are described."""

    order: str
    end: int | None
    interfaces: list[Interface] = field(default_factory=list)

    def numbers(self, layout: str, body: bytes) -> tuple[int, ...]:
        """What a body begins with; Broken where it is too short for that."""
        return _numbers(self.order + layout, body)

    def interface(self, number: int) -> Interface:
        """By number; Broken where it was not described."""
        if number >= len(self.interfaces):
            raise Broken(f"a frame of interface {number}, of {len(self.interfaces)} that were described")
        return self.interfaces[number]


def frames(source: Source, magic: bytes) -> Iterator[Captured]:
    """The frames of all sections, from the first one's magic number on. Raises Broken where the file is cut or damaged,
    Mistake for a version that is not ours."""
    section = _section(source, magic + source.take(_HEAD - len(magic)))
    while head := source.begin(_HEAD):
        if head.startswith(MAGIC):
            section = _section(source, head)
            continue
        (kind,) = section.numbers("I", head)
        body = _body(source, section.order, head)
        if kind == _INTERFACE:
            section.interfaces.append(_interface(section, body))
        elif kind in _PACKETS:
            yield _PACKETS[kind](section, body)
    if section.end is not None and source.at < section.end:
        raise Broken(f"the file ends, and its section goes on to byte {section.end}")


def _section(source: Source, head: bytes) -> Section:
    """The section that begins here: only its third word says in which order the others are."""
    magic = source.take(4)
    if (order := _ORDERS.get(magic)) is None:
        raise Broken(f"a section with {magic.hex()} in the place of its byte order")
    body = _body(source, order, head, before=magic)
    _, major, minor, length = _numbers(f"{order}IHHq", body)
    if major != 1 and source.begun:
        raise Broken(f"a section of version {major}.{minor}, where only 1 is understood")
    if major != 1:
        raise Mistake(f"{source.name}: it is pcapng {major}.{minor}; only 1 is understood")
    return Section(order, None if length < 0 else source.at + length)


def _numbers(layout: str, body: bytes) -> tuple[int, ...]:
    whole = struct.Struct(layout)
    if len(body) < whole.size:
        raise Broken(f"a block with {len(body)} bytes in it, where its kind has {whole.size} and more")
    return whole.unpack_from(body)


def _body(source: Source, order: str, head: bytes, before: bytes = b"") -> bytes:
    """What is in a block, the bytes of it that were read before included. Broken where its two lengths differ."""
    (length,) = struct.unpack_from(f"{order}I", head, 4)
    if length < _FRAME + len(before) or length % 4:
        raise Broken(f"a block of {length} bytes, which none can have")
    rest = before + source.take(length - _HEAD - len(before))
    body, after = rest[:-4], rest[-4:]
    if after != head[4:]:
        (other,) = struct.unpack(f"{order}I", after)
        raise Broken(f"a block of {length} bytes, which has {other} as its length at its end")
    return body


def _interface(section: Section, body: bytes) -> Interface:
    link, _, snap = section.numbers("HHI", body)
    found = dict(_options(section, body[8:]))
    units = _units(found[_RESOLUTION]) if _RESOLUTION in found else 1_000_000
    offset = struct.unpack(f"{section.order}q", found[_OFFSET])[0] if _OFFSET in found else 0
    return Interface(link, snap, units, offset)


def _units(value: bytes) -> int:
    """Time stamps a second: a negative power of ten, or of two where the highest bit is set."""
    base = 2 if value[0] & _BINARY else 10
    return int(base ** (value[0] & _POWER))


_SIZES = {_RESOLUTION: 1, _OFFSET: 8}


def _options(section: Section, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Options by their codes. Broken where one ends behind its block, or has not the size of its kind."""
    while data:
        code, size = section.numbers("HH", data)
        if code == _END:
            return
        value = data[4 : 4 + size]
        if len(value) != _SIZES.get(code, size) or len(value) != size:
            raise Broken(f"option {code} of {size} bytes, of which {len(value)} are there")
        yield code, value
        data = data[4 + size + -size % 4 :]


def _packet(section: Section, body: bytes) -> Captured:
    number, high, low, length, size = section.numbers("IIIII", body)
    at = section.interface(number)
    return Captured(at.when(high << 32 | low), _data(body, 20, length), size, at.link)


def _old_packet(section: Section, body: bytes) -> Captured:
    number, _, high, low, length, size = section.numbers("HHIIII", body)
    at = section.interface(number)
    return Captured(at.when(high << 32 | low), _data(body, 20, length), size, at.link)


def _simple_packet(section: Section, body: bytes) -> Captured:
    """A frame of the first interface, without its time: its snap length says how much of it is there."""
    (size,) = section.numbers("I", body)
    at = section.interface(0)
    return Captured(None, _data(body, 4, min(size, at.snap or size)), size, at.link)


def _data(body: bytes, start: int, length: int) -> bytes:
    found = body[start : start + length]
    if len(found) < length:
        raise Broken(f"a frame of {length} bytes in a block that has room for {len(found)}")
    return found


_PACKETS: dict[int, Callable[[Section, bytes], Captured]] = {
    _PACKET: _packet,
    _SIMPLE_PACKET: _simple_packet,
    _OLD_PACKET: _old_packet,
}
