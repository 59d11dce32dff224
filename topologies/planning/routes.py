"""Which routes every speaker must end with: eBGP's path selection walked through on the graph.

For one origin at a time, the announcement spreads by AS-path length: whoever hears it first keeps every equally short
path (`bestpath as-path multipath-relax`) and passes on one of them. Nobody takes a path with its own ASN in it, which
is why two spines of one pod, sharing theirs, have no route to each other. Leaves and hosts announce upwards only what
they or their BGP hosts originate. All prefixes of one origin take the same ways, in both address families.

What cannot be foretold is refused: which of too many equal paths a router keeps, and which of several equal paths it
passes on where a peer would take one and not another.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from topologies.errors import Mistake
from topologies.model import Role

Path: TypeAlias = frozenset[int]  # the ASNs on the way; all paths that are compared are equally long
Ways: TypeAlias = Mapping[str, frozenset[str]]


class Speaker(Struct, frozen=True):
    """A BGP speaker and its peers, each with the peer's interface of that cable, in the tiers above and below."""

    name: str
    role: Role
    asn: int
    above: tuple[tuple[str, str], ...]
    below: tuple[tuple[str, str], ...]
    vouches: frozenset[str]  # origins that it announces upwards when it is a leaf or a host: itself and its BGP hosts


def ways_to(origin: str, speakers: Mapping[str, Speaker], *, ecmp: int) -> Ways:
    """The interfaces over which each speaker reaches an origin; those that have no route to it are absent."""
    paths: dict[str, frozenset[Path]] = {origin: frozenset([frozenset()])}
    ways: dict[str, frozenset[str]] = {}
    frontier: Iterable[str] = (origin,)
    while frontier:
        heard: defaultdict[str, list[str]] = defaultdict(list)
        carried: defaultdict[str, set[Path]] = defaultdict(set)
        for name in frontier:
            sender = speakers[name]
            sent = {path | {sender.asn} for path in paths[name]}
            crossed = frozenset[int]().union(*sent)
            for peer, interface in _told(sender, origin):
                if peer in paths or (speakers[peer].asn in crossed and _loops(speakers[peer], sender, sent, origin)):
                    continue
                heard[peer].append(interface)
                carried[peer] |= sent
        for name, interfaces in heard.items():
            _fits(name, origin, len(interfaces), ecmp)
            ways[name] = frozenset(interfaces)
            paths[name] = frozenset(carried[name])
        frontier = heard
    return ways


def _told(sender: Speaker, origin: str) -> Iterable[tuple[str, str]]:
    """The peers to which a speaker announces an origin's prefixes."""
    if sender.role in (Role.LEAF, Role.HOST) and origin not in sender.vouches:
        return sender.below
    return (*sender.above, *sender.below)


def _loops(peer: Speaker, sender: Speaker, sent: Collection[Path], origin: str) -> bool:
    """AS loop detection (RFC 4271, section 9.1.2), for a peer whose ASN is in some of the paths."""
    if not all(peer.asn in path for path in sent):
        raise Mistake(
            f"{sender.name} has equal paths to {origin}, some through AS {peer.asn} of {peer.name}: whether "
            f"{peer.name} gets a route depends on which one is passed on; the cabling must be regular"
        )
    return True


def _fits(name: str, origin: str, width: int, ecmp: int) -> None:
    if width > ecmp:
        raise Mistake(
            f"underlay.ecmp: {ecmp} is less than the {width} equal paths that {name} has to {origin}, and which of "
            f"them it would keep cannot be foretold; {width} or more is needed"
        )
