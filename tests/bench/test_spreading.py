r"""Queue pairs on the uplinks of a live fabric, against what is reckoned of the ways that its kernels chose.

spine1   spine2
   |  \ /  |
  leaf1   leaf2       two hosts each
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from labs.traffic.flows.model import MBPS
from tests.bench.cases import Case
from tests.bench.ecmp import RATE, WAYS, drawn, fabric
from tests.bench.spreading import Wires, carried, paths_of
from tests.modelled import modelled

SIZE = Case(2, 2)
WITHIN = 0.03  # of what NICs send


@pytest.fixture(scope="module")
def wires(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wires]:
    """The lab, with a sender and a receiver on every NIC."""
    text = fabric(SIZE, "destination-qp", f"spread{os.getpid()}")
    with ExitStack() as held:
        yield Wires(held.enter_context(modelled(tmp_path_factory.mktemp("spread"), text, RATE)), held)


@pytest.mark.parametrize("qps", [1, 8])
def test_what_arrives_is_what_the_ways_that_were_taken_carry(wires: Wires, qps: int) -> None:
    """However many queue pairs a NIC has; what an uplink cannot carry is lost, and no more."""
    capacities = wires.lab.network.capacities()
    for seed in range(3):
        draw = drawn(SIZE, qps, WAYS["destination-qp, one port"], seed)
        paths = paths_of(draw, wires.ways(draw), wires.lab, wires.seats)

        assert wires.goodput(draw) == pytest.approx(carried(paths, capacities, qps, RATE * MBPS), abs=WITHIN)
