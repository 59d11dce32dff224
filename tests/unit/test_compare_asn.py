r"""AS numbers that two routers share: by mistake among leaves, on purpose among spines.

spine1   spine2        spines 65100, leaves 65001 to 65003
  |  \   /  |
leaf1 ... leaf3
"""

import pytest
from msgspec.structs import replace

from telemetry.compare_asn import asn_differences, sharing
from telemetry.model import ESTABLISHED, NodeFacts, Session
from topologies.lab import End, Lab, LabNode, Veth
from topologies.model import Role
from topologies.runtime.netlink_decode import Hop, KernelRoute

SPINES, LEAVES = ("spine1", "spine2"), ("leaf1", "leaf2", "leaf3")
ASNS = {"spine1": 65100, "spine2": 65100, "leaf1": 65001, "leaf2": 65002, "leaf3": 65003}
OWN = {name: (f"10.0.0.{number}/32",) for number, name in enumerate(ASNS, 1)}
CABLES = [(leaf, f"eth{i}", spine, f"eth{j}") for j, leaf in enumerate(LEAVES, 1) for i, spine in enumerate(SPINES, 1)]


def fabric(roles: dict[str, Role] | None = None) -> Lab:
    """The lab; its sessions are unnumbered, so its cables tell who is behind them."""
    nodes = tuple(LabNode(name=name, role=(roles or {}).get(name)) for name in ASNS)
    return Lab("tiny", nodes, tuple(Veth(a=End(a, i), b=End(b, j)) for a, i, b, j in CABLES))


def session(neighbor: str, asn: int, peer_asn: int) -> Session:
    return Session(neighbor, peer_asn, ESTABLISHED, local_asn=asn)


def route(prefix: str) -> KernelRoute:
    return KernelRoute(prefix, 186, (Hop("", 2),), 254, "unicast", 20, "")


def facts(asns: dict[str, int], **extra: Session) -> dict[str, NodeFacts]:
    """Every router with its sessions, and routes to the prefixes of all whose ASN is another."""
    found = {}
    for name, asn in asns.items():
        ends = [(a, i, b) for a, i, b, _ in CABLES] + [(b, j, a) for a, _, b, j in CABLES]
        sessions = {port: session(port, asn, asns[far]) for near, port, far in ends if near == name}
        if name in extra:
            sessions["own"] = extra[name]
        routes = tuple(route(OWN[far][0]) for far in asns if asns[far] != asn)
        found[name] = NodeFacts(name, sessions=sessions, routes=routes)
    return found


def told(lab: Lab, seen: dict[str, NodeFacts], own: dict[str, tuple[str, ...]] = OWN) -> list[tuple[str, str, str]]:
    wanted = {name: own[name] for name in sharing(seen)}
    return [(each.node, each.subject, each.found) for each in asn_differences(lab, seen, wanted)]


def test_spines_that_share_their_asn_are_fine() -> None:
    """As RFC 7938 has it: neither reaches the other's loopback, and nobody expects it."""
    seen = facts(ASNS)

    assert sharing(seen) == SPINES
    assert told(fabric(), seen) == []


def test_a_leaf_with_the_asn_of_another_is_named_with_what_both_lack() -> None:
    """In its tier each has its own."""
    assert told(fabric(), facts(ASNS | {"leaf2": 65001})) == [
        (
            "leaf2",
            "AS 65001",
            "that of leaf1 too: leaf1 has no route to 10.0.0.4/32 and leaf2 has no route to 10.0.0.3/32",
        )
    ]


def test_each_of_three_is_named_once() -> None:
    """Where one node was copied twice."""
    seen = facts(ASNS | {"leaf2": 65001, "leaf3": 65001})

    assert [node for node, *_ in told(fabric(dict.fromkeys(LEAVES, Role.LEAF)), seen)] == ["leaf2", "leaf3"]


def test_a_whole_tier_of_one_asn_is_named_where_it_is_known_to_serve_hosts() -> None:
    """By its role in the file, or by a network that no other router is in."""
    seen = facts(ASNS | dict.fromkeys(LEAVES, 65001))
    hosts = OWN | {"leaf1": ("192.168.1.0/24",)}
    linked = replace(seen["spine1"], addresses=(("eth1", "192.168.1.2/24"),))

    assert told(fabric(), seen) == []
    assert [node for node, *_ in told(fabric({"leaf2": Role.LEAF}), seen)] == ["leaf2", "leaf3"]
    assert told(fabric(), seen, hosts) != []
    assert told(fabric(), seen | {"spine1": linked}, hosts) == []


@pytest.mark.parametrize(
    ("prefix", "fine"), [("10.0.0.4/32", True), ("10.0.0.0/24", True), ("0.0.0.0/0", True), ("10.9.0.0/16", False)]
)
def test_routers_that_reach_each_other_may_share(prefix: str, fine: bool) -> None:
    """As with allowas-in, or with a default route: what counts is whether there is a way."""
    seen = facts(ASNS | {"leaf2": 65001})
    ways = {
        "leaf1": replace(seen["leaf1"], routes=(route(prefix),)),
        "leaf2": replace(seen["leaf2"], routes=(route("0.0.0.0/0"),)),
    }

    assert (told(fabric(), seen | ways) == []) is fine


def test_routers_that_ibgp_joins_may_share() -> None:
    """Directly or over others: what they lack then is not for their ASN."""
    lab = fabric()
    peers = tuple(Veth(a=End("leaf1", "own"), b=End("leaf2", "own")) for _ in range(1))
    inner = session("own", 65001, 65001)

    assert (
        told(replace(lab, links=(*lab.links, *peers)), facts(ASNS | {"leaf2": 65001}, leaf1=inner, leaf2=inner)) == []
    )


def test_routers_without_sessions_have_no_asn() -> None:
    """Hosts, and routers that do not answer."""
    assert sharing({"a": NodeFacts("a"), "b": NodeFacts("b")}) == ()
