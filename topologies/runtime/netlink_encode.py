"""rtnetlink requests as bytes (RFC 3549; uapi/linux/rtnetlink.h, if_link.h, pkt_sched.h).

Own because it is the hot path of `up`: a message costs a few microseconds here. Every request carries `what`, the
words that name it when the kernel refuses it inside a batch.
"""

import socket
import struct
from collections.abc import Sequence
from enum import IntEnum

from msgspec import Struct

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
RTM_NEWRULE = 32
RTM_NEWQDISC, RTM_GETQDISC = 36, 38
RTM_NEWTFILTER, RTM_DELTFILTER, RTM_GETTFILTER = 44, 45, 46

F_REQUEST, F_ACK, F_DUMP = 0x1, 0x4, 0x300
F_REPLACE, F_EXCL, F_CREATE = 0x100, 0x200, 0x400

IFF_UP = 0x1
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
ANY_TABLE = 0
MAIN_TABLE = 254
PROTO_STATIC = 4

_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=BBBBBBBBI")
_NDMSG = struct.Struct("=BxxxiHBB")
_TCMSG = struct.Struct("=BxxxiIII")
_ATTR = struct.Struct("=HH")
_NEXTHOP = struct.Struct("=HBBi")
_NODAD_PERMANENT = 0x02 | 0x80
_NUD_PERMANENT = 0x80
_ROOT_HANDLE = 0xFFFFFFFF
_CLSACT, _CLSACT_PARENT = 0xFFFF0000, 0xFFFFFFF1
_ALL_PROTOCOLS, _DIRECT_ACTION = 0x0003, 1


class FilterSide(IntEnum):
    """Where packets meet filters: as they come in over an interface, or as they leave, before they are queued."""

    INGRESS = 0xFFFFFFF2
    EGRESS = 0xFFFFFFF3


class Request(Struct, frozen=True):
    """One message without its header, and the words that name it in an error."""

    type: int
    flags: int
    body: bytes
    what: str


class VethEnd(Struct, frozen=True):
    """One end of a cable to be made, or a macvlan. `netns` is an open fd; index 0 or mac "": the kernel chooses."""

    name: str
    netns: int
    index: int = 0
    mac: str = ""


class VxlanPath(Struct, frozen=True):
    """Where a VXLAN interface sends to (RFC 7348). Source port 0: the kernel chooses one by flow."""

    vni: int
    remote: str
    dst_port: int
    src_port: int = 0


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTR.pack(len(data) + 4, kind) + data + bytes(-len(data) % 4)


def _text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def _u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def mac_bytes(mac: str) -> bytes:
    """aa:bb:cc:dd:ee:ff as six bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def packed(address: str) -> tuple[int, bytes]:
    """Family and bytes of an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def _prefix(cidr: str) -> tuple[int, bytes, int]:
    address, _, length = cidr.partition("/")
    family, data = packed(address)
    return family, data, int(length) if length else len(data) * 8


def _end(end: VethEnd, mtu: int) -> bytes:
    mac = attribute(1, mac_bytes(end.mac)) if end.mac else b""
    return _text(3, end.name) + mac + _u32(4, mtu) + _u32(28, end.netns)


def new_veth(a: VethEnd, b: VethEnd, mtu: int, what: str) -> Request:
    """A cable with its ends in two namespaces, under their final names. Both start down: no peer can be born up."""
    peer = attribute(1, _IFINFO.pack(0, 0, b.index, 0, 0) + _end(b, mtu))  # VETH_INFO_PEER
    info = _text(1, "veth") + attribute(2, peer)
    return Request(
        RTM_NEWLINK, F_CREATE | F_EXCL, _IFINFO.pack(0, 0, a.index, 0, 0) + _end(a, mtu) + attribute(18, info), what
    )


def new_link(name: str, kind: str, what: str, *, index: int = 0, mtu: int = 0, mac: str = "") -> Request:
    """A link of a kind that needs no more than its name: bridge, dummy, ifb."""
    body = _IFINFO.pack(0, 0, index, 0, 0) + _text(3, name) + attribute(18, _text(1, kind))
    body += (_u32(4, mtu) if mtu else b"") + (attribute(1, mac_bytes(mac)) if mac else b"")
    return Request(RTM_NEWLINK, F_CREATE | F_EXCL, body, what)


def new_vxlan(name: str, path: VxlanPath, what: str, *, index: int, mtu: int, mac: str) -> Request:
    """A VXLAN interface that sends over the network it is made in."""
    family, remote = packed(path.remote)
    data = _u32(1, path.vni) + attribute(2 if family == socket.AF_INET else 16, remote)  # GROUP, GROUP6
    data += attribute(15, struct.pack("!H", path.dst_port))
    if path.src_port:  # the kernel's range leaves out its end, and an empty one counts as none
        data += attribute(10, struct.pack("!HH", path.src_port, path.src_port + 1))
    body = _IFINFO.pack(0, 0, index, 0, 0) + _text(3, name) + _u32(4, mtu) + attribute(1, mac_bytes(mac))
    return Request(RTM_NEWLINK, F_CREATE | F_EXCL, body + attribute(18, _text(1, "vxlan") + attribute(2, data)), what)


