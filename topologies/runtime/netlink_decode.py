"""What the kernel answers, as frozen values. Built for speed: 40,000 routes decode in well under a second."""

import socket
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

_HEADER = struct.Struct("=IHHII")
_ATTR = struct.Struct("=HH")
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=BBBBBBBBI")
_NDMSG = struct.Struct("=BxxxiHBB")
_NEXTHOP = struct.Struct("=HBBi")
_U32 = struct.Struct("=I")
_STATS = struct.Struct("=8Q")
_TCMSG, _QUEUE_STATS, _ROOT = struct.Struct("=BxxxiIII"), struct.Struct("=III"), 0xFFFFFFFF
_TYPE_MASK = 0x3FFF
_DEAD, _LINKDOWN = 1, 16
_NEW_ROUTE, _DEL_ROUTE = 24, 25
_REPLACE = 0x100

ROUTE_TYPES = {1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole", 7: "unreachable"}
ROUTE_TYPES |= {8: "prohibit", 9: "throw", 10: "nat"}
NEIGHBOUR_STATES = {0x01: "incomplete", 0x02: "reachable", 0x04: "stale", 0x08: "delay", 0x10: "probe", 0x20: "failed"}
NEIGHBOUR_STATES |= {0x40: "noarp", 0x80: "permanent"}


class Message(NamedTuple):
    """One netlink message: type, flags, sequence number and body."""

    type: int
    flags: int
    seq: int
    body: memoryview


class Hop(NamedTuple):
    """One next hop. The gateway is "" on the link itself, and an IPv6 address also under IPv4 routes (RFC 8950)."""

    gateway: str
    ifindex: int
    dead: bool = False
    linkdown: bool = False
    weight: int = 1


class KernelRoute(NamedTuple):
    """One route of the kernel. `protocol` 186 is BGP, 4 static, 2 the kernel's own."""

    prefix: str
    protocol: int
    hops: tuple[Hop, ...]
    table: int
    type: str
    metric: int
    source: str  # the preferred source address, "" when none


class RouteChange(NamedTuple):
    """A route that came, or went. `replaces`: it took the place of one to the same prefix."""

    route: KernelRoute
    gone: bool
    replaces: bool


class Counters(Struct, frozen=True):
    """What passed an interface since it was made."""

    rx_packets: int = 0
    tx_packets: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_errors: int = 0
    tx_errors: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0


class KernelLink(Struct, frozen=True):
    """One interface. `peer` is the ifindex of a veth's other end in that end's namespace, 0 when it has none."""

    index: int
    name: str
    mac: str
    mtu: int
    up: bool
    carrier: bool
    peer: int
    master: int
    kind: str
    counters: Counters
    alias: str = ""


class KernelAddress(Struct, frozen=True):
    """One address of an interface, in CIDR form. `scope`: 0 global, 253 link, 254 host."""

    index: int
    cidr: str
    scope: int
    tentative: bool


class KernelNeighbour(Struct, frozen=True):
    """One neighbour entry."""

    index: int
    address: str
    mac: str
    state: str


class KernelFilter(Struct, frozen=True):
    """One filter. `number` is its place among those of its side; `program` the kernel's number of its BPF program."""

    kind: str
    number: int
    name: str
    program: int


class KernelQueue(Struct, frozen=True):
    """A queueing discipline of the interface of that index, the bytes that wait in it, and the packets that it dropped
    since it was made. `root`: it is the one that packets meet first."""

    index: int
    kind: str
    root: bool
    backlog: int
    dropped: int


def messages(data: memoryview) -> Iterator[Message]:
    """The messages of one read."""
    at = 0
    while at + 16 <= len(data):
        length, kind, flags, seq, _ = _HEADER.unpack_from(data, at)
        if length < 16:
            return
        yield Message(kind, flags, seq, data[at + 16 : at + length])
        at += (length + 3) & ~3


def attributes(data: memoryview, at: int) -> dict[int, memoryview]:
    """The attributes from offset `at` on, by kind."""
    found = {}
    end = len(data)
    unpack = _ATTR.unpack_from
    while at + 4 <= end:
        length, kind = unpack(data, at)
        if length < 4:
            break
        found[kind & _TYPE_MASK] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def _number(found: dict[int, memoryview], kind: int) -> int:
    data = found.get(kind)
    return int(_U32.unpack_from(data)[0]) if data is not None and len(data) >= 4 else 0


def _word(data: memoryview | None) -> str:
    return bytes(data).rstrip(b"\0").decode() if data is not None else ""


def _address(data: memoryview) -> str:
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


def _gateway(found: dict[int, memoryview]) -> str:
    if (data := found.get(5)) is not None:
        return _address(data)
    return _address(data[2:]) if (data := found.get(18)) is not None else ""  # RTA_VIA starts with its family


@lru_cache(maxsize=4096)
def _several(data: bytes) -> tuple[Hop, ...]:
    """The next hops of a route. Most routes of a node share theirs byte for byte, so each set is read once."""
    return tuple(_hops(memoryview(data)))


def _hops(data: memoryview) -> Iterator[Hop]:
    at = 0
    while at + 8 <= len(data):
        length, flags, weight, index = _NEXTHOP.unpack_from(data, at)
        if length < 8:
            return
        gateway = _gateway(attributes(data[at : at + length], 8)) if length > 8 else ""
        yield Hop(gateway, index, bool(flags & _DEAD), bool(flags & _LINKDOWN), weight + 1)
        at += (length + 3) & ~3


def route(body: memoryview) -> KernelRoute:
    """A route out of the body of RTM_NEWROUTE."""
    family, length, _, _, table, protocol, _, kind, flags = _RTMSG.unpack_from(body)
    found = attributes(body, 12)
    data = found.get(1)
    address = _address(data) if data is not None else "0.0.0.0" if family == socket.AF_INET else "::"
    if (several := found.get(9)) is not None:
        hops = _several(bytes(several))
    elif (data := found.get(4)) is not None:
        index = _U32.unpack_from(data)[0]
        hops = (Hop(_gateway(found), index, bool(flags & _DEAD), bool(flags & _LINKDOWN)),)
    else:
        hops = ()
    source = found.get(7)
    return KernelRoute(
        f"{address}/{length}",
        protocol,
        hops,
        _number(found, 15) or table,
        ROUTE_TYPES.get(kind, str(kind)),
        _number(found, 6),
        _address(source) if source is not None else "",
    )


def route_changes(data: memoryview) -> Iterator[RouteChange]:
    """The changes in one read of a monitoring socket."""
    for message in messages(data):
        if message.type in (_NEW_ROUTE, _DEL_ROUTE):
            gone, replaces = message.type == _DEL_ROUTE, bool(message.flags & _REPLACE)
            yield RouteChange(route(message.body), gone, replaces)


def link(body: memoryview) -> KernelLink:
    """An interface out of the body of RTM_NEWLINK."""
    _, _, index, flags, _ = _IFINFO.unpack_from(body)
    found = attributes(body, 16)
    info = attributes(found[18], 0) if 18 in found else {}
    counters = Counters(*_STATS.unpack_from(found[23])) if 23 in found else Counters()
    return KernelLink(
        index=index,
        name=_word(found.get(3)),
        mac=bytes(found[1]).hex(":") if 1 in found else "",
        mtu=_number(found, 4),
        up=bool(flags & 0x1),
        carrier=bool(flags & 0x10000),  # IFF_LOWER_UP
        peer=_number(found, 5),
        master=_number(found, 10),
        kind=_word(info.get(1)),
        counters=counters,
        alias=_word(found.get(20)),
    )


def address(body: memoryview) -> KernelAddress:
    """An address out of the body of RTM_NEWADDR."""
    _, length, flags, scope, index = _IFADDR.unpack_from(body)
    found = attributes(body, 8)
    flags = _number(found, 8) or flags
    local = found[2] if 2 in found else found[1]
    return KernelAddress(index, f"{_address(local)}/{length}", scope, bool(flags & 0x40))


def neighbour(body: memoryview) -> KernelNeighbour:
    """A neighbour entry out of the body of RTM_NEWNEIGH."""
    _, index, state, _, _ = _NDMSG.unpack_from(body)
    found = attributes(body, 12)
    mac = bytes(found[2]).hex(":") if 2 in found else ""
    where = _address(found[1]) if 1 in found else ""
    return KernelNeighbour(index, where, mac, NEIGHBOUR_STATES.get(state, "none"))


def filter(body: memoryview) -> KernelFilter:
    """A filter out of the body of RTM_NEWTFILTER."""
    found = attributes(body, 20)
    (info,) = _U32.unpack_from(body, 16)
    options = attributes(found[2], 0) if 2 in found else {}
    return KernelFilter(_word(found.get(1)), info >> 16, _word(options.get(7)), _number(options, 11))


def queue(body: memoryview) -> KernelQueue:
    """A queueing discipline out of the body of RTM_NEWQDISC."""
    _, index, _, parent, _ = _TCMSG.unpack_from(body)
    found = attributes(body, 20)
    stats = attributes(found[7], 0) if 7 in found else {}  # TCA_STATS2
    _, backlog, dropped = _QUEUE_STATS.unpack_from(stats[3]) if 3 in stats else (0, 0, 0)
    return KernelQueue(index, _word(found.get(1)), parent == _ROOT, backlog, dropped)


def refusal(body: memoryview, flags: int) -> tuple[int, str]:
    """The error number (0: an acknowledgement) of NLMSG_ERROR, and the kernel's own words where it gave some."""
    (code,) = struct.unpack_from("=i", body)
    if not flags & 0x200:  # no extended acknowledgement
        return -code, ""
    (length,) = _U32.unpack_from(body, 4)
    skip = 20 if flags & 0x100 else 4 + ((length + 3) & ~3)  # NLM_F_CAPPED: only the header is quoted
    return -code, _word(attributes(body, skip).get(1))
