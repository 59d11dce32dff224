"""What the netns runtime decides before it acts: interfaces, addresses, refusals, roots, FRR's words."""

import struct

import pytest
from msgspec.structs import replace

from topologies.errors import Mistake
from topologies.lab import (
    Dummy,
    End,
    HostLink,
    Lab,
    LabNode,
    Macvlan,
    Mgmt,
    Port,
    Route,
    StageExec,
    Veth,
    Vxlan,
)
from topologies.macs import mac_of
from topologies.runtime import vty
from topologies.runtime.identity import stat_fields
from topologies.runtime.netns import wiring as wires
from topologies.runtime.netns.mgmt import mgmt_addresses
from topologies.runtime.netns.refusals import refuse
from topologies.runtime.netns.root import shown_mounts, without_others

LAB = Lab(
    name="l",
    nodes=(
        LabNode(name="a", mgmt_ipv4="172.20.20.3", routes=(Route("0.0.0.0/0", (("10.0.0.1", "eth1"),)),)),
        LabNode(name="b"),
        LabNode(name="c", network_mode="none"),
        LabNode(name="br", kind="bridge"),
    ),
    links=(
        Veth(a=End("a", "eth1", "02:00:00:00:00:01", ("10.0.0.0/31",)), b=End("b", "eth1", "", ("10.0.0.1/31",))),
        Veth(a=End("c", "eth1"), b=End("br", "port1")),
        Dummy(end=End("c", "stub")),
    ),
)


def test_management_addresses_follow_the_nodes_and_fixed_ones_are_kept() -> None:
    """The bridge has the first address; nodes without a fixed one get the next free; unmanaged ones none."""
    found = mgmt_addresses(LAB)

    assert found.bridge == ("172.20.20.1/24", "3fff:172:20:20::1/64")
    assert found.of("a") == ("172.20.20.3/24", "3fff:172:20:20::2/64")
    assert found.of("b") == ("172.20.20.2/24", "3fff:172:20:20::3/64")
    assert found.of("c") == found.of("br") == ()


@pytest.mark.parametrize(
    ("mgmt", "fixed", "words"),
    [
        (Mgmt(ipv4_subnet="10.0.0.0/30"), "", "10.0.0.0/30 is too small"),
        (Mgmt(), "10.1.1.1", "node a: management address 10.1.1.1 is not in 172.20.20.0/24"),
        (Mgmt(), "172.20.20.1", "node a: management address 172.20.20.1 is taken"),
    ],
)
def test_management_addresses_that_cannot_be_are_named(mgmt: Mgmt, fixed: str, words: str) -> None:
    """A subnet too small, an address outside it and one that is taken are the user's to change."""
    nodes = (LabNode(name="a", mgmt_ipv4=fixed), LabNode(name="b"))

    with pytest.raises(Mistake, match=words):
        mgmt_addresses(Lab(name="l", nodes=nodes, links=(), mgmt=mgmt))


def test_every_interface_has_a_number_of_its_own() -> None:
    """Numbers are unique in the whole lab, so that the number of a peer names one interface."""
    wiring = wires.wire(LAB, mgmt_addresses(LAB))
    spaces = (wires.HOME, *wiring.spaces)
    indexes = {(s, name): number for s in spaces for name, number in wiring.indexes(s).items() if name != "lo"}

    assert len(set(indexes.values())) == len(indexes) == 2 + 4 + 2 + 2 + 2
    assert {("a", "eth0"), ("a", "eth1"), ("", "port1"), ("", "br"), ("", "mgmt"), ("c", "stub")} <= set(indexes)
    assert ("c", "eth0") not in indexes
    assert wires.wire(LAB, mgmt_addresses(LAB)) == wiring


def test_macs_are_kept_or_chosen_the_same_each_time() -> None:
    """A given MAC is used; others come from lab, node and interface."""
    plugs = {(p.space, p.name): p for c in wires.wire(LAB, mgmt_addresses(LAB)).cables for p in (c.a, c.b)}

    assert plugs["a", "eth1"].mac == "02:00:00:00:00:01"
    assert plugs["b", "eth1"].mac == mac_of("l", "b", "eth1")
    assert plugs["b", "eth1"].mac.startswith("aa:c1:ab:")
    assert len({plug.mac for plug in plugs.values()}) == len(plugs)


