"""Who speaks BGP with whom, and how."""

from msgspec import Struct

from topologies.model import Numbering, Role, Underlay
from topologies.plan import IPV4, IPV6, PlannedInterface, PlannedSession


class Peer(Struct, frozen=True):
    """A BGP speaker at the far end of an interface; `below` when it is in a lower tier than ourselves."""

    interface: PlannedInterface
    asn: int
    role: Role
    below: bool


def sessions(underlay: Underlay, peers: tuple[Peer, ...]) -> tuple[PlannedSession, ...]:
    """One session per cable, for all address families (RFC 4760): by interface where the cable has no addresses, else
    to the first of the far end's."""
    one = _unnumbered if underlay.numbering is Numbering.UNNUMBERED else _numbered
    return tuple(one(underlay, peer) for peer in peers)


def service_sessions(peers: tuple[Peer, ...]) -> tuple[PlannedSession, ...]:
    """One session per cable and address family, so that each route's next hop is the address that it was told from.

    The cables to hosts always have addresses. No BFD: GoBGP has none, and a lost carrier ends the session at once.
    """
    return tuple(
        PlannedSession(
            neighbor=address,
            interface=peer.interface.name,
            peer=peer.interface.peer.node,
            peer_asn=peer.asn,
            peer_role=peer.role,
            families=(IPV6 if ":" in address else IPV4,),
            bfd=False,
            passive=not peer.below,
            extended_nexthop=False,
            address=address,
        )
        for peer in peers
        for address in (each.partition("/")[0] for each in peer.interface.peer_addresses)
    )


def _unnumbered(underlay: Underlay, peer: Peer) -> PlannedSession:
    return PlannedSession(
        neighbor=peer.interface.name,
        interface=peer.interface.name,
        peer=peer.interface.peer.node,
        peer_asn=peer.asn,
        peer_role=peer.role,
        families=_families(underlay),
        bfd=underlay.bfd,
        passive=False,
        extended_nexthop=underlay.ipv4,
    )


def _numbered(underlay: Underlay, peer: Peer) -> PlannedSession:
    """The lower end waits to be called, so that no two calls cross; not with BFD, where FRR would reset the session.

    The upper ends are few and started last: then all routes come at once, not again with each of many leaves.
    """
    address = peer.interface.peer_addresses[0].partition("/")[0]
    return PlannedSession(
        neighbor=address,
        interface=peer.interface.name,
        peer=peer.interface.peer.node,
        peer_asn=peer.asn,
        peer_role=peer.role,
        families=_families(underlay),
        bfd=underlay.bfd,
        passive=not peer.below and not underlay.bfd,
        extended_nexthop=False,
        address=address,
    )


def _families(underlay: Underlay) -> tuple[str, ...]:
    return tuple(family for family, used in ((IPV4, underlay.ipv4), (IPV6, underlay.ipv6)) if used)
