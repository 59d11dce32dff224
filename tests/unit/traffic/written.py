"""Capture files written by hand, after the drafts of both formats and by no code of ours: what readers are to read."""

import struct

SECTION, INTERFACE, OLD_PACKET, SIMPLE, NAMES, PACKET = 0x0A0D0D0A, 1, 2, 3, 4, 6
UNKNOWN = -1  # the length of a section


def pcap(
    *frames: tuple[int, bytes, int], order: str = "<", nano: bool = False, snap: int = 65535, link: int = 1
) -> bytes:
    """A file of frames: when, in the file's own units since the epoch, the bytes that were captured, and how many there
    were."""
    second = 10**9 if nano else 10**6
    data = struct.pack(f"{order}IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap, link)
    for when, frame, size in frames:
        data += struct.pack(f"{order}IIII", when // second, when % second, len(frame), size) + frame
    return data


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng, its body padded to words."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """One option of a block."""
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<", length: int = UNKNOWN, version: tuple[int, int] = (1, 0)) -> bytes:
    """The header of a section."""
    return block(SECTION, struct.pack(f"{order}IHHq", 0x1A2B3C4D, *version, length), order)


def interface(
    order: str = "<", *, link: int = 1, snap: int = 0, resolution: int | None = None, offset: int | None = None
) -> bytes:
    """The description of an interface: its resolution as it stands in the option, its offset in seconds."""
    options = option(2, b"eth1", order)  # a name, which says nothing to us
    options += b"" if resolution is None else option(9, bytes([resolution]), order)
    options += b"" if offset is None else option(14, struct.pack(f"{order}q", offset), order)
    return block(INTERFACE, struct.pack(f"{order}HHI", link, 0, snap) + options + option(0, b"", order), order)


def packet(
    stamp: int, frame: bytes, size: int | None = None, order: str = "<", *, number: int = 0, length: int | None = None
) -> bytes:
    """A frame of an interface, as most programs write it; `length` is a lie about how much of it there is."""
    told = len(frame) if length is None else length
    head = struct.pack(
        f"{order}IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, told, len(frame) if size is None else size
    )
    return block(PACKET, head + frame + bytes(-len(frame) % 4) + option(1, b"a remark", order), order)


def old_packet(stamp: int, frame: bytes, order: str = "<", *, number: int = 0) -> bytes:
    """A frame as programs wrote it before 2010."""
    head = struct.pack(f"{order}HHIIII", number, 0xFFFF, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
    return block(OLD_PACKET, head + frame, order)


def simple(frame: bytes, size: int | None = None, order: str = "<") -> bytes:
    """A frame without its time."""
    return block(SIMPLE, struct.pack(f"{order}I", len(frame) if size is None else size) + frame, order)
