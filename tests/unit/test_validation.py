"""The rules out of a plan, and the report that NAPALM makes of them: near misses fail, and nothing passes unseen."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest
from fabric_files import made
from napalm.base import validate
from napalm.base.validate import compare

from automation.validation.report import findings, told
from automation.validation.rules import Rule, link_local, rules, whole
from topologies.plan import NodePlan, Plan

FILE = {"name": "x", "design": "leaf-spine", "spines": 2, "leaves": 2, "underlay": {"numbering": "numbered"}}
EVERY = {"get_facts", "get_interfaces", "get_interfaces_ip", "get_bgp_neighbors", "get_route_to"}


class Router:
    """What a router's getters give, which tests change; NAPALM's report is asked of it unchanged."""

    def __init__(self, plan: Plan, name: str) -> None:
        node = plan.nodes[name]
        self.facts: dict[str, Any] = {
            "hostname": name,
            "vendor": "FRRouting",
            "interface_list": ["lo", *(each.name for each in node.interfaces)],
        }
        self.interfaces: dict[str, Any] = {
            each.name: {"is_up": True, "is_enabled": True, "mtu": each.mtu, "mac_address": each.mac.upper()}
            for each in node.interfaces
        }
        self.addresses: dict[str, Any] = {"lo": _addresses(node.loopbacks)}
        for each in node.interfaces:
            self.addresses[each.name] = _addresses((*each.addresses, f"{link_local(each.mac)}/64"))
        peers = {each.neighbor: _peer(plan, node, each.peer) for each in node.sessions}
        self.bgp: dict[str, Any] = {"global": {"router_id": node.router_id, "peers": peers}}
        self.routes: dict[str, Any] = {
            route.prefix: [_hop(each, plan.nodes[route.origin].asn) for each in sorted(route.interfaces)]
            for route in node.routes
        }

    def get_facts(self) -> Any:
        return self.facts

    def get_interfaces(self) -> Any:
        return self.interfaces

    def get_interfaces_ip(self) -> Any:
        return self.addresses

    def get_bgp_neighbors(self) -> Any:
        return self.bgp

    def get_route_to(self, destination: str, protocol: str) -> Any:
        return {destination: self.routes[destination]} if destination in self.routes else {}


def _addresses(cidrs: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cidr in cidrs:
        address, _, length = cidr.partition("/")
        found.setdefault("ipv6" if ":" in address else "ipv4", {})[address] = {"prefix_length": int(length)}
    return found


def _peer(plan: Plan, node: NodePlan, name: str) -> dict[str, Any]:
    peer = plan.nodes[name]
    return {
        "is_up": True,
        "is_enabled": True,
        "local_as": node.asn,
        "remote_as": peer.asn,
        "remote_id": peer.router_id,
        "description": name,
        "address_family": {"ipv4": {"accepted_prefixes": 3}, "ipv6": {"accepted_prefixes": 3}},
        "uptime": 7,
    }


def _hop(interface: str, origin: int | None) -> dict[str, Any]:
    return {
        "outgoing_interface": interface,
        "current_active": True,
        "selected_next_hop": True,
        "protocol_attributes": {"as_path": f"4200000001 {origin}"},
    }


@pytest.fixture
def plan() -> Plan:
    """Two spines, two leaves, numbered."""
    return made(FILE)[1]


def reported(router: Any, wanted: list[Rule]) -> tuple[Any, ...]:
    """The findings of NAPALM's own report."""
    report: Mapping[str, Any] = validate.compliance_report(router, validation_source=wanted)  # type: ignore[arg-type]  # the getters are all it needs
    return findings("leaf1", report)


def test_a_router_as_planned_complies(plan: Plan) -> None:
    """Every getter is asked, none twice for the same, and the rules are as they were afterwards."""
    wanted = rules(plan, {})["leaf1"]
    before = deepcopy(wanted)

    assert reported(Router(plan, "leaf1"), wanted) == ()
    assert {getter for rule in wanted for getter in rule} == EVERY
    assert wanted == before


def test_the_management_network_is_let_be_where_there_is_one(plan: Plan) -> None:
    """Its addresses are not the plan's; without one, an interface too many is a finding."""
    router = Router(plan, "leaf1")
    router.addresses["eth0"] = {"ipv4": {"172.20.20.2": {"prefix_length": 24}}}

    assert reported(router, rules(plan, {"leaf1": "eth0"})["leaf1"]) == ()
    assert [each.where for each in reported(router, rules(plan, {"leaf1": ""})["leaf1"])] == ["eth0"]


def test_a_session_to_an_absent_node_is_not_asked_after_and_nor_is_any_route(plan: Plan) -> None:
    """The peer itself is still planned, so that it is none too many; all else is compared as ever."""
    router = Router(plan, "leaf1")
    gone = router.bgp["global"]["peers"][first(router)]
    peer = gone["description"]
    gone.update(is_up=False, address_family={}, remote_id="0.0.0.0")
    router.routes.clear()

    assert reported(router, rules(plan, {})["leaf1"])
    assert reported(router, rules(plan, {}, {peer})["leaf1"]) == ()
    router.interfaces["eth1"].update(mtu=1)
    assert [each.rule for each in reported(router, rules(plan, {}, {peer})["leaf1"])] == ["get_interfaces"]


Change = Callable[[Router], None]


def changing(what: str, *path: str, to: Any) -> Change:
    def change(router: Router) -> None:
        inner = getattr(router, what)
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to(inner[path[-1]]) if callable(to) else to

    return change


def first(router: Router) -> str:
    return next(iter(router.bgp["global"]["peers"]))


def loopbacks(router: Router) -> list[str]:
    return list(router.addresses["lo"]["ipv4"])


