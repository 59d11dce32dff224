"""Which flows are probed."""

import pytest

from labs.chaos.probing.layout import INTERVAL, SMALL, lay_out, needed
from topologies.files.fabric import parse_fabric
from topologies.plan import Plan
from topologies.planning import plan


def planned(*, leaves: int = 2, hosts: int = 1, spines: int = 2, more: str = "") -> Plan:
    """A small leaf-spine fabric."""
    head = f"name: x\ndesign: leaf-spine\nspines: {spines}\nleaves: {leaves}\nhosts_per_leaf: {hosts}\n"
    return plan(parse_fabric(head + more, "x.yml"))


def test_every_pair_of_hosts_is_probed_both_ways_in_both_families() -> None:
    """By as many flows as its ways need, and one of packets as large as the way takes."""
    found = lay_out(planned(), rate=50_000)

    pairs = {(each.source, each.target, each.family) for each in found.flows}
    assert pairs == {
        (a, b, family)
        for a, b in (("leaf1-host1", "leaf2-host1"), ("leaf2-host1", "leaf1-host1"))
        for family in ("ipv4", "ipv6")
    }
    assert len(found.flows) == len(pairs) * (needed(2) + 1)
    assert sorted({each.size for each in found.flows}) == [SMALL, 9500 - 48, 9500 - 28]
    assert found.left_out == 0


def test_without_hosts_loopbacks_are_probed() -> None:
    """Of leaves and spines."""
    found = lay_out(planned(hosts=0), rate=50_000)

    assert {each.source for each in found.flows} == {"leaf1", "leaf2", "spine1", "spine2"}


@pytest.mark.parametrize("rate", [100, 2000, 5000])
def test_a_rate_allows_so_many_flows_that_each_is_probed_often(rate: int) -> None:
    """What is left out is counted, and the choice depends on the seed alone."""
    whole = planned(leaves=4, hosts=2)

    found = lay_out(whole, rate=rate, seed=1)

    assert len(found.flows) <= max(rate * INTERVAL, 2)
    assert found.left_out > 0
    assert found == lay_out(whole, rate=rate, seed=1)


def test_another_seed_leaves_out_others() -> None:
    """Where there are more pairs than a rate allows."""
    whole = planned(leaves=4, hosts=2)

    assert lay_out(whole, rate=500, seed=1) != lay_out(whole, rate=500, seed=2)


@pytest.mark.parametrize("seed", range(5))
def test_no_address_is_left_out_where_the_rate_allows_a_pair_for_each(seed: int) -> None:
    """Each sends and hears, whatever the seed; at half the rate some do not."""
    whole = planned(leaves=4, hosts=2)
    addresses = {each for node in whole.nodes.values() if "host" in node.name for each in node.probe_addresses}

    enough = lay_out(whole, rate=len(addresses) * 2 * 50, seed=seed)
    half = lay_out(whole, rate=len(addresses) * 50, seed=seed)

    assert enough.left_out > 0
    assert {each.source_address for each in enough.flows} == addresses
    assert {each.target_address for each in enough.flows} == addresses
    assert {each.source_address for each in half.flows} < addresses


def test_flows_that_were_asked_for_are_all_there() -> None:
    """However long the interval becomes."""
    found = lay_out(planned(leaves=3), rate=100, flows=4)

    assert len(found.flows) == 6 * 2 * 5


@pytest.mark.parametrize(("width", "flows"), [(1, 1), (2, 11), (4, 29), (64, 32)])
def test_flows_needed_for_so_many_ways(width: int, flows: int) -> None:
    """The chance that a way carries none is below one in a thousand, within reason."""
    assert needed(width) == flows