def test_settings_of_a_space_speak_of_it_only() -> None:
    """A node's batch has its own addresses and routes, each request saying what it is about."""
    wiring = wires.wire(LAB, mgmt_addresses(LAB))

    words = [request.what for request in wires.settings(LAB, wiring, "a")]

    assert words == [
        "a: eth0 address 172.20.20.3/24",
        "a: eth0 address 3fff:172:20:20::2/64",
        "a: eth1 address 10.0.0.0/31",
        "a: route 0.0.0.0/0",
    ]


def test_ports_are_put_under_their_bridge() -> None:
    """Raising the lab's own space makes every management port and every bridge port a port."""
    wiring = wires.wire(LAB, mgmt_addresses(LAB))
    index = wiring.indexes(wires.HOME)

    masters = {}
    for request in wires.raisings(wiring, wires.HOME):
        number = struct.unpack_from("=BxHi", request.body)[2]
        masters[number] = struct.unpack("=I", request.body[20:24])[0] if len(request.body) > 16 else 0

    assert masters[index["port1"]] == index["br"]
    assert masters[index["mgmt0"]] == index["mgmt"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "ovs-bridge"}, "node a: kind 'ovs-bridge'; the netns runtime has bridge, frr, host, linux"),
        ({"network_mode": "host", "sysctls": (("net.ipv4.x", "1"),)}, "node a: it is in the machine's own network"),
        ({"network_mode": "host", "routes": (Route("0.0.0.0/0", ()),)}, "node a: it is in the machine's own network"),
        ({"kind": "host", "stage_execs": (StageExec("ls", "exit"),)}, "node a: a node of kind host has no stages"),
        ({"kind": "host", "ports": (Port(80, 80),)}, "node a: ports are published over the management network"),
        ({"network_mode": "container:z"}, "node a: network-mode 'container:z'; nodes with a network of their own are "),
        ({"image": "vendor/os:1"}, "node a: the netns runtime cannot stand in for image 'vendor/os:1'; it knows .frr"),
    ],
)
def test_what_the_runtime_lacks_is_refused_by_name(change: dict[str, str], words: str) -> None:
    """Ignoring these would change what the lab means."""
    node = replace(LabNode(name="a"), **change)  # type: ignore[arg-type]

    with pytest.raises(Mistake, match=words):
        refuse(Lab(name="l", nodes=(node,), links=()))


def test_only_cables_end_in_the_machines_network() -> None:
    """What is made on the machine must be known as the lab's own when it is removed."""
    link = Macvlan(end=End("a", "eth1"), host_interface="x")

    with pytest.raises(Mistake, match="link a:eth1: a is in the machine's own network, where only cables end"):
        refuse(Lab(name="l", nodes=(LabNode(name="a", network_mode="host"),), links=(link,)))


OPEN = replace(
    LAB,
    nodes=(*LAB.nodes, LabNode(name="x", network_mode="host"), LabNode(name="m", kind="host")),
    links=(
        HostLink(end=End("a", "eth1"), host_interface="up0", host_mac="02:00:00:00:00:02"),
        Veth(a=End("b", "eth1"), b=End("x", "up1")),
        Macvlan(end=End("c", "eth1"), host_interface="enp1s0"),
    ),
)


def test_ends_on_the_machine_are_numbered_by_it() -> None:
    """Their names and MAC addresses are the lab's, so that they are known; the numbers are those that they got."""
    wiring = wires.wire(OPEN, mgmt_addresses(OPEN))

    assert [(plug.name, plug.mac, plug.index) for plug in wiring.plugs(wires.MACHINE)] == [
        ("up0", "02:00:00:00:00:02", 0),
        ("up1", mac_of("l", "x", "up1"), 0),
    ]
    known = wires.numbered(wiring, {"up0": 71, "up1": 72, "enp1s0": 2})
    assert [plug.index for plug in known.plugs(wires.MACHINE)] == [71, 72]
    assert "x" not in wiring.spaces
    assert "m" not in wiring.spaces


def test_on_the_machine_only_the_labs_own_is_raised() -> None:
    """Neither its loopback nor the interface below a macvlan."""
    wiring = wires.numbered(wires.wire(OPEN, mgmt_addresses(OPEN)), {"up0": 71, "up1": 72})

    words = [request.what for request in wires.raisings(wiring, wires.MACHINE)]

    assert words == [".machine: up0 up", ".machine: up1 up"]
    assert wires.settings(OPEN, wiring, wires.MACHINE) == []


