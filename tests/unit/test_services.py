"""Service addresses in files, plans and filters, and what check says of their routes. Pure."""

import json

import pytest
import yaml

from automation.draining.impact import Harm, objections
from automation.draining.live import live
from automation.renewal import rebuilding
from telemetry.compare_services import is_service_route, service_differences
from telemetry.gobgp import parse_neighbors
from telemetry.model import NodeFacts, Session
from topologies.errors import Fault, Mistake
from topologies.files.fabric import parse_fabric
from topologies.plan import Plan
from topologies.planning import plan
from topologies.render.assemble import lab
from topologies.render.inventory import nornir, prometheus
from topologies.render.oracle import oracle
from topologies.runtime.netlink_decode import Counters, Hop, KernelLink, KernelRoute

HEAD = "name: x\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\n"
SERVICE, SIXTH = "10.32.0.1/32", "fdc1:5:1ab:2::1/128"
BGP, STATIC, KERNEL = 186, 4, 2


def planned(underlay: str = "{services: true}") -> Plan:
    """The plan of a fabric of two leaves with a host each."""
    return plan(parse_fabric(f"{HEAD}underlay: {underlay}\n", "x.yml"))


def test_without_services_nothing_of_them_is_planned() -> None:
    """Neither sessions nor pools, and the plan's document has no key that it had not before."""
    nodes = planned("{services: false}").nodes.values()

    assert not any(node.services for node in nodes)
    assert not any(node.sessions for node in nodes if node.role == "host")
    assert '"services"' not in oracle(planned("{services: false}"))
    leaf = json.loads(oracle(planned()))["nodes"]["leaf1"]
    assert leaf["services"] == ["10.32.0.0/16", "fdc1:5:1ab:2::/64"]


def test_a_host_that_announces_takes_no_routes() -> None:
    """It has a session per family, waits to be called, and keeps its static way into the fabric."""
    nodes = planned().nodes
    host, leaf = nodes["leaf1-host1"], nodes["leaf1"]

    assert [(s.neighbor, s.families, s.passive) for s in host.sessions] == [
        ("10.64.1.2", ("ipv4",), True),
        ("fdc1:5:1ab:8001::2", ("ipv6",), True),
    ]
    assert [s.neighbor for s in leaf.sessions if s.peer == host.name] == ["10.64.1.3", "fdc1:5:1ab:8001::3"]
    assert (host.routes, host.announces, host.loopbacks) == ((), (), ())
    assert [route.prefix for route in host.static_routes] == ["0.0.0.0/0", "::/0"]
    assert host.asn not in {other.asn for other in nodes.values() if other is not host}


def test_only_the_families_in_use_are_announced() -> None:
    """Without IPv6 there is neither a session nor a pool of it."""
    host = planned("{services: true, ipv6: false}").nodes["leaf1-host1"]

    assert host.services == ("10.32.0.0/16",)
    assert [s.families for s in host.sessions] == [("ipv4",)]


