"""The invariant CRC at the end of every RoCE packet. Pure.

It is the CRC-32 of Ethernet over what no switch or router may change: eight bytes of ones in the place of InfiniBand's
local route header, then the packet from its network header on, with ones in every field that may change on the way
(InfiniBand Architecture Specification, volume 1, 7.8.1; annex A16.5.2 for RoCE, annex A17 for RoCEv2). Its four bytes
go out least significant first.
"""

import struct
import zlib
from collections.abc import Iterator

from topologies.errors import Mistake

SIZE = 4
ROUTE_HEADER = b"\xff" * 8
ROCE, IPV4, IPV6 = 0x8915, 0x0800, 0x86DD
TAGS = (0x8100, 0x88A8)
IPV6_SIZE, GRH_SIZE, UDP_SIZE = 40, 40, 8
UDP = 17
RESERVED = 4  # the byte of the base transport header with the two congestion bits


def icrc(frame: bytes) -> bytes:
    """The four bytes that belong after an Ethernet frame, whole but for them; Mistake where it is no RoCE."""
    return zlib.crc32(ROUTE_HEADER + invariant(frame)).to_bytes(SIZE, "little")


def right(frame: bytes) -> bool:
    """Whether the last four bytes of a frame, without padding behind them, are its invariant CRC."""
    return icrc(frame[:-SIZE]) == frame[-SIZE:]


def invariant(frame: bytes) -> bytes:
    """A frame from its network header on, with ones where a switch or router may write."""
    at = network_header(frame)
    packet = bytearray(frame[at:])
    for place in _changing(packet, struct.unpack_from("!H", frame, at - 2)[0]):
        packet[place] = 0xFF
    if packet[0] >> 4 == 6:
        packet[0] |= 0x0F  # the version stays, the upper half of the traffic class does not
    return bytes(packet)


def changing(frame: bytes) -> frozenset[int]:
    """The places in a frame where a switch or router may write, wholly or in part."""
    at = network_header(frame)
    found = {at + place for place in _changing(bytearray(frame[at:]), struct.unpack_from("!H", frame, at - 2)[0])}
    return frozenset(found | {at} if frame[at] >> 4 == 6 else found)


def network_header(frame: bytes) -> int:
    """Where the network header of an Ethernet frame begins, behind any VLAN tags."""
    at = 14
    while at <= len(frame) and struct.unpack_from("!H", frame, at - 2)[0] in TAGS:
        at += 4
    if at >= len(frame):
        raise Mistake(f"a frame of {len(frame)} bytes has no network header")
    return at


def transport_header(frame: bytes) -> int:
    """Where InfiniBand's base transport header begins in an Ethernet frame; Mistake where it is no RoCE."""
    at = network_header(frame)
    kind = struct.unpack_from("!H", frame, at - 2)[0]
    return at + _headers(frame[at:], kind)


def _changing(packet: bytearray, kind: int) -> Iterator[int]:
    """The bytes of a packet that may change on the way."""
    transport = _headers(packet, kind)
    if kind == IPV4:
        yield from (1, 8, 10, 11)  # DSCP and ECN, time to live, header checksum
    else:
        yield from (1, 2, 3, 7)  # traffic class, flow label, hop limit
    if kind != ROCE:
        yield from (transport - 2, transport - 1)  # UDP checksum
    yield transport + RESERVED


def _headers(packet: bytes | bytearray, kind: int) -> int:
    """How many bytes stand before the base transport header; Mistake where it cannot be there."""
    if kind == IPV4 and len(packet) > 9:
        size, udp = (packet[0] & 0x0F) * 4 + UDP_SIZE, packet[9] == UDP
    elif kind == IPV6 and len(packet) > 6:
        size, udp = IPV6_SIZE + UDP_SIZE, packet[6] == UDP
    elif kind == ROCE:
        size, udp = GRH_SIZE, True
    else:
        raise Mistake(f"Ethernet type {kind:#06x} with {len(packet)} bytes is no RoCE: {ROCE:#x}, or UDP over IP")
    if not udp or len(packet) < size + RESERVED + 1:
        raise Mistake(f"a packet of {len(packet)} bytes, Ethernet type {kind:#06x}, has no base transport header")
    return size