def test_a_machine_is_on_no_management_network() -> None:
    """Neither as a node, nor by way of one."""
    found = mgmt_addresses(OPEN)

    assert found.of("x") == found.of("m") == ()


@pytest.mark.parametrize(
    ("node", "change", "words"),
    [
        ("a", {"stitch": True}, "vxlan a:eth2: vxlan-stitch joins a tunnel of the machine itself"),
        ("a", {"remote": "spine1"}, "vxlan a:eth2: remote 'spine1' is no IP address"),
        ("a", {"remote": "239.0.0.1"}, "vxlan a:eth2: remote 239.0.0.1 is a group"),
        ("a", {"src_port": 65535}, "vxlan a:eth2: src-port 65535; the kernel takes up to 65534"),
        ("br", {}, "vxlan br:eth2: a tunnel sends over its node's own network, and a bridge has none"),
    ],
)
def test_tunnels_that_cannot_be_are_refused_by_name(node: str, change: dict[str, object], words: str) -> None:
    """A tunnel of the machine, one to no single address, and one that has no network to send over."""
    link = replace(Vxlan(end=End(node, "eth2"), remote="10.0.0.1", vni=7, dst_port=4789), **change)  # type: ignore[arg-type]

    with pytest.raises(Mistake, match=words):
        refuse(replace(LAB, links=(link,)))


def test_only_real_file_systems_are_shown_in_nodes() -> None:
    """Mounts that hold files are shown, not the kernel's own, and none below folders that a node has itself."""
    text = (
        "22 27 0:21 / /proc rw - proc proc rw\n"
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "30 27 254:1 / /home rw,relatime shared:5 - ext4 /dev/vdb rw\n"
        "31 27 254:2 / /srv/with\\040space rw - xfs /dev/vdc rw\n"
        "32 27 254:3 / /run/media rw - ext4 /dev/vdd rw\n"
        "33 27 0:40 / /mnt rw - tmpfs tmpfs rw\n"
    )

    assert shown_mounts(text) == ("/home", "/srv/with space")


def test_a_namespace_with_one_user_has_frrs_names_too() -> None:
    """FRR's user is root there, and in the group that its daemons ask for."""
    passwd = without_others(
        "root:x:0:0:root:/root:/bin/sh\nfrr:x:103:108::/nonexistent:/x\nwww:x:33:33::/:/x\n", group=False
    )
    group = without_others("root:x:0:\nfrrvty:x:107:frr\nwww:x:33:\n", group=True)

    assert passwd.splitlines() == ["root:x:0:0:root:/root:/bin/sh", "frr:x:0:0::/nonexistent:/x", "www:x:33:33::/:/x"]
    assert group.splitlines() == ["root:x:0:root,frr", "frrvty:x:0:root,frr", "www:x:33:"]


def test_refused_lines_are_found_in_a_daemons_log() -> None:
    """The line's number, its text and FRR's words, once each, out of log lines of different look."""
    log = (
        "2026/01/01 00:00:00 BGP: [T83RR-8SM5G] bgpd 8.4.4 starting: vty@0\n"
        "2026/01/01 00:00:00 BGP: [SHWNK-NWT5S][EC 100663304] No such command on config line 4:  nonsense here\n"
        "2026/01/01 00:00:00 BGP: [SHWNK-NWT5S][EC 100663304] No such command on config line 4:  nonsense here\n"
    )

    assert vty.refused_lines(log) == (("4", "nonsense here", "No such command"),)


@pytest.mark.parametrize(
    ("heard", "wanted"),
    [
        (b"", None),
        (b"text\n", None),
        (b"text\n\0\0\0", None),
        (b"text\n\0\0\0\0", vty.Answer("text\n", 0)),
        (b"\0\0\0\x02", vty.Answer("", 2)),
    ],
)
def test_an_answer_is_whole_with_its_status(heard: bytes, wanted: vty.Answer | None) -> None:
    """Three zero bytes and the status end an answer; before that it is not one."""
    assert vty.answer(heard) == wanted


def test_a_process_name_cannot_break_its_fields() -> None:
    """Spaces and brackets in a process's name do not shift the fields behind it."""
    assert stat_fields("7 (a) b) S 1 2 3") == ["S", "1", "2", "3"]
