"""Log lines, BFD states and route changes as events."""

import pytest
from fabric_planned import node

from labs.chaos.model import Kind
from labs.chaos.watching.judging import Allowed, Named, ask_every, bfd_events, route_events, session_events, speaks_bfd
from topologies.runtime.netlink_decode import Hop, KernelRoute, RouteChange

UP = "2026/11/26 12:04:04 BGP: [N9HHH-F8H1M] %ADJCHANGE: neighbor {}(spine2) in vrf default Up"
DOWN = "2026/11/26 12:04:01 BGP: [PXVXG-TFNNT] %ADJCHANGE: neighbor {} in vrf default Down Waiting for NHT"
OTHER = "2026/11/26 12:04:04 BGP: [M59KS-A3ZXZ] bgp_update_receive: rcvd End-of-RIB for IPv4 Unicast from eth2"


def route(prefix: str, *, protocol: int = 186, table: int = 254, kind: str = "unicast") -> KernelRoute:
    """A route over one hop."""
    return KernelRoute(prefix, protocol, (Hop("", 2),), table, kind, 20, "")


@pytest.mark.parametrize(("numbering", "neighbor"), [("unnumbered", "eth2"), ("numbered", "10.16.0.34")])
def test_sessions_are_named_by_the_neighbours_node(numbering: str, neighbor: str) -> None:
    """Whether FRR names them by address or by interface; other lines say nothing."""
    plan = node("leaf1", numbering=numbering)

    found = session_events([UP.format(neighbor), OTHER, DOWN.format(neighbor)], 7.0, "leaf1", Named(plan))

    assert [(each.kind, each.subject, each.at) for each in found] == [
        (Kind.BGP_UP, "spine2", 7.0),
        (Kind.BGP_DOWN, "spine2", 7.0),
    ]


def test_bfd_tells_changes_only() -> None:
    """A session seen for the first time, or in the same state, is no event; nor is down to init."""
    named = Named(node("leaf1", numbering="numbered"))
    first, second, third = ("10.16.0.32", "eth1"), ("10.16.0.34", "eth2"), ("fe80::1", "eth1")
    before = {first: "up", second: "down"}
    now = {first: "down", second: "init", third: "up"}

    found = bfd_events(before, now, 1.0, "leaf1", named)
    back = bfd_events(now, {first: "up"}, 2.0, "leaf1", named)

    assert [(each.kind, each.subject) for each in found] == [(Kind.BFD_DOWN, "spine1")]
    assert [(each.kind, each.subject) for each in back] == [(Kind.BFD_UP, "spine1")]


def test_a_planned_route_that_comes_and_goes_is_told_and_no_leak() -> None:
    """Added, replaced, removed."""
    plan = node("leaf1")
    planned = route(plan.routes[0].prefix)

    found = [
        route_events(RouteChange(planned, gone, replaces), 1.0, "leaf1", Allowed(plan))
        for gone, replaces in ((False, False), (False, True), (True, False))
    ]

    assert [[each.kind for each in events] for events in found] == [
        [Kind.ROUTE_ADDED],
        [Kind.ROUTE_REPLACED],
        [Kind.ROUTE_REMOVED],
    ]


@pytest.mark.parametrize("protocol", [186, 4, 3])
def test_a_route_that_no_plan_has_is_a_leak_when_it_comes(protocol: int) -> None:
    """Whoever put it there; its going is no leak."""
    leak = route("10.127.255.0/24", protocol=protocol)
    allowed = Allowed(node("leaf1"))

    came = route_events(RouteChange(leak, gone=False, replaces=False), 1.0, "leaf1", allowed)
    went = route_events(RouteChange(leak, gone=True, replaces=False), 1.0, "leaf1", allowed)

    assert [each.kind for each in came] == [Kind.ROUTE_ADDED, Kind.LEAKED]
    assert [each.kind for each in went] == [Kind.ROUTE_REMOVED]


@pytest.mark.parametrize(
    "silent", [route("10.9.9.0/24", protocol=2), route("fd00::/64", protocol=9), route("10.9.9.9/32", table=255)]
)
def test_what_the_kernel_does_by_itself_is_no_event(silent: KernelRoute) -> None:
    """Connected routes, those of router advertisements, and other tables."""
    assert route_events(RouteChange(silent, gone=False, replaces=False), 1.0, "leaf1", Allowed(node("leaf1"))) == []


def test_service_addresses_come_and_go() -> None:
    """They are no leak where the fabric has services, and one where it has none."""
    service = RouteChange(route("10.32.0.7/32"), gone=False, replaces=False)

    with_services = route_events(service, 1.0, "leaf1", Allowed(node("leaf1", services=True)))
    without = route_events(service, 1.0, "leaf1", Allowed(node("leaf1")))

    assert [each.kind for each in with_services] == [Kind.ROUTE_ADDED]
    assert [each.kind for each in without] == [Kind.ROUTE_ADDED, Kind.LEAKED]


def test_who_speaks_bfd_is_asked() -> None:
    """As the plan has it."""
    assert [speaks_bfd(node("leaf1", bfd=bfd)) for bfd in (False, True)] == [False, True]


@pytest.mark.parametrize(("nodes", "every"), [(0, 0.02), (1, 0.02), (4, 0.02), (40, 0.2), (1000, 5.0)])
def test_the_more_nodes_the_rarer_each_is_asked(nodes: int, every: float) -> None:
    """So that all together cost no more than a few do."""
    assert ask_every(nodes) == every
