"""What a runtime is told of each node.

host1 eth1 ---- eth2 leaf1 eth1 ---- eth1 spine1
"""

from ipaddress import IPv4Network, IPv6Network

import pytest
from msgspec.structs import replace

from topologies.lab import Lab, LabNode, Neighbour, Route, Rule, Veth
from topologies.model import Attachment, Endpoint, Fabric, Link, Node, Numbering, Pools, Role, Underlay
from topologies.plan import NodePlan, Plan, PlannedInterface, SourceRule, StaticRoute
from topologies.render.assemble import lab, link_local

MACS = {"host1:eth1": "02:00:00:00:00:01", "leaf1:eth2": "02:00:00:00:00:02", "leaf1:eth1": "02:00:00:00:00:03"}
MACS["spine1:eth1"] = "02:00:00:00:00:04"
ADDRESSES: dict[str, tuple[str, ...]] = {
    "leaf1:eth1": ("10.64.0.1/31", "fd00:1::1/127"),
    "spine1:eth1": ("10.64.0.0/31", "fd00:1::/127"),
}
ADDRESSES |= {"host1:eth1": ("10.128.0.1/31",), "leaf1:eth2": ("10.128.0.0/31",)}
CABLES = (("host1:eth1", "leaf1:eth2"), ("leaf1:eth1", "spine1:eth1"))
POOLS = Pools(
    IPv4Network("10.0.0.0/16"),
    IPv6Network("fd00::/48"),
    IPv4Network("10.64.0.0/12"),
    IPv6Network("fd00:1::/48"),
    IPv4Network("10.128.0.0/12"),
    IPv6Network("fd00:2::/48"),
)


def end(text: str) -> Endpoint:
    node, interface = text.split(":")
    return Endpoint(node, interface)


def node_plan(name: str, role: Role, asn: int | None) -> NodePlan:
    ends = [(a, b) for cable in CABLES for a, b in (cable, cable[::-1]) if a.startswith(f"{name}:")]
    interfaces = tuple(
        PlannedInterface(end(a).interface, MACS[a], 9216, ADDRESSES[a], end(b), MACS[b], ADDRESSES[b]) for a, b in ends
    )
    loopbacks = () if asn is None else (f"10.0.0.{asn % 10}/32",)
    router_id = loopbacks[0].removesuffix("/32") if loopbacks else None
    probes = (router_id,) if router_id else ("10.128.0.1",)
    return NodePlan(name, role, 0, asn, router_id, loopbacks, loopbacks, interfaces, (), (), (), (), asn or 9, probes)


FABRIC = Fabric(
    "t",
    "leaf-spine",
    (Node("leaf1", Role.LEAF, 0, 1), Node("spine1", Role.SPINE, 0, 1), Node("host1", Role.HOST, 0, 1)),
    tuple(Link(end(a), end(b), 9216, 25_000) for a, b in CABLES),
    Underlay(Numbering.NUMBERED, True, True, False, 64, Attachment.STATIC, 4200000000, POOLS),
    image="frr:mine",
)
HOST = replace(
    node_plan("host1", Role.HOST, None),
    static_routes=(StaticRoute("0.0.0.0/0", (("10.128.0.0", "eth1"),), 101),),
    source_rules=(SourceRule("10.128.0.1", 101),),
)
PLAN = Plan(
    "t",
    64,
    {"leaf1": node_plan("leaf1", Role.LEAF, 65001), "spine1": node_plan("spine1", Role.SPINE, 65002), "host1": HOST},
    False,
)


@pytest.fixture
def made() -> Lab:
    return lab(FABRIC, PLAN, file="t.yml")


def node_of(made: Lab, name: str) -> LabNode:
    return next(node for node in made.nodes if node.name == name)


def test_nodes_come_in_boot_order(made: Lab) -> None:
    """Spines listen before leaves connect; hosts are last."""
    assert [node.name for node in made.nodes] == ["spine1", "leaf1", "host1"]


def test_links_carry_what_is_planned(made: Lab) -> None:
    """MAC addresses, addresses, MTU and rate go to the ends that they are planned for."""
    link = made.links[1]

    assert isinstance(link, Veth)
    assert (link.mtu, link.rate_mbps) == (9216, 25_000)
    assert (link.a.mac, link.a.addresses) == (MACS["leaf1:eth1"], ADDRESSES["leaf1:eth1"])
    assert (str(link.b), link.b.mac) == ("spine1:eth1", MACS["spine1:eth1"])


def test_switches_forward_and_hosts_do_not(made: Lab) -> None:
    """Forwarding, the reverse path filter and the hash seed differ by what the node is."""
    leaf, spine, host = (dict(node_of(made, name).sysctls) for name in ("leaf1", "spine1", "host1"))

    assert (leaf["net.ipv4.ip_forward"], leaf["net.ipv6.conf.all.forwarding"]) == ("1", "1")
    assert (host["net.ipv4.ip_forward"], host["net.ipv6.conf.all.forwarding"]) == ("0", "0")
    assert (leaf["net.ipv4.conf.all.rp_filter"], host["net.ipv4.conf.all.rp_filter"]) == ("0", "2")
    assert leaf["net.ipv4.fib_multipath_hash_seed"] != spine["net.ipv4.fib_multipath_hash_seed"]
    assert leaf["net.ipv6.conf.default.accept_dad"] == "0"


def test_a_static_host_gets_routes_and_rules_and_no_daemon(made: Lab) -> None:
    """What is planned for a host goes in as it is."""
    host = node_of(made, "host1")

    assert host.routes == (Route("0.0.0.0/0", (("10.128.0.0", "eth1"),), 101),)
    assert host.rules == (Rule("10.128.0.1", 101),)
    assert (host.daemons, host.files, host.addresses) == ((), (), ())


def test_a_switch_gets_its_loopback_files_and_daemons(made: Lab) -> None:
    """Loopbacks are on lo; every daemon's configuration is among the files."""
    leaf = node_of(made, "leaf1")

    assert leaf.addresses == (("lo", "10.0.0.1/32"),)
    assert {daemon.config for daemon in leaf.daemons if daemon.config} <= {file.path for file in leaf.files}
    assert leaf.image == "frr:mine"


def test_labels_tell_other_tools_what_a_node_is(made: Lab) -> None:
    """Drawing levels count from the top; inventories group by role."""
    labels = {name: dict(node_of(made, name).labels) for name in ("spine1", "leaf1", "host1")}

    assert [labels[name]["graph-level"] for name in ("spine1", "leaf1", "host1")] == ["1", "2", "3"]
    assert labels["leaf1"]["ansible-group"] == labels["leaf1"]["nornir-group"] == "leaf"
    assert labels["leaf1"]["closlab-asn"] == "65001"
    assert "closlab-asn" not in labels["host1"]


def test_neighbours_are_pinned_only_where_the_plan_asks() -> None:
    """A pinned far end has its addresses and the link-local one that IPv6 next hops use."""
    pinned = lab(FABRIC, replace(PLAN, pinned_neighbours=True))

    mac = MACS["leaf1:eth1"]
    assert node_of(lab(FABRIC, PLAN), "spine1").neighbours == ()
    assert node_of(pinned, "spine1").neighbours == (
        Neighbour("eth1", "10.64.0.1", mac),
        Neighbour("eth1", "fd00:1::1", mac),
        Neighbour("eth1", "fe80::ff:fe00:3", mac),
    )


def test_the_link_local_address_follows_from_the_mac() -> None:
    """EUI-64 with the universal bit flipped, as in the example of RFC 2464 section 4."""
    assert link_local("34:56:78:9a:bc:de") == "fe80::3656:78ff:fe9a:bcde"
