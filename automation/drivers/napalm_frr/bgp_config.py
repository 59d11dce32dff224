"""The BGP part of a running configuration, in NAPALM's shape. Pure.

Each `router bgp` block becomes a Router whose peers and peer-groups carry what was said about them, word by word.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from napalm.base import models

from napalm_frr.interfaces import DEFAULT_VRF

LONERS = "_"  # NAPALM's name for the group of those that are in none
FAMILIES = {"ipv4": "inet", "ipv6": "inet6"}  # NAPALM takes Junos' words here
MOST_HOPS = 255  # `ebgp-multihop` without a number
WARNED_AT = 75  # per cent of a prefix limit at which FRR warns by default
EXTERNAL, INTERNAL = "external", "internal"
_BLOCK = re.compile(r"^router bgp (.+)\n((?: .*\n)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """One statement about a peer: the address family that it is for ("" for all), and its words."""

    family: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """A neighbour or a peer-group, and all that was said about it."""

    name: str
    said: tuple[Said, ...] = ()

    def value(self, *head: str) -> str:
        """What follows these words where they were said first; "" where they were not."""
        return next((" ".join(rest) for _, rest in self.every(*head)), "")

    def has(self, *words: str) -> bool:
        """Whether a statement begins with these words."""
        return any(True for _ in self.every(*words))

    def every(self, *head: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The family and the rest of each statement that begins with these words."""
        return ((each.family, each.words[len(head) :]) for each in self.said if each.words[: len(head)] == head)

    def policy(self, way: str) -> str:
        """The route-maps that filter on the way `in` or `out`, or else the prefix-lists."""
        for kind in ("route-map", "prefix-list"):
            named = [rest[0] for _, rest in self.every(kind) if rest[1:] == (way,)]
            if named:
                return ", ".join(dict.fromkeys(named))
        return ""

    def inline(self, word: str) -> str:
        """What follows a word in the statement itself: `neighbor eth1 interface peer-group LEAVES`, or stands alone."""
        for _, rest in self.every("interface"):
            if word in rest:
                return rest[rest.index(word) + 1]
        return self.value(word)

    @property
    def group(self) -> str:
        """The peer-group that a neighbour is member of, LONERS for none."""
        return self.inline("peer-group") or LONERS

    @property
    def remote_as(self) -> str:
        """A number, `external`, `internal` or ""."""
        return self.inline("remote-as")


@dataclass(frozen=True, slots=True)
class Router:
    """One BGP instance. `maximum_paths` is 0 where it is not configured: then as many as FRR was built for."""

    asn: int
    vrf: str
    peers: tuple[Peer, ...]
    maximum_paths: int = 0
    distinguisher: str = ""

    @property
    def multipath(self) -> bool:
        """Whether equal paths are used side by side."""
        return self.maximum_paths != 1

    @property
    def group_names(self) -> tuple[str, ...]:
        """The peer-groups by name, and LONERS."""
        return (*(each.name for each in self.groups), LONERS)

    @property
    def groups(self) -> tuple[Peer, ...]:
        """The peer-groups."""
        return tuple(each for each in self.peers if _is_group(each))

    @property
    def neighbors(self) -> tuple[Peer, ...]:
        """The neighbours."""
        return tuple(each for each in self.peers if not _is_group(each))


def _is_group(peer: Peer) -> bool:
    return any(each.words == ("peer-group",) for each in peer.said)


def parse(text: str) -> tuple[Router, ...]:
    """The BGP instances of a running configuration."""
    return tuple(_router(head.split(), body.splitlines()) for head, body in _BLOCK.findall(text))


def local_asn(routers: Iterable[Router]) -> int:
    """The ASN of the default instance; 0 where there is none."""
    return next((each.asn for each in routers if each.vrf == DEFAULT_VRF), 0)


def single_path(routers: Iterable[Router]) -> frozenset[str]:
    """The VRFs whose instances use one path only."""
    return frozenset(each.vrf for each in routers if not each.multipath)


def distinguishers(routers: Iterable[Router]) -> dict[str, str]:
    """The route distinguisher of each VRF that has one."""
    return {each.vrf: each.distinguisher for each in routers if each.distinguisher}


def groups(routers: Iterable[Router], group: str = "", neighbor: str = "") -> dict[str, models.BGPConfigGroupDict]:
    """As NAPALM's get_bgp_config: all groups, one of them, or the one that a neighbour is in, with that one only."""
    found = _joined(routers)
    if group:
        found = {name: each for name, each in found.items() if name == group}
    if neighbor:
        found = {name: each for name, each in found.items() if neighbor in each["neighbors"]}
        for each in found.values():
            each["neighbors"] = {neighbor: each["neighbors"][neighbor]}
    return found


