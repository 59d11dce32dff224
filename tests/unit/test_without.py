"""The plan of a fabric while some of its routers are out of service."""

from fabric_files import files, made
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies.model import Role
from topologies.planning.without import without

SMALL = {"name": "x", "design": "leaf-spine", "spines": 2, "leaves": 2}


@settings(max_examples=40, deadline=None)
@given(files())
def test_without_nobody_it_is_the_plan_itself(file: dict[str, object]) -> None:
    """What follows from the plan alone is what followed from the fabric."""
    _, wanted = made(file)

    assert without(wanted, ()) == wanted


@settings(max_examples=40, deadline=None)
@given(files(), st.data())
def test_nothing_leads_over_a_drained_router_and_nobody_expects_it(
    file: dict[str, object], data: st.DataObject
) -> None:
    """No route has a hop towards it or begins there, and no peer has a session to it."""
    _, wanted = made(file)
    routers = [node.name for node in wanted.nodes.values() if node.sessions]
    drained = data.draw(st.sets(st.sampled_from(routers), max_size=2)) if routers else set()
    rest = without(wanted, drained)

    for node in rest.nodes.values():
        towards = {each.name for each in node.interfaces if each.peer.node in drained}
        assert not any(route.interfaces & towards for route in node.routes)
        assert not any(each.peer in drained for each in node.sessions)
        assert not any(route.origin in drained for route in node.routes)
        assert node.name not in drained or not (node.routes or node.sessions)


@settings(max_examples=40, deadline=None)
@given(files(), st.data())
def test_a_draining_router_is_taken_for_want_of_others_only(file: dict[str, object], data: st.DataObject) -> None:
    """Everybody has routes to all that they had, over it only for want of others, or where it is the end."""
    _, wanted = made(file)
    routers = [node.name for node in wanted.nodes.values() if node.sessions]
    draining = data.draw(st.sampled_from(routers)) if routers else ""
    rest, gone = without(wanted, (), {draining}), without(wanted, {draining})

    for node in rest.nodes.values():
        other = {route.prefix: route.interfaces for route in gone.nodes[node.name].routes}
        assert {route.prefix for route in node.routes} == {route.prefix for route in wanted.nodes[node.name].routes}
        assert all(route.interfaces == other.get(route.prefix, route.interfaces) for route in node.routes)
        assert node.sessions == wanted.nodes[node.name].sessions


def test_a_leaf_has_half_of_its_ways_left_when_one_of_two_spines_is_drained() -> None:
    """And none to that spine's own loopbacks."""
    _, wanted = made(SMALL)
    rest = without(wanted, {"spine1"})

    leaf = next(node for node in rest.nodes.values() if node.role is Role.LEAF)
    assert {route.origin for route in leaf.routes} == {"spine2", "leaf2"}
    assert {route.interfaces for route in leaf.routes} == {frozenset({"eth2"})}
