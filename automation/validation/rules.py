"""What NAPALM's compliance report is to find on each router, out of the plan. Pure.

NAPALM searches for a text in what it finds, so that "10.0.0.1" is found in "10.0.0.11": every text here is the whole
one, escaped. It does not look at what it was not asked about unless a mapping says `_mode: strict`, and that counts for
one level only: so each level says it where the plan knows all that may be there.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv6Address, ip_interface
from typing import Any

from topologies.plan import NodePlan, Plan, PlannedRoute, PlannedSession

STRICT = {"_mode": "strict"}
VENDOR = "FRRouting"
LOOPBACK = "lo"

Rule = dict[str, dict[str, Any]]  # getter -> what it is to give


def whole(text: str) -> str:
    """An expression that finds this text and nothing that only contains it."""
    return f"^{re.escape(text)}$"


def rules(plan: Plan, management: Mapping[str, str], absent: Collection[str] = ()) -> dict[str, list[Rule]]:
    """The rules of every router, by name. `management` names each node's interface out of the fabric, "" for none.

    While nodes are `absent`, no session to them and no route is asked after: one may narrow any route.
    """
    nodes = {name: node for name, node in plan.nodes.items() if node.takes_routes}
    return {name: _rules(plan, node, management.get(name, ""), absent) for name, node in nodes.items()}


def _rules(plan: Plan, node: NodePlan, management: str, absent: Collection[str]) -> list[Rule]:
    return [
        {"get_facts": _facts(node)},
        {"get_interfaces": _interfaces(node)},
        {"get_interfaces_ip": _addresses(node, management)},
        {"get_bgp_neighbors": _neighbors(plan, node, absent)},
        *(_route(plan, route) for route in node.routes if not absent),
    ]


def _facts(node: NodePlan) -> dict[str, Any]:
    names = [LOOPBACK, *(each.name for each in node.interfaces)]
    return {
        "hostname": whole(node.name),
        "vendor": whole(VENDOR),
        "interface_list": {"list": [whole(name) for name in names]},
    }


def _interfaces(node: NodePlan) -> dict[str, Any]:
    return {
        each.name: {
            "is_up": True,
            "is_enabled": True,
            "mtu": each.mtu,
            **({"mac_address": whole(each.mac.upper())} if each.mac else {}),
        }
        for each in node.interfaces
    }


def _addresses(node: NodePlan, management: str) -> dict[str, Any]:
    """All addresses, also the link-local ones that follow from the MACs; those of the management network are free."""
    wanted: dict[str, Any] = {**STRICT, LOOPBACK: _of_interface(node.loopbacks)}
    for each in node.interfaces:
        local = [f"{link_local(each.mac)}/64"] if each.mac else []
        wanted[each.name] = _of_interface((*each.addresses, *local))
    return {**wanted, **({management: {}} if management else {})}


def _of_interface(addresses: Iterable[str]) -> dict[str, Any]:
    families: dict[str, dict[str, Any]] = {}
    for address in map(ip_interface, addresses):
        entries = families.setdefault(f"ipv{address.version}", dict(STRICT))
        entries[str(address.ip)] = {"prefix_length": address.network.prefixlen}
    return {**STRICT, **families}


def link_local(mac: str) -> str:
    """The address that an interface gives itself (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    ending = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + ending))


def _neighbors(plan: Plan, node: NodePlan, absent: Collection[str]) -> dict[str, Any]:
    peers = {each.neighbor: {} if each.peer in absent else _peer(plan, node, each) for each in node.sessions}
    instance = {"router_id": whole(node.router_id or ""), "peers": {**STRICT, **peers}}
    return {**STRICT, "global": instance}


def _peer(plan: Plan, node: NodePlan, session: PlannedSession) -> dict[str, Any]:
    return {
        "is_up": True,
        "is_enabled": True,
        "local_as": node.asn,
        "remote_as": session.peer_asn,
        "remote_id": whole(plan.nodes[session.peer].router_id or ""),
        "description": whole(session.peer),
        "address_family": {**STRICT, **{family: {} for family in session.families}},
    }


def _route(plan: Plan, route: PlannedRoute) -> Rule:
    """One prefix: a hop over each planned interface, used by the kernel, and none over others."""
    question = {"destination": route.prefix, "protocol": "bgp"}
    hops = {**STRICT, "list": list(_hops(plan, route))}
    return {"get_route_to": {"_name": f"get_route_to {route.prefix}", "_kwargs": question, route.prefix: hops}}


def _hops(plan: Plan, route: PlannedRoute) -> Iterator[dict[str, Any]]:
    origin = plan.nodes[route.origin].asn
    for interface in sorted(route.interfaces):
        yield {
            "outgoing_interface": whole(interface),
            "current_active": True,
            "selected_next_hop": True,
            "protocol_attributes": {"as_path": rf"^(?:\d+ )*{origin}$"},
        }
