"""BGP neighbours and peer-groups as a configuration has them, and which of them a change must make anew. Pure.

FRR ties a neighbour to who it is: another ASN or peer-group is another neighbour, and a peer-group takes its members
along when it goes. So whoever is not the same before and after is removed as a whole and made again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from napalm_frr.tree import Config, Path

_SUBJECT = re.compile(r"(?:no )?neighbor (\S+)|bgp listen range \S+ peer-group (\S+)")
_IDENTITY = re.compile(r"neighbor (\S+) (?:interface|peer-group|remote-as)\b.*")
_GROUP = re.compile(r"neighbor (\S+) peer-group")
_MEMBER = re.compile(r"neighbor (\S+) (?:interface .*)?peer-group (\S+)")


@dataclass(frozen=True, slots=True)
class Peers:
    """The neighbours of one BGP instance: what says who each of them is, the peer-groups, and who is in which."""

    identities: dict[str, frozenset[str]]
    groups: frozenset[str]
    member_of: dict[str, str]

    def number(self, name: str) -> int:
        """The place of a neighbour among all."""
        return list(self.identities).index(name) if name in self.identities else 0


def subject(path: Path) -> str:
    """The neighbour or peer-group that a line of BGP is about; "" for none."""
    hit = _SUBJECT.match(path[-1]) if len(path) > 1 and path[0].startswith("router bgp") else None
    return "" if hit is None else hit[1] or hit[2]


def peers(config: Config, router: str) -> Peers:
    """The neighbours of an instance."""
    lines = [path[1] for path in config if len(path) == 2 and path[0] == router]
    identities: dict[str, set[str]] = {}
    for hit in filter(None, map(_IDENTITY.fullmatch, lines)):
        identities.setdefault(hit[1], set()).add(hit[0])
    return Peers(
        {name: frozenset(said) for name, said in identities.items()},
        frozenset(hit[1] for hit in map(_GROUP.fullmatch, lines) if hit),
        {hit[1]: hit[2] for hit in map(_MEMBER.fullmatch, lines) if hit},
    )


def remade(before: Config, after: Config) -> frozenset[tuple[str, str]]:
    """The instances and names of neighbours that are to be removed as a whole, also where they come back."""
    routers = {path[0] for path in before if path[0].startswith("router bgp")} & {path[0] for path in after}
    return frozenset(
        (router, name) for router in routers for name in _changed(peers(before, router), peers(after, router))
    )


def _changed(before: Peers, after: Peers) -> Iterator[str]:
    others = {name for name, said in before.identities.items() if after.identities.get(name) != said}
    yield from others
    yield from (name for name, group in before.member_of.items() if group in others and name not in others)
