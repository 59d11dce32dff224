"""The tables of docs/performance.md, computed from result files. Pure."""

from collections.abc import Callable, Iterable, Sequence

from tests.bench.cases import PLAIN, VARIANTS
from tests.bench.gateway_tables import GATEWAY
from tests.bench.markdown import table
from tests.bench.measure import Machine, Results, Series, ratio
from tests.bench.traffic_tables import TRAFFIC

OURS, CONTAINERLAB = "closlab", "containerlab"
MEDIAN, WORST = "median", "worst"  # of the switches of one run: what follows a state in the names of phases
# What each part costs on the machine that the figures are from, measured apart: CPU or wall seconds.
NODE, LINK, DAEMONS, START_TIMER = 0.00175, 0.00045, 0.075, 1.0


def up(found: Sequence[Results]) -> str:
    """Who brings the same fabric up how fast, and removes it."""
    rows = []
    for result in found:
        ours = result.of(OURS, PLAIN)
        rows += [_peer(each, ours) for each in result.series if each.good]
    head = ("fabric", "", "up, s", "times ours", "down, s", "down / up", "CPU s", "MiB per router")
    return table(head, rows)


def _peer(each: Series, ours: Series | None) -> tuple[str, ...]:
    times = f"{ratio(ours, each):.1f}" if ours and each is not ours else ""
    share = f"{each.down / each.up:.2f}"
    return (each.case, each.peer, spread(each), times, f"{each.down:.2f}", share, f"{each.cpu:.1f}", per_node(each))


def variants(found: Sequence[Results]) -> str:
    """How the choice of underlay changes the time."""
    rows = []
    for result in found:
        for variant in VARIANTS:
            ours, theirs = result.of(OURS, variant), result.of(CONTAINERLAB, variant)
            cells = (spread(ours) if ours else "", spread(theirs) if theirs else "")
            rows.append((result.case, variant, *cells, f"{ratio(ours, theirs):.1f}" if ours and theirs else ""))
    return table(("fabric", "underlay", "closlab, s", "containerlab, s", "times ours"), rows)


def phases(found: Sequence[Results], peer: str) -> str:
    """Where the time goes, phase by phase."""
    every = [each for result in found if (each := result.of(peer, PLAIN))]
    names = list(dict.fromkeys(name for each in every for name in each.phases))
    rows = [(each.case, *(f"{each.phases.get(name, 0):.2f}" for name in names), f"{each.up:.2f}") for each in every]
    return table(("fabric", *names, "all"), rows)


def floor(found: Sequence[Results]) -> str:
    """Our time against what the parts cost by themselves."""
    rows = []
    for result in found:
        if each := result.of(OURS, PLAIN):
            parts = floors(each, result.machine.cores)
            lowest = sum(parts)
            rows.append((each.case, *(f"{part:.2f}" for part in parts), f"{lowest:.2f}", f"{each.up:.2f}"))
    head = ("fabric", "namespaces", "links", "daemons", "start timer", "floor", "measured")
    return table(head, rows)


def floors(each: Series, cores: int) -> tuple[float, float, float, float]:
    """What namespaces, links, daemons and FRR's start timer cost at least, in seconds."""
    return each.nodes * NODE, each.links * LINK, each.nodes * DAEMONS / cores, START_TIMER


def start(found: Sequence[Results]) -> str:
    """What a command costs that runs no lab."""
    rows = [(f"`{each.peer}`", spread(each)) for result in found for each in result.series if each.good]
    return table(("command", "s"), rows)


def third_party(found: Sequence[Results]) -> str:
    """A containerlab file of others, run by both."""
    rows: list[tuple[str, ...]] = []
    for result in found:
        both = [each for each in result.series if each.good]
        for each in both:
            parts = (f"{each.phases.get(name, 0):.2f}" for name in ("command", "routes"))
            rows.append((*_peer(each, both[0])[:6], *parts))
    head = ("fabric", "", "up, s", "times ours", "down, s", "down / up", "its command, s", "then routes, s")
    return table(head, rows)


def automation(found: Sequence[Results]) -> str:
    """What it takes to ask, compare and change all routers."""
    rows = []
    for result in found:
        for work in dict.fromkeys(each.variant for each in result.series):
            both = [each for each in result.series if each.variant == work and each.good]
            for each in both:
                times = f"{ratio(both[0], each):.1f}" if each is not both[0] else ""
                rows.append((result.case, work, each.peer, spread(each), times, f"{each.cpu:.1f}"))
    return table(("fabric", "work", "", "s", "times ours", "CPU s"), rows)


