"""Max-min fair rates of large fabrics: against progressive filling in the same minute, ratios and never times."""

import time

import numpy as np

from labs.traffic.flows import fair
from tests.bench.flows import FEASIBLE, LARGE, filled, ours

FLOOR = 10  # times progressive filling at 8,192 flows; the ratio grows with the fabric
LARGER = LARGE / FEASIBLE  # times as many flows
EXCESS = 5  # times worse than in proportion at most


def test_the_same_rates_come_ten_times_as_fast_as_by_progressive_filling() -> None:
    """On a thousand hosts, to a billionth."""
    solved = ours(FEASIBLE)
    begun = time.perf_counter()
    rates, rounds = filled(solved.paths, solved.network.capacities())
    theirs = time.perf_counter() - begun

    assert np.allclose(solved.rates, rates, rtol=1e-9, atol=0)
    assert theirs > FLOOR * solved.seconds["solve"], f"{rounds} rounds"


def test_a_hundred_thousand_hosts_cost_about_as_much_more_as_they_are_more() -> None:
    """819,200 flows over 409,600 links, none of which carries more than it can."""
    small, large = ours(FEASIBLE), ours(LARGE)
    network = large.network
    load = fair.loads(large.paths, large.rates, network.links + 2)[: network.links]

    assert (len(large.rates), network.links) == (819_200, 409_600)
    assert large.seconds["solve"] < EXCESS * LARGER * small.seconds["solve"]
    assert (load <= network.capacities()[: network.links] * (1 + 1e-9)).all()