def new_macvlan(end: VethEnd, parent: int, mode: str, what: str) -> Request:
    """A macvlan in the namespace of `end`, on the interface of that number in the one that it is sent from. It has the
    parent's MTU."""
    data = attribute(2, _u32(1, MACVLAN_MODES[mode]))
    mac = attribute(1, mac_bytes(end.mac)) if end.mac else b""
    body = _IFINFO.pack(0, 0, end.index, 0, 0) + _text(3, end.name) + _u32(5, parent) + mac + _u32(28, end.netns)
    return Request(RTM_NEWLINK, F_CREATE | F_EXCL, body + attribute(18, _text(1, "macvlan") + data), what)


def del_link(index: int, what: str) -> Request:
    """Remove a link; the other end of a cable goes with it."""
    return Request(RTM_DELLINK, 0, _IFINFO.pack(0, 0, index, 0, 0), what)


def set_link(link: int | str, what: str, *, up: bool | None = None, master: int | None = None) -> Request:
    """Change a link, by index or name: raise or lower it, put it under a bridge."""
    index, name = (link, b"") if isinstance(link, int) else (0, _text(3, link))
    change = 0 if up is None else IFF_UP
    body = _IFINFO.pack(0, 0, index, IFF_UP if up else 0, change) + name
    return Request(RTM_NEWLINK, 0, body + (b"" if master is None else _u32(10, master)), what)


def shape_link(name: str, what: str, *, mtu: int, queue: int, alias: str) -> Request:
    """Give a link an MTU, room for so many packets in its queue, and an alias that it shows; at most 255 bytes."""
    body = _text(3, name) + _u32(4, mtu) + _u32(13, queue) + _text(20, alias)
    return Request(RTM_NEWLINK, 0, _IFINFO.pack(0, 0, 0, 0, 0) + body, what)


def new_address(index: int, cidr: str, what: str) -> Request:
    """An address, without duplicate address detection; fine when it is there already."""
    family, data, length = _prefix(cidr)
    scope = 253 if family == socket.AF_INET6 and data[:2] == b"\xfe\x80" else 0
    body = _IFADDR.pack(family, length, _NODAD_PERMANENT, scope, index) + attribute(2, data) + attribute(1, data)
    return Request(RTM_NEWADDR, F_CREATE | F_REPLACE, body, what)


def del_address(index: int, cidr: str, what: str) -> Request:
    """Remove an address."""
    family, data, length = _prefix(cidr)
    body = _IFADDR.pack(family, length, 0, 0, index) + attribute(2, data) + attribute(1, data)
    return Request(RTM_DELADDR, 0, body, what)


def new_route(prefix: str, hops: Sequence[tuple[str, int]], what: str, *, table: int = MAIN_TABLE) -> Request:
    """A static route over one or several (gateway, ifindex); an empty gateway means directly on the link."""
    family, data, length = _prefix(prefix)
    head = _RTMSG.pack(family, length, 0, 0, table if table < 256 else 0, PROTO_STATIC, 0, 1, 0)
    body = head + (attribute(1, data) if length else b"") + _u32(15, table)
    if len(hops) == 1:
        gateway, index = hops[0]
        return Request(RTM_NEWROUTE, F_CREATE | F_REPLACE, body + _via(family, gateway) + _u32(4, index), what)
    parts = [(_via(family, gateway), index) for gateway, index in hops]
    nexthops = b"".join(_NEXTHOP.pack(8 + len(via), 0, 0, index) + via for via, index in parts)
    return Request(RTM_NEWROUTE, F_CREATE | F_REPLACE, body + attribute(9, nexthops), what)


def _via(family: int, gateway: str) -> bytes:
    """The gateway of a hop: RTA_GATEWAY, or RTA_VIA where an IPv4 route has an IPv6 next hop (RFC 8950)."""
    if not gateway:
        return b""
    via, data = packed(gateway)
    return attribute(5, data) if via == family else attribute(18, struct.pack("=H", via) + data)


def new_rule(source: str, table: int, what: str) -> Request:
    """Packets from `source` look up `table` first."""
    family, data, length = _prefix(source)
    head = _RTMSG.pack(family, 0, length, 0, table if table < 256 else 0, 0, 0, 1, 0)
    return Request(RTM_NEWRULE, F_CREATE | F_EXCL, head + attribute(2, data) + _u32(15, table), what)


def new_neighbour(index: int, address: str, mac: str, what: str) -> Request:
    """A permanent neighbour entry; such entries do not count against the kernel's shared limit."""
    family, data = packed(address)
    body = _NDMSG.pack(family, index, _NUD_PERMANENT, 0, 0) + attribute(1, data) + attribute(2, mac_bytes(mac))
    return Request(RTM_NEWNEIGH, F_CREATE | F_REPLACE, body, what)


