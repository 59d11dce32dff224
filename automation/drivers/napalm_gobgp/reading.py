"""GoBGP's messages as values, and values as its messages; what differs between versions is the codec's. Pure."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_interface
from typing import Any

from napalm_gobgp.codec import Codec, family
from napalm_gobgp.model import STATES, Change, Counts, Event, Family, Neighbor, Path, PathEvent, PeerEvent, Speaker
from topologies.errors import Mistake
from topologies.plan import IPV4, IPV6

INCOMPLETE = 2  # the origin of a route that no protocol told (RFC 4271, section 5.1.1)
NAMES = {(1, 1): IPV4, (2, 1): IPV6}
UNSPECIFIED = ("", "<nil>", "0.0.0.0", "::")
BEST = "WatchEventRequest.Table.Filter.Type"


def speaker(codec: Codec, answer: Any) -> Speaker:
    """The answer to GetBgp."""
    found = answer.__getattribute__("global")
    return Speaker(found.asn, found.router_id, found.listen_port, found.use_multiple_paths, codec.stubs.version)


def neighbor(codec: Codec, peer: Any) -> Neighbor:
    """A Peer message."""
    conf, state, timers = peer.conf, peer.state, peer.timers
    down = codec.number("PeerState.AdminState", "DOWN")
    return Neighbor(
        address=state.neighbor_address or conf.neighbor_address or conf.neighbor_interface,
        peer_asn=state.peer_asn or conf.peer_asn,
        local_asn=state.local_asn or conf.local_asn,
        state=STATES[state.session_state],
        description=conf.description or state.description,
        group=conf.peer_group or state.peer_group,
        peer_id=state.router_id,
        enabled=not conf.admin_down and state.admin_state != down,
        up_since=timers.state.uptime.seconds,
        flaps=state.flops,
        queued=state.out_q,
        received=_counts(state.messages.received),
        sent=_counts(state.messages.sent),
        families=tuple(_families(peer.afi_safis)),
        hold=int(timers.state.negotiated_hold_time),
        keepalive=int(timers.state.keepalive_interval),
        wanted_hold=int(timers.config.hold_time),
        wanted_keepalive=int(timers.config.keepalive_interval),
        local_address="" if peer.transport.local_address in UNSPECIFIED else peer.transport.local_address,
        local_port=peer.transport.local_port,
        remote_port=peer.transport.remote_port,
        multihop_ttl=peer.ebgp_multihop.multihop_ttl if peer.ebgp_multihop.enabled else 0,
        passive=peer.transport.passive_mode,
        remove_private=bool(conf.remove_private),
        imports=tuple(each.name for each in peer.apply_policy.import_policy.policies),
        exports=tuple(each.name for each in peer.apply_policy.export_policy.policies),
        reflector_client=peer.route_reflector.route_reflector_client,
        cluster=peer.route_reflector.route_reflector_cluster_id,
        password=conf.auth_password,
        four_byte_asn=any("FourOctet" in _kind(each) or "four_octet" in _kind(each) for each in state.remote_cap),
    )


def _kind(capability: Any) -> str:
    return str(getattr(capability, "type_url", "") or capability.WhichOneof("cap"))


def _counts(messages: Any) -> Counts:
    return Counts(int(messages.total), int(messages.update))


def _families(having: Iterable[Any]) -> Iterator[Family]:
    for each in having:
        name = NAMES.get((each.config.family.afi, each.config.family.safi))
        if name:
            yield Family(
                name,
                int(each.state.received),
                int(each.state.accepted),
                int(each.state.advertised),
                each.prefix_limits.max_prefixes,
                each.prefix_limits.shutdown_threshold_pct,
            )


def path(codec: Codec, found: Any) -> Path | None:
    """A Path message; None for one of a family that we do not know."""
    prefix, having = codec.prefix(found), codec.attributes(found)
    if not prefix:
        return None
    reach = having["mp_reach"].next_hops[0] if "mp_reach" in having and having["mp_reach"].next_hops else ""
    return Path(
        prefix=prefix,
        next_hop=having["next_hop"].next_hop if "next_hop" in having else reach,
        as_path=tuple(n for segment in having["as_path"].segments for n in segment.numbers)
        if "as_path" in having
        else (),
        communities=tuple(map(_spelt, having["communities"].communities)) if "communities" in having else (),
        local_pref=having["local_pref"].local_pref if "local_pref" in having else None,
        med=having["multi_exit_disc"].med if "multi_exit_disc" in having else None,
        best=found.best,
        neighbor="" if found.neighbor_ip in UNSPECIFIED else found.neighbor_ip,
        neighbor_id="" if found.source_id in UNSPECIFIED else found.source_id,
        age=found.age.seconds,
    )


def announcement(codec: Codec, wanted: Path) -> Any:
    """A Path message to announce. Without a next hop, each peer is told the address that we have towards it."""
    message, nobody = codec.stubs.message, "::" if wanted.family == IPV6 else "0.0.0.0"
    attributes = {"origin": message("OriginAttribute", origin=INCOMPLETE)}
    if wanted.family == IPV4:
        attributes["next_hop"] = message("NextHopAttribute", next_hop=wanted.next_hop or nobody)
    else:
        nlri = codec.packed(wanted.prefix, {}).nlri
        reach = {
            "family": family(codec.stubs, wanted.prefix),
            "next_hops": [wanted.next_hop or nobody],
            "nlris": [nlri],
        }
        attributes["mp_reach"] = message("MpReachNLRIAttribute", **reach)
    if wanted.as_path:
        segment = message("AsSegment", type=codec.number("AsSegment.Type", "AS_SEQUENCE"), numbers=wanted.as_path)
        attributes["as_path"] = message("AsPathAttribute", segments=[segment])
    if wanted.communities:
        numbers = [community(each) for each in wanted.communities]
        attributes["communities"] = message("CommunitiesAttribute", communities=numbers)
    if wanted.med is not None:
        attributes["multi_exit_disc"] = message("MultiExitDiscAttribute", med=wanted.med)
    return codec.packed(wanted.prefix, attributes)


def question(codec: Codec, prefix: str, *, longer: bool) -> Any:
    """What to ask of the table for a prefix, or for all of it and below."""
    how = codec.number("TableLookupPrefix.Type", "LONGER" if longer else "EXACT")
    return codec.stubs.message(
        "ListPathRequest",
        table_type=codec.number("TableType", "GLOBAL"),
        family=family(codec.stubs, prefix),
        prefixes=[codec.stubs.message("TableLookupPrefix", prefix=prefix, type=how)],
    )


def watching(codec: Codec) -> Any:
    """What to ask for to be told of sessions and best paths, those that there are first."""
    request = codec.stubs.message("WatchEventRequest")
    request.peer.SetInParent()
    request.table.filters.add(type=codec.number(BEST, "BEST"), init=True)
    return request


def events(codec: Codec, answer: Any) -> Iterator[Event]:
    """What an answer to a watch tells."""
    if answer.WhichOneof("event") == "table":
        for each in answer.table.paths:
            if found := path(codec, each):
                yield PathEvent(Change.WITHDRAWN if each.is_withdraw else Change.BEST, found)
    elif answer.peer.type != codec.number("WatchEventResponse.PeerEvent.Type", "END_OF_INIT"):
        seen = neighbor(codec, answer.peer.peer)
        yield PeerEvent(Change.PEER_UP if seen.up else Change.PEER_DOWN, seen)


def canonical(prefix: str) -> str:
    """A prefix in its usual spelling. Raises Mistake where it is none, or has bits beyond its length."""
    try:
        found = ip_interface(prefix)
    except ValueError as error:
        raise Mistake(f"{prefix!r} is no prefix: {error}; such as 10.32.0.1/32") from None
    if found.ip != found.network.network_address:
        raise Mistake(f"{prefix!r} has bits beyond its length; the prefix is {found.network}")
    return str(found.network)


def community(text: str) -> int:
    """A community (RFC 1997) as a number. Raises Mistake where it is none."""
    halves = text.split(":")
    if len(halves) != 2 or not all(half.isdecimal() and int(half) < 1 << 16 for half in halves):
        raise Mistake(f"{text!r} is no community; it is two numbers below 65536, such as 65535:0")
    return int(halves[0]) << 16 | int(halves[1])


def _spelt(number: int) -> str:
    return f"{number >> 16}:{number & 0xFFFF}"
