"""Plans: numbers, sessions and routes of small fabrics, checked against what can be said without a program."""

from ipaddress import ip_interface

import pytest

from topologies.errors import Mistake
from topologies.files.fabric import parse_fabric
from topologies.model import Role
from topologies.plan import NodePlan, Plan, StaticRoute
from topologies.planning import plan
from topologies.planning.routes import Speaker, ways_to

SMALL = "name: x\ndesign: leaf-spine\nspines: 2\nleaves: 4\nhosts_per_leaf: 1\n"
PAIRS = SMALL + "nics: 2\n"
PODS = """
name: x
design: three-tier
pods: 2
spines_per_pod: 2
leaves_per_pod: 2
superspines_per_plane: 2
hosts_per_leaf: 1
"""
RAIL = "name: x\ndesign: rail\npods: 2\nrails: 4\nhosts_per_pod: 2\nspines: 2\n"


def planned(text: str) -> Plan:
    """The plan of a fabric file."""
    return plan(parse_fabric(text, "x.yml"))


def speaker(name: str, asn: int, *peers: str) -> Speaker:
    """A spine that tells those peers what it knows."""
    cables = tuple((peer, f"to-{name}") for peer in peers)
    return Speaker(name, Role.SPINE, asn, above=cables, below=(), vouches=frozenset())


def width(node: NodePlan, origin: str) -> set[int]:
    """The numbers of next hops that a node has towards what an origin announces."""
    return {len(route.interfaces) for route in node.routes if route.origin == origin}


def test_spines_of_a_pod_share_an_asn_and_leaves_have_their_own() -> None:
    """RFC 7938, section 5.2.2: spines of one pod alike, super-spines alike, no two leaves alike."""
    nodes = planned(PODS).nodes

    assert nodes["pod1-spine1"].asn == nodes["pod1-spine2"].asn != nodes["pod2-spine1"].asn
    assert len({node.asn for node in nodes.values() if node.role is Role.SUPERSPINE}) == 1
    assert len({node.asn for node in nodes.values() if node.role is Role.LEAF}) == 4
    assert all(node.asn is None for node in nodes.values() if node.role is Role.HOST)


def test_spines_have_no_route_to_each_other() -> None:
    """They share an ASN, so each refuses what comes from the other by a leaf."""
    nodes = planned(SMALL).nodes

    assert {route.origin for route in nodes["spine1"].routes} == {"leaf1", "leaf2", "leaf3", "leaf4"}
    assert width(nodes["leaf1"], "spine1") == {1}
    assert width(nodes["leaf1"], "leaf4") == {2}


def test_a_leaf_leads_nowhere_but_to_its_own() -> None:
    """A spine of plane 1 has no route to a spine of plane 2: only a leaf stands between them."""
    nodes = planned(PODS).nodes

    origins = {route.origin for route in nodes["pod1-spine1"].routes}
    assert "pod2-spine1" in origins
    assert not origins & {"pod1-spine2", "pod2-spine2", "superspine3"}
    assert width(nodes["pod1-spine1"], "pod2-leaf1") == {2}
    assert width(nodes["superspine1"], "pod2-leaf1") == {1}


def test_unnumbered_links_have_one_session_and_no_address() -> None:
    """The session goes by the interface and carries both families, IPv4 with IPv6 next hops (RFC 8950)."""
    leaf = planned(SMALL).nodes["leaf1"]

    session = leaf.sessions[0]
    assert (session.neighbor, session.families, session.address) == ("eth1", ("ipv4", "ipv6"), None)
    assert session.extended_nexthop
    assert leaf.interfaces[0].addresses == ()
    assert leaf.interfaces[2].addresses  # the host's link is addressed all the same


def test_numbered_links_have_one_session_for_both_families_and_the_lower_end_waits() -> None:
    """To the far end's IPv4 address where it has one; the leaf is passive, except where BFD watches."""
    nodes = planned(SMALL + "underlay: {numbering: numbered}\n").nodes
    watched = planned(SMALL + "underlay: {numbering: numbered, bfd: true}\n").nodes

    assert [session.peer for session in nodes["leaf1"].sessions] == ["spine1", "spine2"]
    assert all(session.families == ("ipv4", "ipv6") for session in nodes["leaf1"].sessions)
    assert all("." in (session.address or "") for session in nodes["leaf1"].sessions)
    assert all(session.passive for session in nodes["leaf1"].sessions)
    assert not any(session.passive for session in nodes["spine1"].sessions)
    assert not any(session.passive for session in watched["leaf1"].sessions)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("numbering", ["numbered", "unnumbered"])
