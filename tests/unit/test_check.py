r"""The comparison of a plan with facts: a healthy fabric shows no difference, each fault shows exactly its own.

spine1      spine2
  |  \    /  |
  |   \  /   |
  |    \/    |
leaf1      leaf2
"""

from collections.abc import Callable, Mapping

import pytest
from msgspec.structs import replace

from telemetry.compare import differences
from telemetry.compare_lab import lab_differences
from telemetry.counting import counts
from telemetry.lacking import lacking_routes, lacking_sessions, unproven_sessions
from telemetry.model import Difference, NodeFacts, Session, What
from topologies.lab import End, Lab, LabNode, Veth, WaitFor
from topologies.model import Endpoint, Role
from topologies.plan import NodePlan, Plan, PlannedInterface, PlannedRoute, PlannedSession
from topologies.runtime.netlink_decode import Counters, Hop, KernelLink, KernelNeighbour, KernelRoute

BGP, KERNEL = 186, 2
ASNS = {"leaf1": 65101, "leaf2": 65102, "spine1": 65001, "spine2": 65001}
LOOPBACKS = {"leaf1": "10.0.1.1", "leaf2": "10.0.1.2", "spine1": "10.0.0.1", "spine2": "10.0.0.2"}
CABLES = {("leaf1", 1): ("spine1", 1), ("leaf1", 2): ("spine2", 1), ("leaf2", 1): ("spine1", 2)}
CABLES |= {("leaf2", 2): ("spine2", 2)}
FAR = CABLES | {far: near for near, far in CABLES.items()}


def mac(node: str, port: int) -> str:
    return f"02:00:00:00:{list(ASNS).index(node):02x}:{port:02x}"


def interface(node: str, port: int) -> PlannedInterface:
    peer, far = FAR[node, port]
    return PlannedInterface(
        name=f"eth{port}",
        mac=mac(node, port),
        mtu=9500,
        addresses=(),
        peer=Endpoint(peer, f"eth{far}"),
        peer_mac=mac(peer, far),
        peer_addresses=(),
    )


def session(node: str, port: int) -> PlannedSession:
    peer, _ = FAR[node, port]
    role = Role.SPINE if peer.startswith("spine") else Role.LEAF
    return PlannedSession(
        f"eth{port}", f"eth{port}", peer, ASNS[peer], role, ("ipv4",), bfd=False, passive=False, extended_nexthop=True
    )


def routes(node: str) -> tuple[PlannedRoute, ...]:
    ways = {
        "leaf1": {"leaf2": "12", "spine1": "1", "spine2": "2"},
        "leaf2": {"leaf1": "12", "spine1": "1", "spine2": "2"},
        "spine1": {"leaf1": "1", "leaf2": "2"},
        "spine2": {"leaf1": "1", "leaf2": "2"},
    }[node]
    return tuple(
        PlannedRoute(f"{LOOPBACKS[origin]}/32", frozenset(f"eth{port}" for port in ports), origin)
        for origin, ports in ways.items()
    )


def node_plan(node: str) -> NodePlan:
    return NodePlan(
        name=node,
        role=Role.SPINE if node.startswith("spine") else Role.LEAF,
        pod=1,
        asn=ASNS[node],
        router_id=LOOPBACKS[node],
        loopbacks=(f"{LOOPBACKS[node]}/32",),
        announces=(f"{LOOPBACKS[node]}/32",),
        interfaces=(interface(node, 1), interface(node, 2)),
        sessions=(session(node, 1), session(node, 2)),
        routes=routes(node),
        static_routes=(),
        source_rules=(),
        hash_seed=1000 + list(ASNS).index(node),
        probe_addresses=(LOOPBACKS[node],),
    )


PLAN = Plan("tiny", 64, {node: node_plan(node) for node in ASNS}, pinned_neighbours=False)


