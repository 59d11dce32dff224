"""What is seen of a fabric of containers while it is broken: the same as of namespaces."""

from collections.abc import Iterator

import pytest
from probed import RATE, Fabric, fabric, pass_time

from labs.chaos.model import Kind
from topologies.runtime.model import Action

SHORT = 0.5  # seconds in which a carrier's loss is repaired, with room for a busy machine


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """Two spines, two leaves, a host on each leaf."""
    with fabric(tmp_path_factory.mktemp("probing"), "k", hosts=1, runtime="containerlab") as found:
        yield found


def test_a_quiet_fabric_loses_nothing_and_the_rate_is_kept(lab: Fabric) -> None:
    """And there are no events."""
    with (observed := lab.observed()) as now:
        began = now.now
        pass_time(1.0)
        lasted = now.now - began

    seen = observed.seen
    assert (observed.lost, seen.events, observed.missed) == (0, (), [])
    assert observed.sent >= RATE * lasted


@pytest.mark.parametrize("node", ["spine1", "leaf2-host1"])
def test_a_container_that_is_killed_and_started_is_followed(lab: Fabric, node: str) -> None:
    """Its sockets, its log and its kernel are those of the new one; every outage ends."""
    with (observed := lab.observed()):
        lab.live.act(node, Action.KILL)
        pass_time(0.5)
        lab.live.act(node, Action.START)
        lab.settle()
        pass_time(0.5)

    assert all(each.ended is not None for each in observed.outages())
    assert observed.missed == []
    if node == "spine1":
        assert {each.node for each in observed.events(Kind.BGP_DOWN) if each.subject == node} == {"leaf1", "leaf2"}
        assert {each.subject for each in observed.events(Kind.BGP_UP, node=node)} == {"leaf1", "leaf2"}
        assert all(each.ended - each.begun < SHORT for each in observed.outages() if each.ended is not None)
    else:
        theirs = {each for each in observed.seen.probes.flows if node in (each.source, each.target)}
        assert {each.flow for each in observed.outages()} == theirs


def test_a_route_that_no_plan_has_is_found(lab: Fabric) -> None:
    """On the switch that has it."""
    with (observed := lab.observed()):
        lab.live.tool("leaf1", ["ip", "route", "add", "203.0.113.0/24", "via", "inet6", "fe80::1", "dev", "eth1"])
        lab.live.tool("leaf1", ["ip", "route", "del", "203.0.113.0/24"])

    assert [(each.node, each.subject) for each in observed.events(Kind.LEAKED)] == [("leaf1", "203.0.113.0/24")]
