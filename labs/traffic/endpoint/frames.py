"""Packets of queue pairs as frames, and frames as packets. Pure, and without Scapy, which is far too slow."""

import struct
from functools import lru_cache
from ipaddress import ip_address

from msgspec import Struct

from labs.traffic.qp.model import Packet
from labs.traffic.roce import icrc
from labs.traffic.roce.explain import PORT, Sum, explain
from labs.traffic.roce.fields import Aeth, Answer
from labs.traffic.roce.opcodes import CNP, OPCODES, Header

PKEY = 0xFFFF  # the default partition
RESERVED = bytes(16)  # what a congestion notification carries
ECT, CE = 2, 3  # ECN-capable, congestion experienced (RFC 3168)
HOPS = 64
_BTH, _UDP = struct.Struct("!BBHII"), struct.Struct("!HHHH")
_RETH, _DETH, _WORD = struct.Struct("!QII"), struct.Struct("!II"), struct.Struct("!I")
_ACK, _BECN = 1 << 31, 1 << 30
_ANSWERS = {answer: number for number, answer in enumerate((Answer.ACK, Answer.RNR, Answer.RESERVED, Answer.NAK))}


class Route(Struct, frozen=True):
    """From one NIC to another: MAC addresses of its own and of the first hop, IP addresses, and the UDP source port."""

    mac: bytes
    next_mac: bytes
    source: str
    target: str
    port: int
    dscp: int = 26


class Heard(Struct, frozen=True):
    """A packet that came undamaged, and whether a switch marked it."""

    packet: Packet
    marked: bool


def frame(route: Route, packet: Packet) -> bytes:
    """The Ethernet frame of a packet, its data zeros, with its invariant CRC."""
    opcode = OPCODES[packet.opcode]
    pad = -packet.size % 4
    notice = packet.opcode == CNP.number
    head = _BTH.pack(packet.opcode, pad << 4, PKEY, packet.qp | (_BECN if notice else 0), _psn(packet))
    extended = b"".join(_header(each, packet) for each in opcode.headers)
    body = head + extended + (RESERVED if notice else bytes(packet.size + pad))
    whole = _before(route, len(body) + icrc.SIZE) + body
    return whole + icrc.icrc(whole)


def heard(data: bytes) -> Heard | None:
    """The packet in a frame; None for what is none, or is damaged: a NIC drops that without a word."""
    found = explain(data)
    if found is None or found.icrc is not Sum.RIGHT or found.number not in OPCODES:
        return None
    packet = Packet(
        opcode=found.number,
        qp=found.qp,
        psn=found.psn,
        ack_requested=found.ack_requested,
        size=found.payload,
        reth=found.reth,
        aeth=found.aeth,
        immediate=found.immediate,
        deth=found.deth,
    )
    return Heard(packet, found.ecn == CE)


def _psn(packet: Packet) -> int:
    return packet.psn | (_ACK if packet.ack_requested else 0)


def _header(which: Header, packet: Packet) -> bytes:
    if which is Header.RETH and packet.reth is not None:
        return _RETH.pack(packet.reth.address, packet.reth.rkey, packet.reth.length)
    if which is Header.AETH and packet.aeth is not None:
        return _WORD.pack(_syndrome(packet.aeth) << 24 | packet.aeth.msn)
    if which is Header.IMMEDIATE and packet.immediate is not None:
        return _WORD.pack(packet.immediate)
    if which is Header.DETH and packet.deth is not None:
        return _DETH.pack(packet.deth.qkey, packet.deth.source_qp)
    raise ValueError(f"a packet of opcode {packet.opcode:#x} without its {which}")


def _syndrome(aeth: Aeth) -> int:
    return _ANSWERS[aeth.answer] << 5 | aeth.code


@lru_cache(maxsize=4096)
def _before(route: Route, size: int) -> bytes:
    """Ethernet, IP and UDP headers in front of so many bytes."""
    udp = _UDP.pack(route.port, PORT, size + _UDP.size, 0)
    source, target = ip_address(route.source).packed, ip_address(route.target).packed
    traffic_class, length = route.dscp << 2 | ECT, size + _UDP.size
    if len(source) == 4:
        return route.next_mac + route.mac + b"\x08\x00" + _ipv4(source, target, traffic_class, length) + udp
    head = struct.pack("!IHBB", 6 << 28 | traffic_class << 20, length, icrc.UDP, HOPS)
    return route.next_mac + route.mac + b"\x86\xdd" + head + source + target + udp


def _ipv4(source: bytes, target: bytes, traffic_class: int, length: int) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, traffic_class, length + 20, 0, 0x4000, HOPS, icrc.UDP, 0) + source + target
    total: int = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + (~(total + (total >> 16)) & 0xFFFF).to_bytes(2, "big") + head[12:]
