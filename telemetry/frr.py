"""FRR's JSON as facts. Pure; the shapes of FRR 8.4 to 10.3 (tests/golden/facts has recordings).

FRR keys a neighbour by what its configuration names: an address, or the interface of an unnumbered session. Fields
that a state does not have are absent, so each has a default here; only what is read is decoded, which keeps a spine
with hundreds of sessions cheap (about 4 kB of JSON each).
"""

from typing import Any

import msgspec

from telemetry.model import ESTABLISHED, BfdPeer, Session
from topologies.errors import Fault
from topologies.plan import IPV4, IPV6

FAMILIES = {"ipv4Unicast": IPV4, "ipv6Unicast": IPV6}
NOBODY = "(unspec)"  # the peer that a router's own routes are from
BOTH = "advertisedAndReceived"


class _Capabilities(msgspec.Struct, rename="camel"):
    four_byte: str = msgspec.field(default="", name="4byteAs")
    extended_nexthop: str = ""
    graceful_restart: str = ""
    multiprotocol_extensions: dict[str, dict[str, bool]] = {}


class _Family(msgspec.Struct, rename="camel"):
    accepted_prefix_counter: int = 0
    sent_prefix_counter: int = 0


class _Neighbor(msgspec.Struct, rename="camel"):
    remote_as: int = 0
    local_as: int = 0
    bgp_state: str = ""
    remote_router_id: str = ""
    hostname: str = ""
    admin_shut_down: bool = False
    bgp_timer_up_msec: int = 0
    bgp_timer_hold_time_msecs: int = 0
    bgp_timer_keep_alive_interval_msecs: int = 0
    last_reset_due_to: str = ""
    last_notification_reason: str = ""
    neighbor_capabilities: _Capabilities = msgspec.field(default_factory=_Capabilities)
    address_family_info: dict[str, _Family] = {}


class _SummaryPeer(msgspec.Struct, rename="camel"):
    remote_as: int = 0
    state: str = ""


class _Summary(msgspec.Struct):
    peers: dict[str, _SummaryPeer] = {}


class _Path(msgspec.Struct, rename="camel"):
    peer_id: str = ""


class _Table(msgspec.Struct):
    routes: dict[str, list[_Path]] = {}


class _Bfd(msgspec.Struct):
    peer: str
    status: str
    interface: str = ""


def parse_neighbors(text: str) -> dict[str, Session]:
    """The sessions in the answer to `show bgp neighbors json`. Raises Fault where it is not that."""
    # Without `router bgp`, and per VRF, FRR mixes remarks among the neighbours.
    found = decoded(text, dict[str, _Neighbor | bool | int | str | None])
    return {name: _session(name, each) for name, each in found.items() if isinstance(each, _Neighbor)}


def parse_states(text: str) -> dict[str, str]:
    """The state of each session in the answer to `show bgp summary json`, which is much smaller; the worse one
    where a session that carries two families is listed with two states."""
    states: dict[str, str] = {}
    for name in FAMILIES:
        for neighbor, peer in _summary(text, name).items():
            if states.get(neighbor, ESTABLISHED) == ESTABLISHED:
                states[neighbor] = peer.state
    return states


def parse_own(text: str) -> tuple[str, ...]:
    """The prefixes that a router itself brings into BGP, out of its table in JSON."""
    routes = decoded(text, _Table).routes
    return tuple(prefix for prefix, paths in routes.items() if any(path.peer_id == NOBODY for path in paths))


def parse_bfd(text: str) -> tuple[BfdPeer, ...]:
    """The sessions in the answer of bfdd to `show bfd peers json`. Raises Fault where it is not that."""
    return tuple(BfdPeer(each.peer, each.interface, each.status) for each in decoded(text, list[_Bfd]))


def _session(name: str, seen: _Neighbor) -> Session:
    capabilities = seen.neighbor_capabilities
    negotiated = capabilities.multiprotocol_extensions
    counted = seen.address_family_info
    return Session(
        neighbor=name,
        peer_asn=seen.remote_as,
        state=seen.bgp_state,
        router_id="" if seen.remote_router_id == "0.0.0.0" else seen.remote_router_id,
        hostname=seen.hostname,
        families=tuple(ours for theirs, ours in FAMILIES.items() if negotiated.get(theirs, {}).get(BOTH)),
        four_byte_asn=capabilities.four_byte == BOTH,
        extended_nexthop=capabilities.extended_nexthop == BOTH,
        graceful_restart=capabilities.graceful_restart == BOTH,
        hold=seen.bgp_timer_hold_time_msecs / 1000,
        keepalive=seen.bgp_timer_keep_alive_interval_msecs / 1000,
        prefixes=tuple(
            (ours, counted[theirs].accepted_prefix_counter, counted[theirs].sent_prefix_counter)
            for theirs, ours in FAMILIES.items()
            if theirs in counted
        ),
        uptime=seen.bgp_timer_up_msec / 1000 if seen.bgp_state == ESTABLISHED else 0.0,
        last_reset=seen.last_notification_reason or seen.last_reset_due_to,
        admin_down=seen.admin_shut_down,
        local_asn=seen.local_as,
    )


def _summary(text: str, family: str) -> dict[str, _SummaryPeer]:
    found = decoded(text, dict[str, msgspec.Raw]).get(family)
    return msgspec.json.decode(found, type=_Summary).peers if found is not None else {}


def decoded(text: str, kind: Any) -> Any:
    """A daemon's JSON as values of a type. Raises Fault where it is not that."""
    try:
        return msgspec.json.decode(text.encode(), type=kind)
    except msgspec.MsgspecError as error:
        raise Fault(f"FRR's JSON is not understood: {error}; it begins {text.strip()[:80]!r}") from error
