"""The commands that turn one configuration into another. Pure.

First what goes, those that refer before what they refer to; then what comes, the other way round. A line that takes the
place of another is said without removing the former first, for in between the router would have neither; FRR does not
take every line like that, so a `thorough` delta removes them all.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from napalm_frr.neighbours import Peers, peers, remade, subject
from napalm_frr.normal import LISTED
from napalm_frr.slots import slot
from napalm_frr.tree import Config, Path, blockwise, opens, rank, written

Place = tuple[int, ...]

_STAYS = re.compile(r"interface .+|vrf .+|address-family .+|line .+")  # blocks that cannot be removed, only emptied
_VALUELESS = re.compile(r"((?:neighbor \S+ |(?:ip|ipv6) prefix-list \S+ )?description) .*")
# BFD has no `no` for these, but values that it does not show.
_DEFAULTS = {"detect-multiplier": 3, "receive-interval": 300, "transmit-interval": 300}
_ACTIVATE = re.compile(r"neighbor \S+ activate")


def delta(before: Config, after: Config, *, thorough: bool = False) -> Sequence[str]:
    """Lines for `vtysh -f`; none where the configurations are the same."""
    anew = remade(before, after)
    gone = _gone(before, after, anew)
    there = set(before)
    come = [path for path in blockwise(after) if path not in there or (path[0], subject(path)) in anew]
    if not thorough:
        taken = {slot(path) for path in come}
        gone = [path for path in gone if _must_go_first(path) or slot(path) not in taken]
    removals = [(path, (path[:-1], removal(path[-1]))) for path in gone]
    removals += [((router, f"neighbor {name}"), ((router,), f"no neighbor {name}")) for router, name in anew]
    first, last = _placing(before), _placing(after)
    removals.sort(key=lambda each: first(each[0]), reverse=True)
    additions = [(path[:-1], path[-1]) for path in sorted(come, key=last)]
    return (*written(command for _, command in removals), *written(additions))


def removal(line: str) -> str:
    """The command that undoes a line."""
    if line.startswith("no "):
        return line.removeprefix("no ")
    if (first := line.partition(" ")[0]) in _DEFAULTS:
        return f"{first} {_DEFAULTS[first]}"
    named = _VALUELESS.fullmatch(line)
    return f"no {named[1] if named else line}"


def _must_go_first(path: Path) -> bool:
    """Whether what takes a line's place would be refused or ignored beside it: entries of lists, and whole blocks."""
    return LISTED.fullmatch(path[0]) is not None or opens(path[-1])


def _gone(before: Config, after: Config, anew: frozenset[tuple[str, str]]) -> list[Path]:
    """What is to be removed by itself: not with its block, nor with its neighbour, and no block that cannot be."""
    kept = set(after)
    missing = [path for path in before if path not in kept]
    blocks = {path for path in missing if not _STAYS.fullmatch(path[-1])}
    return [
        path
        for path in missing
        if path in blocks
        and not any(path[:depth] in blocks for depth in range(1, len(path)))
        and (path[0], subject(path)) not in anew
    ]


def _placing(config: Config) -> Callable[[Path], Place]:
    """Where a line comes among additions; removals go the other way."""
    tops: dict[str, int] = {}
    for path in config:
        tops.setdefault(path[0], len(tops))
    instances = {router: peers(config, router) for router in tops if router.startswith("router bgp")}

    def place(path: Path) -> Place:
        within = _within_bgp(path, instances[path[0]]) if path[0] in instances else ()
        return (rank(path[0]), tops[path[0]], *within)

    return place


def _within_bgp(path: Path, instance: Peers) -> Iterator[int]:
    """General statements, peer-groups, neighbours, who may call, address families: each needs the ones before."""
    if len(path) > 2:
        yield from (4, 1 if path[-1].startswith("neighbor") and not _ACTIVATE.fullmatch(path[-1]) else 0)
    elif len(path) == 2 and path[1].startswith("address-family"):
        yield 4
    elif len(path) == 2 and path[1].startswith("bgp listen range"):
        yield 3
    elif name := subject(path):
        kind = 1 if name in instance.groups else 2
        yield from (kind, instance.number(name), _identity(path[1], name))


def _identity(line: str, name: str) -> int:
    """Who a neighbour is comes before anything else about it, its ASN before its peer-group."""
    words = line.removeprefix(f"neighbor {name}").split()
    if words[:1] in ([], ["interface"]) or words == ["peer-group"]:
        return 0
    return {"remote-as": 1, "peer-group": 2}.get(words[0], 3)
