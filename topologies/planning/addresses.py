"""Which address is whose: loopbacks, both ends of every cable, and the host subnets of leaves. All in CIDR form."""

from collections import Counter
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

from msgspec import Struct

from topologies.model import Attachment, Endpoint, Fabric, Node, Numbering, Role
from topologies.planning.pools import (
    BLOCK4,
    BLOCK6,
    HALVES,
    QUARTERS,
    Network,
    announces_services,
    leaves_with_hosts,
    slot,
    speaks_bgp,
    uplink_stride,
)


class Addresses(Struct, frozen=True):
    """Every address of a fabric, IPv4 before IPv6. `blocks` are the host subnets of a leaf, whoever announces them."""

    router_ids: Mapping[str, str]
    loopbacks: Mapping[str, tuple[str, ...]]
    ends: Mapping[Endpoint, tuple[str, ...]]
    blocks: Mapping[str, tuple[str, ...]]


def addresses(fabric: Fabric) -> Addresses:
    """Cut the pools, which must be large enough (`topologies.planning.pools.complaints`)."""
    pools, underlay = fabric.underlay.pools, fabric.underlay
    speakers = [node for node in fabric.nodes if speaks_bgp(fabric, node)]
    named = [*speakers, *(node for node in fabric.nodes if announces_services(fabric, node))]
    ids = {node.name: _loopback(pools.loopbacks4, node) for node in named}
    sixes = {node.name: _loopback(pools.loopbacks6, node) for node in speakers} if underlay.ipv6 else {}
    loopbacks = {
        node.name: (
            *((f"{ids[node.name]}/32",) if underlay.ipv4 else ()),
            *((f"{sixes[node.name]}/128",) if node.name in sixes else ()),
        )
        for node in speakers
    }
    blocks = {leaf.name: tuple(_blocks(fabric, leaf)) for leaf in leaves_with_hosts(fabric)}
    return Addresses(ids, loopbacks, dict(_ends(fabric, blocks)), blocks)


def _loopback(pool: Network, node: Node) -> str:
    room = pool.num_addresses // len(QUARTERS)
    return str(pool[QUARTERS.index(node.role) * room + slot(node, room)])


def _families(fabric: Fabric, four: IPv4Network, six: IPv6Network) -> tuple[Network, ...]:
    """The pools of the families in use."""
    return (*((four,) if fabric.underlay.ipv4 else ()), *((six,) if fabric.underlay.ipv6 else ()))


def _blocks(fabric: Fabric, leaf: Node) -> Iterator[str]:
    """One /24 and one /64: the leaf's slot among all that the pool holds."""
    pools = fabric.underlay.pools
    for pool in _families(fabric, pools.hosts4, pools.hosts6):
        length = BLOCK4 if pool.version == 4 else BLOCK6
        size = 1 << (pool.max_prefixlen - length)
        yield f"{pool[slot(leaf, pool.num_addresses // size) * size]}/{length}"


def _ends(fabric: Fabric, blocks: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[Endpoint, tuple[str, ...]]]:
    """The addresses of both ends of each cable; the upper end has the even one. None where it is unnumbered."""
    stride = uplink_stride(fabric)
    laid: Counter[tuple[str, bool]] = Counter()
    for link in fabric.links:
        lower = fabric.by_name[link.a.node]
        host = lower.role is Role.HOST
        side = (link.b.node, True) if host else (link.a.node, False)
        if not addressed(fabric, lower):
            pairs: list[tuple[str, str]] = []
        elif host:
            pairs = [_pair(ip_network(block), 1 + laid[side]) for block in blocks[link.b.node]]
        else:
            pools = _families(fabric, fabric.underlay.pools.links4, fabric.underlay.pools.links6)
            pairs = [_pair(pool, _link_slot(pool, lower, stride, laid[side])) for pool in pools]
        laid[side] += 1
        yield link.a, tuple(low for low, _ in pairs)
        yield link.b, tuple(up for _, up in pairs)


def addressed(fabric: Fabric, lower: Node) -> bool:
    """Whether the uplinks of a node have global addresses: all when numbered, else those of static hosts."""
    static = lower.role is Role.HOST and fabric.underlay.hosts is Attachment.STATIC
    return static or fabric.underlay.numbering is Numbering.NUMBERED


def _link_slot(pool: Network, lower: Node, stride: int, number: int) -> int:
    half = pool.num_addresses // 2 // len(HALVES)
    return HALVES.index(lower.role) * half + slot(lower, half // stride) * stride + number


def _pair(pool: Network, number: int) -> tuple[str, str]:
    """The lower and the upper end in the `number`-th /31 or /127 of a pool."""
    length = pool.max_prefixlen - 1
    return f"{pool[2 * number + 1]}/{length}", f"{pool[2 * number]}/{length}"
