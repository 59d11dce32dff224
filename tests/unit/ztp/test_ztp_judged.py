"""What a switch must show, what its system is changed by, and where the switches of a lab stand."""

import json

import pytest

from automation.validation.report import Finding
from automation.ztp import expected, system
from automation.ztp.agent.dhcp import read_lease, words
from automation.ztp.agent.model import Identity
from automation.ztp.complying import told
from automation.ztp.expected import Expected
from automation.ztp.standing import MoveRow, Status, SwitchRow, standings, unready
from automation.ztp.states import State
from automation.ztp.system import System
from automation.ztp.trouble import Trouble
from topologies.plan import PlannedRoute
from topologies.runtime.netlink_decode import Hop, KernelRoute

WANTED = Expected(
    (("eth1", "spine1"), ("eth2", "spine2")), (PlannedRoute("10.8.0.2/32", frozenset({"eth1"}), "leaf2"),)
)
SUMMARY = json.dumps({"ipv4Unicast": {"peers": {"eth1": {"state": "Established"}, "eth2": {"state": "Idle"}}}})


def test_sessions_that_are_not_established_are_named_but_for_those_to_absent_nodes() -> None:
    """With their state."""
    found = expected.states(SUMMARY)

    assert expected.lacking_sessions(WANTED, found, ()) == ["the session to spine2 (eth2) is in Idle"]
    assert expected.lacking_sessions(WANTED, found, {"spine2"}) == []


def test_routes_that_lack_are_named_unless_a_node_is_absent() -> None:
    """One absent switch may narrow any of them."""
    assert expected.lacking(WANTED, (), {}, ()) == ["no route to 10.8.0.2/32"]
    assert expected.lacking(WANTED, (), {}, {"spine2"}) == []


@pytest.mark.parametrize("text", ["", "[]", "null", '{"sessions": [1], "routes": []}', '{"sessions": []}'])
def test_what_is_expected_and_cannot_be_read_is_trouble(text: str) -> None:
    """A signed bundle may be of another version."""
    with pytest.raises(Trouble, match="what the bundle expects"):
        expected.read(text)


@pytest.mark.parametrize("text", ["% BGP instance not found", "[]", '{"ipv4Unicast": {"peers": {"eth1": {}}}}'])
def test_what_bgpd_does_not_say_is_trouble(text: str) -> None:
    """It may be starting."""
    with pytest.raises(Trouble, match="bgpd's answer"):
        expected.states(text)


def test_a_system_is_led_from_what_there_is_to_what_is_wanted() -> None:
    """What is there already is left; what a former bundle set goes."""
    wanted = System("leaf1", (("lo", "10.8.0.1/32"), ("eth1", "10.0.0.0/31")), (), (("eth1", "10.0.0.1", "aa:01"),))

    lines = list(system.commands(wanted, {("lo", "10.8.0.1/32"), ("lo", "10.8.0.9/32")}, {("eth2", "10.0.0.3")}))

    assert lines == [
        "address del 10.8.0.9/32 dev lo",
        "address add 10.0.0.0/31 dev eth1",
        "neighbour del 10.0.0.3 dev eth2",
        "neighbour replace 10.0.0.1 lladdr aa:01 dev eth1 nud permanent",
    ]
    assert system.read(system.write(wanted)) == wanted


@pytest.mark.parametrize("name", ["kernel.core_pattern", "net.ipv4/../../kernel/core_pattern", "vm.overcommit_memory"])
def test_a_setting_that_is_not_the_networks_is_trouble(name: str) -> None:
    """A bundle cannot reach into the rest of the kernel."""
    with pytest.raises(Trouble, match="no setting of a network"):
        system.settings(System("leaf1", sysctls=((name, "1"),)))


@pytest.mark.parametrize("text", ["", "[]", "null", '{"hostname": "x", "addresses": [["lo"]]}'])
def test_a_system_that_cannot_be_read_is_trouble(text: str) -> None:
    """As above."""
    with pytest.raises(Trouble, match="the bundle's system"):
        system.read(text)


def test_addresses_of_the_management_network_are_none_of_the_fabrics() -> None:
    """Nor are link-local and loopback ones: a bundle does not take them away."""
    answer = [
        {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8, "scope": "host"}]},
        {"ifname": "lo", "addr_info": [{"local": "10.8.0.1", "prefixlen": 32, "scope": "global"}]},
        {"ifname": "eth0", "addr_info": [{"local": "172.20.20.2", "prefixlen": 22, "scope": "global"}]},
        {"ifname": "eth1", "addr_info": [{"local": "fe80::1", "prefixlen": 64, "scope": "link"}]},
    ]

    assert system.addresses(json.dumps(answer), "eth0") == {("lo", "10.8.0.1/32")}


def test_neighbours_that_frr_made_are_left_to_it() -> None:
    """It puts in one for each IPv6 next hop of IPv4 routes, and what is routed there needs them."""
    answer = [
        {"dst": "169.254.0.1", "dev": "eth1", "state": ["PERMANENT"]},
        {"dst": "10.0.0.7", "dev": "eth1", "state": ["PERMANENT"], "protocol": "zebra"},
        {"dst": "10.0.0.1", "dev": "eth1", "state": ["PERMANENT"]},
        {"dst": "172.20.20.1", "dev": "eth0", "state": ["PERMANENT"]},
        {"dst": "10.0.0.3", "dev": "eth1", "state": ["REACHABLE"]},
    ]

    assert system.permanents(json.dumps(answer), "eth0") == {("eth1", "10.0.0.1")}


