"""`python -m tests.bench.flows`: how long max-min fair rates of a large fabric take, against progressive filling.

Each host sends to one half the fabric away over 8 queue pairs: leaf-spine, 32 hosts and 32 uplinks a leaf.
"""

import time
from dataclasses import dataclass

import numpy as np

from labs.traffic.flows import fair, regular
from labs.traffic.flows.model import Floats, Network, Paths, nics
from labs.traffic.flows.routing import routes
from labs.traffic.flows.spreading import Manner, Spread, paths

WIDTH, RATE = 32, 400e9
FEASIBLE, LARGE = 32, 3200  # leaves: for both methods, and for ours: 102,400 hosts
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
    return Solved(network, taken, rates, dict(zip(("build", "routes", "paths", "solve"), np.diff(marks), strict=True)))


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


def main() -> None:
    """Print the figures."""
    small = ours(FEASIBLE)
    begun = time.perf_counter()
    _, rounds = filled(small.paths, small.network.capacities())
    theirs = time.perf_counter() - begun
    print(
        f"{len(small.rates)} flows: {small.seconds['solve']:.4f} s; progressive filling {theirs:.3f} s, {rounds} rounds"
    )
    for _ in range(3):
        large = ours(LARGE)
        parts = ", ".join(f"{name} {spent:.2f} s" for name, spent in large.seconds.items())
        print(
            f"{len(large.rates)} flows, {large.network.links} links: {parts}, all {sum(large.seconds.values()):.2f} s"
        )


if __name__ == "__main__":
    main()
