r"""Check finds what is broken in a running fabric, names it, and finds nothing once it is healed.

    spine1   spine2         every leaf to every spine, one host per leaf
      |  \   /  |
    leaf1 ... leaf4         once with /31 and /127 on the links, once unnumbered
      |         |
    host      host

Each fault is injected into real daemons or kernels, not into facts.
"""

import os
import re
import signal
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from telemetry import daemons
from telemetry.check import CheckReport, Difference, check, check_without_plan
from telemetry.converge import converge
from telemetry.model import What
from topologies import deploy
from topologies.errors import Fault
from topologies.lab import LabLink, Veth
from topologies.model import Endpoint, Role
from topologies.plan import NodePlan, Plan, PlannedSession
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord
from topologies.waiting import until

FABRICS = Path(__file__).parents[2] / "topologies" / "fabrics"
SEED = "net.ipv4.fib_multipath_hash_seed"
LEAK = 24  # length of the leaked prefix, out of the hosts' pool


def quiet(phase: str, done: int, of: int) -> None:
    """Progress that nobody reads."""


@dataclass(frozen=True)
class Live:
    """A lab that runs, and its plan."""

    record: LabRecord
    plan: Plan

    def door(self, node: str) -> Door:
        return open_door(self.record, node)

    def bgp(self, node: str, *lines: str) -> None:
        """Change the BGP configuration of a node."""
        head = ("configure terminal", f"router bgp {self.plan.nodes[node].asn}")
        self.door(node).vty("bgpd", "\n".join((*head, *lines, "end")))

    def ip(self, node: str, *words: str) -> None:
        self.door(node).run(["ip", *words])

    def sysctl(self, node: str, key: str, value: object) -> None:
        self.door(node).run(["sysctl", "-qw", f"{key}={value}"])

    def check(self, *, mesh: bool = False) -> CheckReport:
        return check(self.record, self.plan, mesh=mesh)

    def session(self, node: str, peer: str, family: str = "ipv4") -> PlannedSession:
        sessions = self.plan.nodes[node].sessions
        return next(each for each in sessions if each.peer == peer and family in each.families)

    def loopback(self, node: str) -> str:
        """The IPv4 loopback prefix of a node."""
        return next(each for each in self.plan.nodes[node].loopbacks if ":" not in each)

    def finds(self, what: What, node: str, *, mesh: bool = False) -> Difference:
        """The first difference of a kind on a node, waited for: daemons need a moment to notice."""
        found: list[Difference] = []

        def missing() -> str:
            all_found = self.check(mesh=mesh).differences
            found[:] = [each for each in all_found if (each.what, each.node) == (what, node)]
            return "" if found else f"found only {[str(each) for each in all_found[:5]]}"

        until(f"{what} found on {node}", missing, within=30)
        return found[0]

    def heals(self) -> None:
        """The fabric becomes what the plan says, in every respect."""

        def missing() -> str:
            differences = self.check(mesh=True).differences
            return "; ".join(map(str, differences[:3]))

        until("a check that finds nothing", missing, within=60)


def running(fabric: str, name: str) -> Generator[Live, None, None]:
    """A shipped fabric, deployed and converged."""
    source = deploy.load(FABRICS / f"{fabric}.yml", name=name)
    assert source.plan is not None
    record = deploy.up(source, "netns", say=quiet)
    try:
        converge(record, source.plan, within=90, say=quiet)
        yield Live(record, source.plan)
    finally:
        deploy.down(name)


@pytest.fixture(scope="module")
def numbered() -> Iterator[Live]:
    yield from running("numbered-2x4", f"check-numbered-{os.getpid()}")


@pytest.fixture(scope="module")
def unnumbered() -> Iterator[Live]:
    yield from running("small", f"check-unnumbered-{os.getpid()}")


@pytest.fixture(params=["numbered", "unnumbered"])
def fabric(request: pytest.FixtureRequest) -> Live:
    """Either fabric."""
    live: Live = request.getfixturevalue(request.param)
    return live


