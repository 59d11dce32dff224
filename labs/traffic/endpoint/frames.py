"""Packets of queue pairs as frames, and frames as packets. Pure, and without Scapy, which is far too slow.

A process can drive as many queue pairs as it can make and read frames, so both ways are short. Out: what stands before
the transport headers is made once for a route and a size, with the state of the CRC behind it. In: frames as these are
read where their fields must be; any other, as with VLAN tags or options of IP, goes through `explain`.
"""

import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address

from msgspec import Struct

from labs.traffic.qp.model import Packet
from labs.traffic.roce import fields, icrc
from labs.traffic.roce.explain import BTH_SIZE, PORT, Sum, explain
from labs.traffic.roce.fields import Aeth, Answer
from labs.traffic.roce.opcodes import CNP, OPCODES, Header, Opcode

PKEY = 0xFFFF  # the default partition
RESERVED = bytes(16)  # what a congestion notification carries
ECT, CE = 2, 3  # ECN-capable, congestion experienced (RFC 3168)
HOPS = 64
_BTH, _UDP = struct.Struct("!BBHII"), struct.Struct("!HHHH")
_RETH, _DETH, _WORD = struct.Struct("!QII"), struct.Struct("!II"), struct.Struct("!I")
_PLAIN, _HALF = struct.Struct("!HBBH"), struct.Struct("!H")  # type, version, traffic class, length of IPv4
_ACK, _BECN, _MASKED, _NUMBER = 1 << 31, 1 << 30, 0xFF << 24, 0xFFFFFF
_ETHERNET = 14
_SHORTEST = _ETHERNET + 28 + BTH_SIZE + icrc.SIZE
_PORT = PORT.to_bytes(2, "big")
_SEED = zlib.crc32(icrc.ROUTE_HEADER)
_CHANGING_4 = (1, 8, 10, 11, 26, 27, 32)  # of a packet over IPv4: DSCP and ECN, TTL, checksums, congestion bits
_CHANGING_6 = (1, 2, 3, 7, 46, 47, 52)  # over IPv6: traffic class, flow label, hop limit, checksum, congestion bits
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


class _Layout(Struct, frozen=True):
    """What stands behind the base header of an opcode: bytes of extended headers, those that a packet has a place for
    (its name, how far in, and how it is read), and whether data may follow."""

    size: int
    payload: bool
    reads: tuple[tuple[str, int, Callable[[bytes, int], object]], ...]


def frame(route: Route, packet: Packet) -> bytes:
    """The Ethernet frame of a packet, its data zeros, with its invariant CRC."""
    opcode = OPCODES[packet.opcode]
    pad = -packet.size % 4
    notice = packet.opcode == CNP.number
    extended = b"".join([_header(each, packet) for each in opcode.headers])
    rest = extended + (RESERVED if notice else bytes(packet.size + pad))
    psn = packet.psn | (_ACK if packet.ack_requested else 0)
    before, state = _before(route, BTH_SIZE + len(rest) + icrc.SIZE)
    head = _BTH.pack(packet.opcode, pad << 4, PKEY, packet.qp | (_BECN if notice else 0), psn)
    covered = _BTH.pack(packet.opcode, pad << 4, PKEY, packet.qp | _MASKED, psn)
    return b"".join((before, head, rest, zlib.crc32(covered + rest, state).to_bytes(icrc.SIZE, "little")))


def heard(data: bytes) -> Heard | None:
    """The packet in a frame; None for what is none, or is damaged: a NIC drops that without a word."""
    shape = _shape(data)
    if shape is None:
        return _explained(data)
    start, end, traffic_class, changing = shape
    covered = bytearray(data[_ETHERNET : end - icrc.SIZE])
    for place in changing:
        covered[place] = 0xFF
    if covered[0] >> 4 == 6:
        covered[0] = 0x6F
    if zlib.crc32(covered, _SEED).to_bytes(icrc.SIZE, "little") != data[end - icrc.SIZE : end]:
        return None
    packet = _packet(data, start, end)
    return Heard(packet, traffic_class & CE == CE) if packet else None


