"""What a GoBGP speaker is and does, in NAPALM's shapes. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, TypeAlias

from napalm.base import models

from napalm_gobgp.model import Family, Neighbor, Path, Speaker

GLOBAL = "global"  # NAPALM's name for the default VRF
LONERS = "_"  # NAPALM's name for the group of those that are in none
UNKNOWN = -1  # NAPALM's number for what a device does not say
INET = {"ipv4": "inet", "ipv6": "inet6"}  # NAPALM takes Junos' words for the families of a configuration
BGP, TABLE = "bgp", "global"
EXTERNAL_DISTANCE, LOCAL_DISTANCE = 20, 0
Details: TypeAlias = dict[str, dict[int, list[models.PeerDetailsDict]]]


def facts(speaker: Speaker, hostname: str) -> models.FactsDict:
    """As NAPALM's get_facts. The API tells neither the program's version nor since when it runs."""
    return {
        "os_version": f"API {speaker.api}",
        "uptime": float(UNKNOWN),
        "interface_list": [],
        "vendor": "GoBGP",
        "serial_number": "Unknown",
        "model": "gobgpd",
        "hostname": hostname,
        "fqdn": hostname,
    }


def neighbors(
    speaker: Speaker, having: Iterable[Neighbor], now: float
) -> dict[str, models.BGPStateNeighborsPerVRFDict]:
    """As NAPALM's get_bgp_neighbors; `now` in seconds since the epoch, by the speaker's clock."""
    return {GLOBAL: {"router_id": speaker.router_id, "peers": {each.address: _peer(each, now) for each in having}}}


def _peer(seen: Neighbor, now: float) -> models.BGPStateNeighborDict:
    return {
        "local_as": seen.local_asn,
        "remote_as": seen.peer_asn,
        "remote_id": seen.peer_id,
        "is_up": seen.up,
        "is_enabled": seen.enabled,
        "description": seen.description,
        "uptime": max(0, int(now - seen.up_since)) if seen.up else UNKNOWN,
        "address_family": {
            each.name: {
                "received_prefixes": each.received,
                "accepted_prefixes": each.accepted,
                "sent_prefixes": each.advertised,
            }
            for each in seen.families
        },
    }


def details(speaker: Speaker, having: Iterable[Neighbor], neighbor: str = "") -> Details:
    """As NAPALM's get_bgp_neighbors_detail, of all neighbours or of one."""
    found: Details = {}
    for each in having:
        if neighbor in ("", each.address):
            found.setdefault(GLOBAL, {}).setdefault(each.peer_asn, []).append(_detail(speaker, each))
    return found


def _detail(speaker: Speaker, seen: Neighbor) -> models.PeerDetailsDict:
    return {
        "up": seen.up,
        "local_as": seen.local_asn,
        "remote_as": seen.peer_asn,
        "router_id": speaker.router_id,
        "local_address": seen.local_address,
        "routing_table": TABLE,
        "local_address_configured": bool(seen.local_address),
        "local_port": seen.local_port or UNKNOWN,
        "remote_address": seen.address,
        "remote_port": seen.remote_port or UNKNOWN,
        "multihop": seen.multihop_ttl > 1,
        "multipath": speaker.multipath,
        "remove_private_as": seen.remove_private,
        "import_policy": ", ".join(seen.imports),
        "export_policy": ", ".join(seen.exports),
        "input_messages": seen.received.total,
        "output_messages": seen.sent.total,
        "input_updates": seen.received.updates,
        "output_updates": seen.sent.updates,
        "messages_queued_out": seen.queued,
        "connection_state": seen.state,
        "previous_connection_state": "",  # GoBGP does not say
        "last_event": "",
        "suppress_4byte_as": seen.up and not seen.four_byte_asn,
        "local_as_prepend": True,
        "holdtime": seen.hold,
        "configured_holdtime": seen.wanted_hold,
        "keepalive": seen.keepalive,
        "configured_keepalive": seen.wanted_keepalive,
        "active_prefix_count": UNKNOWN,
        "received_prefix_count": sum(each.received for each in seen.families),
        "accepted_prefix_count": sum(each.accepted for each in seen.families),
        "suppressed_prefix_count": UNKNOWN,
        "advertised_prefix_count": sum(each.advertised for each in seen.families),
        "flap_count": seen.flaps,
    }


