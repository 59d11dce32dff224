"""How the address pools are cut, and whether they are large enough.

Every pool is cut by (role, pod, index) with strides that depend on the pool's size and on nothing that grows when a
leaf or a pod is appended, so appending renumbers nothing:

- loopbacks: a quarter each for super-spines, spines, leaves and hosts
- links: one half for leaf-spine links, one for spine-superspine links; a fixed number of /31s (/127s) per lower switch
- hosts: a /24 and a /64 per leaf, in which each host link is a /31 and a /127
- services: not cut; programs say which single address is theirs

Within its part, a role gives each pod one 64th; what belongs to no pod counts from the beginning.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from itertools import combinations
from typing import TypeAlias

from msgspec import Struct

from topologies.model import Attachment, Fabric, Node, Numbering, Role

Network: TypeAlias = IPv4Network | IPv6Network

PODS = 64  # pod 0 included
QUARTERS = (Role.SUPERSPINE, Role.SPINE, Role.LEAF, Role.HOST)
HALVES = (Role.LEAF, Role.SPINE)  # the lower end of a link between switches
UPLINKS = 16  # /31s per switch towards the tier above; more only where it has more uplinks
BLOCK4, BLOCK6 = 24, 64  # prefix lengths of a leaf's host subnets
HOSTS_PER_BLOCK = 127  # host links in a /24; the first /31 stays free, so that no end has the network's address


class Complaint(Struct, frozen=True):
    """Something wrong with the pool of this name."""

    pool: str
    text: str


def slot(node: Node, room: int) -> int:
    """The node's number within the `room` numbers of its role."""
    return node.pod * (room // PODS) + node.index


def room_for(nodes: list[Node]) -> int:
    """The least room, a power of two, in which `slot` gives each of these nodes its own number."""
    if not nodes:
        return 0
    each = 1 << max(node.index for node in nodes).bit_length()
    return each * PODS if any(node.pod for node in nodes) else each


def uplink_stride(fabric: Fabric) -> int:
    """How many link subnets are set aside per lower switch: a power of two."""
    counts: dict[str, int] = {}
    for link in fabric.links:
        if fabric.by_name[link.a.node].role is not Role.HOST:
            counts[link.a.node] = counts.get(link.a.node, 0) + 1
    most = max(counts.values(), default=1)
    return max(UPLINKS, 1 << (most - 1).bit_length())


def speaks_bgp(fabric: Fabric, node: Node) -> bool:
    """Switches always do; hosts where the file asks for it."""
    return node.role is not Role.HOST or fabric.underlay.hosts is Attachment.BGP


def announces_services(fabric: Fabric, node: Node) -> bool:
    """Whether a host speaks BGP only to announce service addresses; those that speak it for themselves do not."""
    return node.role is Role.HOST and fabric.underlay.services and not speaks_bgp(fabric, node)


def leaves_with_hosts(fabric: Fabric) -> list[Node]:
    """The leaves that need host subnets."""
    roles = fabric.by_name
    names = {link.b.node for link in fabric.links if roles[link.a.node].role is Role.HOST}
    return [node for node in fabric.nodes if node.name in names]


def complaints(fabric: Fabric) -> Iterator[Complaint]:
    """What is wrong with the fabric's pools: too small, or sharing addresses."""
    pools = fabric.underlay.pools
    needs = {"loopbacks": _loopbacks_needed(fabric), "links": _links_needed(fabric)}
    hosts = room_for(leaves_with_hosts(fabric))
    used: list[tuple[str, Network]] = []
    for family, wanted, length in (("4", fabric.underlay.ipv4, BLOCK4), ("6", fabric.underlay.ipv6, BLOCK6)):
        needs["hosts"] = hosts << (32 - length if family == "4" else 128 - length)
        needs["services"] = int(fabric.underlay.services)
        for kind, need in needs.items():
            name = f"{kind}{family}"
            pool: Network = getattr(pools, name)
            # Router ids come from the IPv4 loopbacks, also where IPv4 is not routed.
            if need and (wanted or name == "loopbacks4"):
                used.append((name, pool))
                if pool.num_addresses < need:
                    yield Complaint(
                        name, f"{pool} is too small for this fabric; it needs {_size(pool, need)} or larger"
                    )
    for (first, one), (second, other) in combinations(used, 2):
        if one.version == other.version and one.overlaps(other):
            yield Complaint(second, f"{other} overlaps {first}, {one}; pools must not share addresses")


def _size(pool: Network, need: int) -> str:
    length = pool.max_prefixlen - (need - 1).bit_length()
    return f"/{length}" if length >= 0 else f"more than all of IPv{pool.version}"


def _loopbacks_needed(fabric: Fabric) -> int:
    speakers = [node for node in fabric.nodes if speaks_bgp(fabric, node) or announces_services(fabric, node)]
    rooms = (room_for([node for node in speakers if node.role is role]) for role in QUARTERS)
    return len(QUARTERS) * max(rooms)


def _links_needed(fabric: Fabric) -> int:
    if fabric.underlay.numbering is Numbering.UNNUMBERED:
        return 0
    lower = {link.a.node for link in fabric.links}
    rooms = (room_for([n for n in fabric.nodes if n.role is role and n.name in lower]) for role in HALVES)
    return 2 * len(HALVES) * uplink_stride(fabric) * max(rooms)
