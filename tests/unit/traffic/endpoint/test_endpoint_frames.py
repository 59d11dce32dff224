"""Packets of queue pairs as frames: what Scapy and our own explanation make of them, and back again."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from labs.traffic.endpoint.frames import Heard, Route, frame, heard
from labs.traffic.qp.dcqcn.notification import notification
from labs.traffic.qp.model import Packet
from labs.traffic.roce import icrc
from labs.traffic.roce.explain import explain
from labs.traffic.roce.fields import Aeth, Answer, Deth, Reth
from labs.traffic.roce.headers import BTH
from labs.traffic.roce.opcodes import OPCODES

ROUTES = [
    Route(b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", source, target, 0xC123)
    for source, target in (("10.64.1.3", "10.64.2.3"), ("fd00::1", "fd00::2"))
]
"""One over IPv4, one over IPv6."""
NUMBERS = {each.name: each.number for each in OPCODES.values()}
PACKETS = st.one_of(
    st.builds(
        Packet,
        opcode=st.sampled_from([NUMBERS["RC_SEND_MIDDLE"], NUMBERS["RC_RDMA_WRITE_LAST"]]),
        qp=st.integers(0, 0xFFFFFF),
        psn=st.integers(0, 0xFFFFFF),
        ack_requested=st.booleans(),
        size=st.integers(0, 4096),
    ),
    st.builds(
        Packet,
        opcode=st.just(NUMBERS["RC_RDMA_WRITE_ONLY"]),
        qp=st.integers(0, 0xFFFFFF),
        psn=st.integers(0, 0xFFFFFF),
        size=st.integers(0, 1024),
        reth=st.builds(Reth, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    ),
    st.builds(
        Packet,
        opcode=st.just(NUMBERS["RC_ACKNOWLEDGE"]),
        qp=st.integers(0, 0xFFFFFF),
        psn=st.integers(0, 0xFFFFFF),
        aeth=st.builds(
            Aeth, st.sampled_from([Answer.ACK, Answer.RNR, Answer.NAK]), st.integers(0, 31), st.integers(0, 0xFFFFFF)
        ),
    ),
    st.builds(
        Packet,
        opcode=st.just(NUMBERS["RC_SEND_ONLY_WITH_IMMEDIATE"]),
        qp=st.integers(0, 0xFFFFFF),
        psn=st.integers(0, 0xFFFFFF),
        size=st.integers(0, 256),
        immediate=st.integers(0, 2**32 - 1),
    ),
    st.builds(
        Packet,
        opcode=st.just(NUMBERS["UD_SEND_ONLY"]),
        qp=st.integers(0, 0xFFFFFF),
        psn=st.integers(0, 0xFFFFFF),
        size=st.integers(0, 256),
        deth=st.builds(Deth, st.integers(0, 2**32 - 1), st.integers(0, 0xFFFFFF)),
    ),
)


@given(PACKETS, st.sampled_from(ROUTES))
def test_a_packet_comes_out_of_its_frame_as_it_went_in(packet: Packet, route: Route) -> None:
    """Whatever its headers are, and however long its data, over IPv4 and IPv6."""
    assert heard(frame(route, packet)) == Heard(packet, marked=False)


@pytest.mark.parametrize("route", ROUTES)
def test_scapy_builds_the_same_bytes(route: Route) -> None:
    """Checksums, lengths and the invariant CRC computed anew by Scapy are those that were there."""
    data = frame(route, Packet(NUMBERS["RC_RDMA_WRITE_MIDDLE"], 0x22, 7, ack_requested=True, size=1024))

    packet = Ether(data)
    del packet.payload.len, packet.payload.payload.len, packet[BTH].icrc
    if hasattr(packet.payload, "plen"):
        del packet.payload.plen
    if packet.payload.version == 4:
        del packet.payload.chksum

    assert bytes(packet) == data


@pytest.mark.parametrize("route", ROUTES)
def test_a_congestion_notification_asks_for_the_way_back(route: Route) -> None:
    """With its own opcode, BECN, sixteen reserved bytes and a right CRC (annex A17.9)."""
    data = frame(route, notification(0x22))
    found = explain(data)

    assert found is not None
    assert (found.name, found.becn, found.qp) == ("CNP", True, 0x22)
    assert icrc.right(data)


@pytest.mark.parametrize("route", ROUTES)
def test_a_mark_is_seen_and_does_not_change_the_crc(route: Route) -> None:
    """Switches write ECN where the CRC does not look."""
    data = bytearray(frame(route, Packet(NUMBERS["RC_SEND_ONLY"], 1, 2, size=64)))
    place = 15
    data[place] |= 0x03 if ":" not in route.source else 0x30

    found = heard(bytes(data))

    assert found is not None
    assert found.marked


@given(st.integers(0, 8 * 60), st.sampled_from(ROUTES))
def test_a_damaged_packet_is_not_heard(bit: int, route: Route) -> None:
    """A bit of the transport headers, the data or the CRC that is turned over."""
    data = bytearray(frame(route, Packet(NUMBERS["RC_SEND_ONLY"], 1, 2, size=64)))
    start = icrc.transport_header(bytes(data))
    place = start + bit // 8
    if place == start + icrc.RESERVED:
        return  # what switches may write is not covered
    data[place] ^= 1 << bit % 8

    assert heard(bytes(data)) is None


@given(PACKETS, st.sampled_from(ROUTES), st.booleans())
def test_the_quick_way_reads_what_the_explanation_does(packet: Packet, route: Route, marked: bool) -> None:
    """A VLAN tag, which the CRC does not cover, sends the same packet the slow way."""
    data = bytearray(frame(route, packet))
    if marked:
        data[15] |= 0x03 if ":" not in route.source else 0x30

    tagged = data[:12] + b"\x81\x00\x00\x05" + data[12:]

    assert heard(bytes(data)) == heard(bytes(tagged)) == Heard(packet, marked)


@given(PACKETS, st.sampled_from(ROUTES), st.data())
def test_a_frame_that_is_cut_is_not_heard(packet: Packet, route: Route, draw: st.DataObject) -> None:
    """Wherever it is cut; but what Ethernet fills it up with is no part of it."""
    data = frame(route, packet)
    size = draw.draw(st.integers(0, len(data) - 1))

    assert heard(data[:size]) is None
    assert heard(data + bytes(18)) == heard(data)


@given(st.binary(max_size=120), st.sampled_from(ROUTES))
def test_noise_is_not_heard(noise: bytes, route: Route) -> None:
    """Neither as a frame nor behind the headers of one."""
    before = frame(route, Packet(NUMBERS["RC_SEND_ONLY"], 1, 2, size=64))[:40]

    assert heard(noise) is None
    assert heard(before + noise) is None


@pytest.mark.parametrize("number", [NUMBERS["RC_ACKNOWLEDGE"], NUMBERS["RC_RDMA_WRITE_ONLY"], 0x1F, 0xFF])
@pytest.mark.parametrize("route", ROUTES)
def test_what_its_opcode_has_no_room_for_is_not_heard(route: Route, number: int) -> None:
    """A right CRC does not make a packet of it."""
    data = bytearray(frame(route, Packet(NUMBERS["RC_SEND_ONLY"], 1, 2)))
    data[icrc.transport_header(bytes(data))] = number
    data[-icrc.SIZE :] = icrc.icrc(bytes(data[: -icrc.SIZE]))

    assert icrc.right(bytes(data))
    assert heard(bytes(data)) is None


@pytest.mark.parametrize("route", ROUTES)
def test_a_fragment_and_another_port_are_not_heard(route: Route) -> None:
    """Even where the sum over them is right."""
    data = frame(route, Packet(NUMBERS["RC_SEND_ONLY"], 1, 2, size=64))
    start = icrc.transport_header(data)
    changed = [data[: start - 5] + b"\0" + data[start - 4 :]]
    if ":" not in route.source:
        changed.append(data[:20] + b"\x20\x01" + data[22:])

    for each in changed:
        assert heard(each[: -icrc.SIZE] + icrc.icrc(each[: -icrc.SIZE])) is None


@pytest.mark.programs("tshark")
def test_tshark_reads_what_was_sent(tmp_path: Path) -> None:
    """Queue pair, number, memory, answer and a right IP header, of packets over IPv4 and IPv6."""
    packets = [
        Packet(NUMBERS["RC_RDMA_WRITE_FIRST"], 0x22, 7, size=1024, reth=Reth(0x1000, 5, 4096)),
        Packet(NUMBERS["RC_RDMA_WRITE_LAST"], 0x22, 8, ack_requested=True, size=3),
        Packet(NUMBERS["RC_ACKNOWLEDGE"], 0x11, 8, aeth=Aeth(Answer.NAK, 0, 9)),
    ]
    made = [(route, packet) for route in ROUTES for packet in packets]
    wrpcap(str(tmp_path / "all.pcap"), [Ether(frame(*each)) for each in made])
    names = ["bth.opcode", "bth.destqp", "bth.psn", "reth.dmalen", "aeth.syndrome.error_code"]
    words = [str(shutil.which("tshark")), "-r", str(tmp_path / "all.pcap"), "-T", "json"]
    words += ["-o", "ip.check_checksum:TRUE", "-e", "ip.checksum.status", "-e", "udp.srcport", "-e", "ip.dsfield.ecn"]
    words += [part for name in names for part in ("-e", f"infiniband.{name}")]

    told = [
        {key.removeprefix("infiniband."): value[0] for key, value in each["_source"]["layers"].items()}
        for each in json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    ]

    assert len(told) == len(made)
    for (route, packet), found in zip(made, told, strict=True):
        wanted = {
            "bth.opcode": str(packet.opcode),
            "bth.destqp": f"0x{packet.qp:06x}",
            "bth.psn": str(packet.psn),
            "udp.srcport": str(route.port),
        }
        wanted |= {"reth.dmalen": str(packet.reth.length)} if packet.reth else {}
        wanted |= {"aeth.syndrome.error_code": "0"} if packet.aeth else {}
        wanted |= {"ip.checksum.status": "1", "ip.dsfield.ecn": "2"} if ":" not in route.source else {}
        assert found == wanted
