"""The data-plane mesh as thought out: who probes whom, how often, how large, and what a loss tells."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from telemetry.model import What
from telemetry.probes import MISS, MOST_FLOWS, Loss, Mesh, Target, flows_per_pair, lay_out, losses, suspects, widest
from telemetry.spread import empty_ways
from topologies import deploy
from topologies.plan import Plan

FABRICS = Path(__file__).parents[2] / "topologies" / "fabrics"


def plan_of(name: str) -> Plan:
    """The plan of a shipped fabric."""
    plan = deploy.load(FABRICS / f"{name}.yml").plan
    assert plan is not None
    return plan


def probed(mesh: Mesh) -> set[tuple[str, str, str]]:
    """(from, to, family) of all pairs."""
    ends = [(mesh.targets[a], mesh.targets[b]) for a, b in mesh.pairs]
    return {(source.node, target.node, source.family) for source, target in ends}


def test_everything_that_has_a_way_is_probed_in_both_directions_and_families() -> None:
    """In 2 x 4 with a host per leaf every node probes every other, but for the two spines: they share an ASN."""
    plan = plan_of("small")

    mesh = lay_out(plan)

    wanted = {
        (a, b, family)
        for a in plan.nodes
        for b in plan.nodes
        for family in ("ipv4", "ipv6")
        if a != b and {a, b} != {"spine1", "spine2"}
    }
    assert probed(mesh) == wanted
    assert len(set(mesh.pairs)) == len(mesh.pairs)


def test_each_shipped_fabric_has_a_mesh_in_which_every_node_takes_part() -> None:
    """Whatever the design, no node and no probe address is left out."""
    names = sorted(path.stem for path in FABRICS.glob("*.yml") if not path.name.endswith(".clab.yml"))
    assert names

    for name in names:
        plan = plan_of(name)
        mesh = lay_out(plan)
        used = {mesh.targets[number].address for pair in mesh.pairs for number in pair}
        assert used == {address for node in plan.nodes.values() for address in node.probe_addresses}, name


def test_what_is_dead_or_missing_takes_no_part() -> None:
    """Nodes and addresses that are known to be gone are left out, so that they are not reported twice."""
    plan = plan_of("small")
    loopback = plan.nodes["leaf2"].probe_addresses[0]

    mesh = lay_out(plan, {"leaf1", loopback})

    assert {target.node for target in mesh.targets} == set(plan.nodes) - {"leaf1"}
    assert loopback not in {target.address for target in mesh.targets}


def test_the_full_size_probe_fills_the_smallest_link_of_its_way() -> None:
    """Payload = MTU less the headers of IP and UDP; a smaller MTU anywhere on the way rules."""
    plan = plan_of("small")
    leaf = plan.nodes["leaf1"]
    narrow = tuple(replace(each, mtu=1500) if each.peer.node == "leaf1-host1" else each for each in leaf.interfaces)
    host = plan.nodes["leaf1-host1"]
    links = tuple(replace(each, mtu=1500) for each in host.interfaces)
    nodes = {**plan.nodes, "leaf1": replace(leaf, interfaces=narrow), "leaf1-host1": replace(host, interfaces=links)}

    mesh = lay_out(replace(plan, nodes=nodes))

    sizes = {
        (mesh.targets[a].node, mesh.targets[b].node, mesh.targets[a].family): size
        for (a, b), size in zip(mesh.pairs, mesh.sizes, strict=True)
    }
    assert sizes["leaf1", "leaf2", "ipv4"] == 9500 - 28
    assert sizes["leaf1", "leaf2", "ipv6"] == 9500 - 48
    assert sizes["leaf3-host1", "leaf1-host1", "ipv4"] == 1500 - 28
    assert sizes["leaf1-host1", "leaf3-host1", "ipv6"] == 1500 - 48


def test_a_lab_with_nobody_to_probe_needs_no_flows_to_speak_of() -> None:
    """Where no node runs there is no fault to be missed, and `check` goes on to say that no node runs."""
    assert flows_per_pair(4, 2, faults=0) == 1


@given(width=st.integers(2, 64), sources=st.integers(1, 500), faults=st.integers(1, 100_000))
def test_a_dead_way_is_missed_with_less_than_the_stated_chance(width: int, sources: int, faults: int) -> None:
    """The bound of the module's text holds, with as few flows as possible, unless the most flows are used."""
    flows = flows_per_pair(width, sources, faults=faults)

    def missed(number: int) -> float:
        return faults * float((1 - 1 / width) ** (sources * number))

    assert 1 <= flows <= MOST_FLOWS
    assert flows == MOST_FLOWS or missed(flows) <= MISS * 1.0001
    assert flows == 1 or missed(flows - 1) > MISS


def test_width_multiplies_over_the_tiers() -> None:
    """A fabric that spreads at two tiers has more ways than its widest route."""
    assert widest(plan_of("small")) == 2
    assert widest(plan_of("three-tier")) == 4


def test_losses_name_the_flows_and_the_full_size_probe() -> None:
    """Probe numbers become flows of a pair; the last of each pair is the full-size one."""
    targets = (Target("a", "10.0.0.1"), Target("b", "10.0.0.2"))
    mesh = Mesh(targets, ((0, 1), (1, 0)), (9472, 9472), 3)

    assert losses(mesh, bytes([1] * 8)) == ()
    assert losses(mesh, bytes([1, 0, 0, 1, 1, 1, 1, 0])) == (Loss(0, (1, 2), False), Loss(1, (), True))


def test_the_suspect_is_where_lost_flows_pass_and_good_ones_do_not() -> None:
    """A spine that eats packets is on every lost path and on no good one."""
    lost = [("spine2",), ("spine2",)]

    assert suspects(lost, [("spine1",), ("spine1",)]) == ("spine2",)
    assert suspects([("spine1", "x"), ("spine2", "x")], []) == ("x",)
    assert suspects([], []) == ()


def test_an_equal_way_that_gets_nothing_is_uneven() -> None:
    """Polarisation: many flows arrive, and one of two equal ways stays empty; a few flows prove nothing."""
    ways = frozenset({"eth1", "eth2"})

    difference = empty_ways("pod1-spine1", ways, {"eth1": 48})

    assert difference is not None
    assert (difference.node, difference.what, difference.found) == (
        "pod1-spine1",
        What.UNEVEN,
        "none of 48 flows over eth2",
    )
    assert empty_ways("pod1-spine1", ways, {"eth1": 30, "eth2": 18}) is None
    assert empty_ways("pod1-spine1", ways, {"eth1": 5}) is None