def _shape(data: bytes) -> tuple[int, int, int, tuple[int, ...]] | None:
    """Where the transport headers of a plain frame begin, where the packet ends, its traffic class, and which bytes of
    the packet may change on the way; None where the frame is not plain, or not whole."""
    if len(data) < _SHORTEST:
        return None
    kind, first, second, length = _PLAIN.unpack_from(data, 12)
    if kind == icrc.IPV4 and first == 0x45 and data[23] == icrc.UDP and not _HALF.unpack_from(data, 20)[0] & 0x3FFF:
        start, end, traffic_class, changing = _ETHERNET + 28, _ETHERNET + length, second, _CHANGING_4
    elif kind == icrc.IPV6 and first >> 4 == 6 and data[20] == icrc.UDP:
        end = _ETHERNET + icrc.IPV6_SIZE + _HALF.unpack_from(data, 18)[0]
        start, traffic_class, changing = _ETHERNET + 48, (first << 4 | second >> 4) & 0xFF, _CHANGING_6
    else:
        return None
    whole = start + BTH_SIZE + icrc.SIZE <= end <= len(data)
    return (start, end, traffic_class, changing) if whole and data[start - 6 : start - 4] == _PORT else None


def _packet(data: bytes, start: int, end: int) -> Packet | None:
    """A packet out of a frame that is not damaged; None for an unknown opcode, or where its headers have no room."""
    number, flags, _, qp, psn = _BTH.unpack_from(data, start)
    layout = _LAYOUTS.get(number)
    if layout is None:
        return None
    at = start + BTH_SIZE
    size = end - icrc.SIZE - (flags >> 4 & 3) - at - layout.size
    if size < 0:
        return None
    read = {name: decode(data, at + place) for name, place, decode in layout.reads}
    size = size if layout.payload else 0
    return Packet(number, qp & _NUMBER, psn & _NUMBER, psn >= _ACK, size, **read)  # type: ignore[arg-type]  # by name


def _explained(data: bytes) -> Heard | None:
    """The same for any frame, slowly."""
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
def _before(route: Route, size: int) -> tuple[bytes, int]:
    """Ethernet, IP and UDP headers in front of so many bytes, and the CRC's state behind them."""
    udp = _UDP.pack(route.port, PORT, size + _UDP.size, 0)
    source, target = ip_address(route.source).packed, ip_address(route.target).packed
    traffic_class, length = route.dscp << 2 | ECT, size + _UDP.size
    if len(source) == 4:
        kind, head = icrc.IPV4, _ipv4(source, target, traffic_class, length)
    else:
        kind, fixed = icrc.IPV6, struct.pack("!IHBB", 6 << 28 | traffic_class << 20, length, icrc.UDP, HOPS)
        head = fixed + source + target
    before = route.next_mac + route.mac + kind.to_bytes(2, "big") + head + udp
    covered = icrc.invariant(before + bytes(BTH_SIZE))[:-BTH_SIZE]
    return before, zlib.crc32(covered, _SEED)


def _ipv4(source: bytes, target: bytes, traffic_class: int, length: int) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, traffic_class, length + 20, 0, 0x4000, HOPS, icrc.UDP, 0) + source + target
    total: int = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + (~(total + (total >> 16)) & 0xFFFF).to_bytes(2, "big") + head[12:]


def _layout(opcode: Opcode) -> _Layout:
    reads = [(*_READ[each], opcode.before(each)) for each in opcode.headers if each in _READ]
    return _Layout(opcode.size, opcode.payload, tuple((name, place, decode) for name, decode, place in reads))


_READ: dict[Header, tuple[str, Callable[[bytes, int], object]]] = {
    Header.RETH: ("reth", fields.reth),
    Header.AETH: ("aeth", fields.aeth),
    Header.DETH: ("deth", fields.deth),
    Header.IMMEDIATE: ("immediate", fields.word),
}
_LAYOUTS = {number: _layout(opcode) for number, opcode in OPCODES.items()}