def healthy(node: str) -> NodeFacts:
    """What a node shows that is exactly as planned."""
    planned = PLAN.nodes[node]
    ports = {each.name: number for number, each in enumerate(planned.interfaces, 2)}
    links = [KernelLink(1, "lo", "00:00:00:00:00:00", 65536, True, True, 0, 0, "", Counters())]
    links += [
        KernelLink(ports[each.name], each.name, each.mac, each.mtu, True, True, 9, 0, "veth", Counters())
        for each in planned.interfaces
    ]
    ways = [
        KernelRoute(
            route.prefix, BGP, tuple(Hop("fe80::1", ports[name]) for name in route.interfaces), 254, "unicast", 20, ""
        )
        for route in planned.routes
    ]
    ways.append(KernelRoute("fe80::/64", KERNEL, (Hop("", 2),), 254, "unicast", 256, ""))
    return NodeFacts(
        name=node,
        links={link.name: link for link in links},
        addresses=(("lo", "127.0.0.1/8"), ("lo", planned.loopbacks[0])),
        routes=tuple(ways),
        sysctls={
            "net.ipv4.ip_forward": "1",
            "net.ipv6.conf.all.forwarding": "1",
            "net.ipv4.fib_multipath_hash_policy": "1",
            "net.ipv4.fib_multipath_hash_seed": str(planned.hash_seed),
        },
        sessions={
            each.neighbor: Session(
                each.neighbor,
                each.peer_asn,
                "Established",
                LOOPBACKS[each.peer],
                each.peer,
                ("ipv4",),
                four_byte_asn=True,
                extended_nexthop=True,
            )
            for each in planned.sessions
        },
        cables={each.name: each.peer for each in planned.interfaces},
    )


Break = Callable[[NodeFacts], NodeFacts]


def found_after(node: str, change: Break) -> tuple[Difference, ...]:
    """The differences after one node of a healthy fabric changed."""
    facts = {name: healthy(name) for name in ASNS}
    return differences(PLAN, facts | {node: change(facts[node])})


def with_session(**changes: object) -> Break:
    def change(seen: NodeFacts) -> NodeFacts:
        return replace(seen, sessions={**seen.sessions, "eth1": replace(seen.sessions["eth1"], **changes)})  # type: ignore[arg-type]  # any field

    return change


def with_link(**changes: object) -> Break:
    def change(seen: NodeFacts) -> NodeFacts:
        return replace(seen, links={**seen.links, "eth1": replace(seen.links["eth1"], **changes)})  # type: ignore[arg-type]  # any field

    return change


def with_sysctl(key: str, value: str) -> Break:
    return lambda seen: replace(seen, sysctls={**seen.sysctls, key: value})


def without_route(prefix: str, *instead: KernelRoute) -> Break:
    return lambda seen: replace(seen, routes=(*(each for each in seen.routes if each.prefix != prefix), *instead))


def with_route(*more: KernelRoute) -> Break:
    return lambda seen: replace(seen, routes=(*seen.routes, *more))


def route(prefix: str, *indexes: int, kind: str = "unicast", protocol: int = BGP) -> KernelRoute:
    return KernelRoute(prefix, protocol, tuple(Hop("fe80::1", index) for index in indexes), 254, kind, 20, "")


def dead(_: NodeFacts) -> NodeFacts:
    return NodeFacts("leaf1", lacks=(("node", "lab tiny: node leaf1 does not run"),))


def paused(seen: NodeFacts) -> NodeFacts:
    return replace(seen, paused=True, sessions={})


def unnamed(seen: NodeFacts) -> NodeFacts:
    return replace(seen, sessions={"eth2": seen.sessions["eth2"]})


def swapped(seen: NodeFacts) -> NodeFacts:
    return replace(seen, cables={**seen.cables, "eth1": Endpoint("spine2", "eth1")})


def surplus(seen: NodeFacts) -> NodeFacts:
    return replace(seen, sessions={**seen.sessions, "eth9": Session("eth9", 65999, "Established")})


