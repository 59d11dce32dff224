"""GoBGP's JSON as facts, as its own client prints it in the node. Pure; the shapes of version 3.

Fields that are zero or empty are absent, so each has a default here.
"""

import msgspec

from telemetry.model import ESTABLISHED, Session
from topologies.errors import Fault
from topologies.plan import IPV4, IPV6
from topologies.render.gobgp import API

NEIGHBORS = ("gobgp", "--target", f"unix://{API}", "neighbor", "-j")
STATES = ("Unknown", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", ESTABLISHED)
DOWN = 1  # the administrative state of a neighbour that was shut down
CAPABILITY = "type.googleapis.com/apipb."
FOUR_BYTE, FAMILY = f"{CAPABILITY}FourOctetASNCapability", f"{CAPABILITY}MultiProtocolCapability"
FAMILIES = {"CgQIARAB": IPV4, "CgQIAhAB": IPV6}  # AFI 1 or 2 with SAFI 1, as protobuf in base64


class _Capability(msgspec.Struct):
    type_url: str
    value: str = ""


class _Conf(msgspec.Struct):
    neighbor_address: str
    peer_asn: int = 0
    local_asn: int = 0


class _State(msgspec.Struct):
    session_state: int = 0
    admin_state: int = 0
    router_id: str = ""
    remote_cap: list[_Capability] = []


class _Timers(msgspec.Struct):
    negotiated_hold_time: float = 0
    keepalive_interval: float = 0


class _AllTimers(msgspec.Struct):
    state: _Timers = msgspec.field(default_factory=_Timers)


class _Neighbor(msgspec.Struct):
    conf: _Conf
    state: _State = msgspec.field(default_factory=_State)
    timers: _AllTimers = msgspec.field(default_factory=_AllTimers)


def parse_neighbors(text: str) -> dict[str, Session]:
    """The sessions in what NEIGHBORS prints. Raises Fault where it is not that."""
    try:
        found = msgspec.json.decode(text.encode(), type=list[_Neighbor] | None)
    except msgspec.MsgspecError as error:
        raise Fault(f"gobgp's answer is not understood: {error}; it begins {text.strip()[:80]!r}") from error
    return {each.conf.neighbor_address: _session(each) for each in found or ()}


def _session(seen: _Neighbor) -> Session:
    heard = {each.type_url for each in seen.state.remote_cap}
    families = [FAMILIES.get(each.value, "") for each in seen.state.remote_cap if each.type_url == FAMILY]
    return Session(
        neighbor=seen.conf.neighbor_address,
        peer_asn=seen.conf.peer_asn,
        state=STATES[seen.state.session_state],
        router_id=seen.state.router_id,
        families=tuple(sorted(family for family in families if family)),
        four_byte_asn=FOUR_BYTE in heard,
        hold=seen.timers.state.negotiated_hold_time,
        keepalive=seen.timers.state.keepalive_interval,
        admin_down=seen.state.admin_state == DOWN,
        local_asn=seen.conf.local_asn,
    )