def config(
    speaker: Speaker, having: Sequence[Neighbor], group: str = "", neighbor: str = ""
) -> dict[str, models.BGPConfigGroupDict]:
    """As NAPALM's get_bgp_config: all groups, one of them, or the one that a neighbour is in, with that one only."""
    kept = [each for each in having if neighbor in ("", each.address) and group in ("", each.group or LONERS)]
    names = dict.fromkeys(each.group or LONERS for each in kept)
    return {name: _group(speaker, name, [each for each in kept if (each.group or LONERS) == name]) for name in names}


def _group(speaker: Speaker, name: str, members: Sequence[Neighbor]) -> models.BGPConfigGroupDict:
    """GoBGP resolves a group into its members, so what they have is with them."""
    kinds = {"internal" if each.peer_asn == each.local_asn else "external" for each in members}
    return {
        "type": kinds.pop() if name != LONERS and len(kinds) == 1 else "",
        "description": "",
        "apply_groups": [],
        "multihop_ttl": 0,
        "multipath": speaker.multipath,
        "local_address": "",
        "local_as": speaker.asn,
        "remote_as": 0,
        "import_policy": "",
        "export_policy": "",
        "remove_private_as": False,
        "prefix_limit": {},
        "neighbors": {each.address: _configured(each) for each in members},
    }


def _configured(seen: Neighbor) -> models.BGPConfigNeighborDict:
    return {
        "description": seen.description,
        "import_policy": ", ".join(seen.imports),
        "export_policy": ", ".join(seen.exports),
        "local_address": seen.local_address,
        "authentication_key": seen.password,
        "nhs": False,  # GoBGP has it in policies only
        "route_reflector_client": seen.reflector_client,
        "local_as": seen.local_asn,
        "remote_as": seen.peer_asn,
        "prefix_limit": {INET[each.name]: {"unicast": _limit(each)} for each in seen.families if each.limit},
    }


def _limit(family: Family) -> dict[str, Any]:
    return {"limit": family.limit, "teardown": {"threshold": family.warned_at, "timeout": 0}}


def covering(destination: str, having: Iterable[Path]) -> str:
    """The longest prefix among these paths that holds an address, "" when there is none."""
    wanted = ip_address(destination)
    found = {each.prefix: ip_network(each.prefix) for each in having}
    holding = {prefix: net for prefix, net in found.items() if net.version == wanted.version and wanted in net}
    return max(holding, key=lambda prefix: holding[prefix].prefixlen, default="")


def network(destination: str) -> str:
    """An address or prefix as a prefix. Raises ValueError where it is neither."""
    return str(ip_network(destination, strict=False))


def routes(speaker: Speaker, having: Iterable[Path], now: float) -> dict[str, list[models.RouteDict]]:
    """As NAPALM's get_route_to: one entry for each path."""
    found: dict[str, list[models.RouteDict]] = {}
    for each in having:
        found.setdefault(each.prefix, []).append(_route(speaker, each, now))
    return found


def _route(speaker: Speaker, path: Path, now: float) -> models.RouteDict:
    return {
        "protocol": BGP,
        "current_active": path.best,
        "last_active": path.best,
        "age": max(0, int(now - path.age)),
        "next_hop": path.next_hop,
        "outgoing_interface": "",  # GoBGP puts no routes into a kernel by itself
        "selected_next_hop": path.best,
        "preference": EXTERNAL_DISTANCE if path.neighbor else LOCAL_DISTANCE,
        "inactive_reason": "" if path.best else "not best",
        "routing_table": TABLE,
        "protocol_attributes": attributes(speaker, path),
    }


def attributes(speaker: Speaker, path: Path) -> dict[str, Any]:
    """What BGP says about a path."""
    return {
        "local_as": speaker.asn,
        "remote_as": path.as_path[0] if path.as_path else speaker.asn,
        "peer_id": path.neighbor_id,
        "remote_address": path.neighbor,
        "as_path": " ".join(map(str, path.as_path)),
        "communities": list(path.communities),
        "local_preference": UNKNOWN if path.local_pref is None else path.local_pref,
        "preference2": UNKNOWN,
        "metric": 0 if path.med is None else path.med,
        "metric2": UNKNOWN,
    }


def is_address(text: str) -> bool:
    """Whether a destination is one address, without a length."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
