"""The normal form of a configuration, which is how FRR itself would show it. Pure.

People write `address-family ipv4`, leave sequence numbers to FRR, or name the host part of a prefix; FRR shows what it
made of that. A candidate is brought into that form first, else it would never be found to run. What FRR says of itself
(its version, its defaults, where it writes) is left out on both sides, as are blocks that say nothing.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from napalm_frr.tree import Config, Path, parse

LISTED = re.compile(
    r"((?:(?:ip|ipv6) prefix-list|(?:ipv6 |mac )?access-list|bgp as-path access-list"
    r"|bgp (?:large-|ext)?community-list(?: standard| expanded)?) \S+)(?: seq (\d+))? ((?:permit|deny) .+)"
)
STEP = 5  # between the sequence numbers that FRR gives
# What cannot be changed, and the route-map in a lab's own files that nothing uses (docs/why.md).
_ITS_OWN = re.compile(
    r"frr version .*|frr defaults .*|(?:no )?service integrated-vtysh-config|route-map UNUSED permit 10"
)
_BARE = re.compile(r"interface .+|vrf .+|address-family .+|line .+")  # says nothing when nothing stands below
_FREE_TEXT = re.compile(r"(?:neighbor \S+ |(?:ip|ipv6) prefix-list \S+ )?(?:description|remark) .*|banner .*")
_NETWORKS = re.compile(
    r"(?:network|aggregate-address|(?:ip|ipv6) route|bgp listen range|.*access-list .*|.*prefix-list .*) "
)
_ROUTE_IN_VRF = re.compile(r"((?:ip|ipv6) route .+?) vrf (\S+)(.*)")
_LONGEST_FIRST = re.compile(r"(.* )(le \d+) (ge \d+)")
_FAMILY = re.compile(r"address-family (ipv4|ipv6)")
_IDENTITY = re.compile(r"neighbor (\S+) (interface|peer-group|remote-as)\b ?(.*)")


def normal(text: str) -> Config:
    """The configuration that a whole text stands for."""
    return settled(canonical(text))


def canonical(text: str) -> Config:
    """The lines of a text, each as FRR would write it; what they mean together is not looked at."""
    return tuple(dict.fromkeys(_path(path) for path in parse(text) if not _ITS_OWN.fullmatch(path[0])))


def settled(config: Config) -> Config:
    """Canonical lines as FRR would show them together."""
    return tuple(_telling(_numbered(_gathered(config))))


def _path(path: Path) -> Path:
    if len(path) == 1 and (routed := _ROUTE_IN_VRF.fullmatch(path[0])):
        return (f"vrf {routed[2]}", _line(routed[1] + routed[3]))
    return tuple(_line(line) for line in path)


def _line(line: str) -> str:
    if _FREE_TEXT.fullmatch(line):
        return line
    if family := _FAMILY.fullmatch(line):
        return f"address-family {family[1]} unicast"
    whole = _NETWORKS.match(line.removeprefix("no ")) is not None
    line = " ".join(_word(word, network=whole) for word in line.split())
    return _LONGEST_FIRST.sub(r"\1\3 \2", line)


def _word(word: str, *, network: bool) -> str:
    """An address or prefix as FRR writes it; a word that is none as it is."""
    if word == "null0":
        return "Null0"
    if not (":" in word or (network and "/" in word)):
        return word
    try:
        if network and "/" in word:
            return str(ipaddress.ip_network(word, strict=False))
        return str(ipaddress.ip_interface(word)) if "/" in word else str(ipaddress.ip_address(word))
    except ValueError:
        return word


def _telling(paths: Iterable[Path]) -> Iterable[Path]:
    """Without blocks that are named and left empty, where that says nothing."""
    kept = tuple(paths)
    filled = {path[:depth] for path in kept for depth in range(1, len(path))}
    return (path for path in kept if path in filled or not _BARE.fullmatch(path[-1]))


def _numbered(paths: Iterable[Path]) -> Iterable[Path]:
    """With sequence numbers for the entries that have none, behind those of their list, as FRR gives them.

    An entry that the list has already is not there twice.
    """
    kept = tuple(paths)
    entries = [hit for path in kept if (hit := LISTED.fullmatch(path[0]))]
    last: dict[str, int] = {}
    there = {(hit[1], hit[3]) for hit in entries if hit[2]}
    for hit in entries:
        last[hit[1]] = max(last.get(hit[1], 0), int(hit[2] or 0))
    for path in kept:
        hit = LISTED.fullmatch(path[0])
        if hit is None or hit[2]:
            yield path
        elif (hit[1], hit[3]) not in there:
            there.add((hit[1], hit[3]))
            last[hit[1]] = last[hit[1]] // STEP * STEP + STEP
            yield (f"{hit[1]} seq {last[hit[1]]} {hit[3]}",)


@dataclass(slots=True)
class _Unnumbered:
    """What the lines of one neighbour on an interface say of who it is."""

    v6only: str = ""
    group: str = ""
    asn: str = ""

    def read(self, kind: str, rest: str) -> None:
        """Take one line in."""
        words = rest.split()
        if kind == "remote-as":
            self.asn = rest
        elif kind == "peer-group":
            self.group = rest
        else:
            self.v6only = "v6only " if "v6only" in words else self.v6only
            self.group = words[words.index("peer-group") + 1] if "peer-group" in words else self.group
            self.asn = words[words.index("remote-as") + 1] if "remote-as" in words else self.asn

    def lines(self, name: str) -> list[str]:
        """The same as FRR says it: a peer-group is told with the interface, and else the ASN."""
        head = f"neighbor {name} interface {self.v6only}"
        if self.group:
            return [f"{head}peer-group {self.group}", *([f"neighbor {name} remote-as {self.asn}"] if self.asn else [])]
        return [f"{head}remote-as {self.asn}" if self.asn else head.strip()]


def _gathered(config: Config) -> Iterable[Path]:
    """With the lines that say who an unnumbered neighbour is as FRR writes them, where the first of them stood."""
    peers = _unnumbered(config)
    said: set[tuple[Path, str]] = set()
    for path in config:
        hit = _IDENTITY.fullmatch(path[-1]) if path[0].startswith("router bgp") else None
        if hit is None or (path[:-1], hit[1]) not in peers:
            yield path
        elif (path[:-1], hit[1]) not in said:
            said.add((path[:-1], hit[1]))
            yield from ((*path[:-1], line) for line in peers[path[:-1], hit[1]].lines(hit[1]))


def _unnumbered(config: Config) -> Mapping[tuple[Path, str], _Unnumbered]:
    """The neighbours on interfaces, by their BGP instance and name."""
    hits = [
        (path[:-1], hit)
        for path in config
        if path[0].startswith("router bgp") and (hit := _IDENTITY.fullmatch(path[-1]))
    ]
    peers = {(block, hit[1]): _Unnumbered() for block, hit in hits if hit[2] == "interface"}
    for block, hit in hits:
        if (block, hit[1]) in peers:
            peers[block, hit[1]].read(hit[2], hit[3])
    return peers