def new_rate(index: int, rate_mbps: int, mtu: int, what: str) -> Request:
    """A token bucket (tbf) of `rate_mbps` (10^6 bit/s) at the root of a link: 4 ms of burst, 50 ms of queue."""
    rate = rate_mbps * 125_000  # bytes a second
    burst = max(rate // 250, 10 * mtu, 65_536)
    spec = struct.pack("=BBHhHI", 0, 1, 0, -1, 0, min(rate, 0xFFFFFFFF))
    ticks = min(burst * 15_625_000 // rate, 0xFFFFFFFF)  # the kernel's clock for tc: 64 ns
    parms = spec + bytes(12) + struct.pack("=III", burst + rate // 20, ticks, 0)
    options = attribute(1, parms) + _u32(6, burst)
    options += attribute(4, struct.pack("=Q", rate)) if rate > 0xFFFFFFFF else b""
    body = _TCMSG.pack(0, index, 0, _ROOT_HANDLE, 0) + _text(1, "tbf") + attribute(2, options)
    return Request(RTM_NEWQDISC, F_CREATE | F_REPLACE, body, what)


def new_filter_place(index: int, what: str) -> Request:
    """The place where an interface takes filters (clsact); fine when it is there already."""
    body = _TCMSG.pack(0, index, _CLSACT, _CLSACT_PARENT, 0) + _text(1, "clsact")
    return Request(RTM_NEWQDISC, F_CREATE, body, what)


def new_filter(index: int, side: FilterSide, number: int, program: int, name: str, what: str) -> Request:
    """A BPF program, given by its open fd, that sees all packets of an interface; it takes that number's place.

    The kernel keeps the program for as long as the filter is there. Filters are asked in the order of their numbers.
    """
    options = _u32(6, program) + _text(7, name) + _u32(8, _DIRECT_ACTION)
    body = _filter(index, side, number, handle=1) + _text(1, "bpf") + attribute(2, options)
    return Request(RTM_NEWTFILTER, F_CREATE, body, what)


def del_filters(index: int, side: FilterSide, number: int, what: str) -> Request:
    """Remove the filters of that number; the kernel refuses where there are none."""
    return Request(RTM_DELTFILTER, 0, _filter(index, side, number), what)


def dump_filters(index: int, side: FilterSide) -> Request:
    """The filters of one side of an interface."""
    body = _TCMSG.pack(0, index, 0, side, 0)
    return Request(RTM_GETTFILTER, F_DUMP, body, "list of filters")


def dump_queues() -> Request:
    """The queueing disciplines of all interfaces."""
    return Request(RTM_GETQDISC, F_DUMP, _TCMSG.pack(0, 0, 0, 0, 0), "list of queues")


def _filter(index: int, side: FilterSide, number: int, *, handle: int = 0) -> bytes:
    return _TCMSG.pack(0, index, handle, side, number << 16 | socket.htons(_ALL_PROTOCOLS))


def dump_links() -> Request:
    """All links."""
    return Request(RTM_GETLINK, F_DUMP, _IFINFO.pack(0, 0, 0, 0, 0), "list of links")


def dump_addresses(family: int) -> Request:
    """All addresses of a family (0: all)."""
    return Request(RTM_GETADDR, F_DUMP, _IFADDR.pack(family, 0, 0, 0, 0), "list of addresses")


def dump_routes(family: int, table: int) -> Request:
    """All routes of a family in a table (ANY_TABLE: in all), filtered by the kernel."""
    body = _RTMSG.pack(family, 0, 0, 0, table if table < 256 else 0, 0, 0, 0, 0)
    return Request(RTM_GETROUTE, F_DUMP, body + (_u32(15, table) if table else b""), "list of routes")


def get_route(address: str, source: str, ports: tuple[int, int], ifindex: int) -> Request:
    """The route that a UDP packet of these addresses and ports takes; `ifindex` 0: sent here, else come in there."""
    family, target = packed(address)
    _, origin = packed(source)
    bits = len(target) * 8
    head = _RTMSG.pack(family, bits, bits, 0, 0, 0, 0, 0, 0)
    flow = attribute(27, bytes([socket.IPPROTO_UDP])) + attribute(28, struct.pack("!H", ports[0]))
    flow += attribute(29, struct.pack("!H", ports[1])) + (_u32(3, ifindex) if ifindex else b"")
    what = f"route from {source} to {address}"
    return Request(RTM_GETROUTE, 0, head + attribute(1, target) + attribute(2, origin) + flow, what)


def dump_neighbours(family: int) -> Request:
    """All neighbour entries of a family (0: all)."""
    return Request(RTM_GETNEIGH, F_DUMP, _NDMSG.pack(family, 0, 0, 0, 0), "list of neighbours")
