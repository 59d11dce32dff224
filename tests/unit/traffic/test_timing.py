"""How long collectives take on the model, against figures that follow from the sizes alone."""

import numpy as np
import pytest
from fabrics import RATE

from labs.traffic.collectives import Schedule, collective, exchanges
from labs.traffic.collectives.nccl import busbw
from labs.traffic.collectives.placement import railed
from labs.traffic.flows import regular
from labs.traffic.flows.model import Network, nics
from labs.traffic.flows.routing import routes
from labs.traffic.flows.spreading import Manner, Spread
from labs.traffic.flows.timing import Taken, timed

SPRAYED = Manner(Spread.SPRAYED)
SIZE = 1_000_000_000


def wide() -> Network:
    """Four racks of four hosts with as many uplinks: nobody is held up where flows are sprayed."""
    return regular.leaf_spine(spines=4, leaves=4, hosts_per_leaf=4, rate=RATE, host_rate=RATE)


def narrow() -> Network:
    """The same with one spine: a rack's four hosts share one cable."""
    return regular.leaf_spine(spines=1, leaves=4, hosts_per_leaf=4, rate=RATE, host_rate=RATE)


def taken(network: Network, schedule: Schedule, manner: Manner = SPRAYED, latency: float = 0) -> Taken:
    """What a schedule takes with all cables alive."""
    return timed(network, routes(network), nics(network), schedule, manner, latency)


@pytest.mark.parametrize("name", ["all-reduce", "all-gather", "reduce-scatter", "all-to-all", "permutation", "incast"])
def test_bus_bandwidth_is_the_rate_of_a_nic_where_nothing_is_in_the_way(name: str) -> None:
    """That is what NCCL means it to be."""
    found = taken(wide(), collective(name, 16, SIZE))

    assert busbw(name, 16, SIZE, found.seconds) * 8 == pytest.approx(RATE)


def test_a_ring_takes_its_rounds_and_a_latency_each() -> None:
    """2 (n - 1) rounds of a sixteenth of the data."""
    found = taken(wide(), collective("all-reduce", 16, SIZE), latency=1e-3)

    one = SIZE / 16 * 8 / RATE + 1e-3
    assert found.slowest == pytest.approx(one)
    assert found.seconds == pytest.approx(30 * one)


def test_halving_has_fewer_rounds_and_so_less_latency() -> None:
    """As much data, 8 rounds in place of 30."""
    ring, halving = (
        taken(wide(), collective(name, 16, SIZE), latency=1.0) for name in ("all-reduce", "all-reduce-halving")
    )

    assert ring.seconds - halving.seconds == pytest.approx(22)


def test_racks_that_share_a_cable_have_a_part_of_it_each() -> None:
    """All hosts of a rack to those of the next: a quarter each; within the rack all of it."""
    across, within = taken(narrow(), exchanges.shift(16, SIZE, 4)), taken(narrow(), exchanges.shift(16, SIZE, 1))

    assert across.goodput == pytest.approx(RATE / 4)
    assert within.goodput == pytest.approx(RATE)
    assert across.demand.max() == pytest.approx(4)
    assert across.seconds == pytest.approx(4 * SIZE * 8 / RATE)


def test_an_incast_is_held_up_by_the_one_cable_of_its_root() -> None:
    """Fifteen senders have a fifteenth each, and the root, which sends nothing, has no goodput."""
    found = taken(wide(), exchanges.incast(16, SIZE))

    assert found.goodput[1:] == pytest.approx(RATE / 15)
    assert np.isnan(found.goodput[0])
    assert found.demand.max() == pytest.approx(15)


def test_rails_share_the_work() -> None:
    """Four NICs a host take a quarter of the time of one, and their cross-rail traffic is NVLink's."""
    network = regular.rail(pods=1, rails=4, hosts_per_pod=4, spines=2, rate=RATE, host_rate=RATE)
    cards = nics(network)

    reduced = taken(network, railed(collective("all-reduce", 4, SIZE), 4))
    exchanged = taken(network, collective("all-to-all", 16, SIZE))

    assert reduced.seconds == pytest.approx(6 * SIZE / 16 * 8 / RATE)
    assert reduced.crossed == 0
    assert exchanged.crossed > 0
    fabric = [each for each in range(len(network.rates)) if each not in set(cards.cable.tolist())]
    assert all(exchanged.demand[2 * cable] == 0 for cable in fabric)  # same rail, same leaf: nothing goes to a spine


def test_a_transfer_without_a_way_never_ends_and_is_counted() -> None:
    """And its NIC has nothing while the others go on."""
    network = wide()
    dead = np.zeros(len(network.rates), bool)
    dead[nics(network).cable[3]] = True
    found = timed(network, routes(network, dead), nics(network), exchanges.shift(16, SIZE, 4), SPRAYED, 0)

    assert found.seconds == float("inf")
    assert found.lost == 2
    assert found.goodput[3] == found.goodput[15] == 0
    assert found.goodput[0] == pytest.approx(RATE)


def test_queue_pairs_of_a_transfer_share_its_bytes_as_they_can() -> None:
    """Many of them are as good as spraying, one is not."""
    schedule = exchanges.shift(16, SIZE, 4)
    one, many = (taken(wide(), schedule, Manner(Spread.HASHED, qps, 5)).seconds for qps in (1, 256))

    assert many < 1.2 * SIZE * 8 / RATE < one


def test_nothing_to_do_takes_no_time() -> None:
    """A single rank has nobody to send to."""
    found = taken(wide(), collective("all-reduce", 1, SIZE), latency=1)

    assert (found.seconds, found.lost) == (0, 0)
    assert np.isnan(found.goodput).all()
