"""A fragment merged into a running configuration, as FRR would take it line by line. Pure.

A line takes the place of what excludes it. `no LINE` removes LINE and all that begins with it, a neighbour out of the
address families too, and a peer-group with its members; what is on by default comes back when its `no` is removed.
"""

import re

from napalm_frr.neighbours import peers, subject
from napalm_frr.normal import canonical, settled
from napalm_frr.slots import slot
from napalm_frr.tree import Config, Path

NO = "no "
# What is gone when it is not there, so `no` of it has nothing to do. Else `no` may switch off what is on by default.
_THINGS = re.compile(
    r"(?:neighbor \S+(?! (?:activate|send-community|capability))|network|aggregate-address|redistribute|description"
    r"|shutdown|router|route-map|interface|vrf|bfd|peer|profile|hostname|address-family"
    r"|(?:ip|ipv6) (?:route|prefix-list|protocol|address)|(?:ipv6 |mac )?access-list|set|match"
    r"|bgp (?:listen|router-id|as-path|(?:large-|ext)?community-list))\b"
)
_WHOLE = re.compile(r"neighbor (\S+)(?: (?:interface|remote-as)\b.*| peer-group)?")


def merge(running: Config, fragment: str) -> Config:
    """The candidate: the running configuration after the lines of a fragment."""
    merged = dict.fromkeys(running)
    for path in canonical(fragment):
        if path[-1].startswith(NO):
            _remove(merged, path)
        else:
            _add(merged, path)
    return settled(tuple(merged))


def _add(merged: dict[Path, None], path: Path) -> None:
    negated = (*path[:-1], NO + path[-1])
    if negated in merged:
        del merged[negated]
        return
    if path in merged:
        return
    wanted = slot(path)
    former = [each for each in merged if len(each) == len(path) and slot(each) == wanted]
    if former:
        _put(merged, path, at=list(merged).index(former[0]))
        _drop(merged, former)
    for depth in range(1, len(path) + 1):
        merged.setdefault(path[:depth])


def _put(merged: dict[Path, None], path: Path, *, at: int) -> None:
    """Insert a path before others."""
    behind = list(merged)[at:]
    for each in behind:
        del merged[each]
    merged.update(dict.fromkeys((path, *behind)))


def _remove(merged: dict[Path, None], path: Path) -> None:
    said = path[-1].removeprefix(NO)
    doomed = [each for each in merged if _within(each, path[:-1]) and _begins(each[len(path) - 1], said)]
    if whole := _WHOLE.fullmatch(said):
        names = {whole[1], *_members(tuple(merged), path[0], whole[1])}
        doomed += [each for each in merged if each[0] == path[0] and subject(each) in names]
    if doomed:
        _drop(merged, doomed)
    elif not _THINGS.match(said):
        for depth in range(1, len(path) + 1):
            merged.setdefault(path[:depth])


def _members(config: Config, router: str, group: str) -> list[str]:
    return [name for name, each in peers(config, router).member_of.items() if each == group]


def _within(path: Path, block: Path) -> bool:
    return len(path) > len(block) and path[: len(block)] == block


def _begins(line: str, said: str) -> bool:
    return line == said or line.startswith(f"{said} ")


def _drop(merged: dict[Path, None], doomed: list[Path]) -> None:
    """Remove paths, and all that stands below them."""
    gone = set(doomed)
    for each in list(merged):
        if any(each[:depth] in gone for depth in range(1, len(each) + 1)):
            del merged[each]
