"""What a RoCE frame says, from its bytes. Pure, and without Scapy: quick, and a second opinion on what Scapy builds.

RoCEv1 is InfiniBand's headers behind an Ethernet header of type 0x8915, with a global route header that looks like
IPv6; RoCEv2 has them behind UDP to port 4791. All multi-byte fields are in network order.
"""

import struct
from collections.abc import Callable
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct
from msgspec.structs import replace

from labs.traffic.roce import fields, icrc
from labs.traffic.roce.fields import Aeth, Atomic, Deth, Feth, Reth
from labs.traffic.roce.opcodes import OPCODES, SIZES, Header
from topologies.errors import Mistake

PORT = 4791
BTH_SIZE = 12
_BTH = struct.Struct("!BBHII")
_SOLICITED, _PAD, _FECN, _BECN, _ACK = 0x80, 0x30, 0x80000000, 0x40000000, 0x80000000
_QP = _PSN = 0xFFFFFF


class Sum(StrEnum):
    """Whether the invariant CRC is what it must be."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "cut short"  # the capture does not have all of the packet


class Packet(Struct, frozen=True, kw_only=True):
    """A RoCE packet. `opcode` is None where nobody defined its `number`; what it does not carry is None.

    `payload` is in bytes, without padding; `ecn` is the two bits of IP or of the global route header (RFC 3168).
    """

    version: int  # 1 or 2
    vlan: int | None
    source: str
    destination: str
    source_port: int | None
    dscp: int
    ecn: int
    number: int
    name: str
    solicited: bool
    pkey: int
    fecn: bool
    becn: bool
    qp: int
    ack_requested: bool
    psn: int
    payload: int
    icrc: Sum
    reth: Reth | None = None
    aeth: Aeth | None = None
    deth: Deth | None = None
    feth: Feth | None = None
    atomic: Atomic | None = None
    original: int | None = None  # what an atomic operation found
    immediate: int | None = None
    invalidated: int | None = None  # the key that a send invalidates
    shared_queue: int | None = None  # the receive queue of an extended connection
    context: int | None = None  # end-to-end, of a reliable datagram


class _Route(Struct, frozen=True):
    """The headers before InfiniBand's: where those begin, and where the packet ends, its CRC included."""

    version: int
    source: str
    destination: str
    source_port: int | None
    traffic_class: int
    start: int
    end: int


def explain(frame: bytes) -> Packet | None:
    """A RoCE packet out of an Ethernet frame, or as much of one as there is; None where the frame is none."""
    try:
        at = icrc.network_header(frame)
        route = _route(frame, at)
        if route is None:
            return None
        return _explained(frame, at, route)
    except (struct.error, Mistake):  # too short to say
        return None


def _explained(frame: bytes, at: int, route: _Route) -> Packet:
    number, flags, pkey, qp, psn = _BTH.unpack_from(frame, route.start)
    opcode = OPCODES.get(number)
    rest = route.end - route.start - BTH_SIZE - icrc.SIZE - ((flags & _PAD) >> 4)
    data = rest - opcode.size if opcode and opcode.payload else 0 if opcode else rest
    found = Packet(
        version=route.version,
        vlan=struct.unpack_from("!H", frame, 14)[0] & 0xFFF if at > 14 else None,
        source=route.source,
        destination=route.destination,
        source_port=route.source_port,
        dscp=route.traffic_class >> 2,
        ecn=route.traffic_class & 3,
        number=number,
        name=opcode.name if opcode else f"opcode {number:#04x}",
        solicited=bool(flags & _SOLICITED),
        pkey=pkey,
        fecn=bool(qp & _FECN),
        becn=bool(qp & _BECN),
        qp=qp & _QP,
        ack_requested=bool(psn & _ACK),
        psn=psn & _PSN,
        payload=max(data, 0),
        icrc=_sum(frame, route),
    )
    return _with_headers(found, frame, route.start + BTH_SIZE, opcode.headers if opcode else ())


def _with_headers(packet: Packet, frame: bytes, at: int, headers: tuple[Header, ...]) -> Packet:
    """The packet with its extended headers, as far as the frame has them."""
    read: dict[str, object] = {}
    for header in headers:
        if at + SIZES[header] > len(frame):
            break
        name, decode = _DECODED[header]
        read[name] = decode(frame, at)
        at += SIZES[header]
    return replace(packet, **read) if read else packet


_DECODED: dict[Header, tuple[str, Callable[[bytes, int], object]]] = {
    Header.RDETH: ("context", fields.low_word),
    Header.DETH: ("deth", fields.deth),
    Header.XRCETH: ("shared_queue", fields.low_word),
    Header.FETH: ("feth", fields.feth),
    Header.RETH: ("reth", fields.reth),
    Header.ATOMIC: ("atomic", fields.atomic),
    Header.AETH: ("aeth", fields.aeth),
    Header.ATOMIC_ACK: ("original", fields.long),
    Header.IMMEDIATE: ("immediate", fields.word),
    Header.IETH: ("invalidated", fields.word),
}
"""Which field of a packet each header becomes, and how."""


def _route(frame: bytes, at: int) -> _Route | None:
    """How a packet is carried; None where it is not RoCE."""
    (kind,) = struct.unpack_from("!H", frame, at - 2)
    if kind == icrc.IPV4:
        return _over_ipv4(frame, at)
    if kind == icrc.IPV6:
        return _over_ipv6(frame, at, version=2)
    return _over_ipv6(frame, at, version=1) if kind == icrc.ROCE else None


def _over_ipv4(frame: bytes, at: int) -> _Route | None:
    size, tos, length, fragment, protocol = struct.unpack_from("!BBH2xH1xB", frame, at)
    start = at + (size & 0x0F) * 4
    if protocol != icrc.UDP or fragment & 0x1FFF:
        return None
    source_port, port = struct.unpack_from("!HH", frame, start)
    if port != PORT:
        return None
    source, destination = (str(IPv4Address(frame[at + place : at + place + 4])) for place in (12, 16))
    return _Route(2, source, destination, source_port, tos, start + icrc.UDP_SIZE, at + length)


def _over_ipv6(frame: bytes, at: int, version: int) -> _Route | None:
    first, length, following = struct.unpack_from("!IHB", frame, at)
    start, source_port = at + icrc.IPV6_SIZE, None
    if version == 2:
        if following != icrc.UDP:
            return None
        source_port, port = struct.unpack_from("!HH", frame, start)
        if port != PORT:
            return None
        start += icrc.UDP_SIZE
    source, destination = (str(IPv6Address(frame[at + place : at + place + 16])) for place in (8, 24))
    end = at + icrc.IPV6_SIZE + length
    return _Route(version, source, destination, source_port, first >> 20 & 0xFF, start, end)


def _sum(frame: bytes, route: _Route) -> Sum:
    if len(frame) < route.end or route.end < route.start + BTH_SIZE + icrc.SIZE:
        return Sum.UNKNOWN
    return Sum.RIGHT if icrc.right(frame[: route.end]) else Sum.WRONG
