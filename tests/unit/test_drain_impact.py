"""What a drain would do to the others, with anything down: nobody is harmed unsaid, and nothing is said that is not so.

The judge walks the graph itself: up from tier to tier, then down, no AS twice; what it does not find, BGP does not.
"""

from collections.abc import Iterator, Mapping

from fabric_files import files, made
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from automation.draining.impact import Harm, Objection, minimum_of, objections
from automation.draining.live import Live, live
from telemetry.model import NodeFacts, Out, Service, Session
from topologies.model import TIERS, Role
from topologies.plan import NodePlan, Plan
from topologies.runtime.netlink_decode import Counters, KernelLink

TWO = {"name": "x", "design": "leaf-spine", "spines": 2, "leaves": 2, "hosts_per_leaf": 1}


def neighbours(plan: Plan, state: Live, node: str, *, up: bool) -> Iterator[str]:
    """The routers in service to which a session leads upwards, or downwards."""
    own = plan.nodes[node]
    far = {each.name: each.peer for each in own.interfaces}
    for session in own.sessions:
        end = far[session.interface]
        higher = TIERS.index(plan.nodes[end.node].role) > TIERS.index(own.role)
        broken = {(node, session.interface), (end.node, end.interface)} & state.dead
        if higher is up and not broken and end.node not in state.out:
            yield end.node


def reached(plan: Plan, state: Live, start: str) -> set[str]:
    """Whom a leaf or host reaches: up as far as it likes, then down, through no AS twice."""
    found: set[str] = set()
    todo: list[tuple[str, bool, frozenset[int | None]]] = [(start, True, frozenset([plan.nodes[start].asn]))]
    while todo:
        node, rising, crossed = todo.pop()
        found.add(node)
        for up in (True, False) if rising else (False,):
            if not up and node == start and plan.nodes[node].role is Role.HOST:
                continue
            for peer in neighbours(plan, state, node, up=up):
                if (asn := plan.nodes[peer].asn) not in crossed:
                    todo.append((peer, up, crossed | {asn}))
    return found


def ends(plan: Plan) -> list[str]:
    """The leaves and hosts that route."""
    return [name for name, node in plan.nodes.items() if node.takes_routes and node.role in (Role.LEAF, Role.HOST)]


def lost(plan: Plan, state: Live, node: str) -> set[tuple[str, str]]:
    """The pairs of leaves and hosts that have a way to each other now, and have none without a router."""
    then = replace(state, out=state.out | {node})
    return {
        (one, other)
        for one in ends(plan)
        if one not in then.out
        for other in (reached(plan, state, one) - reached(plan, then, one)) & set(ends(plan)) - {node}
    }


def up_ends(plan: Plan, state: Live, node: NodePlan) -> list[str]:
    """The uplinks of a node that work, by the router that they lead to."""
    own = TIERS.index(node.role)
    return [
        each.peer.node
        for each in node.interfaces
        if TIERS.index(plan.nodes[each.peer.node].role) > own
        and not {(node.name, each.name), (each.peer.node, each.peer.interface)} & state.dead
        and not {node.name, each.peer.node} & state.out
    ]


@st.composite
def broken(draw: st.DrawFn) -> tuple[Plan, Live, str]:
    """A fabric with some ends dead and some routers out, and a switch that is to leave."""
    _, plan = made(draw(files()))
    switches = [name for name, node in plan.nodes.items() if node.sessions and node.role is not Role.HOST]
    assume(switches)
    every = [(name, each.name) for name, node in plan.nodes.items() for each in node.interfaces]
    node = draw(st.sampled_from(switches))
    dead = draw(st.sets(st.sampled_from(every), max_size=4))
    out = draw(st.sets(st.sampled_from(switches), max_size=1)) - {node}
    return plan, Live(frozenset(dead), frozenset(out)), node


