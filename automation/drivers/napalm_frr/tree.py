"""A configuration as paths: every line together with the lines that it stands under. Pure.

FRR shows by indentation what belongs to what, and so do files for it. `network 10.0.0.0/8` within BGP is

    ("router bgp 65001", "address-family ipv4 unicast", "network 10.0.0.0/8")

and the lines that open a block are paths as well. So two configurations differ by two differences of sets: the order of
lines means nothing to FRR, but where lists and route-maps have sequence numbers, and those are part of the lines.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

Path = tuple[str, ...]
Config = tuple[Path, ...]

_AROUND = {"Building configuration...", "Current configuration:", "XFRR_start_configuration", "XFRR_end_configuration"}
_COMMENTS = ("!", "#")
_CLOSING = re.compile(r"exit\d?|quit|exit-[a-z-]+")
_CLOSED_BY = {"address-family": "exit-address-family", "vrf": "exit-vrf", "vni": "exit-vni"}
_OPENING = re.compile(
    r"(?:router|interface|vrf|address-family|route-map|key chain|nexthop-group|pbr-map|line|l2vpn) .+|bfd|rpki|mpls ldp"
    r"|segment-routing|(?:peer|profile) .+"
)

_RANKS = (  # what may refer to what comes before it
    re.compile(r"(?:no )?(?:(?:ip|ipv6) prefix-list|(?:ipv6 |mac )?access-list|bgp as-path|bgp \S*community-list) .*"),
    re.compile(r"route-map .*|key chain .*"),
    re.compile(r"vrf .*|nexthop-group .*|bfd"),
    re.compile(r"interface .*|(?:ip|ipv6) route .*|pbr-map .*"),
    re.compile(r"router \S+(?: [^ ]+)?"),
    re.compile(r"router .*"),  # those of VRFs
    re.compile(r"(?:no )?(?:ip|ipv6) protocol .*"),
)


def parse(text: str) -> Config:
    """The paths of a text in their order, each once; comments, and what vtysh prints around them, are left out."""
    found: dict[Path, None] = {}
    above: list[tuple[int, str]] = []  # the open blocks, with the columns where they begin
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if not line or line.startswith(_COMMENTS) or line in _AROUND:
            continue
        column = 0 if line == "end" else len(raw) - len(raw.lstrip())
        while above and above[-1][0] >= column:
            above.pop()
        if line != "end" and not _CLOSING.fullmatch(line):
            above.append((column, line))
            found[tuple(each for _, each in above)] = None
    return tuple(found)


def text(config: Config) -> str:
    """A configuration as FRR would write it."""
    return "".join(f"{line}\n" for line in written((path[:-1], path[-1]) for path in blockwise(config)))


def blockwise(paths: Iterable[Path]) -> Config:
    """Each path once, those of a block together, where the first of them stood."""
    place: dict[Path, int] = {}
    for path in paths:
        for depth in range(len(path)):
            place.setdefault(path[: depth + 1], len(place))
    return tuple(sorted(dict.fromkeys(paths), key=lambda path: [place[path[: n + 1]] for n in range(len(path))]))


def written(commands: Iterable[tuple[Path, str]]) -> Sequence[str]:
    """Commands as lines of a file: each in the block that it is for, entered where it is not yet, and left after it."""
    lines: list[str] = []
    here: Path = ()
    for block, command in commands:
        if here == (*block, command):  # entered already
            continue
        same = _common(here, block)
        lines.extend(_left(here, same))
        lines.extend(" " * depth + block[depth] for depth in range(same, len(block)))
        lines.append(" " * len(block) + command)
        here = (*block, command) if opens(command) else block
    return (*lines, *_left(here, 0))


def opens(line: str) -> bool:
    """Whether a line begins a block, also where nothing stands in it."""
    return _OPENING.fullmatch(line) is not None


def rank(top: str) -> int:
    """Where a block or line comes among all: what refers to another comes behind it."""
    return next((number for number, each in enumerate(_RANKS, start=1) if each.fullmatch(top)), 0)


def _common(one: Path, other: Path) -> int:
    return next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), _shorter(one, other))


def _shorter(one: Path, other: Path) -> int:
    return min(len(one), len(other))


def _left(block: Path, until: int) -> Iterator[str]:
    """The lines that lead out of a block, up to the depth that is to stay."""
    for depth in reversed(range(until, len(block))):
        yield " " * depth + _CLOSED_BY.get(block[depth].partition(" ")[0], "exit")
