"""Packets out of a capture, edited and built again; and our acknowledge header, which is Scapy's and more."""

import random
from collections.abc import Callable

import pytest
from frames import CARRIERS, MACS, V4, one_of_each, over_ipv4, over_ipv6
from scapy.contrib import roce
from scapy.layers.inet import IP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Padding, Raw

from labs.traffic.roce.explain import Sum, explain
from labs.traffic.roce.headers import AETH, BTH, DETH, GRH, RETH, frame
from topologies.errors import Mistake

WRITE = BTH(opcode="RC_RDMA_WRITE_ONLY", dqpn=0x11, psn=7) / RETH(va=1, rkey=2, dmalen=5) / b"12345"
CARRIED = pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: str(carrier.__name__))


def read(packet: Packet) -> Packet:
    """What Scapy makes of a frame of this packet, as out of a capture."""
    return Ether(frame(packet))


def carried(luck: int = 1) -> Packet:
    """A write that was captured."""
    return read(over_ipv4(random.Random(luck)) / WRITE)


@CARRIED
def test_an_unchanged_packet_is_built_as_it_was(carrier: Callable[[random.Random], Packet]) -> None:
    """Of every opcode, its padding too: what a frame says of its data does not change by reading it."""
    for opcode, made in one_of_each(carrier, seed=3):
        built = frame(made)

        assert frame(Ether(built)) == built, opcode.name


@CARRIED
@pytest.mark.parametrize("data", [b"", b"1", b"1234", b"a longer payload than before", bytes(4096)])
def test_other_data_makes_another_length_and_sum(carrier: Callable[[random.Random], Packet], data: bytes) -> None:
    """All of it as if the packet had been built with that data from the beginning."""
    made = carrier(random.Random(1)) / WRITE
    other = carrier(random.Random(1)) / WRITE.copy()
    other[Raw].load = data
    edited = read(made)

    edited[Raw].load = data

    assert frame(edited) == frame(other)
    found = explain(frame(edited))
    assert found is not None
    assert (found.payload, found.icrc) == (len(data), Sum.RIGHT)
    whole = Ether(frame(edited))
    rest = len(frame(edited)) - (18 if Dot1Q in whole else 14)
    if IP in whole:
        assert (whole[IP].len, whole[UDP].len) == (rest, rest - 20)
    elif IPv6 in whole:
        assert (whole[IPv6].plen, whole[UDP].len) == (rest - 40, rest - 40)
    else:
        assert whole[GRH].paylen == rest - 40


def test_another_header_field_makes_another_sum() -> None:
    """A number, an address: what the sum covers."""
    edited = carried()
    edited[BTH].psn, edited[RETH].va, edited[IP].dst = 8, 99, "10.9.9.9"

    found = explain(frame(edited))

    assert found is not None
    assert found.reth is not None
    assert (found.psn, found.reth.address, found.destination) == (8, 99, "10.9.9.9")
    assert (found.payload, found.icrc) == (5, Sum.RIGHT)
    again = IP(frame(edited)[14:])
    told = again.chksum
    del again.chksum
    assert IP(bytes(again)).chksum == told


def test_data_may_go_or_come() -> None:
    """A packet without its data is shorter, one with more is longer, and both are whole."""
    bare, more = carried(), carried()
    bare[RETH].remove_payload()
    more[Raw].add_payload(b"678")

    without, longer = explain(frame(bare)), explain(frame(more))

    assert without is not None
    assert longer is not None
    assert (without.payload, without.icrc) == (0, Sum.RIGHT)
    assert (longer.payload, longer.icrc) == (8, Sum.RIGHT)
    assert frame(more)[-12:-4] == b"12345678"


def test_options_of_ip_may_come() -> None:
    """The header is longer, and says so."""
    edited = carried()
    edited[IP].options = [IPOption_NOP()] * 8

    found = explain(frame(edited))

    assert found is not None
    assert (found.qp, found.icrc) == (0x11, Sum.RIGHT)


