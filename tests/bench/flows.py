"""How long max-min fair rates of a large fabric take, against progressive filling; `up` is what solving takes.

Each host sends to one half the fabric away over 8 queue pairs: leaf-spine, 32 hosts and 32 uplinks a leaf.
"""

import time
from dataclasses import dataclass

import numpy as np

from labs.traffic.flows import fair, regular
from labs.traffic.flows.model import Floats, Network, Paths, nics
from labs.traffic.flows.routing import routes
from labs.traffic.flows.spreading import Manner, Spread, paths
from tests.bench.cases import Case
from tests.bench.machine import settled, watched
from tests.bench.measure import Run
from tests.bench.ours import Bench

WIDTH, RATE = 32, 400e9
FEASIBLE, LARGE = 32, 3200  # leaves: for both methods, and for ours: 102,400 hosts
HOSTS = {f"{leaves * WIDTH} GPUs": leaves * WIDTH for leaves in (FEASIBLE, LARGE)}
PAPER = Case(0, 0, "leaf-spine")
AT_ONCE, FILLING = "closlab, many links at once", "progressive filling"
FULL = 1e-9  # of a link's capacity: less than this left is none


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Rates with the seconds that each part took."""

    network: Network
    paths: Paths
    rates: Floats
    seconds: dict[str, float]


def ours(leaves: int, qps: int = 8) -> Solved:
    """From sizes to rates."""
    marks = [time.perf_counter()]
    network = regular.leaf_spine(spines=WIDTH, leaves=leaves, hosts_per_leaf=WIDTH, rate=RATE, host_rate=RATE)
    marks.append(time.perf_counter())
    found, cards = routes(network), nics(network)
    marks.append(time.perf_counter())
    source = np.arange(len(cards))
    target = (source + len(cards) // 2) % len(cards)
    taken = paths(network, found, cards, source, target, Manner(Spread.HASHED, qps, 1))
    marks.append(time.perf_counter())
    rates = fair.rates(taken, network.capacities())
    marks.append(time.perf_counter())
    return Solved(
        network, taken, rates, dict(zip(("build", "routes", "paths", "solve"), np.diff(marks).tolist(), strict=True))
    )


def filled(taken: Paths, capacities: Floats) -> tuple[Floats, int]:
    """Progressive filling, also in NumPy: all grow alike until a link is full; the rates, and the rounds it took."""
    links = taken.links
    rate, growing = np.zeros(links.shape[1]), np.ones(links.shape[1], bool)
    left, finite = capacities.copy(), np.isfinite(capacities)
    rounds = 0
    while growing.any():
        count = fair.loads(Paths(links[:, growing]), None, len(left))
        used = finite & (count > 0)
        step = (left[used] / count[used]).min()
        rate[growing] += step
        left[finite] -= step * count[finite]
        full = used & (left <= FULL * capacities)
        growing &= ~full[links].any(axis=0)
        rounds += 1
    return rate, rounds


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Every link that is the least of all its flows is filled in the same round."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run, from sizes to rates."""
        busy = settled()
        with watched() as watch:
            solved = ours(HOSTS[variant] // WIDTH)
        return _run(solved, solved.seconds["solve"], watch.cpu, busy, {})


@dataclass(frozen=True, slots=True)
class Filling:
    """One link after another."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; the rates must be those of the other way."""
        solved, busy = ours(HOSTS[variant] // WIDTH), settled()
        with watched() as watch:
            rates, rounds = filled(solved.paths, solved.network.capacities())
        if not np.allclose(solved.rates, rates, rtol=FULL, atol=0):
            return Run(busy=busy, failed="it gives other rates")
        return _run(solved, watch.seconds, watch.cpu, busy, {"rounds": rounds})


def _run(solved: Solved, seconds: float, cpu: float, busy: float, more: dict[str, float]) -> Run:
    phases = {name: round(spent, 4) for name, spent in solved.seconds.items() if name != "solve"}
    figures = {"flows": len(solved.rates), "links": solved.network.links, **more}
    return Run(up=round(seconds, 4), phases=phases, cpu=round(cpu, 2), busy=busy, figures=figures)
