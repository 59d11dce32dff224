"""Packets of queue pairs as frames: what Scapy and our own explanation make of them, and back again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.l2 import Ether

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