def _joined(routers: Iterable[Router]) -> dict[str, models.BGPConfigGroupDict]:
    """The groups of all instances; where several have one of a name, its settings are those of the first."""
    found: dict[str, models.BGPConfigGroupDict] = {}
    for name, group in (each for router in routers for each in _groups(router).items()):
        found.setdefault(name, group)["neighbors"].update(group["neighbors"])
    return found


def _groups(router: Router) -> dict[str, models.BGPConfigGroupDict]:
    having = {name: [each for each in router.neighbors if each.group == name] for name in router.group_names}
    named = {each.name: each for each in router.groups}
    return {name: _group(named.get(name, Peer(name)), members, router) for name, members in having.items()}


def _group(group: Peer, members: Sequence[Peer], router: Router) -> models.BGPConfigGroupDict:
    return {
        "type": _type(group, members, router.asn),
        "description": group.value("description"),
        "apply_groups": [],
        "multihop_ttl": _hops(group),
        "multipath": router.multipath,
        "local_address": group.value("update-source"),
        "local_as": _local_as(group, router.asn),
        "remote_as": _remote_as(group, router.asn),
        "import_policy": group.policy("in"),
        "export_policy": group.policy("out"),
        "remove_private_as": group.has("remove-private-AS"),
        "prefix_limit": _limits(group),
        "neighbors": {each.name: _neighbor(each, group, router.asn) for each in members},
    }


def _neighbor(peer: Peer, group: Peer, asn: int) -> models.BGPConfigNeighborDict:
    """What is configured of the neighbour itself; its ASN may come from its group."""
    return {
        "description": peer.value("description"),
        "import_policy": peer.policy("in"),
        "export_policy": peer.policy("out"),
        "local_address": peer.value("update-source"),
        "authentication_key": peer.value("password"),
        "nhs": peer.has("next-hop-self"),
        "route_reflector_client": peer.has("route-reflector-client"),
        "local_as": _local_as(peer, 0) or _local_as(group, asn),
        "remote_as": _remote_as(peer, asn) or _remote_as(group, asn),
        "prefix_limit": _limits(peer),
    }


def _type(group: Peer, members: Sequence[Peer], asn: int) -> str:
    """What the peers of a group are: all the same, or FRR would not have them in one; LONERS may differ."""
    if group.name == LONERS:
        return ""
    remote = next((each.remote_as for each in (group, *members) if each.remote_as), "")
    return remote if remote in ("", INTERNAL, EXTERNAL) else INTERNAL if _asn(remote) == asn else EXTERNAL


def _remote_as(peer: Peer, asn: int) -> int:
    """The peer's ASN; 0 where only its kind is configured, or nothing."""
    remote = peer.remote_as
    return asn if remote == INTERNAL else 0 if remote in ("", EXTERNAL) else _asn(remote)


def _local_as(peer: Peer, asn: int) -> int:
    named = peer.value("local-as").split()
    return _asn(named[0]) if named else asn


def _asn(text: str) -> int:
    """An AS number as written, also with a dot (RFC 5396), which FRR from 8.5 on keeps so."""
    high, _, low = text.rpartition(".")
    return int(high or 0) * 0x10000 + int(low)


def _hops(peer: Peer) -> int:
    """How many hops away the peer may be; 0 for the default of one."""
    return int(peer.value("ebgp-multihop") or MOST_HOPS) if peer.has("ebgp-multihop") else 0


def _limits(peer: Peer) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for family, (most, *rest) in peer.every("maximum-prefix"):
        afi, _, safi = family.partition(" ")
        limit: dict[str, Any] = {"limit": int(most)}
        if "warning-only" not in rest:
            limit["teardown"] = {
                "threshold": int(rest[0]) if rest and rest[0].isdigit() else WARNED_AT,
                "timeout": _wait(rest),
            }
        limits.setdefault(FAMILIES.get(afi, afi), {})[safi] = limit
    return limits


def _wait(words: Sequence[str]) -> int:
    """Minutes until a session that was torn down is tried again; 0 for never."""
    return int(words[words.index("restart") + 1]) if "restart" in words else 0


def _router(head: Sequence[str], body: Iterable[str]) -> Router:
    """One instance out of the words of its first line and the lines below."""
    family, most, distinguisher = "", 0, ""
    said: dict[str, list[Said]] = {}
    for words in map(str.split, body):
        match words:
            case ["address-family", *rest]:
                family = " ".join(rest)
            case ["exit-address-family"]:
                family = ""
            case ["neighbor", name, *rest]:
                said.setdefault(name, []).append(Said(family, tuple(rest)))
            case ["maximum-paths", count]:
                most = max(most, int(count))
            case ["rd", "vpn", "export", value] | ["rd", value]:
                distinguisher = value
    vrf = head[head.index("vrf") + 1] if "vrf" in head else DEFAULT_VRF
    peers = tuple(Peer(name, tuple(each)) for name, each in said.items())
    return Router(_asn(head[0]), vrf, peers, most, distinguisher)