FAULTS: Mapping[str, tuple[Break, What, str, str]] = {
    "node dead": (dead, What.NODE_DEAD, "running", "does not run"),
    "node paused": (paused, What.NODE_PAUSED, "running", "paused"),
    "daemon silent": (
        lambda seen: replace(seen, lacks=(("bgpd", "no daemon"),), sessions={}),
        What.DAEMON_SILENT,
        "an answer",
        "no daemon",
    ),
    "session down": (
        with_session(state="Active", last_reset="Peer closed the session"),
        What.SESSION_DOWN,
        "Established",
        "Active (last reset: Peer closed the session)",
    ),
    "session gone": (unnamed, What.SESSION_MISSING, "configured", "only eth2"),
    "session unplanned": (surplus, What.SESSION_UNPLANNED, "none", "AS 65999"),
    "wrong ASN": (with_session(peer_asn=65999), What.ASN, "AS 65001", "AS 65999"),
    "wrong peer": (with_session(router_id="10.0.0.2"), What.PEER, "spine1", "spine2 (10.0.0.2)"),
    "no extended next hop": (with_session(extended_nexthop=False), What.CAPABILITY, "extended next hop", "ipv4"),
    "family not agreed": (with_session(families=()), What.CAPABILITY, "ipv4", "4-byte ASN"),
    "family not wanted": (with_session(families=("ipv4", "ipv6")), What.CAPABILITY, "ipv4", "ipv6"),
    "link down": (with_link(up=False, carrier=False), What.LINK_DOWN, "up, with carrier", "down"),
    "no carrier": (with_link(carrier=False), What.LINK_DOWN, "up, with carrier", "up, without carrier"),
    "MTU": (with_link(mtu=1500), What.MTU, "9500", "1500"),
    "MAC": (with_link(mac="02:00:00:00:00:99"), What.MAC, mac("leaf1", 1), "02:00:00:00:00:99"),
    "cable": (swapped, What.CABLE, "eth1 leads to spine1:eth1", "eth1 leads to spine2:eth1"),
    "address": (
        lambda seen: replace(seen, addresses=(("lo", "127.0.0.1/8"),)),
        What.ADDRESS_MISSING,
        "on lo",
        "127.0.0.1/8",
    ),
    "route missing": (without_route("10.0.1.2/32"), What.ROUTE_MISSING, "over eth1, eth2 (2)", "no route"),
    "route narrow": (
        without_route("10.0.1.2/32", route("10.0.1.2/32", 2)),
        What.ROUTE_HOPS,
        "over eth1, eth2 (2)",
        "over eth1 (1)",
    ),
    "route leaked": (with_route(route("10.9.9.0/24", 2)), What.ROUTE_UNPLANNED, "none", "bgp route over eth1 (1)"),
    "way out": (with_route(route("0.0.0.0/0", 3, protocol=4)), What.ROUTE_UNPLANNED, "none", "static route over eth2"),
    "black hole": (
        without_route("10.0.1.2/32", route("10.0.1.2/32", kind="blackhole")),
        What.ROUTE_BLACKHOLE,
        "over eth1, eth2 (2)",
        "blackhole",
    ),
    "hash policy": (with_sysctl("net.ipv4.fib_multipath_hash_policy", "0"), What.HASH_POLICY, "1", "0"),
    "no seed": (with_sysctl("net.ipv4.fib_multipath_hash_seed", "0"), What.POLARISED, "a seed of its own", "0"),
    "forwarding": (with_sysctl("net.ipv4.ip_forward", "0"), What.FORWARDING, "1", "0"),
}


def test_a_fabric_as_planned_shows_no_difference() -> None:
    """Connected, link-local and planned routes are no differences, nor is anything else of a healthy fabric."""
    assert differences(PLAN, {name: healthy(name) for name in ASNS}) == ()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_shows_once_with_node_expected_and_found(fault: str) -> None:
    """One fault is one difference, on the node that has it, in words that name both sides."""
    change, what, expected, found = FAULTS[fault]

    (difference,) = found_after("leaf1", change)

    assert (difference.node, difference.what) == ("leaf1", what)
    assert expected in difference.expected
    assert found in difference.found


