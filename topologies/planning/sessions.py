"""Who speaks BGP with whom, and how."""

from collections.abc import Iterator
from dataclasses import dataclass

from topologies.model import Numbering, Role, Underlay
from topologies.plan import IPV4, IPV6, PlannedInterface, PlannedSession


@dataclass(frozen=True, slots=True)
class Peer:
    """A BGP speaker at the far end of an interface; `below` when it is in a lower tier than ourselves."""

    interface: PlannedInterface
    asn: int
    role: Role
    below: bool


def sessions(underlay: Underlay, peers: tuple[Peer, ...]) -> tuple[PlannedSession, ...]:
    """One session per unnumbered interface; numbered ones have one per address family, each over its own addresses,
    for IPv6 routes over an IPv4 session would need next hops that the session does not know."""
    one = _unnumbered if underlay.numbering is Numbering.UNNUMBERED else _numbered
    return tuple(session for peer in peers for session in one(underlay, peer))


def _unnumbered(underlay: Underlay, peer: Peer) -> Iterator[PlannedSession]:
    families = tuple(family for family, used in ((IPV4, underlay.ipv4), (IPV6, underlay.ipv6)) if used)
    yield PlannedSession(
        neighbor=peer.interface.name,
        interface=peer.interface.name,
        peer=peer.interface.peer.node,
        peer_asn=peer.asn,
        peer_role=peer.role,
        families=families,
        bfd=underlay.bfd,
        passive=False,
        extended_nexthop=underlay.ipv4,
    )


def _numbered(underlay: Underlay, peer: Peer) -> Iterator[PlannedSession]:
    """The lower end waits to be called, so that no two calls cross; not with BFD, where FRR would reset the session.

    The upper ends are few and started last: then all routes come at once, not again with each of many leaves.
    """
    for cidr in peer.interface.peer_addresses:
        address = cidr.partition("/")[0]
        yield PlannedSession(
            neighbor=address,
            interface=peer.interface.name,
            peer=peer.interface.peer.node,
            peer_asn=peer.asn,
            peer_role=peer.role,
            families=(IPV6 if ":" in address else IPV4,),
            bfd=underlay.bfd,
            passive=not peer.below and not underlay.bfd,
            extended_nexthop=False,
            address=address,
        )