@settings(max_examples=150, deadline=None)
@given(broken(), st.sampled_from([None, 0, 1, 2]))
def test_nobody_is_harmed_unsaid(case: tuple[Plan, Live, str], minimum: int | None) -> None:
    """Where nothing is objected, no pair loses its last way, no host its addresses, and no node too many uplinks."""
    plan, state, node = case
    assume(not objections(plan, state, node, minimum))
    then = replace(state, out=state.out | {node})

    assert lost(plan, state, node) == set()
    for each in plan.nodes.values():
        now, left = up_ends(plan, state, each), up_ends(plan, then, each)
        if each.role is Role.HOST and not each.takes_routes:
            assert now == left
        elif each.name != node and len(left) < len(now):
            planned = len(up_ends(plan, Live(), each))
            assert len(left) >= minimum_of(planned, minimum)


@settings(max_examples=150, deadline=None)
@given(broken(), st.sampled_from([None, 0, 1, 2]))
def test_nothing_is_said_that_is_not_so(case: tuple[Plan, Live, str], minimum: int | None) -> None:
    """Each objection names somebody whom this drain harms in that way."""
    plan, state, node = case
    then = replace(state, out=state.out | {node})
    harmed = {one for one, _ in lost(plan, state, node)} | {other for _, other in lost(plan, state, node)}

    for said in objections(plan, state, node, minimum):
        now, left = (up_ends(plan, each, plan.nodes[said.node]) for each in (state, then))
        match said.harm:
            case Harm.HOST_CUT_OFF:
                assert node in now
                assert not plan.nodes[said.node].takes_routes
            case Harm.TOO_FEW_UPLINKS:
                assert len(left) < len(now)
                assert f"{len(left)} of its" in said.why
            case Harm.UNREACHABLE:
                assert said.node in harmed


def test_half_of_the_uplinks_stay_and_at_least_one() -> None:
    """Unless another number is named; none at all is a number too."""
    assert [minimum_of(planned, None) for planned in (1, 2, 3, 4, 8)] == [1, 1, 1, 2, 4]
    assert minimum_of(8, 0) == 0


def facts(plan: Plan, **changes: NodeFacts) -> Mapping[str, NodeFacts]:
    """What a whole fabric shows, as far as it matters here."""
    return {
        name: NodeFacts(
            name,
            links={
                each.name: KernelLink(2, each.name, "", 1500, True, True, 9, 0, "veth", Counters())
                for each in node.interfaces
            },
            sessions={each.neighbor: Session(each.neighbor, each.peer_asn, "Established") for each in node.sessions},
        )
        for name, node in plan.nodes.items()
    } | changes


def test_what_cannot_carry_traffic_now_counts_as_gone() -> None:
    """A session that is down, a cable without carrier, a router that is out of service, one that does not answer."""
    _, plan = made(TWO)
    whole = facts(plan)
    leaf = whole["leaf2"]
    session = next(each.neighbor for each in plan.nodes["leaf2"].sessions if each.peer == "spine2")
    idle = replace(leaf, sessions={**leaf.sessions, session: replace(leaf.sessions[session], state="Active")})
    cable = replace(leaf, links={**leaf.links, "eth2": replace(leaf.links["eth2"], carrier=False)})
    out = replace(whole["spine2"], out=Out(Service.DRAINING))
    dumb = replace(whole["spine2"], lacks=(("bgpd", "silent"),))

    assert objections(plan, live(plan, whole), "spine1") == ()
    for change in ({"leaf2": idle}, {"leaf2": cable}, {"spine2": out}, {"spine2": dumb}):
        found = objections(plan, live(plan, facts(plan, **change)), "spine1", 0)
        assert Objection(Harm.UNREACHABLE, "leaf2", "would have no way to leaf1 any more") in found


def test_a_leaf_with_a_host_of_its_own_stays() -> None:
    """The host is named, with the interface that it would lose."""
    _, plan = made(TWO)

    assert [str(each) for each in objections(plan, Live(), "leaf1")] == [
        "leaf1-host1 has its addresses on eth1 behind leaf1 alone"
    ]