def test_equal_seeds_are_named_with_both_switches() -> None:
    """Two switches that hash alike polarise; the second is named together with the first."""
    (difference,) = found_after("spine2", with_sysctl("net.ipv4.fib_multipath_hash_seed", "1000"))

    assert (difference.node, difference.what) == ("spine2", What.POLARISED)
    assert "the same as on leaf1" in difference.found


def test_a_neighbour_entry_with_a_strange_mac_is_a_difference() -> None:
    """Packets for a planned peer that go to another MAC are lost; entries without a MAC say nothing."""
    plan = replace(PLAN.nodes["leaf1"], interfaces=(replace(interface("leaf1", 1), peer_addresses=("10.1.0.1/31",)),))
    seen = replace(
        healthy("leaf1"),
        neighbours=(
            KernelNeighbour(2, "10.1.0.1", "02:00:00:00:00:99", "reachable"),
            KernelNeighbour(3, "10.1.0.1", "", "failed"),
        ),
    )

    found = [
        each for each in differences(replace(PLAN, nodes={"leaf1": plan}), {"leaf1": seen}) if each.what == "neighbour"
    ]

    assert [(each.expected, each.found) for each in found] == [(mac("spine1", 1), "02:00:00:00:00:99")]


def test_the_management_subnet_is_no_leak_but_a_default_over_it_is() -> None:
    """eth0's own subnet belongs to the lab; a default route over it would break the seal."""
    management = KernelLink(9, "eth0", "02:42:ac:14:14:02", 1500, True, True, 7, 0, "veth", Counters())

    def change(seen: NodeFacts) -> NodeFacts:
        own = route("172.20.20.0/24", 9, protocol=KERNEL)
        out = route("0.0.0.0/0", 9, protocol=KERNEL)
        return replace(seen, links={**seen.links, "eth0": management}, routes=(*seen.routes, own, out))

    (difference,) = found_after("leaf1", change)

    assert (difference.subject, difference.what) == ("route 0.0.0.0/0", What.ROUTE_UNPLANNED)


def test_bfd_is_asked_for_only_where_it_is_planned() -> None:
    """A session that BFD should watch and does not is a difference of its own."""
    watched = replace(PLAN.nodes["leaf1"], sessions=(replace(session("leaf1", 1), bfd=True), session("leaf1", 2)))

    found = differences(replace(PLAN, nodes={"leaf1": watched}), {"leaf1": healthy("leaf1")})

    assert [(each.what, each.found) for each in found if each.what == What.BFD_DOWN] == [("bfd-down", "no BFD session")]


def test_what_is_lacking_is_counted_by_next_hops() -> None:
    """Convergence waits for full width: a route over one of two next hops, or over a dead one, is not there yet."""
    planned = PLAN.nodes["leaf1"].routes[:1]
    names = {2: "eth1", 3: "eth2"}
    halfway = KernelRoute("10.0.1.2/32", BGP, (Hop("fe80::1", 2), Hop("fe80::2", 3, dead=True)), 254, "unicast", 20, "")
    whole = route("10.0.1.2/32", 2, 3)

    assert lacking_routes(planned, [], names) == ["no route to 10.0.1.2/32"]
    assert lacking_routes(planned, [halfway], names) == ["10.0.1.2/32 over 1 of 2"]
    assert lacking_routes(planned, [whole], names) == []


def test_sessions_lack_until_established() -> None:
    """Each planned session that is in another state, or absent, is named with its peer."""
    lacks = lacking_sessions(PLAN.nodes["leaf1"], {"eth1": "OpenSent"})

    assert lacks == ["spine1 (eth1) is in OpenSent", "spine2 (eth2) is in no session"]
    assert lacking_sessions(PLAN.nodes["leaf1"], {"eth1": "Established", "eth2": "Established"}) == []


