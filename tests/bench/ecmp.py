"""What NICs get of their rate by how many queue pairs they have, on a live fabric and on paper.

The variant says how switches choose, and whether each queue pair has a UDP source port of its own, as rdma-core has it,
or all of a NIC share one.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from labs.traffic.flows.collisions import balls_in_bins, thrown
from labs.traffic.flows.model import MBPS
from labs.traffic.roce.entropy import port_of
from tests.bench.cases import Case
from tests.bench.machine import taken
from tests.bench.measure import Run
from tests.bench.ours import Bench
from tests.bench.spreading import Draw, Wires, carried, paths_of
from tests.modelled import modelled, shifted

QPS = (1, 2, 4, 8, 16, 32, 64)
DRAWS = 4  # of each in a run
RATE = 10  # Mbit/s of a NIC, and of an uplink
PEER = "live fabric"
FIRST = 0x100  # the lowest number of a queue pair


@dataclass(frozen=True, slots=True)
class Way:
    """How switches choose, and whether a NIC's queue pairs have one UDP source port or one each."""

    mode: str
    own_ports: bool

    def alike(self, qps: int) -> int:
        """How many choices there are among so many queue pairs of one NIC."""
        return qps if self.own_ports or self.mode == "destination-qp" else 1


WAYS: Mapping[str, Way] = {
    "kernel, a port each": Way("kernel", True),
    "five-tuple, one port": Way("five-tuple", False),
    "destination-qp, one port": Way("destination-qp", False),
}


@dataclass(frozen=True, slots=True)
class Spreads:
    """A fabric of the case's size with as many hosts a leaf as spines."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run on a lab of its own; a failed one says why, and leaves nothing."""
        way, seed = WAYS[variant], int.from_bytes(os.urandom(2), "big")

        def figures() -> dict[str, float]:
            folder = bench.folder / f"{bench.prefix}-ecmp"
            folder.mkdir(exist_ok=True)
            found: dict[str, float] = {"seed": seed}
            with ExitStack() as held:
                lab = held.enter_context(modelled(folder, fabric(case, way.mode, folder.name), RATE))
                wires = Wires(lab, held)
                for qps in QPS:
                    found |= _measured(wires, case, way, qps, seed)
            return found

        return taken(figures)


def _measured(wires: Wires, case: Case, way: Way, qps: int, seed: int) -> dict[str, float]:
    """The mean of some draws: what arrived, what was to arrive by the ways that were taken, and what max-min fair flows
    would have on those; and as many balls thrown."""
    lab, rows = wires.lab, []
    for number in range(DRAWS):
        draw = drawn(case, qps, way, seed * DRAWS + number)
        paths = paths_of(draw, wires.ways(draw), lab, wires.seats)
        reckoned = carried(paths, lab.network.capacities(), qps, RATE * MBPS)
        rows.append((wires.goodput(draw), reckoned, lab.goodput(paths, qps).mean()))
    means = dict(zip(("arrived", "reckoned", "fair"), map(fmean, zip(*rows, strict=True)), strict=True))
    balls = thrown(case.spines, way.alike(qps), seed, DRAWS * case.leaves)
    return {f"{name} {qps}": round(float(value), 4) for name, value in {**means, "thrown": balls}.items()}


def drawn(case: Case, qps: int, way: Way, seed: int) -> Draw:
    """Queue pairs of a permutation: every host sends some leaves on. Pure."""
    nics = case.leaves * case.spines
    _, target = shifted(nics, case.spines, 1 + seed % (case.leaves - 1))
    own = FIRST + 2 * (seed % 512 * nics * qps + np.arange(nics * qps).reshape(nics, qps))
    ports = np.array([[port_of(number, number + 1) for number in row] for row in own.tolist()])
    return Draw(target, own + 1, ports if way.own_ports else np.repeat(ports[:, :1], qps, axis=1))


def expected(case: Case, way: Way, qps: int) -> float:
    """The closed form: of one queue pair 1 - (1 - 1/n)^n. Pure."""
    return balls_in_bins(case.spines, way.alike(qps))


def fabric(case: Case, mode: str, name: str) -> str:
    """The fabric file; BGP's packets go before all others, so that full queues do not end sessions. Pure."""
    return (
        f"name: {name}\ndesign: leaf-spine\nspines: {case.spines}\nleaves: {case.leaves}\n"
        f"hosts_per_leaf: {case.spines}\nunderlay: {{ipv6: false, balance: {mode}}}\n"
        f"links: {{rate_mbps: {RATE}, impaired: {{queues: [{{dscp: 48}}]}}, host_impaired: {{}}}}\n"
    )