def test_a_family_that_is_off_leaves_no_trace(family: str, numbering: str) -> None:
    """No address, session, prefix or route of it; the router id stays the IPv4 loopback."""
    node = planned(SMALL + f"underlay: {{numbering: {numbering}, {family}: false}}\n").nodes["leaf1"]
    mark = "." if family == "ipv4" else ":"

    texts = [*node.loopbacks, *node.announces, *(route.prefix for route in node.routes)]
    texts += [address for interface in node.interfaces for address in interface.addresses]
    assert not [text for text in texts if mark in text]
    assert not [session for session in node.sessions if family in session.families]
    assert node.router_id == "10.8.0.1"


def test_a_host_with_several_nics_answers_by_the_one_that_was_asked() -> None:
    """Its default route has all NICs, and each NIC's address has a table of its own."""
    host = planned(PAIRS + "underlay: {ipv6: false}\n").nodes["leaf1-host1"]

    assert host.static_routes == (
        StaticRoute("0.0.0.0/0", (("10.64.1.2", "eth1"), ("10.64.2.4", "eth2"))),
        StaticRoute("0.0.0.0/0", (("10.64.1.2", "eth1"),), 101),
        StaticRoute("0.0.0.0/0", (("10.64.2.4", "eth2"),), 102),
    )
    assert [(rule.source, rule.table) for rule in host.source_rules] == [("10.64.1.3/32", 101), ("10.64.2.5/32", 102)]


def test_hosts_with_bgp_announce_their_loopbacks_over_all_nics() -> None:
    """A far leaf reaches them over both spines, a spine over both leaves of the pair; no host subnet is announced."""
    nodes = planned(PAIRS + "underlay: {hosts: bgp}\n").nodes

    assert width(nodes["spine1"], "leaf1-host1") == {2}
    assert width(nodes["leaf4"], "leaf1-host1") == {2}
    assert width(nodes["leaf3-host1"], "leaf1-host1") == {2}
    assert nodes["leaf1"].announces == nodes["leaf1"].loopbacks
    assert nodes["leaf1-host1"].static_routes == ()
    assert nodes["leaf1-host1"].probe_addresses[0] == ip_interface(nodes["leaf1-host1"].loopbacks[0]).ip.compressed


def test_a_rail_host_with_bgp_is_reached_over_every_rail() -> None:
    """A spine has one way per rail, a leaf of another pod one per spine."""
    nodes = planned(RAIL + "underlay: {hosts: bgp}\n").nodes

    assert width(nodes["spine1"], "pod1-host1") == {4}
    assert width(nodes["pod2-rail1"], "pod1-host1") == {2}
    assert width(nodes["pod1-rail1"], "pod1-host1") == {1}


def test_too_narrow_ecmp_is_refused_with_the_width_that_is_needed() -> None:
    """Which of the equal paths a router would keep cannot be foretold, so there is no plan."""
    with pytest.raises(Mistake, match=r"underlay\.ecmp: 1 is less than the 2 equal paths .* 2 or more is needed"):
        planned(SMALL + "underlay: {ecmp: 1}\n")


def test_a_choice_that_decides_who_gets_a_route_is_refused() -> None:
    """The middle hears of the origin by two leaves and passes one path on; the far end, which has an ASN with one of
    the two in common, refuses that one. Which it is cannot be foretold.

    origin -- left  (10) -- middle (30) -- far (10)
           `- right (20) -'
    """
    speakers = {
        "origin": speaker("origin", 1, "left", "right"),
        "left": speaker("left", 10, "middle"),
        "right": speaker("right", 20, "middle"),
        "middle": speaker("middle", 30, "far"),
        "far": speaker("far", 10),
    }

    with pytest.raises(Mistake, match="middle has equal paths to origin, some through AS 10 of far"):
        ways_to("origin", speakers, ecmp=64)
    alike = speakers | {"far": speaker("far", 40)}
    assert ways_to("origin", alike, ecmp=64)["far"] == {"to-middle"}


@pytest.mark.parametrize(("leaves", "pinned"), [(16, False), (32, True)])
def test_neighbours_are_pinned_before_the_kernels_table_fills(leaves: int, pinned: bool) -> None:
    """All namespaces share one table of 1,024 entries per family; above 512 the kernel begins to clean it."""
    text = f"name: x\ndesign: leaf-spine\nspines: 8\nleaves: {leaves}\nunderlay: {{numbering: unnumbered}}\n"

    assert planned(text).pinned_neighbours is False
    assert planned(text.replace("unnumbered", "numbered")).pinned_neighbours is pinned