def test_a_converged_fabric_shows_no_difference(fabric: Live) -> None:
    """What the plan says is what runs: sessions, routes, links, settings, and every probe arrives."""
    report = fabric.check(mesh=True)

    assert [str(each) for each in report.differences] == []
    assert report.fine
    assert report.counts["sessions"] == sum(len(node.sessions) for node in fabric.plan.nodes.values())
    assert report.counts["links"] == len(fabric.record.lab.links)
    assert report.mesh is not None
    assert report.mesh.pairs == 2 * (10 * 9 - 2)
    assert report.mesh.lost == 0
    assert set(report.timings) == {"facts", "compare", "mesh"}


def test_without_a_plan_a_healthy_fabric_is_fine_and_a_broken_one_is_not(unnumbered: Live) -> None:
    """The same lab as a third-party file would give it: its cables, MTUs, daemons and sessions are tested."""
    record, lab = unnumbered.record, unnumbered.record.lab
    before = check_without_plan(record, lab).differences

    unnumbered.ip("leaf1", "link", "set", "eth2", "mtu", "1500")
    found = check_without_plan(record, lab).differences
    unnumbered.ip("leaf1", "link", "set", "eth2", "mtu", "9500")

    assert [str(each) for each in before] == []
    assert [(each.node, each.subject, each.what, each.found) for each in found] == [
        ("leaf1", "link eth2", What.MTU, "1500")
    ]
    unnumbered.heals()


