"""Captures that are cut or damaged: what is whole before that is read, and the place is named."""

import gzip
import io
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import block, interface, option, packet, pcap, section, simple

from labs.traffic.capture.files import frames
from labs.traffic.capture.model import Captured, Damage
from labs.traffic.capture.reading import read
from topologies.errors import Mistake

FRAME = bytes(range(60))
OLDER = pcap((1, FRAME, 60), (2, FRAME, 60), (3, FRAME, 60))
NEWER = section() + interface() + packet(1, FRAME) + packet(2, FRAME) + packet(3, FRAME)
ALL = [Captured(1000, FRAME, 60), Captured(2000, FRAME, 60), Captured(3000, FRAME, 60)]
HEADER, RECORD = 24, 76  # bytes of OLDER
BEFORE, BLOCK = len(section() + interface()), len(packet(1, FRAME))  # bytes of NEWER
WHOLE = {  # where a file may end: nobody can tell that more was to come
    "pcap": {HEADER + count * RECORD for count in range(4)},
    "pcapng": {len(section()), *(BEFORE + count * BLOCK for count in range(4))},
}


def found(data: bytes) -> list[Captured | Damage]:
    """What a file of these bytes has."""
    return list(read(io.BytesIO(data), "a.cap"))


@pytest.mark.parametrize(("kind", "data"), [("pcap", OLDER), ("pcapng", NEWER)])
def test_a_file_may_be_cut_at_any_byte(kind: str, data: bytes) -> None:
    """Each frame that is whole is there; then where the next block begins, and where the file ends."""
    for size in range(4, len(data)):
        *whole, last = found(data[:size]) or [None]
        if size in WHOLE[kind]:
            assert [*whole, *([last] if last else [])] == ALL[: len(whole) + bool(last)], size
            continue
        assert isinstance(last, Damage), size
        assert whole == ALL[: len(whole)]
        assert last.frames == len(whole)
        assert last.at == max((end for end in WHOLE[kind] if end < size), default=0)
        assert f"the file ends at byte {size}" in last.why


def test_what_is_said_of_a_cut_file() -> None:
    """The block, the frames before it, and how much is missing."""
    assert str(found(NEWER[:-5])[-1]) == (
        f"damaged at byte {BEFORE + 2 * BLOCK}, after 2 whole frames: "
        f"the file ends at byte {len(NEWER) - 5}, where 5 more were to come"
    )


def changed(data: bytes, at: int, value: bytes) -> bytes:
    """The data with other bytes at a place."""
    return data[:at] + value + data[at + len(value) :]


def word(number: int) -> bytes:
    """Four bytes, least significant first."""
    return struct.pack("<I", number)


LAST = BEFORE + 2 * BLOCK  # where the last block of NEWER begins
CASES = {
    "a frame beyond all measure": (
        changed(OLDER, HEADER + 2 * RECORD + 8, word(1 << 31)),
        "a frame of 2147483648 bytes",
    ),
    "a frame longer than any": (changed(OLDER, HEADER + 2 * RECORD + 8, word(262_145)), "where 262144 are the most"),
    "more than a second": (changed(OLDER, HEADER + 2 * RECORD + 4, word(10**6)), "1000000 parts of a second"),
    "no room for its frames": (
        NEWER[:LAST] + packet(3, FRAME, length=100),
        "a frame of 100 bytes in a block that has room for",
    ),
    "another length at its end": (changed(NEWER, len(NEWER) - 4, word(99)), f"a block of {BLOCK} bytes, which has 99"),
    "a length that is no word's": (changed(NEWER, LAST + 4, word(BLOCK + 1)), "bytes, which none can have"),
    "a length of nothing": (changed(NEWER, LAST + 4, word(0)), "a block of 0 bytes, which none can have"),
    "a length beyond all measure": (changed(NEWER, LAST + 4, word(0xFFFFFFFC)), "which no capture has in one piece"),
    "an interface that is none": (
        changed(NEWER, LAST + 8, word(1)),
        "a frame of interface 1, of 1 that were described",
    ),
    "a block without its numbers": (
        NEWER[:LAST] + block(6, bytes(8)),
        "a block with 8 bytes in it, where its kind has 20",
    ),
    "a section in no order": (NEWER[:LAST] + block(0x0A0D0D0A, bytes(16)), "00000000 in the place of its byte order"),
    "a section too short": (NEWER[:LAST] + block(0x0A0D0D0A, b"\x4d\x3c\x2b\x1a"), "a block with 4 bytes in it"),
    "a section of another age": (NEWER[:LAST] + section(version=(9, 1)), "a section of version 9.1"),
    "half an option": (
        NEWER[:LAST] + block(1, struct.pack("<HHIHH", 1, 0, 0, 2, 100)),
        "option 2 of 100 bytes, of which 0 are there",
    ),
    "an option of another size": (
        NEWER[:LAST] + block(1, struct.pack("<HHI", 1, 0, 0) + option(9, b"\x06\x06")),
        "option 9 of 2 bytes",
    ),
    "a resolution of nothing": (
        NEWER[:LAST] + block(1, struct.pack("<HHI", 1, 0, 0) + option(9, b"")),
        "option 9 of 0 bytes",
    ),
}


@pytest.mark.parametrize(("data", "why"), CASES.values(), ids=CASES)
def test_a_damaged_block_ends_what_is_read(data: bytes, why: str) -> None:
    """What stands before it is whole; its own place is named, and what is wrong with it."""
    *whole, last = found(data)

    assert whole == ALL[:2]
    assert isinstance(last, Damage)
    assert last.at == (LAST if data[:4] == NEWER[:4] else HEADER + 2 * RECORD)
    assert why in last.why


def test_a_section_that_is_shorter_than_it_says_is_cut() -> None:
    """Though no block is."""
    rest = interface() + packet(1, FRAME)
    whole = section(length=len(rest) + BLOCK) + rest

    assert found(whole) == [
        ALL[0],
        Damage(len(whole), 1, f"the file ends, and its section goes on to byte {len(whole) + BLOCK}"),
    ]


def test_a_frame_before_any_interface_has_no_meaning() -> None:
    """Also one that does not say which."""
    (damage,) = found(section() + simple(FRAME))

    assert isinstance(damage, Damage)
    assert damage.why == "a frame of interface 0, of 0 that were described"


def test_compressed_files_are_cut_too(tmp_path: Path) -> None:
    """What could be unpacked is there."""
    file, luck = tmp_path / "a.pcap.gz", random.Random(1)
    noise = luck.randbytes(60_000)
    packed = gzip.compress(pcap(*((when, noise, 60_000) for when in range(5))))
    file.write_bytes(packed[: len(packed) // 2])

    *whole, last = frames(file)

    assert whole == [Captured(when * 1000, noise, 60_000) for when in range(len(whole))]
    assert isinstance(last, Damage)
    assert last.frames == len(whole) > 0
    assert last.why.startswith("its compressed data is cut or wrong")


@given(st.sampled_from((OLDER, NEWER)), st.integers(4, len(NEWER)), st.binary(min_size=1, max_size=8))
def test_damage_is_never_a_crash(data: bytes, at: int, noise: bytes) -> None:
    """Whichever bytes are others behind the magic number: frames, or damage at the end, or a mistake of the input."""
    try:
        *whole, last = found(changed(data, at, noise)) or [None]
    except Mistake:
        return
    assert all(isinstance(each, Captured) for each in whole)
    assert last is None or isinstance(last, Captured | Damage)
