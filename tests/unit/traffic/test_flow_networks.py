"""Fabrics as arrays: the same by index arithmetic as from the Fabric, with the ways that the plan has."""

import numpy as np
import pytest
from fabric_files import FEW, files, made
from fabrics import RATE, cable_at, leaves_of, place_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labs.traffic.flows import regular
from labs.traffic.flows.building import network_of
from labs.traffic.flows.model import Network, nics, positions
from labs.traffic.flows.routing import next_cables, reachable, routes
from topologies.errors import Mistake
from topologies.model import Fabric, Role
from topologies.plan import Plan
from topologies.planning.routes import ways_to
from topologies.planning.without import speakers

SIZES = {
    "leaf-spine": ("spines", "leaves", "hosts_per_leaf", "nics"),
    "three-tier": ("pods", "spines_per_pod", "leaves_per_pod", "superspines_per_plane", "hosts_per_leaf", "nics"),
    "rail": ("pods", "rails", "hosts_per_pod", "spines"),
}
BUILDERS = {"leaf-spine": regular.leaf_spine, "three-tier": regular.three_tier, "rail": regular.rail}


def same(one: Network, other: Network) -> bool:
    """Whether all of them is alike."""
    arrays = ("tiers", "seeds", "lower", "upper", "rates")
    return one.names == other.names and all(np.array_equal(getattr(one, a), getattr(other, a)) for a in arrays)


@settings(max_examples=150, deadline=None)
@given(files(), FEW, FEW)
def test_index_arithmetic_gives_the_arrays_that_the_fabric_gives(
    file: dict[str, object], rate: int, host_rate: int
) -> None:
    """Node for node and cable for cable, with names, hash seeds and rates."""
    fabric, plan = made({**file, "links": {"rate_mbps": rate, "host_rate_mbps": host_rate}})
    sizes = {key: file[key] for key in SIZES[fabric.design]}

    direct = BUILDERS[fabric.design](**sizes, rate=rate * 1e6, host_rate=host_rate * 1e6)  # type: ignore[operator]

    assert same(direct, network_of(fabric, plan, 5))


def test_cables_without_a_rate_have_that_of_the_argument() -> None:
    """Each on its own: hosts' cables may have one where the others have none."""
    fabric, plan = made({"name": "x", "design": "leaf-spine", "spines": 1, "leaves": 2, "hosts_per_leaf": 1})

    assert network_of(fabric, plan, 7).rates.tolist() == [7e6] * 4


@settings(max_examples=200, deadline=None)
@given(files(), st.data())
def test_ways_are_those_of_the_plan_whatever_is_dead(file: dict[str, object], data: st.DataObject) -> None:
    """Every switch's equal ways to every leaf, with any cables between switches gone."""
    fabric, plan = made(file)
    between = [at for at, link in enumerate(fabric.links) if fabric.by_name[link.a.node].role is not Role.HOST]
    dead = data.draw(st.sets(st.sampled_from(between), max_size=4)) if between else set()
    wanted = planned(fabric, plan, dead)
    network = network_of(fabric, plan, 1)
    found = routes(network, np.isin(np.arange(len(fabric.links)), list(dead)))

    for node in fabric.nodes:
        if node.role is Role.HOST:
            continue
        for number, leaf in enumerate(leaves_of(network)):
            if node.name != (target := network.names[leaf]):
                ways = next_cables(found, *place_of(network, node.name), number)
                assert set(ways) == wanted.get((node.name, target), set()), (node.name, target)
                assert len(set(ways)) == len(ways)


def planned(fabric: Fabric, plan: Plan, dead: set[int]) -> dict[tuple[str, str], set[int]]:
    """The cables by which each switch reaches each leaf, as BGP on the plan's sessions has it."""
    ends = {(end.node, end.interface) for at in dead for end in fabric.links[at].ends}
    every = speakers(plan, dead=ends)
    found = {}
    for leaf in (node.name for node in fabric.nodes if node.role is Role.LEAF):
        try:
            ways = ways_to(leaf, every, ecmp=plan.ecmp)
        except Mistake:  # what BGP would do cannot be foretold on this one
            assume(False)
        for name, interfaces in ways.items():
            found[name, leaf] = {cable_at(fabric, name, interface) for interface in interfaces}
    return found


@settings(max_examples=60, deadline=None)
@given(files())
def test_nics_are_the_cables_of_hosts_in_order(file: dict[str, object]) -> None:
    """Host by host, and within a host by interface; on rails NIC k is under the leaf of rail k."""
    fabric, plan = made(file)
    network = network_of(fabric, plan, 1)
    cards = nics(network)

    ends = [fabric.links[cable].a for cable in cards.cable]
    hosts = [node.name for node in fabric.nodes if node.role is Role.HOST]
    assert [end.node for end in ends] == [hosts[host] for host in cards.host]
    assert [end.interface for end in ends] == [f"eth{number + 1}" for number in cards.number]
    under = [fabric.links[cable].b.node for cable in cards.cable]
    assert under == [network.names[leaf] for leaf in leaves_of(network)[cards.leaf]]
    if fabric.design == "rail":
        assert [fabric.by_name[leaf].rail for leaf in under] == [number + 1 for number in cards.number]


def test_leaves_without_a_common_spine_do_not_reach_each_other() -> None:
    """Each still reaches those that share one with it: nothing goes down and up again."""
    network = regular.leaf_spine(spines=2, leaves=3, hosts_per_leaf=1, rate=RATE, host_rate=RATE)
    dead = np.zeros(len(network.rates), bool)
    dead[[0, 3]] = True  # leaf1 to spine1, leaf2 to spine2

    assert reachable(routes(network, dead)).tolist() == [[1, 0, 1], [0, 1, 1], [1, 1, 1]]


def test_a_fabric_for_a_hundred_thousand_gpus_is_arrays_of_its_cables() -> None:
    """The published size: 3,200 leaves, 32 spines, 409,600 links."""
    network = regular.leaf_spine(spines=32, leaves=3200, hosts_per_leaf=32, rate=RATE, host_rate=RATE)

    assert len(nics(network)) == 102_400
    assert network.links == 409_600
    assert positions(network).max() == 102_399


def test_hosts_need_whole_groups_of_leaves() -> None:
    """As in a fabric file."""
    with pytest.raises(Mistake, match="groups of 2 leaves"):
        regular.leaf_spine(spines=1, leaves=3, hosts_per_leaf=1, nics=2, rate=1, host_rate=1)