def test_padding_of_a_short_frame_goes() -> None:
    """What Ethernet filled up is no part of the packet."""
    short = frame(over_ipv4(random.Random(1)) / BTH(opcode="UC_SEND_ONLY", dqpn=1, psn=3))
    padded = Ether(short + bytes(4))

    assert Padding in padded
    assert frame(padded) == short


def test_frames_are_built_without_touching_the_packet() -> None:
    """It is as it was read."""
    edited = carried()
    before = edited.copy()

    frame(edited)

    assert edited == before
    assert bytes(edited) == bytes(before)


@pytest.mark.parametrize("carrier", [over_ipv4, over_ipv6])
def test_a_checksum_of_udp_is_right_or_none(carrier: Callable[[random.Random], Packet]) -> None:
    """It covers the invariant CRC; 0 says that there is none, and stays, also after reading."""
    none = carrier(random.Random(1)) / WRITE
    none[UDP].chksum = 0
    for made in (carrier(random.Random(1)) / WRITE, read(carrier(random.Random(1)) / WRITE)):
        made[BTH].psn = 77
        whole = Ether(frame(made))
        told = whole[UDP].chksum
        del whole[UDP].chksum
        assert Ether(bytes(whole))[UDP].chksum == told != 0

    assert Ether(frame(none))[UDP].chksum == Ether(frame(read(none)))[UDP].chksum == 0


def test_a_packet_in_a_tunnel_has_the_sum_of_its_own_headers() -> None:
    """The outer ones are none of its business."""
    inner = over_ipv4(random.Random(1)) / WRITE
    outer = Ether(**MACS) / IP(**V4) / UDP(sport=50000, dport=4789) / VXLAN(vni=5)

    assert frame(outer / inner).endswith(frame(inner))
    edited = Ether(frame(outer / inner))
    edited[Raw].load = b"more than there was"
    inner[Raw].load = b"more than there was"
    built = frame(edited)
    assert built.endswith(frame(inner))
    assert Ether(built)[IP].len == len(built) - 14


def test_what_has_no_roce_is_a_mistake() -> None:
    """Said with what it is."""
    with pytest.raises(Mistake, match="no RoCE in Ether / IP / UDP"):
        frame(Ether() / IP() / UDP() / b"abc")


def test_the_acknowledge_header_is_scapys() -> None:
    """What takes Scapy's takes ours, and the byte of the syndrome is one too."""
    header = AETH(syndrome=0x63, msn=5)

    assert isinstance(header, roce.AETH)
    assert (header.kind, header.code, header.syndrome) == (3, 3, 0x63)
    assert bytes(header) == bytes(roce.AETH(syndrome=0x63, msn=5)) == bytes.fromhex("63000005")
    header.syndrome = 0xFF
    assert (header.reserved, header.kind, header.code, bytes(header)[0]) == (1, 3, 31, 0xFF)
    assert AETH(kind="RNR_NAK", code=14).syndrome == roce.AETH(b"\x2e\0\0\0").syndrome
    assert BTH in BTH() / header
    assert (BTH() / header).opcode == 0x11


def test_acknowledges_are_read_as_ours() -> None:
    """Also where Scapy's own binding was, and behind the context of a reliable datagram."""
    for name in ("RC_ACKNOWLEDGE", "RD_ACKNOWLEDGE", "RC_RDMA_READ_RESPONSE_ONLY", "RC_ATOMIC_ACKNOWLEDGE"):
        (made,) = [each for opcode, each in one_of_each(over_ipv4) if opcode.name == name]
        layers = read(made).layers()

        assert AETH in layers
        assert roce.AETH not in layers


def test_a_datagram_that_was_read_can_be_answered() -> None:
    """Its fields are there to be changed as any other layer's."""
    made = over_ipv4(random.Random(1)) / BTH(opcode="UD_SEND_ONLY", dqpn=1) / DETH(qkey=5, sqpn=9) / b"abc"
    edited = read(made)
    edited[BTH].dqpn, edited[DETH].sqpn = 9, 1

    found = explain(frame(edited))

    assert found is not None
    assert found.deth is not None
    assert (found.qp, found.deth.source_qp, found.payload, found.icrc) == (9, 1, 3, Sum.RIGHT)