def test_routes_prove_the_sessions_that_they_came_by() -> None:
    """A daemon need be asked only for a session over which nothing is planned to come, or that BFD watches."""
    leaf = PLAN.nodes["leaf1"]
    silent = replace(leaf, routes=tuple(each for each in leaf.routes if each.interfaces == {"eth1"}))
    watched = replace(leaf, sessions=(replace(session("leaf1", 1), bfd=True), session("leaf1", 2)))

    assert not unproven_sessions(leaf)
    assert unproven_sessions(silent)
    assert unproven_sessions(watched)
    assert not unproven_sessions(replace(leaf, sessions=(), routes=()))


def lab_facts(**changes: Break) -> tuple[Difference, ...]:
    """What a lab without a plan shows, after some of its nodes changed."""
    cables = [Veth(a=End(a, f"eth{i}"), b=End(b, f"eth{j}")) for (a, i), (b, j) in CABLES.items()]
    lab = Lab("tiny", tuple(LabNode(name=name) for name in ASNS), tuple(cables))
    facts = {name: healthy(name) for name in ASNS}
    return lab_differences(lab, facts | {node: change(facts[node]) for node, change in changes.items()})


def test_a_lab_without_a_plan_is_compared_with_its_file() -> None:
    """A healthy lab shows nothing; cables, MTUs, sessions, nodes and addresses are tested without knowing routes."""
    twice = replace(healthy("leaf2"), addresses=(("eth1", "10.1.0.1/31"), ("eth2", "10.1.0.1/31")))

    assert lab_facts() == ()
    assert [each.what for each in lab_facts(leaf1=swapped)] == [What.CABLE]
    assert [each.what for each in lab_facts(leaf1=with_link(mtu=1500))] == [What.MTU]
    assert [each.what for each in lab_facts(leaf1=with_session(state="Active"))] == [What.SESSION_DOWN]
    assert [each.what for each in lab_facts(leaf1=with_session(state="Idle", admin_down=True))] == []
    assert [each.what for each in lab_facts(leaf1=dead)] == [What.NODE_DEAD]
    assert [each.what for each in lab_facts(leaf1=paused)] == [What.NODE_PAUSED]
    assert [each.what for each in lab_facts(leaf2=lambda _: twice)] == [What.ADDRESS_TWICE]


def with_loopbacks(*addresses: str) -> Break:
    return lambda seen: replace(seen, addresses=tuple(("lo", address) for address in addresses))


def test_a_loopback_of_two_nodes_is_named_unless_each_has_another_of_its_own() -> None:
    """Anycast stands beside an address of the node's own, in the same family."""
    own, any_v4, any_v6 = "10.0.1.2/32", "10.53.0.53/32", "fd00::53/128"
    same = lab_facts(leaf2=with_loopbacks("10.0.1.1/32"))
    anycast = lab_facts(leaf1=with_loopbacks("10.0.1.1/32", any_v4), leaf2=with_loopbacks(own, any_v4))
    only = lab_facts(leaf1=with_loopbacks("10.0.1.1/32", any_v6), leaf2=with_loopbacks(own, any_v6))

    assert [(each.node, each.subject, each.found) for each in same] == [
        ("leaf2", "address 10.0.1.1", "on lo, and on leaf1:lo")
    ]
    assert anycast == ()
    assert [each.what for each in only] == [What.ADDRESS_TWICE]


def port(name: str, **changes: object) -> KernelLink:
    """An interface with a cable, up and of 9500 bytes."""
    return replace(KernelLink(2, name, mac("leaf1", 1), 9500, True, True, 9, 0, "veth", Counters()), **changes)  # type: ignore[arg-type]  # any field


BRIDGED = Lab(
    "bridged", (LabNode(name="n1"), LabNode(name="br", kind="bridge")), (Veth(a=End("n1", "eth1"), b=End("br", "p1")),)
)


