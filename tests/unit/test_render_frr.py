"""What FRR is told: who is announced what, who is believed what, and in which words.

              spine1 (AS 4200000000)
             /      \\
    leaf1 (…1001)    leaf2 (…1002)
        |
    host1 (…2001, only where hosts speak BGP)
"""

from ipaddress import IPv4Network, IPv6Network

import pytest
from msgspec.structs import replace

from topologies.errors import Mistake
from topologies.model import Attachment, Endpoint, Fabric, Node, Numbering, Pools, Role, Underlay
from topologies.plan import IPV4, IPV6, NodePlan, Plan, PlannedInterface, PlannedSession
from topologies.render.frr import Frr
from topologies.render.policy import Permit, Router, router
from topologies.render.routing import routing

POOLS = Pools(
    IPv4Network("10.0.0.0/16"),
    IPv6Network("fd00:c105::/48"),
    IPv4Network("10.64.0.0/12"),
    IPv6Network("fd00:c105:1::/48"),
    IPv4Network("10.128.0.0/12"),
    IPv6Network("fd00:c105:2::/48"),
)
UNDERLAY = Underlay(Numbering.UNNUMBERED, True, True, False, 64, Attachment.BGP, 4200000000, POOLS)
FABRIC = Fabric("t", "leaf-spine", (Node("leaf1", Role.LEAF, 0, 1),), (), UNDERLAY)
UP = PlannedSession("eth1", "eth1", "spine1", 4200000000, Role.SPINE, (IPV4, IPV6), False, False, True)
DOWN = PlannedSession("eth2", "eth2", "host1", 4200002001, Role.HOST, (IPV4, IPV6), False, False, True)
TO_LEAF = PlannedSession("eth1", "eth1", "leaf1", 4200001001, Role.LEAF, (IPV4, IPV6), False, False, True)
NUMBERED = replace(UP, neighbor="10.64.0.0", extended_nexthop=False, address="10.64.0.0", passive=True)
NUMBERED6 = replace(NUMBERED, neighbor="fd00:c105:1::", families=(IPV6,), address="fd00:c105:1::")
CABLE = PlannedInterface(
    "eth1", "02:00:00:00:00:01", 9500, ("10.64.0.1/31", "fd00:c105:1::1/127"), Endpoint("spine1", "eth1"), "", ()
)


def speaker(name: str, role: Role, asn: int, sessions: tuple[PlannedSession, ...], *announces: str) -> NodePlan:
    loopbacks = announces[:2]
    router_id = loopbacks[0].partition("/")[0]
    return NodePlan(name, role, 0, asn, router_id, loopbacks, announces, (), sessions, (), (), (), 7, ())


LEAF = speaker("leaf1", Role.LEAF, 4200001001, (UP, DOWN), "10.0.2.1/32", "fd00:c105::2:1/128", "10.128.1.0/26")
SPINE = speaker("spine1", Role.SPINE, 4200000000, (TO_LEAF,), "10.0.1.1/32", "fd00:c105::1:1/128")
HOST = speaker("host1", Role.HOST, 4200002001, (TO_LEAF,), "10.0.3.1/32", "fd00:c105::3:1/128")


def routed(node: NodePlan, fabric: Fabric = FABRIC) -> Router:
    plan = Plan("t", 64, {"leaf1": LEAF, "spine1": SPINE, "host1": HOST}, False)
    told = router(fabric, plan, node)
    assert told is not None
    return told


def conf(node: NodePlan, daemon: str = "bgpd", fabric: Fabric = FABRIC) -> list[str]:
    files = {file.path: file.text for file in Frr().files(routed(node, fabric))}
    return [line.strip() for line in files[f"/etc/frr/{daemon}.conf"].splitlines()]


def permits(node: NodePlan, name: str, family: str) -> list[str]:
    (found,) = (f for f in routed(node).filters if (f.name, f.family) == (name, family))
    return [permit.prefix for permit in found.permits]


def test_a_leaf_announces_upwards_only_what_it_and_its_hosts_originate() -> None:
    """The OWN filter of a leaf names its loopback, its host block and its BGP hosts' loopbacks, and nothing else."""
    lines = conf(LEAF)

    assert permits(LEAF, "OWN", IPV4) == ["10.0.2.1/32", "10.128.1.0/26", "10.0.3.1/32"]
    assert permits(LEAF, "OWN", IPV6) == ["fd00:c105::2:1/128", "fd00:c105::3:1/128"]
    assert lines.count("neighbor SPINES prefix-list OWN out") == 2


def test_a_leaf_believes_a_host_only_what_that_host_originates() -> None:
    """Towards a BGP host the inbound filter is that host's own, not its group's."""
    lines = conf(LEAF)

    assert permits(LEAF, "FROM-host1", IPV4) == ["10.0.3.1/32"]
    assert lines.count("neighbor eth2 prefix-list FROM-host1 in") == 2
    assert lines.count("neighbor HOSTS prefix-list FABRIC out") == 2


def test_a_spine_takes_and_gives_fabric_prefixes_only() -> None:
    """A spine has no OWN filter; loopbacks pass as single addresses, host subnets in any size."""
    told = routed(SPINE)
    four = next(f for f in told.filters if f.family == IPV4)

    assert {f.name for f in told.filters} == {"FABRIC"}
    assert four.permits == (
        Permit("10.0.0.0/16", shortest=32, longest=32),
        Permit("10.128.0.0/12", longest=32),
    )
    assert "neighbor LEAVES prefix-list FABRIC out" in conf(SPINE)


