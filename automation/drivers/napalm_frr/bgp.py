"""BGP sessions as bgpd shows them, in NAPALM's shapes. Pure.

FRR keys a neighbour by what its configuration names: an address, or the interface of an unnumbered session.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

import msgspec
from napalm.base import models

from napalm_frr.interfaces import DEFAULT_VRF
from napalm_frr.wire import UNKNOWN, decode

SHOW = "show bgp vrf all neighbors json"
GLOBAL = "global"  # NAPALM's name for the default VRF
ESTABLISHED = "Established"
FAMILIES = {"ipv4Unicast": "ipv4", "ipv6Unicast": "ipv6"}
NOBODY = ("0.0.0.0", "Unknown")  # what FRR says of a peer that it has not met


class _Family(msgspec.Struct, frozen=True, rename="camel"):
    accepted_prefix_counter: int = UNKNOWN
    sent_prefix_counter: int = UNKNOWN
    route_map_for_incoming_advertisements: str = ""
    route_map_for_outgoing_advertisements: str = ""
    incoming_update_prefix_filter_list: str = ""
    outgoing_update_prefix_filter_list: str = ""
    private_as_nums_removed_in_updates_to_nbr: bool = False
    private_as_nums_all_removed_in_updates_to_nbr: bool = False

    @property
    def policies(self) -> tuple[str, str]:
        """What filters routes on their way in and out: the route-map, or else the prefix-list."""
        return (
            self.route_map_for_incoming_advertisements or self.incoming_update_prefix_filter_list,
            self.route_map_for_outgoing_advertisements or self.outgoing_update_prefix_filter_list,
        )


class _Messages(msgspec.Struct, frozen=True, rename="camel"):
    depth_outq: int = 0
    updates_sent: int = 0
    updates_recv: int = 0
    total_sent: int = 0
    total_recv: int = 0


class _Capabilities(msgspec.Struct, frozen=True):
    four_byte: str = msgspec.field(default="", name="4byteAs")


class _Neighbor(msgspec.Struct, frozen=True, rename="camel"):
    remote_as: int = 0
    local_as: int = 0
    local_as_no_prepend: bool = False
    nbr_desc: str = ""
    admin_shut_down: bool = False
    remote_router_id: str = ""
    local_router_id: str = ""
    bgp_state: str = ""
    bgp_timer_up_msec: int = 0
    bgp_timer_hold_time_msecs: int = 0
    bgp_timer_keep_alive_interval_msecs: int = 0
    bgp_timer_configured_hold_time_msecs: int = 0
    bgp_timer_configured_keep_alive_interval_msecs: int = 0
    neighbor_capabilities: _Capabilities = _Capabilities()
    message_stats: _Messages = _Messages()
    address_family_info: dict[str, _Family] = {}
    connections_dropped: int = 0
    last_reset_due_to: str = ""
    last_notification_reason: str = ""
    external_bgp_nbr_max_hops_away: int = 1
    update_source: str = ""
    host_local: str = ""
    port_local: int = UNKNOWN
    host_foreign: str = ""
    port_foreign: int = UNKNOWN
    bgp_neighbor_addr: str = ""

    @property
    def up(self) -> bool:
        """Whether routes can flow."""
        return self.bgp_state == ESTABLISHED


Vrfs: TypeAlias = Mapping[str, Mapping[str, _Neighbor]]
Details: TypeAlias = dict[str, dict[int, list[models.PeerDetailsDict]]]


def parse(text: str) -> Vrfs:
    """The neighbours of each VRF in the answer to SHOW; FRR mixes remarks among them."""
    found = decode(text, dict[str, dict[str, _Neighbor | bool | int | str | None] | bool | int | str | None])
    return {
        vrf: {name: each for name, each in said.items() if isinstance(each, _Neighbor)}
        for vrf, said in found.items()
        if isinstance(said, dict)
    }


def napalm_vrf(vrf: str) -> str:
    """NAPALM's name for a VRF of FRR."""
    return GLOBAL if vrf == DEFAULT_VRF else vrf


def neighbors(vrfs: Vrfs) -> dict[str, models.BGPStateNeighborsPerVRFDict]:
    """As NAPALM's get_bgp_neighbors; empty where there is no BGP."""
    found = {napalm_vrf(vrf): _vrf(each) for vrf, each in vrfs.items()}
    return {GLOBAL: _vrf({}), **found} if found else {}


def _vrf(having: Mapping[str, _Neighbor]) -> models.BGPStateNeighborsPerVRFDict:
    return {
        "router_id": next((each.local_router_id for each in having.values()), ""),
        "peers": {name: _peer(each) for name, each in having.items()},
    }