NEAR: dict[str, tuple[Change, str]] = {
    "a longer name": (changing("facts", "hostname", to="leaf11"), "get_facts"),
    "a name around it": (changing("facts", "hostname", to="my-leaf1"), "get_facts"),
    "a vendor around it": (changing("facts", "vendor", to="Not FRRouting"), "get_facts"),
    "an interface less": (changing("facts", "interface_list", to=["lo", "eth1", "eth22"]), "get_facts"),
    "a longer router id": (changing("bgp", "global", "router_id", to=lambda old: f"{old}1"), "get_bgp_neighbors"),
    "any sign for a dot": (
        changing("bgp", "global", "router_id", to=lambda old: old.replace(".", "5")),
        "get_bgp_neighbors",
    ),
    "another MTU": (changing("interfaces", "eth1", "mtu", to=lambda old: old * 10), "get_interfaces"),
    "down": (changing("interfaces", "eth1", "is_up", to=False), "get_interfaces"),
    "another MAC": (changing("interfaces", "eth1", "mac_address", to=lambda old: f"{old}:00"), "get_interfaces"),
    "another length": (
        lambda router: router.addresses["lo"].update(ipv4={each: {"prefix_length": 3} for each in loopbacks(router)}),
        "get_interfaces_ip",
    ),
    "an address more": (
        lambda router: router.addresses["lo"]["ipv4"].update({"192.0.2.1": {"prefix_length": 32}}),
        "get_interfaces_ip",
    ),
    "a family more": (
        lambda router: router.addresses["lo"].update({"ipv9": {}}),
        "get_interfaces_ip",
    ),
    "a longer address": (
        lambda router: router.addresses["lo"].update(ipv4={f"{each}1": {} for each in loopbacks(router)}),
        "get_interfaces_ip",
    ),
    "a peer more": (
        lambda router: router.bgp["global"]["peers"].update({"192.0.2.1": {}}),
        "get_bgp_neighbors",
    ),
    "another VRF": (lambda router: router.bgp.update(other={"router_id": "", "peers": {}}), "get_bgp_neighbors"),
    "a peer of another name": (
        lambda router: router.bgp["global"]["peers"][first(router)].update(description="spine11"),
        "get_bgp_neighbors",
    ),
    "a peer of another AS": (
        lambda router: router.bgp["global"]["peers"][first(router)].update(remote_as=1),
        "get_bgp_neighbors",
    ),
    "a family less": (
        lambda router: router.bgp["global"]["peers"][first(router)].update(address_family={"ipv4": {}}),
        "get_bgp_neighbors",
    ),
    "a route less": (lambda router: router.routes.pop(next(iter(router.routes))), "get_route_to"),
    "a hop less": (lambda router: wide(router).pop(), "get_route_to"),
    "a hop more": (lambda router: wide(router).append(dict(wide(router)[0])), "get_route_to"),
    "a hop elsewhere": (lambda router: wide(router)[0].update(outgoing_interface="eth11"), "get_route_to"),
    "a hop unused": (lambda router: wide(router)[0].update(selected_next_hop=False), "get_route_to"),
    "an origin that ends alike": (
        lambda router: wide(router)[0]["protocol_attributes"].update(as_path="4200000001 94200010002"),
        "get_route_to",
    ),
}  # fmt: skip


def wide(router: Router) -> list[dict[str, Any]]:
    """The hops of a route that has several."""
    hops: list[dict[str, Any]] = next(each for each in router.routes.values() if len(each) > 1)
    return hops


@pytest.mark.parametrize("near", NEAR)
def test_near_misses_fail(plan: Plan, near: str) -> None:
    """By the rule that they are about, and by that alone."""
    change, getter = NEAR[near]
    router = Router(plan, "leaf1")
    change(router)

    found = reported(router, rules(plan, {})["leaf1"])

    assert found
    assert {each.rule.split()[0] for each in found} == {getter}


def test_a_skipped_getter_is_a_finding(plan: Plan) -> None:
    """NAPALM itself says that such a router complies."""
    router = Router(plan, "leaf1")

    def nobody() -> Any:
        raise NotImplementedError

    router.get_bgp_neighbors = nobody  # type: ignore[method-assign]  # what a driver without it does
    found = reported(router, rules(plan, {})["leaf1"])

    assert [(each.rule, each.found) for each in found] == [("get_bgp_neighbors", "skipped: NotImplemented")]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("10.0.0.1", "10.0.0.11"),
        ("10.0.0.1", "10a0.0.1"),
        ("up", "startup"),
        ("5%10", "10"),
        ("1<->9", "5"),
        ("<9", "5"),
    ],
)
def test_an_expression_finds_its_text_alone(text: str, other: str) -> None:
    """Also where NAPALM would take the text for a comparison of numbers."""
    assert compare(whole(text), text) is True
    assert compare(whole(text), other) is False
    assert told(whole(text)) == text


def test_what_is_found_is_said_with_what_was_expected(plan: Plan) -> None:
    """In words that need no knowledge of expressions."""
    router = Router(plan, "leaf1")
    router.facts["hostname"] = "leaf.9"
    wide(router).pop()
    name, hop = reported(router, rules(plan, {})["leaf1"])

    assert (name.node, name.where, name.expected, name.found) == ("leaf1", "hostname", "leaf1", "leaf.9")
    assert hop.expected.startswith("outgoing_interface eth2, current_active True")
    assert hop.expected.endswith("as_path ... 4200010002")
    assert hop.found == "nothing"


def test_link_local_addresses_follow_from_macs() -> None:
    """The example of RFC 4291, appendix A: the universal bit is turned round."""
    assert link_local("34:56:78:9a:bc:de") == "fe80::3656:78ff:fe9a:bcde"
