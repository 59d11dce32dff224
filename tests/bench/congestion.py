"""DCQCN on the wire against its fluid model: rates and the queue of flows that share a bottleneck. The variant says how
many flows there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labs.traffic.endpoint.engine import OVERHEAD
from labs.traffic.qp.dcqcn.parameters import Dcqcn
from tests.bench.bottleneck import DATA, Bottleneck, Seen
from tests.bench.cases import Case
from tests.bench.machine import taken
from tests.bench.measure import Run
from tests.bench.ours import Bench
from tests.modelled import modelled
from tests.unit.traffic.qp.fluid import Red, fixed_point
from topologies.impairments.model import Marking

LINE_RATE = 40e9  # bit/s of the NIC that is meant, for which DCQCN's constants are made
RATE = 100  # Mbit/s of NICs and bottleneck here
WARM, SECONDS = 12.0, 24.0  # 30 and 60 ms of the NIC that is meant
LAW = Marking(100_000, 2_100_000, 10)
FLOWS = {"2 flows": 2, "4 flows": 4, "10 flows": 10}
DUMBBELL, DCQCN = Case(0, 0, "bottleneck"), "DCQCN on the wire"


@dataclass(frozen=True, slots=True)
class Converges:
    """As many hosts as flows at one leaf, and one more to which they send."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run on a lab of its own; a failed one says why, and leaves nothing."""
        flows = FLOWS[variant]

        def found() -> dict[str, float]:
            folder = bench.folder / f"{bench.prefix}-dcqcn"
            folder.mkdir(exist_ok=True)
            with modelled(folder, fabric(flows, folder.name), RATE) as lab:
                return figures(Bottleneck(lab, LAW, LINE_RATE).run(WARM, SECONDS))

        return taken(found)


def figures(seen: Seen) -> dict[str, float]:
    """Rates in Mbit/s, the queue in bytes, shares, and the verdict on the machine. Pure."""
    rates = [moved * 8 / 1e6 / seen.seconds for moved in seen.moved]
    queue = np.array(seen.queue)
    fidelity = seen.ended.fidelity
    told = {
        "least rate": min(rates),
        "largest rate": max(rates),
        "all rates": sum(rates),
        "fairness": fairness(rates),
        "queue": queue.mean(),
        "queue spread": queue.std(),
        "marked": seen.marked / max(seen.marked + seen.unmarked, 1),
        "sent again": seen.ended.again,
        "late": fidelity.late,
        "behind": fidelity.behind,
        "steal": fidelity.steal,
        "doubts": len(fidelity.doubts),
    }
    return {name: round(float(value), 6) for name, value in told.items()}


def fairness(rates: Sequence[float]) -> float:
    """Jain's index: 1 where all are alike, 1/n where one has all. Pure."""
    squares = sum(each**2 for each in rates)
    return sum(rates) ** 2 / len(rates) / squares if squares else 0.0


def rest(flows: int) -> tuple[float, float]:
    """Where the fluid model rests: the queue in bytes, and the share of packets that are marked. Pure."""
    law = Red(LAW.kmin, LAW.kmax, LAW.pmax / 100)
    queue = fixed_point(flows, DATA + OVERHEAD, Dcqcn(line_rate=LINE_RATE), law)
    return queue, law.probability(queue)


def fabric(flows: int, name: str) -> str:
    """The fabric file. Pure."""
    hosts = f"spines: 1\nleaves: 1\nhosts_per_leaf: {flows + 1}\n"
    return f"name: {name}\ndesign: leaf-spine\n{hosts}underlay: {{ipv6: false}}\n"
