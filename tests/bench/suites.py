"""What is measured, in which order. Peers take turns, so that a change of the machine meets them alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from tests.bench import results
from tests.bench.automating import WORKS, Orchestrated
from tests.bench.cases import NO_FABRIC, PLAIN, VARIANTS, Case, case
from tests.bench.congestion import DCQCN, DUMBBELL, FLOWS, Converges
from tests.bench.ecmp import PEER as FABRIC
from tests.bench.ecmp import WAYS, Spreads
from tests.bench.flows import AT_ONCE, FILLING, HOSTS, PAPER, AtOnce, Filling
from tests.bench.gateways import AT_ONCE as ASKED
from tests.bench.gateways import BEFORE, CALLS, LITELLM, MANY, NGINX, OURS, REFUSED, STREAMS, WORKERS, Lasts, Passes
from tests.bench.measure import Machine, Results, Run, Series
from tests.bench.munet import Munet
from tests.bench.ours import CLOSLAB, Bench, Closlab, Command
from tests.bench.outages import STEPS, Outages
from tests.bench.overload import OVERLOAD, TIMES, Overloaded
from tests.bench.overload import PEERS as BETWEEN
from tests.bench.provisioning import ByHand, Provisioned
from tests.bench.third_party import ThirdParty
from tests.bench.wire import CABLE, HEARD, KERNELS, LINE, RECEIVING, ROUTERS, SENDING, SENT, Forwards, Receives, Sends

SIZES = ("2x4", "4x16", "8x32")
GROWTH = ("2x4", "4x16", "8x32", "8x64", "8x128", "8x192")
NETNS, CONTAINERLAB, MUNET = "closlab", "containerlab", "munet"
OWN_NETNS, OWN_CONTAINERLAB = "closlab, their file", "containerlab, their file"
NORNIR, BY_HAND = "closlab, by Nornir", "FRR's programs, node by node"
SCENARIO = "closlab run"
LASTING = "closlab gateway, for long"
ZTP, VTYSH, RELOAD = "closlab, --ztp", "plain start, then vtysh -b", "plain start, then frr-reload"


class Peer(Protocol):
    """Something that can be measured."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """Bring a fabric up, take it down; a run that failed says why instead."""


PEERS: Mapping[str, Callable[[], Peer]] = {
    NETNS: lambda: Closlab("netns"),
    CONTAINERLAB: lambda: Closlab("containerlab"),
    MUNET: Munet,
    OWN_NETNS: lambda: ThirdParty(native=True),
    OWN_CONTAINERLAB: lambda: ThirdParty(native=False),
    NORNIR: lambda: Orchestrated(own=True),
    BY_HAND: lambda: Orchestrated(own=False),
    SCENARIO: Outages,
    ZTP: Provisioned,
    VTYSH: lambda: ByHand("vtysh -b"),
    RELOAD: lambda: ByHand("frr-reload"),
    AT_ONCE: AtOnce,
    FILLING: Filling,
    FABRIC: Spreads,
    DCQCN: Converges,
    KERNELS: Forwards,
    **{each: partial(Passes, each) for each in (OURS, LITELLM, NGINX)},
    **{each: partial(Overloaded, each) for each in BETWEEN},
    LASTING: Lasts,
    **{way: partial(Sends, way) for way in SENDING},
    **{way: partial(Receives, way) for way in RECEIVING},
}
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "python -c pass": (CLOSLAB[0], "-c", "pass"),
    "closlab --help": (*CLOSLAB, "--help"),
    "closlab version": (*CLOSLAB, "version"),
    "closlab ls": (*CLOSLAB, "ls"),
}
COMPARED = (NETNS, CONTAINERLAB, MUNET)


FIXED: Mapping[str, tuple[tuple[tuple[str, str], ...], Sequence[str]]] = {
    "third-party": (((OWN_NETNS, "ipv4"), (OWN_CONTAINERLAB, "ipv4")), SIZES[1:2]),
    "automation": (tuple((peer, work) for work in WORKS for peer in (NORNIR, BY_HAND)), SIZES[2:]),
    "outage": (tuple((SCENARIO, fault) for fault in STEPS), SIZES[:1]),
    "ecmp": (tuple((FABRIC, way) for way in WAYS), ("4x4",)),
    "ztp": (tuple((peer, PLAIN) for peer in (ZTP, VTYSH, RELOAD, NETNS)), SIZES[2:]),
}
"""Suites whose peers are their own: (peer, variant) of each, and the sizes of fabrics."""


@dataclass(frozen=True, slots=True)
class Job:
    """One case to measure: who takes part, in which variants."""

    suite: str
    case: Case
    turns: tuple[tuple[str, str], ...]  # (peer, variant)


_ON_THE_CABLE = tuple(
    (way, variant) for ways, each in ((SENDING, SENT), (RECEIVING, HEARD)) for variant in each for way in ways
)
_SMALL, _LARGE = HOSTS
_BEFORE_A_SERVER = tuple(
    (peer, each) for each in (*ASKED, *STREAMS) for peer in (OURS, LITELLM, NGINX) if peer != LITELLM or each != MANY
)
WITHOUT_FABRIC: Mapping[str, Sequence[Job]] = {
    "dcqcn": (Job("dcqcn", DUMBBELL, tuple((DCQCN, each) for each in FLOWS)),),
    "gateway": (Job("gateway", BEFORE, (*_BEFORE_A_SERVER, *((OURS, each) for each in (REFUSED, *CALLS, *WORKERS)))),),
    "gateway-long": (Job("gateway-long", BEFORE, ((LASTING, PLAIN),)),),
    "overload": (Job("overload", OVERLOAD, tuple((each, times) for times in TIMES for each in BETWEEN)),),
    "flows": (Job("flows", PAPER, ((AT_ONCE, _SMALL), (FILLING, _SMALL), (AT_ONCE, _LARGE))),),
    "start": (Job("start", NO_FABRIC, tuple((name, "") for name in COMMANDS)),),
    "wire": (Job("wire", CABLE, _ON_THE_CABLE), Job("wire", LINE, tuple((KERNELS, each) for each in ROUTERS))),
}
"""Suites that have no sizes to choose from."""


def jobs(suite: str, cases: Sequence[str], peers: Sequence[str]) -> list[Job]:
    """The jobs of a suite. `cases` empty: the suite's own. Pure."""
    if suite == "up":
        return [Job(suite, case(name), tuple((peer, PLAIN) for peer in peers)) for name in cases or SIZES]
    if suite == "variants":
        turns = tuple((peer, each) for each in VARIANTS for peer in peers if peer != MUNET)
        return [Job(suite, case(name), turns) for name in cases or SIZES[:2]]
    if suite in WITHOUT_FABRIC:
        return list(WITHOUT_FABRIC[suite])
    if suite in FIXED:
        turns, sizes = FIXED[suite]
        return [Job(suite, case(name), turns) for name in cases or sizes]
    return [Job(suite, case(name), ((NETNS, PLAIN),)) for name in cases or GROWTH]