@pytest.mark.parametrize(
    ("ours", "theirs", "wrong"),
    [
        ({}, {}, []),
        ({"carrier": False}, {"up": False, "carrier": False}, [("n1", What.LINK_DOWN), ("br", What.LINK_DOWN)]),
        ({"mtu": 1500}, {}, [("n1", What.MTU)]),
        ({}, {"name": "p2"}, [("br", What.LINK_MISSING)]),
    ],
)
def test_a_cable_to_a_bridge_is_tested_at_both_ends(
    ours: dict[str, object], theirs: dict[str, object], wrong: list[tuple[str, What]]
) -> None:
    """Only where it leads is not: a bridge does not answer. Links that are down are not counted."""
    near, far = port("eth1", **ours), port(**{"name": "p1", **theirs})  # type: ignore[arg-type]  # any field
    facts = {"n1": NodeFacts("n1", links={near.name: near}), "br": NodeFacts("br", links={far.name: far})}

    assert [(each.node, each.what) for each in lab_differences(BRIDGED, facts)] == wrong
    assert counts(BRIDGED, facts)["links"] == (wrong in ([], [("n1", What.MTU)]))


def test_a_bridge_that_shows_nothing_is_nobody_s_fault() -> None:
    """One of the machine's own, as the containerlab runtime has it."""
    facts = {"n1": NodeFacts("n1", links={"eth1": port("eth1")}), "br": NodeFacts("br")}

    assert lab_differences(BRIDGED, facts) == ()
    assert counts(BRIDGED, facts)["links"] == 1


def test_eth0_is_a_cable_like_others_where_there_is_no_management() -> None:
    """With network-mode none, or in the network of a node that has that."""
    modes = {"a": "", "b": "none", "c": "container:b", "d": "container:c", "e": "host", "f": "container:a"}
    lab = Lab("l", tuple(LabNode(name=name, network_mode=mode) for name, mode in modes.items()), ())
    twice = {name: NodeFacts(name, addresses=(("eth0", "10.0.0.1/24"),)) for name in modes}

    assert lab.management() == {"a": "eth0", "b": "", "c": "", "d": "", "e": "", "f": "eth0"}
    assert [(each.node, each.found) for each in lab_differences(lab, twice)] == [("e", "on eth0, and on b:eth0")]


def test_what_is_counted_is_there() -> None:
    """Dead nodes and their cables, and sessions in other states, are not."""
    facts = {name: healthy(name) for name in ASNS}
    cables = [Veth(a=End(a, f"eth{i}"), b=End(b, f"eth{j}")) for (a, i), (b, j) in CABLES.items()]
    lab = Lab("tiny", tuple(LabNode(name=name) for name in ASNS), tuple(cables))

    whole = counts(lab, facts)
    less = counts(lab, facts | {"leaf1": dead(facts["leaf1"]), "leaf2": with_session(state="Active")(facts["leaf2"])})
    none = counts(lab, {name: NodeFacts(name, lacks=(("node", "gone"),)) for name in facts})

    assert whole == {"nodes": 4, "links": 4, "sessions": 8, "bfd": 0, "routes": 14}
    assert (less["nodes"], less["links"], less["sessions"]) == (3, 2, 5)
    assert set(none.values()) == {0}


def test_a_program_that_ended_is_named_unless_somebody_waits_for_its_end() -> None:
    """With its exit code; as a container its node would be dead."""
    lab = Lab("l", (LabNode(name="a"), LabNode(name="b")), ())
    waits = replace(lab, nodes=(lab.nodes[0], LabNode(name="b", waits=(WaitFor("create", "a", "exit"),))))
    facts = {"a": NodeFacts("a", ended="3"), "b": NodeFacts("b")}

    assert [str(each) for each in lab_differences(lab, facts)] == [
        "a: program: program-ended: expected running, found ended with exit code 3"
    ]
    assert lab_differences(waits, facts) == ()