def test_daemons_that_hang_cost_one_timeout_together(unnumbered: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three stopped daemons on two nodes are named, each by its own silence; the check waited once for all of them."""
    monkeypatch.setattr(daemons, "WITHIN", 2)  # less than the peers' hold time: their sessions stay
    hung = (("leaf1", "bgpd"), ("leaf1", "zebra"), ("spine1", "bgpd"))
    pids = [each.pid for node, name in hung for each in unnumbered.door(node).processes() if each.name == name]

    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    report = unnumbered.check()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)

    assert len(pids) == len(hung)
    assert [(each.node, each.subject, each.what, each.expected) for each in report.differences] == [
        ("spine1", "bgpd", What.DAEMON_SILENT, "an answer"),
        ("leaf1", "bgpd", What.DAEMON_SILENT, "an answer"),
        ("leaf1", "zebra", What.DAEMON_SILENT, "an answer"),
    ]
    assert all("did not answer 'enable' in time" in each.found for each in report.differences)
    assert daemons.WITHIN <= report.timings["facts"] < 2 * daemons.WITHIN
    unnumbered.heals()


def test_a_session_that_is_down_is_found_on_both_sides(fabric: Live) -> None:
    """A neighbour shut down on a spine: the spine says by whom, the leaf that its session is not Established."""
    there, back = fabric.session("spine1", "leaf1"), fabric.session("leaf1", "spine1")

    fabric.bgp("spine1", f"neighbor {there.neighbor} shutdown")
    ask = f"show bgp neighbors {there.neighbor} json"
    until(
        "the spine is through with it",
        lambda: "" if '"Idle"' in fabric.door("spine1").vty("bgpd", ask) else "no",
        within=20,
    )
    on_spine = fabric.finds(What.SESSION_DOWN, "spine1")
    on_leaf = fabric.finds(What.SESSION_DOWN, "leaf1")
    fabric.bgp("spine1", f"no neighbor {there.neighbor} shutdown")

    assert (on_spine.subject, on_spine.expected) == (f"session {there.neighbor} to leaf1", "Established")
    assert on_spine.found == "Idle (shut down by configuration)"
    assert (on_leaf.subject, on_leaf.expected) == (f"session {back.neighbor} to spine1", "Established")
    assert on_leaf.found.endswith("(last reset: Cease/Administrative Shutdown)")
    fabric.heals()


def test_a_wrong_asn_is_found_with_both_numbers(fabric: Live) -> None:
    """A spine that expects another ASN of its leaf: planned and configured number are named."""
    session = fabric.session("spine1", "leaf2")

    fabric.bgp("spine1", f"neighbor {session.neighbor} remote-as 65999")
    found = fabric.finds(What.ASN, "spine1")
    fabric.bgp("spine1", f"neighbor {session.neighbor} remote-as {session.peer_asn}")

    assert found.subject == f"session {session.neighbor} to leaf2"
    assert (found.expected, found.found) == (f"AS {session.peer_asn}", "AS 65999")
    fabric.heals()


def test_a_missing_route_is_found_on_every_node_that_lacks_it(fabric: Live) -> None:
    """A leaf that no longer announces its loopback: the others miss it, with the next hops it should have."""
    prefix = fabric.loopback("leaf3")

    fabric.bgp("leaf3", "address-family ipv4 unicast", f"no network {prefix}")
    on_leaf = fabric.finds(What.ROUTE_MISSING, "leaf1")
    on_spine = fabric.finds(What.ROUTE_MISSING, "spine2")
    fabric.bgp("leaf3", "address-family ipv4 unicast", f"network {prefix}")

    assert on_leaf.subject == on_spine.subject == f"route {prefix}"
    assert (on_leaf.expected, on_leaf.found) == ("over eth1, eth2 (2)", "no route")
    assert (on_spine.expected, on_spine.found) == ("over eth3 (1)", "no route")
    fabric.heals()


def test_a_leaked_route_is_found_where_it_came_in(numbered: Live) -> None:
    """A leaf announces what is not its own, and its filter lets it: every other node has a route too many."""
    hosts = [each for each in numbered.plan.nodes["leaf1"].announces if ":" not in each and not each.endswith("/32")]
    leak = f"{hosts[0].split('.')[0]}.{hosts[0].split('.')[1]}.250.0/{LEAK}"
    allow = f"ip prefix-list OWN seq 999 permit {leak}"

    numbered.door("leaf1").vty("bgpd", f"configure terminal\n{allow}\nend")
    numbered.bgp("leaf1", "address-family ipv4 unicast", f"network {leak}")
    found = numbered.finds(What.ROUTE_UNPLANNED, "leaf4")
    numbered.bgp("leaf1", "address-family ipv4 unicast", f"no network {leak}")
    numbered.door("leaf1").vty("bgpd", f"configure terminal\nno {allow}\nend")

    assert found.subject == f"route {leak}"
    assert (found.expected, found.found) == ("none", "bgp route over eth1, eth2 (2)")
    numbered.heals()


def test_a_black_hole_behind_a_living_session_is_found_and_localised(fabric: Live) -> None:
    """A spine that silently eats what goes to one leaf, while all tables and sessions are right: probes tell."""
    target = fabric.loopback("leaf3")
    rule = ("to", target, "iif", fabric_port(fabric.plan.nodes["spine2"], "leaf1"), "blackhole")

    fabric.ip("spine2", "rule", "add", "pref", "10", *rule)
    found = fabric.check(mesh=True).differences
    fabric.ip("spine2", "rule", "del", "pref", "10", *rule)

    assert {each.what for each in found} == {What.LOST}
    assert {each.node for each in found} == {"leaf1", "leaf1-host1"}
    loopbacks = next(each for each in found if each.node == "leaf1")
    assert loopbacks.subject == f"{fabric.loopback('leaf1')} to {target} (leaf3)".replace("/32", "")
    assert loopbacks.expected == "9 of 9 flows, and a packet of 9500 bytes"
    assert "of 9 flows lost; spine2 has no way on" in loopbacks.found
    fabric.heals()


def test_a_black_holed_route_is_found_in_the_table_and_by_probes(numbered: Live) -> None:
    """A blackhole route that covers a planned one is named on the spine that has it."""
    target = numbered.loopback("leaf2")

    numbered.ip("spine1", "route", "add", "blackhole", target, "metric", "1")
    found = numbered.check(mesh=True).differences
    numbered.ip("spine1", "route", "del", "blackhole", target, "metric", "1")

    assert Difference("spine1", f"route {target}", What.ROUTE_BLACKHOLE, "over eth2 (1)", "blackhole") in found
    assert any(each.what == What.LOST and "spine1" in each.found for each in found)
    numbered.heals()


def test_packets_dropped_by_a_filter_point_at_the_node_that_all_lost_flows_pass(numbered: Live) -> None:
    """No table and no kernel admits to it: only the paths of the lost flows, less those of the good ones, do."""
    target = numbered.loopback("leaf4").partition("/")[0]
    rules = (
        "add table ip eat",
        "add chain ip eat way { type filter hook forward priority 0; }",
        f"add rule ip eat way ip daddr {target} drop",
    )

    numbered.door("spine1").run(["nft", "-f", "-"], input="\n".join(rules) + "\n")
    found = numbered.check(mesh=True).differences
    numbered.door("spine1").run(["nft", "delete", "table", "ip", "eat"])

    lost = next(each for each in found if each.node == "leaf1" and f"to {target}" in each.subject)
    assert {each.what for each in found} == {What.LOST}
    assert lost.found.endswith("they left by leaf1:eth1 and all pass spine1")
    numbered.heals()


def test_an_mtu_mismatch_is_found_on_the_link_and_by_a_full_size_probe(fabric: Live) -> None:
    """One end smaller than the other: small packets pass, so only the link and the full-size probe tell."""
    fabric.ip("spine1", "link", "set", "eth2", "mtu", "1500")
    found = fabric.check(mesh=True).differences
    fabric.ip("spine1", "link", "set", "eth2", "mtu", "9500")

    mismatch = next(each for each in found if each.what == What.MTU)
    assert (mismatch.node, mismatch.subject, mismatch.expected, mismatch.found) == (
        "spine1",
        "link eth2",
        "9500",
        "1500",
    )
    lost = [each for each in found if each.what == What.LOST and each.node == "spine1" and "(leaf2)" in each.subject]
    assert len(lost) == 2  # IPv4 and IPv6
    assert {each.expected for each in lost} == {"9 of 9 flows, and a packet of 9500 bytes"}
    assert all(each.found.startswith("the full-size packet lost, all small ones came") for each in lost)
    fabric.heals()


def test_equal_hash_seeds_are_found(fabric: Live) -> None:
    """A spine that hashes with a leaf's seed would repeat the leaf's choice."""
    plan = fabric.plan.nodes
    fabric.sysctl("spine1", SEED, plan["leaf1"].hash_seed)
    found = fabric.finds(What.POLARISED, "leaf1")
    fabric.sysctl("spine1", SEED, plan["spine1"].hash_seed)

    assert (found.subject, found.expected) == (SEED, f"a seed of its own ({plan['leaf1'].hash_seed})")
    assert found.found == f"{plan['leaf1'].hash_seed}, the same as on spine1"
    fabric.heals()


def test_convergence_that_does_not_come_names_who_lacks_what(numbered: Live) -> None:
    """A deadline's message says which nodes lack which routes."""
    session = numbered.session("spine2", "leaf1")
    numbered.bgp("spine2", f"neighbor {session.neighbor} shutdown")
    numbered.finds(What.ROUTE_HOPS, "leaf1")

    with pytest.raises(Fault) as fault:
        converge(numbered.record, numbered.plan, within=0.3, say=quiet)
    numbered.bgp("spine2", f"no neighbor {session.neighbor} shutdown")

    assert "routes are missing on" in str(fault.value)
    assert "leaf1 (" in str(fault.value)
    assert "over 1 of 2" in str(fault.value)
    numbered.heals()


def fabric_port(node: NodePlan, peer: str) -> str:
    """The interface of a node that leads to a peer."""
    return next(each.name for each in node.interfaces if each.peer.node == peer)


def crossed(links: tuple[LabLink, ...]) -> tuple[LabLink, ...]:
    """The cables with two of them swapped at their lower ends, as a tired hand would."""
    first, second, *rest = links
    assert isinstance(first, Veth)
    assert isinstance(second, Veth)
    return (replace(first, b=second.b), replace(second, b=first.b), *rest)


@pytest.fixture(scope="module")
def miswired() -> Iterator[Live]:
    """The unnumbered fabric with the first two cables of leaf1 crossed; it never converges."""
    source = deploy.load(FABRICS / "small.yml", name=f"check-miswired-{os.getpid()}")
    assert source.plan is not None
    lab = replace(source.lab, links=crossed(source.lab.links))
    record = deploy.up(replace(source, lab=lab), "netns", say=quiet)
    try:
        yield Live(record, source.plan)
    finally:
        deploy.down(f"check-miswired-{os.getpid()}")


def cable(node: str, interface: str, planned: Endpoint, seen: Endpoint) -> Difference:
    """A cable that leads elsewhere than planned."""
    expected, found = (f"{interface} leads to {far}" for far in (planned, seen))
    return Difference(node, f"link {interface}", What.CABLE, expected, found)


def test_a_swapped_cable_is_found_with_both_far_ends(miswired: Live) -> None:
    """Two cables of a leaf crossed: each end is told where it leads and where it should."""
    planned = {each.name: each.peer for each in miswired.plan.nodes["leaf1"].interfaces}

    found = miswired.check().differences

    assert [each for each in found if each.what == What.CABLE] == [
        cable("spine1", "eth1", Endpoint("leaf1", "eth1"), Endpoint("leaf1", "eth2")),
        cable("spine2", "eth1", Endpoint("leaf1", "eth2"), Endpoint("leaf1", "eth1")),
        cable("leaf1", "eth1", planned["eth1"], planned["eth2"]),
        cable("leaf1", "eth2", planned["eth2"], planned["eth1"]),
    ]


def test_a_link_that_is_down_is_found_at_both_ends(miswired: Live) -> None:
    """The end that was lowered is down, the other has no carrier; nothing else is said about that cable."""
    miswired.door("leaf2").link("eth1", up=False)
    found = miswired.check().differences
    miswired.door("leaf2").link("eth1", up=True)

    downs = {(each.node, each.subject, each.found) for each in found if each.what == What.LINK_DOWN}
    assert downs == {("leaf2", "link eth1", "down"), ("spine1", "link eth2", "up, without carrier")}
    assert What.CABLE_SILENT not in {each.what for each in found}


def test_a_polarised_fabric_leaves_ways_empty() -> None:
    """Three tiers with one seed everywhere: spines repeat the leaves' choice, and half their ways carry nothing."""
    lab = running("three-tier", f"check-three-tier-{os.getpid()}")
    live = next(lab)
    try:
        before = live.check(mesh=True).differences
        for node in live.plan.nodes:
            live.sysctl(node, SEED, 7)
        found = live.check(mesh=True).differences
    finally:
        lab.close()

    assert [str(each) for each in before] == []
    alike = [each for each in found if each.what == What.POLARISED]
    switches = [node for node in live.plan.nodes.values() if node.role is not Role.HOST]
    assert [(each.node, each.expected) for each in alike] == [
        (node.name, f"a seed of its own ({node.hash_seed})") for node in switches[1:]
    ]
    assert {each.found for each in alike} == {f"7, the same as on {switches[0].name}"}
    uneven = [each for each in found if each.what == What.UNEVEN]
    assert uneven
    assert all("-spine" in each.node for each in uneven)
    assert all(each.expected.startswith("flows over each of ") for each in uneven)
    assert all(re.fullmatch(r"none of \d+ flows over eth\d+(, eth\d+)*", each.found) for each in uneven)