def measure(
    wanted: Iterable[Job],
    runs: int,
    bench: Bench,
    machine: Machine,
    folder: Path,
    *,
    keep: bool,
    tell: Callable[[str], None],
) -> None:
    """Measure all jobs and write each as soon as it is done; `keep`: what is there with as many runs is left."""
    for job in wanted:
        there = results.path(folder, job.suite, job.case.name)
        if keep and there.exists() and _enough(results.read(there), job, runs):
            tell(f"{job.suite} {job.case.name}: there already")
            continue
        taken: dict[tuple[str, str], list[Run]] = {turn: [] for turn in job.turns}
        for number in range(runs):
            for peer, variant in job.turns:
                run = _peer(peer).run(bench, job.case, variant)
                taken[peer, variant].append(run)
                tell(line(job, peer, variant, number, run))
        series = tuple(
            Series(job.case.name, variant, peer, job.case.nodes, job.case.links, tuple(each))
            for (peer, variant), each in taken.items()
        )
        results.save(folder, Results(job.suite, job.case.name, results.now(), machine, series))


def _peer(name: str) -> Peer:
    return Command(COMMANDS[name]) if name in COMMANDS else PEERS[name]()


def line(job: Job, peer: str, variant: str, number: int, run: Run) -> str:
    """One run in a line. Pure."""
    head = f"{job.suite} {job.case.name} {peer} {variant} #{number + 1}"
    if run.failed:
        return f"{head}: failed: {run.failed}"
    if run.figures:
        figures = ", ".join(f"{name} {value:g}" for name, value in run.figures.items())
        return f"{head}: {figures}, {run.up:.2f} s, busy {run.busy:.0%}"
    phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in run.phases.items())
    return f"{head}: up {run.up:.2f} s ({phases}), down {run.down:.2f} s, {run.cpu:.1f} CPU s, busy {run.busy:.0%}"


def _enough(found: Results, job: Job, runs: int) -> bool:
    series = [found.of(*turn) for turn in job.turns]
    return all(each is not None and len(each.good) >= runs for each in series)
