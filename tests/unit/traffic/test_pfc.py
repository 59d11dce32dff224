"""Frames of priority flow control, held against Scapy's."""

import pytest
from scapy.contrib.mac_control import MACControlClassBasedFlowControl
from scapy.layers.l2 import Ether

from labs.traffic import pfc

MAC = bytes.fromhex("020000000001")
SOME = pfc.Pause((None, None, None, 100, None, None, None, 65535))


def test_scapy_reads_what_is_written() -> None:
    """The group address, the classes that are named, their times, and as many bytes as Ethernet wants."""
    octets = pfc.frame(MAC, SOME)
    read = Ether(octets)

    assert (read.dst, read.src, len(octets)) == ("01:80:c2:00:00:01", "02:00:00:00:00:01", 60)
    told = read[MACControlClassBasedFlowControl]
    assert (told.c3_enabled, told.c7_enabled, told.c0_enabled) == (1, 1, 0)
    assert (told.c3_pause_time, told.c7_pause_time) == (100, 65535)


@pytest.mark.parametrize("pause", [SOME, pfc.Pause((0,) * 8), pfc.Pause((None,) * 8)])
def test_what_was_written_is_read_back(pause: pfc.Pause) -> None:
    """A time of 0 is not the same as a class that is not named."""
    assert pfc.pause_of(pfc.frame(MAC, pause)) == pause


@pytest.mark.parametrize(
    "octets", [b"", bytes(60), pfc.frame(MAC, SOME)[:30], bytes(12) + b"\x88\x08\x00\x01" + bytes(44)]
)
def test_other_frames_are_none(octets: bytes) -> None:
    """Cut short, of another protocol, or a pause of the whole link (IEEE 802.3x)."""
    assert pfc.pause_of(octets) is None


def test_quanta_are_the_time_of_512_bits() -> None:
    """At the cable's rate, and no more than a frame can say."""
    assert pfc.quanta(0.001, 512) == 1000
    assert pfc.seconds(1000, 512) == pytest.approx(0.001)
    assert pfc.quanta(1000, 512) == 65535
