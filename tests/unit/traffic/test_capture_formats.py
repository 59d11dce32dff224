"""Captures of both formats, whole: written by hand, by Scapy, and by Wireshark's programs."""

import gzip
import io
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap, wrpcapng
from written import NAMES, block, interface, old_packet, packet, pcap, section, simple

from labs.traffic.capture.files import frames
from labs.traffic.capture.model import Captured, Damage
from labs.traffic.capture.reading import read
from topologies.errors import Mistake

ORDERS = pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
SECOND = 10**9
LATE = 0xFFFFFFFF * SECOND  # February 2106: the last second that pcap has
FRAME, OTHER = bytes(range(60)), bytes(range(61))


def found(data: bytes) -> list[Captured | Damage]:
    """What a file of these bytes has."""
    return list(read(io.BytesIO(data), "a.cap"))


@ORDERS
def test_pcap_counts_in_micro_or_nanoseconds(order: str) -> None:
    """Times come as whole nanoseconds, to the last second that there is."""
    micro = pcap((1, FRAME, 60), (LATE // 1000 + 999_999, OTHER, 61), order=order)
    nano = pcap((1, FRAME, 60), (LATE + 999_999_999, OTHER, 61), order=order, nano=True)

    assert found(micro) == [Captured(1000, FRAME, 60), Captured(LATE + 999_999_000, OTHER, 61)]
    assert found(nano) == [Captured(1, FRAME, 60), Captured(LATE + 999_999_999, OTHER, 61)]


@ORDERS
def test_pcapng_has_blocks_of_several_kinds(order: str) -> None:
    """Frames come in the file's order, those that have no time too; what nobody knows is skipped."""
    data = section(order) + block(NAMES, b"names", order) + interface(order) + block(0x0BAD, bytes(40), order)
    data += packet(5, FRAME, order=order) + simple(OTHER, order=order) + block(0x80000001, b"", order)
    data += old_packet(1 << 32, OTHER, order=order) + block(5, bytes(12), order)

    assert found(data) == [Captured(5000, FRAME, 60), Captured(None, OTHER, 61), Captured((1 << 32) * 1000, OTHER, 61)]


@pytest.mark.parametrize(
    ("resolution", "offset", "stamp", "when"),
    [
        (None, None, 7, 7000),
        (6, None, 7, 7000),
        (9, None, (1 << 64) - 1, (1 << 64) - 1),
        (0, None, 7, 7 * SECOND),
        (3, 1_700_000_000, 7, 1_700_000_000 * SECOND + 7_000_000),
        (9, -2, 7, 7 - 2 * SECOND),
        (12, None, 1999, 1),
        (0x80, None, 7, 7 * SECOND),
        (0x80 | 10, None, 1536, 1_500_000_000),
        (0x80 | 32, None, 1 << 31, SECOND // 2),
        (127, None, (1 << 64) - 1, 0),
    ],
)
@ORDERS
def test_an_interface_says_what_its_times_count(
    order: str, resolution: int | None, offset: int | None, stamp: int, when: int
) -> None:
    """Powers of ten or two, finer than a nanosecond too, and from another moment on."""
    described = interface(order, resolution=resolution, offset=offset)

    assert found(section(order) + described + packet(stamp, FRAME, order=order)) == [Captured(when, FRAME, 60)]


def test_each_section_has_an_order_of_bytes_and_interfaces_of_its_own() -> None:
    """Files that were put one behind the other; interfaces are counted anew."""
    one = section("<") + interface("<", resolution=9) + interface("<") + packet(5, FRAME, number=1)
    two = section(">") + interface(">", resolution=0) + packet(5, OTHER, order=">")

    assert found(one + two) == [Captured(5000, FRAME, 60), Captured(5 * SECOND, OTHER, 61)]
    (damage,) = found(one + section(">") + interface(">") + packet(5, OTHER, order=">", number=1))[1:]
    assert isinstance(damage, Damage)
    assert damage.why == "a frame of interface 1, of 1 that were described"


def test_frames_may_be_cut_by_the_snap_length() -> None:
    """They say how long they were; a frame without a time of its own is as long as its interface lets it."""
    (older,) = found(pcap((0, FRAME, 1500), snap=60))
    newer, without = found(section() + interface(snap=60) + packet(0, FRAME, 1500) + simple(FRAME, 1500))

    assert older == newer == Captured(0, FRAME, 1500)
    assert without == Captured(None, FRAME, 1500)
    assert isinstance(older, Captured)
    assert older.cut
    assert not Captured(0, FRAME, 60).cut


def test_a_capture_may_be_empty() -> None:
    """A header alone is a whole file, of either format."""
    assert found(pcap()) == found(section()) == found(section() + interface()) == []


def test_a_section_may_say_how_long_it_is() -> None:
    """And is whole where it is."""
    rest = interface() + packet(5, FRAME)

    assert found(section(length=len(rest)) + rest) == [Captured(5000, FRAME, 60)]


def test_of_a_link_type_only_the_lower_half_counts() -> None:
    """The upper one says whether frames have their check sequence."""
    assert found(pcap((0, FRAME, 60), link=0x5400_0001)) == [Captured(0, FRAME, 60)]


CASES = st.lists(st.tuples(st.integers(0, LATE + SECOND - 1), st.binary(max_size=100), st.integers(0, 1 << 31)))


@given(CASES, st.sampled_from("<>"), st.booleans())
def test_pcap_comes_back_as_it_was_written(cases: list[tuple[int, bytes, int]], order: str, nano: bool) -> None:
    """Whatever frames, times and sizes there are."""
    unit = 1 if nano else 1000
    cases = [(when // unit, frame, size) for when, frame, size in cases]

    assert found(pcap(*cases, order=order, nano=nano)) == [Captured(when * unit, *rest) for when, *rest in cases]


@given(CASES, st.sampled_from("<>"), st.lists(st.binary(max_size=20), max_size=5), st.randoms(use_true_random=False))
def test_pcapng_comes_back_as_it_was_written(
    cases: list[tuple[int, bytes, int]], order: str, others: list[bytes], luck: random.Random
) -> None:
    """Whatever else stands between the frames."""
    blocks = [packet(*case, order) for case in cases]
    for each in others:
        blocks.insert(luck.randint(0, len(blocks)), block(luck.randrange(7, 1000), each, order))

    whole = section(order) + interface(order, resolution=9) + b"".join(blocks)

    assert found(whole) == [Captured(*case) for case in cases]


@pytest.mark.parametrize("write", [wrpcap, wrpcapng], ids=["pcap", "pcapng"])
def test_what_scapy_writes_is_read(write: object, tmp_path: Path) -> None:
    """Bytes, and times to the microsecond that it writes."""
    file, made = tmp_path / "a.cap", Ether(FRAME)
    made.time = 1_700_000_000.25

    assert callable(write)
    write(str(file), [made, made])

    assert list(frames(file)) == [Captured(1_700_000_000_250_000_000, FRAME, 60)] * 2


@pytest.mark.programs("editcap", "tshark")
@pytest.mark.parametrize("kind", ["pcap", "nsecpcap", "pcapng"])
def test_what_wireshark_writes_is_read(kind: str, tmp_path: Path) -> None:
    """In each of its formats, with frames cut to forty bytes and nanoseconds where the format has them."""
    before, file = tmp_path / "before.pcap", tmp_path / "a.cap"
    before.write_bytes(pcap((1_700_000_000 * SECOND + 123_456_789, FRAME, 60), nano=True))

    subprocess.run([str(shutil.which("editcap")), "-F", kind, "-s", "40", before, file], check=True)

    exact = 123_456_789 if kind != "pcap" else 123_456_000
    assert list(frames(file)) == [Captured(1_700_000_000 * SECOND + exact, FRAME[:40], 60)]


@pytest.mark.programs("tshark")
@pytest.mark.parametrize("order", ["<", ">"])
def test_what_is_written_here_is_what_wireshark_reads(order: str, tmp_path: Path) -> None:
    """So that our own files, which the tests above read, are such as others understand."""
    file = tmp_path / "a.pcapng"
    data = section(order) + interface(order, resolution=9) + block(0x0123, bytes(40), order)
    file.write_bytes(data + packet(1_700_000_000 * SECOND + 5, FRAME, 1500, order) + simple(OTHER, order=order))

    words = [str(shutil.which("tshark")), "-r", file, "-T", "fields"]
    words += [part for field in ("frame.time_epoch", "frame.cap_len", "frame.len") for part in ("-e", field)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout

    assert told.split("\n")[0].split() == ["1700000000.000000005", "60", "1500"]
    assert told.split("\n")[1].split()[-2:] == ["61", "61"]


@pytest.mark.parametrize("data", [pcap((5, FRAME, 60)), section() + interface() + packet(5, FRAME)])
def test_captures_may_be_compressed(data: bytes, tmp_path: Path) -> None:
    """By gzip, as tcpdump's users do."""
    file = tmp_path / "a.cap.gz"
    file.write_bytes(gzip.compress(data))

    assert list(frames(file)) == [Captured(5000, FRAME, 60)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is neither a pcap nor a pcapng file"),
        (b"\xd4\xc3\xb2", "it is neither a pcap nor a pcapng file"),
        (b"no capture of anything, and long enough", "it is neither a pcap nor a pcapng file"),
        (gzip.compress(b"no capture of anything"), "it is neither a pcap nor a pcapng file"),
        (pcap((0, FRAME, 60), link=113), r"its link type is Linux cooked \(tcpdump -i any\); only Ethernet"),
        (section() + interface(link=101) + packet(0, FRAME), "its link type is raw IP; only Ethernet"),
        (section() + interface(link=4242) + simple(FRAME), "its link type is 4242; only Ethernet"),
        (pcap()[:4] + b"\x01\x00\x02\x00" + pcap()[8:], "it is pcap 1.2; only 2.4 is understood"),
        (section(version=(2, 1)), "it is pcapng 2.1; only 1 is understood"),
    ],
)
def test_what_is_no_capture_of_ethernet_is_a_mistake(data: bytes, why: str, tmp_path: Path) -> None:
    """Said with the file's name."""
    file = tmp_path / "a.cap"
    file.write_bytes(data)

    with pytest.raises(Mistake, match=f"{file}: {why}"):
        list(frames(file))


def test_what_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    """A file that is not there, or is none."""
    for file, why in ((tmp_path / "absent", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(Mistake, match=f"cannot read {file}: {why}"):
            list(frames(file))
