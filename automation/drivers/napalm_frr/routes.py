"""Routes as zebra has them, with what bgpd knows about those of BGP, in NAPALM's shape. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any, TypeAlias

import msgspec
from napalm.base import models

from napalm_frr.wire import UNKNOWN, decode, seconds

BGP = "bgp"
DEFAULT_PREFERENCE = 100  # local preference where none was sent, RFC 4271 leaves it open and all use this


class _Hop(msgspec.Struct, frozen=True, rename="camel"):
    ip: str = ""
    interface_name: str = ""
    fib: bool = False
    directly_connected: bool = False


class Route(msgspec.Struct, frozen=True, rename="camel"):
    """One route of zebra."""

    prefix: str
    protocol: str
    vrf_name: str = ""
    selected: bool = False
    distance: int = 0
    uptime: str = ""
    nexthops: tuple[_Hop, ...] = ()


class _AsPath(msgspec.Struct, frozen=True):
    string: str = ""


class _Communities(msgspec.Struct, frozen=True):
    list: tuple[str, ...] = ()


class _From(msgspec.Struct, frozen=True, rename="camel"):
    peer_id: str = ""
    router_id: str = ""


class _PathHop(msgspec.Struct, frozen=True):
    ip: str = ""


class _Path(msgspec.Struct, frozen=True, rename="camel"):
    aspath: _AsPath = _AsPath()
    community: _Communities = _Communities()
    loc_prf: int = DEFAULT_PREFERENCE
    metric: int = 0
    weight: int = 0
    nexthops: tuple[_PathHop, ...] = ()
    peer: _From = _From()


class _Paths(msgspec.Struct, frozen=True):
    paths: tuple[_Path, ...] = ()


Routes: TypeAlias = Mapping[str, Sequence[Route]]
Attributes: TypeAlias = Mapping[tuple[str, str], dict[str, Any]]


def question(destination: str, *, longer: bool) -> str:
    """What to ask zebra for a destination, an address or a prefix. Raises ValueError where it is neither."""
    network = ip_network(destination, strict=False)
    family = "ip" if network.version == 4 else "ipv6"
    wanted = f"{network} longer-prefixes" if longer else destination
    return f"show {family} route {wanted} json"


def path_question(prefix: str) -> str:
    """What to ask bgpd about a prefix."""
    return f"show bgp ipv{ip_network(prefix).version} unicast {prefix} json"


def parse(text: str, protocol: str = "") -> Routes:
    """The routes in zebra's answer, of one protocol or of all; prefixes without any are left out."""
    found = decode(text, dict[str, tuple[Route, ...]])
    kept = {
        prefix: [each for each in routes if protocol.lower() in ("", each.protocol)] for prefix, routes in found.items()
    }
    return {prefix: routes for prefix, routes in kept.items() if routes}


def of_bgp(routes: Routes) -> tuple[str, ...]:
    """The prefixes that BGP gave a route for."""
    return tuple(prefix for prefix, each in routes.items() if any(route.protocol == BGP for route in each))


def attributes(answers: Mapping[str, str], local_as: int) -> Attributes:
    """What bgpd knows about each path, by prefix and next hop; `answers` are by prefix."""
    return {
        (prefix, hop.ip): _attributes(path, local_as)
        for prefix, text in answers.items()
        for path in decode(text, _Paths).paths
        for hop in path.nexthops
    }


def _attributes(path: _Path, local_as: int) -> dict[str, Any]:
    first = path.aspath.string.split(" ", 1)[0]
    return {
        "local_as": local_as,
        "remote_as": int(first) if first.isdigit() else local_as,
        "peer_id": path.peer.router_id,
        "remote_address": path.peer.peer_id,
        "as_path": path.aspath.string,
        "communities": list(path.community.list),
        "local_preference": path.loc_prf,
        "preference2": path.weight,
        "metric": path.metric,
        "metric2": UNKNOWN,
    }


def entries(routes: Routes, known: Attributes) -> dict[str, list[models.RouteDict]]:
    """As NAPALM's get_route_to: one entry for each next hop."""
    return {prefix: list(_entries(prefix, each, known)) for prefix, each in routes.items()}


def _entries(prefix: str, routes: Iterable[Route], known: Attributes) -> Iterable[models.RouteDict]:
    for route in routes:
        for hop in route.nexthops:
            yield {
                "protocol": route.protocol,
                "current_active": route.selected,
                "last_active": route.selected,
                "age": seconds(route.uptime),
                "next_hop": hop.ip,
                "outgoing_interface": hop.interface_name,
                "selected_next_hop": hop.fib,
                "preference": route.distance,
                "inactive_reason": "" if route.selected else "not selected",
                "routing_table": route.vrf_name,
                "protocol_attributes": known.get((prefix, hop.ip), {}) if route.protocol == BGP else {},
            }