def test_a_switch_tells_dhcp_who_it_is() -> None:
    """Options 60, 61 and 77."""
    said = words("eth0", Identity("CL1", "closlab-leaf", "1"), waits=True)

    assert said[said.index("-V") + 1] == "closlab-switch"
    assert f"0x3d:{b'closlab-leaf##CL1'.hex()}" in said
    assert f"0x4d:{b'closlab-ZTP'.hex()}" in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no lease"),
        ("address=10.0.0.2/22\nserver=10.0.0.1\nbootfile=\n", "10.0.0.1 names no bootfile"),
        ("address=10.0.0.2/22\nbootfile=http://10.0.0.1/v1\n", "should be an https:// address"),
    ],
)
def test_a_lease_that_does_not_say_where_to_go_is_trouble(text: str, why: str) -> None:
    """Plain HTTP is no way in."""
    with pytest.raises(Trouble, match=why):
        read_lease(text)


def row(serial: str, mac: str, state: State, node: str = "", why: str = "") -> SwitchRow:
    return SwitchRow(serial, mac, "m", "1", "172.20.20.2", node, state, why, 0, 0)


def moves(serial: str, *states: State, life: str = "a") -> tuple[MoveRow, ...]:
    return tuple(MoveRow(serial, "m1", life, n, state, "", "", 0.5, 0) for n, state in enumerate(states, start=1))


def test_switches_stand_by_node_and_strangers_behind_them() -> None:
    """One that was never heard of is at the beginning."""
    status = Status(1, (row("CL1", "m1", State.READY, "leaf1"), row("XX", "m9", State.QUARANTINED, why="who?")), ())

    found = standings(status, {"leaf1": "CL1", "leaf2": "CL2"})

    assert [(each.node, each.serial, each.state) for each in found] == [
        ("leaf1", "CL1", State.READY),
        ("leaf2", "CL2", State.DISCOVERING),
        ("", "XX", State.QUARANTINED),
    ]
    assert [each.node for each in unready(found, ("leaf1", "leaf2"))] == ["leaf2"]


def test_a_switch_in_anothers_place_stands_there_by_the_serial_that_the_server_knows() -> None:
    """The former one, which was ready, says nothing about the new one; it is a stranger by now."""
    former, new = row("CL1", "m1", State.QUARANTINED), row("NEW", "m1", State.CABLING, "leaf1")
    known = (former, new)

    before = standings(Status(1, (former,), (), {"leaf1": "NEW"}), {"leaf1": "CL1"})
    after = standings(Status(1, known, (), {"leaf1": "NEW"}), {"leaf1": "CL1"})

    assert [(each.node, each.serial, each.state) for each in before] == [
        ("leaf1", "NEW", State.DISCOVERING),
        ("", "CL1", State.QUARANTINED),
    ]
    assert [(each.node, each.serial) for each in after] == [("leaf1", "NEW"), ("", "CL1")]


def test_seconds_are_counted_by_state_in_the_present_life() -> None:
    """A move has the seconds of the state that it leaves."""
    before = moves("CL1", State.BOOTSTRAPPING, State.WAITING)
    now = moves("CL1", State.WAITING, State.DISCOVERING, State.BOOTSTRAPPING, life="b")
    status = Status(1, (row("CL1", "m1", State.BOOTSTRAPPING, "leaf1"),), (*before, *now))

    (leaf,) = standings(status, {"leaf1": "CL1"})

    assert leaf.seconds == {State.DISCOVERING: 1.0, State.WAITING: 0.5}


def test_a_switch_that_was_quarantined_again_and_again_is_stuck() -> None:
    """Unless it is ready after all."""
    again = moves("CL1", *[State.QUARANTINED, State.DISCOVERING] * 3)

    def stuck(state: State) -> bool:
        return standings(Status(1, (row("CL1", "m1", state, "leaf1"),), again), {"leaf1": "CL1"})[0].stuck

    assert stuck(State.DISCOVERING)
    assert not stuck(State.READY)


def test_a_route_over_a_dead_link_lacks() -> None:
    """Width counts hops that live, as `up` counts them."""
    dead = KernelRoute("10.8.0.2/32", 186, (Hop("", 1, dead=True),), 254, "unicast", 0, "")

    assert expected.lacking(WANTED, (dead,), {1: "eth1"}, ()) == ["10.8.0.2/32 over 0 of 1"]


def test_findings_are_told_in_a_sentence_and_only_the_first() -> None:
    """What a switch is told is for people to read in a table."""
    one = Finding("leaf1", "get_interfaces", "eth1 mtu", "9500", "1500")

    assert told([]) == ""
    assert told([one]) == "get_interfaces eth1 mtu should be 9500, and is 1500"
    assert told([one] * 5).endswith("; get_interfaces eth1 mtu should be 9500, and is 1500 and 2 more")