def test_a_host_announces_only_its_loopback() -> None:
    """A BGP host announces its own prefixes, and is told not to forward."""
    assert permits(HOST, "OWN", IPV4) == ["10.0.3.1/32"]
    assert "neighbor LEAVES prefix-list OWN out" in conf(HOST)
    assert "no ip forwarding" in conf(HOST, "zebra")
    assert "no ip forwarding" not in conf(LEAF, "zebra")


def test_a_filter_without_prefixes_refuses_everything() -> None:
    """FRR lets everything through an empty prefix-list, so one that permits nothing says deny."""
    silent = speaker("leaf9", Role.LEAF, 4200001009, (UP,), "10.0.2.9/32")

    assert "ipv6 prefix-list OWN seq 5 deny any" in conf(silent)


def test_filters_are_defined_before_they_are_used() -> None:
    """FRR counts a filter that is named before its definition as missing until a timer of five seconds."""
    lines = conf(LEAF)

    last_definition = max(i for i, line in enumerate(lines) if line.startswith(("ip prefix-list", "ipv6 prefix-list")))
    assert last_definition < lines.index("router bgp 4200001001")


def test_an_unnumbered_session_names_the_interface_and_the_exact_asn() -> None:
    """A swapped cable must not come up, so the ASN is the planned one and never `external`."""
    lines = conf(LEAF)

    assert "neighbor eth1 interface peer-group SPINES" in lines
    assert "neighbor eth1 remote-as 4200000000" in lines
    assert "neighbor SPINES capability extended-nexthop" in lines
    assert not any("external" in line for line in lines)


def test_a_numbered_session_carries_both_families() -> None:
    """Its group is active in each; the next hops of IPv6 need no capability, for the link has addresses of its own."""
    lines = conf(replace(LEAF, sessions=(NUMBERED,)))

    assert "neighbor 10.64.0.0 peer-group SPINES" in lines
    assert lines.count("neighbor SPINES activate") == 2
    assert "neighbor SPINES passive" in lines
    assert not any("extended-nexthop" in line for line in lines)


def test_bfd_brings_its_daemon() -> None:
    """With BFD there is a bfdd, started before bgpd, and every group asks for it."""
    watched = replace(LEAF, sessions=(replace(NUMBERED, bfd=True),), interfaces=(CABLE,))

    daemons = [daemon.name for daemon in Frr().daemons(routed(watched))]

    assert daemons == ["mgmtd", "zebra", "bfdd", "bgpd"]
    assert "neighbor SPINES bfd" in conf(watched)
    assert [daemon.name for daemon in Frr().daemons(routed(LEAF))] == ["mgmtd", "zebra", "bgpd"]


def test_a_watched_numbered_session_names_its_source() -> None:
    """FRR otherwise moves the BFD session to another source once BGP is up, and the far end sees it go down."""
    sessions = tuple(replace(session, bfd=True) for session in (NUMBERED, NUMBERED6))

    lines = conf(replace(LEAF, sessions=sessions, interfaces=(CABLE,)))

    assert "neighbor 10.64.0.0 update-source 10.64.0.1" in lines
    assert "neighbor fd00:c105:1:: update-source fd00:c105:1::1" in lines
    assert not any("update-source" in line for line in conf(replace(LEAF, sessions=(NUMBERED,))))
    assert not any("update-source" in line for line in conf(replace(LEAF, sessions=(replace(UP, bfd=True),))))


def test_routers_speak_from_their_loopback() -> None:
    """Routes carry the loopback as source, for link addresses are announced to nobody."""
    lines = conf(LEAF, "zebra")

    assert "set src 10.0.2.1" in lines
    assert "ipv6 protocol bgp route-map SOURCE6" in lines


def test_a_family_that_is_not_routed_is_not_mentioned() -> None:
    """An IPv4-only fabric has no IPv6 address family and no IPv6 filter."""
    only4 = replace(FABRIC, underlay=replace(UNDERLAY, ipv6=False))

    lines = conf(replace(LEAF, sessions=(replace(NUMBERED, families=(IPV4,)),)), fabric=only4)

    assert "address-family ipv4 unicast" in lines
    assert not any("ipv6" in line for line in lines if "default ipv4-unicast" not in line)


def test_daemons_are_ready_when_their_sockets_accept() -> None:
    """zebra is ready for its clients, the others when they answer; all name the file that they read."""
    mgmtd, zebra, bgpd = Frr().daemons(routed(LEAF))

    assert (mgmtd.optional, zebra.optional, bgpd.optional) == (True, False, False)
    assert (zebra.ready, bgpd.ready) == ("/run/frr/zserv.api", "/run/frr/bgpd.vty")
    assert bgpd.argv[:3] == ("/usr/lib/frr/bgpd", "-f", bgpd.config)
    assert "-d" not in bgpd.argv


def test_a_node_without_bgp_has_no_router() -> None:
    """A static host gets no routing daemon."""
    assert router(FABRIC, Plan("t", 64, {}, False), replace(HOST, asn=None, router_id=None)) is None


def test_an_unknown_routing_suite_is_refused_with_the_known_ones() -> None:
    """The mistake names what there is."""
    with pytest.raises(Mistake, match="no routing suite 'bird'; there are frr"):
        routing("bird")
