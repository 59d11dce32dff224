"""Configurations of FRR as hypothesis makes them up: each is one that FRR 8.4 and 10.3 take and show as it is written.

Every object is there or not, with one value or another, so two of them differ in every way that is worth a command:
lists, route-maps, a BGP instance of one ASN or another, peer-groups, neighbours in them or not, families, BFD.
"""

from collections.abc import Sequence

from hypothesis import strategies as st
from napalm_frr.tree import Config, Path, text

LISTS, MAPS, GROUPS = ("LISTA", "LISTB"), ("MAPA", "MAPB"), ("GROUPA", "GROUPB")
PREFIXES = {"ip": ("10.0.0.0/8", "10.1.0.0/16 le 24", "any"), "ipv6": ("fd00::/16", "fd00:1::/32 le 64", "any")}
NEIGHBOURS = ("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "eth1")
NETWORKS = {"ipv4": ("10.20.0.0/24", "10.20.1.0/24", "10.20.2.0/24"), "ipv6": ("fd00:20::/64", "fd00:21::/64")}
ALWAYS = ("no bgp default ipv4-unicast",)  # else FRR says who is not active, and not who is

Lines = st.SearchStrategy[list[str]]


def some(*lines: str) -> Lines:
    """Some of these lines, in their order."""
    return st.lists(st.sampled_from(lines), unique=True).map(lambda chosen: [each for each in lines if each in chosen])


def one(pattern: str, values: Sequence[object]) -> Lines:
    """A line with one of these values, or none."""
    return st.sampled_from([[], *([pattern.format(value)] for value in values)])


@st.composite
def lists(draw: st.DrawFn) -> list[Path]:
    """Prefix-lists whose entries all differ, with sequence numbers that are their own."""
    found: list[Path] = []
    for family, name in (("ip", LISTS[0]), ("ip", LISTS[1]), ("ipv6", LISTS[0])):
        entries = draw(st.lists(st.sampled_from(PREFIXES[family]), unique=True))
        numbers = draw(st.permutations((5, 10, 15)))
        for number, entry in sorted(zip(numbers, entries, strict=False)):
            action = draw(st.sampled_from(("permit", "deny")))
            found.append((f"{family} prefix-list {name} seq {number} {action} {entry}",))
    return found


@st.composite
def maps(draw: st.DrawFn) -> list[Path]:
    """Route-maps, some of whose clauses say nothing."""
    found: list[Path] = []
    for name, number in ((MAPS[0], 10), (MAPS[0], 20), (MAPS[1], 10)):
        action = draw(st.sampled_from(("", "permit", "deny")))
        if action:
            block = f"route-map {name} {action} {number}"
            lines = draw(one("description {}", ("first words", "second")))
            lines += draw(one("match ip address prefix-list {}", LISTS)) + draw(one("set metric {}", (5, 7)))
            found += [(block,), *((block, line) for line in lines)]
    return found


@st.composite
def bgp(draw: st.DrawFn) -> list[Path]:
    """A BGP instance, or none."""
    asn = draw(st.sampled_from((0, 65001, 65001, 65001, 65002)))
    if not asn:
        return []
    router = f"router bgp {asn}"
    lines = list(ALWAYS) + draw(one("bgp router-id {}", ("192.0.2.100", "192.0.2.101")))
    lines += draw(some("bgp bestpath as-path multipath-relax", "no bgp network import-check"))
    lines += draw(one("timers bgp {}", ("5 15", "7 21")))
    groups = draw(some(*GROUPS))
    external = {name for name in groups if draw(st.booleans())}
    alone: list[str] = []
    for name in groups:
        lines.append(f"neighbor {name} peer-group")
        lines += [f"neighbor {name} remote-as external"] if name in external else []
        lines += draw(one(f"neighbor {name} timers connect {{}}", (3, 4)))
    for name in draw(some(*NEIGHBOURS)):
        group = draw(st.sampled_from(("", *groups)))
        lines += draw(neighbour(name, group, told=group in external))
        alone += [] if group else [name]
    found: list[Path] = [(router,), *((router, line) for line in lines)]
    for family in ("ipv4", "ipv6"):
        block = f"address-family {family} unicast"
        within = draw(within_family(family, groups + alone))
        found += [(router, block), *((router, block, line) for line in within)] if within else []
    return found


@st.composite
def neighbour(draw: st.DrawFn, name: str, group: str, *, told: bool) -> list[str]:
    """Who a neighbour is, and more; `told` is that its peer-group has an ASN."""
    asn = draw(st.sampled_from(("65101", "65102")))
    if name.startswith("eth"):
        first = f"neighbor {name} interface " + (f"peer-group {group}" if group else f"remote-as {asn}")
        lines = [first] + ([f"neighbor {name} remote-as {asn}"] if group and not told else [])
    else:
        lines = [] if told else [f"neighbor {name} remote-as {asn}"]
        lines += [f"neighbor {name} peer-group {group}"] if group else []
    return lines + draw(one(f"neighbor {name} description {{}}", ("one", "two words")))


@st.composite
def within_family(draw: st.DrawFn, family: str, names: Sequence[str]) -> list[str]:
    """What a family announces, and how it treats whom."""
    lines = []
    for network in NETWORKS[family]:
        lines += draw(st.sampled_from(([], [f"network {network}"], [f"network {network} route-map {MAPS[0]}"])))
    lines += draw(some("redistribute connected", "redistribute static"))
    for name in names:
        if draw(st.booleans()):
            lines.append(f"neighbor {name} activate")
            lines += draw(one(f"neighbor {name} prefix-list {{}} in", LISTS[:1]))
            lines += draw(one(f"neighbor {name} route-map {{}} out", MAPS))
    return lines + draw(one("maximum-paths {}", (2, 4)))


@st.composite
def bfd(draw: st.DrawFn) -> list[Path]:
    """BFD with profiles, or none. A profile does not change: frr-reload, the oracle, cannot take a value back."""
    profiles = draw(some("profile FAST", "profile FASTER"))
    return [("bfd", profile, f"receive-interval {20 * len(profile)}") for profile in profiles]


@st.composite
def configurations(draw: st.DrawFn) -> Config:
    """A whole configuration of one router, as FRR would show it."""
    found: list[Path] = [("hostname router",), *draw(lists()), *draw(maps())]
    # Always one or the other, for frr-reload would remove the whole interface, which FRR does not let it.
    found.append(("interface eth1", draw(st.sampled_from(("description to one", "description to another")))))
    found += draw(bgp()) + draw(bfd())
    found += [(line,) for line in draw(one("ip protocol bgp route-map {}", MAPS))]
    return tuple(dict.fromkeys(path[:depth] for path in found for depth in range(1, len(path) + 1)))


def written(config: Config) -> str:
    """The text of a configuration."""
    return text(config)