@pytest.mark.parametrize(
    ("underlay", "message"),
    [
        (
            "{services: true, hosts: bgp}",
            r"x\.yml:6:\d+: \$\.underlay\.services: .* they need `hosts: static`; it is 'bgp'",
        ),
        ("{services: 1}", r"\$\.underlay\.services"),
        ("{services: true, pools: {services4: 10.0.0.0/16}}", r"services4: 10\.0\.0\.0/16 overlaps loopbacks4"),
        ("{services: true, pools: {services6: 'fdc1:5:1ab:8000::/64'}}", "services6: .* overlaps hosts6"),
        ("{services: true, pools: {services4: 10.0.0.0}}", None),
        ("{services: true, pools: {services4: 'fd00::/64'}}", "services4: not an IPv4 prefix"),
        ("{services: true, pools: {service4: 10.0.0.0/8}}", "service4"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(underlay: str, message: str | None) -> None:
    """Hosts that route, wrong types, pools that share addresses or are none, and misspelt keys."""
    with pytest.raises(Mistake, match=message):
        planned(underlay)


def test_pools_that_nobody_uses_may_overlap() -> None:
    """A file from before there were services, with loopbacks where their pool is now, is as good as it was."""
    assert planned("{pools: {loopbacks4: 10.32.0.0/12}}").nodes["leaf1"].services == ()


def test_leaves_pass_on_what_their_own_hosts_announce_and_nothing_else_upwards() -> None:
    """By prefix and by AS path; to hosts they say nothing, and from them they take single addresses."""
    fabric = parse_fabric(f"{HEAD}underlay: {{services: true}}\n", "x.yml")
    nodes = {node.name: node for node in lab(fabric, plan(fabric)).nodes}
    texts = {name: {file.path: file.text for file in node.files} for name, node in nodes.items()}
    leaf, spine = texts["leaf1"]["/etc/frr/bgpd.conf"], texts["spine1"]["/etc/frr/bgpd.conf"]

    for line in (
        "ip prefix-list SERVICES seq 5 permit 10.32.0.0/16 ge 32",
        "bgp as-path access-list OWN seq 5 permit ^$",
        "bgp as-path access-list OWN seq 10 permit ^4210000001$",
        "  neighbor SPINES filter-list OWN out",
        "  neighbor HOSTS4 prefix-list SERVICES in",
        "  neighbor HOSTS4 filter-list OWN in",
        "  neighbor HOSTS4 prefix-list NOTHING out",
    ):
        assert line in leaf.splitlines()
    assert "4210000002" not in leaf
    assert "ip prefix-list FABRIC seq 15 permit 10.32.0.0/16 ge 32" in spine.splitlines()
    assert "filter-list" not in spine
    assert [daemon.name for daemon in nodes["leaf1-host1"].daemons] == ["gobgpd"]


def test_a_pool_of_one_address_is_permitted_as_it_is() -> None:
    """FRR refuses a range from 32 to 32 in a /32, and GoBGP needs none."""
    fabric = parse_fabric(f"{HEAD}underlay: {{services: true, pools: {{services4: 192.0.2.1/32}}}}\n", "x.yml")
    nodes = {node.name: node for node in lab(fabric, plan(fabric)).nodes}
    host = yaml.safe_load(nodes["leaf1-host1"].files[0].text)

    assert "ip prefix-list SERVICES seq 5 permit 192.0.2.1/32\n" in nodes["leaf1"].files[1].text
    assert host["defined-sets"]["prefix-sets"][0]["prefix-list"] == [{"ip-prefix": "192.0.2.1/32"}]


def test_inventories_know_what_speaks_on_a_host() -> None:
    """NAPALM's driver for it, and no exporter of FRR's."""
    fabric = parse_fabric(f"{HEAD}underlay: {{services: true}}\n", "x.yml")
    made = (fabric, plan(fabric), lab(fabric, plan(fabric)))

    assert yaml.safe_load(nornir(*made)["hosts.yaml"])["leaf1-host1"]["platform"] == "gobgp"
    jobs = [each["labels"]["job"] for each in json.loads(prometheus(*made)) if each["labels"]["node"] == "leaf1-host1"]
    assert jobs == ["node"]


def test_hosts_that_announce_are_cut_off_by_a_drain_as_static_ones_are() -> None:
    """Their way into the fabric is static: whether they announce, or their gobgpd answers, does not change that."""
    planned_nodes = planned().nodes
    quiet = NodeFacts("leaf1-host1", links={"eth1": link(1, "eth1")}, lacks=(("gobgpd", "no answer"),))
    gone = NodeFacts("leaf1-host1", links={"eth1": link(1, "eth1")}, lacks=(("node", "not running"),))
    fine = {
        name: NodeFacts(
            name,
            links={each.name: link(number, each.name) for number, each in enumerate(node.interfaces)},
            sessions={s.neighbor: Session(s.neighbor, s.peer_asn, "Established") for s in node.sessions},
        )
        for name, node in planned_nodes.items()
    }

    def harmed(host: NodeFacts) -> list[str]:
        state = live(planned(), {**fine, "leaf1-host1": host})
        return [each.node for each in objections(planned(), state, "leaf1") if each.harm is Harm.HOST_CUT_OFF]

    assert harmed(fine["leaf1-host1"]) == ["leaf1-host1"]
    assert harmed(quiet) == ["leaf1-host1"]
    assert harmed(gone) == []


def test_a_changed_pool_is_no_change_by_configuration_alone() -> None:
    """Routers could take it while they run; gobgpd on the hosts could not."""
    labs = []
    for pool in ("10.32.0.0/16", "10.33.0.0/16"):
        fabric = parse_fabric(f"{HEAD}underlay: {{services: true, pools: {{services4: {pool}}}}}\n", "x.yml")
        labs.append(lab(fabric, plan(fabric)))

    assert list(rebuilding(*labs)) == [
        "what its programs read of leaf1-host1 changed",
        "what its programs read of leaf2-host1 changed",
    ]
    assert list(rebuilding(labs[0], labs[0])) == []


def route(prefix: str, *indexes: int, protocol: int = BGP) -> KernelRoute:
    """A route of the main table over some interfaces."""
    hops = tuple(Hop(ifindex=index, gateway="") for index in indexes)
    return KernelRoute(prefix=prefix, hops=hops, protocol=protocol, table=254, metric=20, type="unicast", source="")


def link(index: int, name: str) -> KernelLink:
    """An interface that is up."""
    quiet = Counters()
    return KernelLink(
        index, name, mac="", mtu=9500, up=True, carrier=True, peer=0, master=0, kind="veth", counters=quiet
    )


def node(name: str, *routes: KernelRoute, addresses: tuple[tuple[str, str], ...] = ()) -> NodeFacts:
    """A node with three interfaces of these indexes and some routes."""
    links = {name: link(index, name) for index, name in ((1, "eth1"), (2, "eth2"), (3, "eth3"), (9, "lo"))}
    return NodeFacts(name, links=links, routes=routes, addresses=addresses)


def told(*facts: NodeFacts) -> list[str]:
    """What check says of service routes in these nodes."""
    return [str(each) for each in service_differences(planned(), {each.name: each for each in facts})]


def test_a_service_that_comes_from_a_host_is_fine() -> None:
    """Step by step: the spine has it from a leaf, the leaf from its host, which has the address."""
    host = node("leaf1-host1", addresses=(("lo", SERVICE),))

    assert told(node("spine1", route(SERVICE, 1)), node("leaf1", route(SERVICE, 3)), host) == []


def test_a_service_that_comes_from_elsewhere_is_named() -> None:
    """With the switch that tells of it and has it from nobody."""
    (difference,) = told(node("spine1", route(SERVICE, 2)), node("leaf2"))

    assert difference == (
        f"spine1: route {SERVICE}: service-origin: expected from a host, "
        "found over eth2 from leaf2, which has it from no host"
    )


def test_a_service_without_its_address_is_named() -> None:
    """What is sent there goes nowhere."""
    (difference,) = told(node("leaf1", route(SIXTH, 3)), node("leaf1-host1", addresses=(("lo", SERVICE),)))

    assert (
        difference
        == f"leaf1-host1: address {SIXTH}: address-missing: expected on lo, for leaf1 routes it there, found none"
    )


@pytest.mark.parametrize(
    ("name", "prefix", "protocol", "over", "is_one"),
    [
        ("spine1", SERVICE, BGP, "eth1", True),
        ("spine1", SERVICE, STATIC, "eth1", False),
        ("spine1", "10.32.0.0/24", BGP, "eth1", False),
        ("spine1", "10.33.0.1/32", BGP, "eth1", False),
        ("leaf1-host1", SIXTH, KERNEL, "lo", True),
        ("leaf1-host1", SIXTH, BGP, "eth1", False),
        ("leaf1-host1", SIXTH, KERNEL, "eth1", False),
    ],
)
def test_which_routes_are_left_to_hosts(name: str, prefix: str, protocol: int, over: str, is_one: bool) -> None:
    """Single addresses of the pools: by BGP on switches, on a host its own; all else is unplanned as ever."""
    seen = is_service_route(planned().nodes[name], prefix, route(prefix, 1, protocol=protocol), frozenset([over]))

    assert seen is is_one


def test_gobgp_s_own_words_become_sessions() -> None:
    """State, ASNs, router id, families and capabilities; an answer that is none is a fault."""
    text = json.dumps(
        [
            {
                "conf": {"neighbor_address": "10.64.1.2", "peer_asn": 4200010001, "local_asn": 4210000001},
                "state": {
                    "session_state": 6,
                    "router_id": "10.8.0.1",
                    "remote_cap": [
                        {"type_url": "type.googleapis.com/apipb.MultiProtocolCapability", "value": "CgQIARAB"},
                        {"type_url": "type.googleapis.com/apipb.FourOctetASNCapability", "value": "CJGi3NIP"},
                    ],
                },
                "timers": {"state": {"negotiated_hold_time": 9, "keepalive_interval": 3}},
            },
            {"conf": {"neighbor_address": "10.64.2.2"}, "state": {"session_state": 3, "admin_state": 1}},
        ]
    )

    up, down = parse_neighbors(text).values()
    assert (up.established, up.peer_asn, up.router_id, up.families) == (True, 4200010001, "10.8.0.1", ("ipv4",))
    assert (up.four_byte_asn, up.hold, up.keepalive) == (True, 9, 3)
    assert (down.state, down.admin_down) == ("Active", True)
    assert parse_neighbors("null") == {}
    with pytest.raises(Fault, match="not understood"):
        parse_neighbors("context deadline exceeded")