def _peer(seen: _Neighbor) -> models.BGPStateNeighborDict:
    return {
        "local_as": seen.local_as,
        "remote_as": seen.remote_as,
        "remote_id": _met(seen.remote_router_id),
        "is_up": seen.up,
        "is_enabled": not seen.admin_shut_down,
        "description": seen.nbr_desc,
        "uptime": seen.bgp_timer_up_msec // 1000 if seen.up else UNKNOWN,
        "address_family": {
            FAMILIES.get(name, name): {
                "received_prefixes": UNKNOWN,  # FRR counts what its filters left
                "accepted_prefixes": family.accepted_prefix_counter,
                "sent_prefixes": family.sent_prefix_counter,
            }
            for name, family in seen.address_family_info.items()
        },
    }


def details(vrfs: Vrfs, single_path: Collection[str], neighbor: str = "") -> Details:
    """As NAPALM's get_bgp_neighbors_detail, of all neighbours or of one, named by its key, address or interface.

    `single_path` are the VRFs that are configured to use one path only.
    """
    found: Details = {}
    for vrf, name, seen in _each(vrfs):
        if neighbor in ("", name, seen.bgp_neighbor_addr):
            entry = _detail(name, seen, vrf, multipath=vrf not in single_path)
            found.setdefault(napalm_vrf(vrf), {}).setdefault(seen.remote_as, []).append(entry)
    return found


def _each(vrfs: Vrfs) -> Iterator[tuple[str, str, _Neighbor]]:
    return ((vrf, name, seen) for vrf, having in vrfs.items() for name, seen in having.items())


def _detail(name: str, seen: _Neighbor, vrf: str, *, multipath: bool) -> models.PeerDetailsDict:
    families = tuple(seen.address_family_info.values())
    imports, exports = zip(*(each.policies for each in families), strict=True) if families else ((), ())
    capability = seen.neighbor_capabilities.four_byte
    return {
        "up": seen.up,
        "local_as": seen.local_as,
        "remote_as": seen.remote_as,
        "router_id": seen.local_router_id,
        "local_address": _met(seen.host_local),
        "routing_table": vrf,
        "local_address_configured": bool(seen.update_source),
        "local_port": seen.port_local,
        "remote_address": _met(seen.host_foreign) or seen.bgp_neighbor_addr or name,
        "remote_port": seen.port_foreign,
        "multihop": seen.external_bgp_nbr_max_hops_away > 1,
        "multipath": multipath,
        "remove_private_as": any(
            each.private_as_nums_removed_in_updates_to_nbr or each.private_as_nums_all_removed_in_updates_to_nbr
            for each in families
        ),
        "import_policy": _once(imports),
        "export_policy": _once(exports),
        "input_messages": seen.message_stats.total_recv,
        "output_messages": seen.message_stats.total_sent,
        "input_updates": seen.message_stats.updates_recv,
        "output_updates": seen.message_stats.updates_sent,
        "messages_queued_out": seen.message_stats.depth_outq,
        "connection_state": seen.bgp_state,
        "previous_connection_state": "",  # FRR does not say
        "last_event": seen.last_notification_reason or seen.last_reset_due_to,
        "suppress_4byte_as": seen.up and not capability.startswith("advertised"),
        "local_as_prepend": not seen.local_as_no_prepend,
        "holdtime": seen.bgp_timer_hold_time_msecs // 1000,
        "configured_holdtime": seen.bgp_timer_configured_hold_time_msecs // 1000,
        "keepalive": seen.bgp_timer_keep_alive_interval_msecs // 1000,
        "configured_keepalive": seen.bgp_timer_configured_keep_alive_interval_msecs // 1000,
        "active_prefix_count": UNKNOWN,
        "received_prefix_count": UNKNOWN,
        "accepted_prefix_count": _total(each.accepted_prefix_counter for each in families),
        "suppressed_prefix_count": UNKNOWN,
        "advertised_prefix_count": _total(each.sent_prefix_counter for each in families),
        "flap_count": seen.connections_dropped,
    }


def _met(text: str) -> str:
    return "" if text in NOBODY else text


def _once(names: Collection[str]) -> str:
    """The policies of all families in one text, each named once."""
    return ", ".join(dict.fromkeys(name for name in names if name))


def _total(counts: Iterator[int]) -> int:
    """The sum over all families; UNKNOWN where no family was counted."""
    known = [count for count in counts if count != UNKNOWN]
    return sum(known) if known else UNKNOWN