def ztp(found: Sequence[Results]) -> str:
    """Switches that provision themselves, beside those that somebody configures."""
    rows = []
    for result in found:
        good = [each for each in result.series if each.good]
        for each in good:
            times = f"{ratio(good[0], each):.1f}" if each is not good[0] else ""
            least = f"{each.cpu / result.machine.cores:.1f}"
            rows.append((result.case, each.peer, spread(each), times, f"{each.cpu:.1f}", least))
    return table(("fabric", "", "s", "times ours", "CPU s", "CPU s / cores"), rows)


def ztp_states(found: Sequence[Results]) -> str:
    """How long switches are in each state: the median of the runs' medians, and of their worst."""
    rows = []
    for result in found:
        for each in result.series:
            names = [name.removesuffix(f" {MEDIAN}") for name in each.phases if name.endswith(f" {MEDIAN}")]
            rows += [
                (result.case, name, *(f"{each.phases[f'{name} {which}']:.2f}" for which in (MEDIAN, WORST)))
                for name in names
            ]
    return table(("fabric", "state", "median, s", "worst, s"), rows)


def growth(found: Sequence[Results]) -> str:
    """How time and memory grow with the fabric."""
    every = [each for result in found if (each := result.of(OURS, PLAIN))]
    rows = [
        (
            each.case,
            str(each.nodes),
            str(each.links),
            spread(each),
            f"{each.down:.2f}",
            f"{each.cpu:.1f}",
            f"{each.memory / 1024:.1f}",
            per_node(each),
        )
        for each in every
    ]
    return table(("fabric", "routers", "links", "up, s", "down, s", "CPU s", "GiB", "MiB per router"), rows)


def outage(found: Sequence[Results]) -> str:
    """How long the data plane is out after each fault, in milliseconds, and how exactly that is known."""
    rows = []
    for each in (series for result in found for series in result.series if series.good):
        longest = sorted(run.up * 1000 for run in each.good)
        lost = sorted(int(run.phases.get("lost", 0)) for run in each.good)
        exact = max(run.phases.get("interval", 0) for run in each.good) * 1000
        middle = f"{each.up * 1000:.0f} ({longest[0]:.0f}-{longest[-1]:.0f})"
        rows.append((each.case, each.variant, middle, f"{lost[0]}-{lost[-1]}", f"{exact:.0f}"))
    return table(("fabric", "fault", "longest outage, ms", "probes lost", "known to, ms"), rows)


def machine(found: Iterable[Results]) -> str:
    """What it was measured on, and how quiet that was."""
    rows = []
    for result in found:
        runs = max(len(each.good) for each in result.series)
        busy = max(each.busy for each in result.series)
        rows.append(
            (f"{result.suite} {result.case}", result.measured, str(runs), f"{busy:.0%}", described(result.machine))
        )
    return table(("measured", "when", "runs", "busiest before a run", "machine"), rows)


def described(it: Machine) -> str:
    """A machine in one line."""
    others = "".join(f", {name} {version}" for name, version in sorted(it.versions.items()))
    memory = f"{it.memory / 1024:.0f} GiB"
    return f"{it.cores} cores, {memory}, Linux {it.kernel}, Python {it.python}, FRR {it.frr}{others}"


def spread(each: Series) -> str:
    """The median and, where there are several runs, the fastest and the slowest."""
    fastest, slowest = each.spread
    return f"{each.up:.2f}" + (f" ({fastest:.2f}-{slowest:.2f})" if len(each.good) > 1 else "")


def per_node(each: Series) -> str:
    """Memory per router; the difference of what is available says nothing for few of them."""
    return f"{each.memory_per_node:.0f}" if each.nodes >= 20 else ""


TABLES: dict[str, tuple[str, Callable[[Sequence[Results]], str]]] = {
    "up": ("up", up),
    "phases": ("up", lambda found: phases(found, OURS)),
    "containerlab": ("up", lambda found: phases(found, CONTAINERLAB)),
    "floor": ("up", floor),
    "start": ("start", start),
    "third-party": ("third-party", third_party),
    "variants": ("variants", variants),
    "growth": ("growth", growth),
    "automation": ("automation", automation),
    "outage": ("outage", outage),
    "ztp": ("ztp", ztp),
    "ztp-states": ("ztp", ztp_states),
    **TRAFFIC,
    **GATEWAY,
    "machine": ("*", machine),
}
"""The tables by name, each with the suite that it is about."""
