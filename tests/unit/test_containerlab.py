"""What the containerlab runtime decides: whose a container is, which subnets to try, what a killed deployment left."""

import os
from ipaddress import ip_network
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace
from wanted import record_of

from topologies import process
from topologies.errors import Mistake
from topologies.lab import End, HostLink, Lab, LabNode, Macvlan, Mgmt, Port, Veth, Vxlan
from topologies.runtime import identity
from topologies.runtime.containerlab import cli, engine, leftovers, runtime, seal
from topologies.runtime.model import Life, NodeRecord
from topologies.runtime.netlink_decode import Counters, KernelLink

FILES = Path("/var/lib/closlab/small/files")
HOSTS = """\
127.0.0.1 localhost
###### CLAB-small-START ######
172.20.20.2\tclab-small-leaf1
###### CLAB-small-END ######
###### CLAB-small.2-START ######
172.20.20.9\tclab-small.2-leaf1
###### CLAB-small.2-END ######
10.0.0.1 printer
"""


def told(folder: str, status: str = "running") -> dict[str, object]:
    """What `docker inspect` tells, as far as it is read."""
    address = {"IPAddress": "172.20.0.2", "IPPrefixLen": 22, "GlobalIPv6Address": "3fff::2", "GlobalIPv6PrefixLen": 64}
    return {
        "Id": "75f4",
        "Name": "/clab-small-leaf1",
        "Config": {"Labels": {"clab-node-name": "leaf1", "clab-node-lab-dir": folder}},
        "State": {"Status": status, "Pid": 42},
        "NetworkSettings": {"Networks": {"x": address}},
    }


def link(index: int, name: str, peer: int) -> KernelLink:
    """An interface of the machine."""
    return KernelLink(index, name, "", 1500, False, False, peer, 0, "veth", Counters())


def test_a_container_is_read_from_the_engine() -> None:
    """Name, node, process and addresses come from one answer of the engine."""
    found = engine.container(told("/x"))

    assert (found.name, found.node, found.pid) == ("clab-small-leaf1", "leaf1", 42)
    assert (found.ipv4, found.ipv6) == ("172.20.0.2/22", "3fff::2/64")


@pytest.mark.parametrize(
    ("status", "life"),
    [("running", Life.RUNNING), ("paused", Life.PAUSED), ("exited", Life.DEAD), ("created", Life.DEAD)],
)
def test_a_container_lives_as_the_engine_says(status: str, life: Life) -> None:
    """Whatever neither runs nor is paused is dead."""
    assert engine.container(told("/x", status)).life is life


def test_a_strangers_container_is_not_ours() -> None:
    """A lab of the same name that somebody deployed by hand has its folder elsewhere, and is left alone."""
    ours, theirs = (
        engine.container(told(f"{FILES}/clab-small/leaf1")),
        engine.container(told("/home/me/clab-small/leaf1")),
    )

    assert engine.owned((ours, theirs), FILES) == (ours,)


def test_labs_side_by_side_try_different_subnets() -> None:
    """Two labs begin at different subnets, and one lab goes through all of them without an overlap."""
    lab = Lab("small", (), ())
    first, second = next(engine.choices(lab, "aaaa")), next(engine.choices(lab, "bbbb"))
    every = [ip_network(ipv4) for ipv4, _ in engine.choices(lab, "aaaa")]

    assert first != second
    assert len(set(every)) == engine.SUBNETS
    assert all(ip_network("172.20.0.0/14").supernet_of(each) for each in every)


@pytest.mark.parametrize(
    "lab",
    [
        Lab("small", (), (), mgmt=Mgmt(ipv4_subnet="10.1.0.0/24", ipv6_subnet="fd00::/64")),
        Lab("small", (LabNode(name="a", mgmt_ipv4="172.20.20.9"),), ()),
    ],
)
def test_a_subnet_that_the_file_depends_on_is_kept(lab: Lab) -> None:
    """A subnet of the file's own, or one that nodes have addresses in, is the only one tried."""
    assert list(engine.choices(lab, "aaaa")) == [(lab.mgmt.ipv4_subnet, lab.mgmt.ipv6_subnet)]


def test_a_subnet_that_is_left_to_us_is_chosen_and_a_family_without_one_is_left_out() -> None:
    """`auto` is any free one; a file that names a subnet of one family only has a network of that family."""
    auto = Lab("small", (), (), mgmt=Mgmt(ipv4_subnet="10.1.0.0/24", ipv6_subnet="auto"))
    (_, first6), *others = engine.choices(auto, "aaaa")
    only4 = Lab("small", (), (), mgmt=Mgmt(ipv4_subnet="10.1.0.0/24", ipv6_subnet=""))

    assert {ipv4 for ipv4, _ in others} == {"10.1.0.0/24"}
    assert ip_network(first6).prefixlen == 64
    assert list(engine.choices(only4, "aaaa")) == [("10.1.0.0/24", "")]
    assert "--ipv6" not in engine.network_options(only4, "aaaa", "10.1.0.0/24", "")
    assert "--ipv6" in engine.network_options(auto, "aaaa", "10.1.0.0/24", first6)


def test_the_management_network_leads_nowhere() -> None:
    """The network is internal; one that publishes ports, which internal ones cannot, does not masquerade."""
    sealed = engine.network_options(Lab("small", (), ()), "aaaa", "172.20.0.0/22", "3fff::/64")
    publishing = Lab("small", (LabNode(name="a", ports=(Port(80, 8080),)),), ())
    opened = engine.network_options(publishing, "aaaa", "172.20.0.0/22", "3fff::/64")

    assert "--internal" in sealed
    assert "--internal" not in opened
    assert "com.docker.network.bridge.enable_ip_masquerade=false" in opened


def test_a_network_whose_nodes_come_by_their_addresses_lets_them_ask() -> None:
    """The engine has a subnet for itself; its rules for internal networks would drop what is of another."""
    lab = Lab("small", (), (), mgmt=Mgmt(ipv4_subnet="", ipv6_subnet=""))
    ipv4, ipv6 = next(engine.choices(lab, "aaaa"))
    options = engine.network_options(lab, "aaaa", ipv4, ipv6)

    assert ip_network(ipv4).prefixlen == 22
    assert ipv6 == ""
    assert len(list(engine.choices(lab, "aaaa"))) == engine.SUBNETS
    assert "--internal" not in options
    assert "com.docker.network.bridge.enable_ip_masquerade=false" in options


def test_an_address_that_a_node_let_go_of_is_not_on_record() -> None:
    """What the engine tells of a container counts only where its node keeps it."""
    node, container = LabNode(name="leaf1"), engine.container({**told("/x"), "State": {"Status": "exited", "Pid": 0}})
    kept = record_of(Lab("small", (node,), ()))
    bare = record_of(Lab("small", (node,), (), mgmt=Mgmt(ipv4_subnet="", ipv6_subnet="")))

    assert runtime.node_record(kept, node, container).mgmt_ipv4 == "172.20.0.2/22"
    assert runtime.node_record(bare, node, container).mgmt_ipv4 == ""


def test_the_seal_closes_the_very_bridge_that_the_engine_makes() -> None:
    """The engine is told the bridge's name, which is that of the firewall table's rules and fits an interface."""
    options = engine.network_options(Lab("small", (), ()), "0123abcd", "172.20.0.0/22", "3fff::/64")

    assert f"com.docker.network.bridge.name={seal.bridge('0123abcd')}" in options
    assert len(seal.bridge("0123abcd")) < 16


def test_a_machine_without_a_firewall_cannot_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told before anything is made, with what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Mistake, match="apt-get install nftables"):
        seal.refuse_without_firewall()


def test_a_lab_without_management_addresses_needs_no_network() -> None:
    """Nodes that are on no network, on another node's or on the machine's need none made, nor do bridges."""
    nodes = (
        LabNode(name="a", network_mode="none"),
        LabNode(name="b", network_mode="container:a"),
        LabNode(name="m", kind="host"),
        LabNode(name="br", kind="bridge"),
    )

    assert not engine.needs_network(Lab("small", nodes, ()))
    assert engine.needs_network(Lab("small", (*nodes, LabNode(name="c")), ()))


def test_only_the_labs_own_block_leaves_the_hosts_file() -> None:
    """A lab whose name begins alike keeps its lines."""
    left = leftovers.without_block(HOSTS, "small")

    assert "clab-small-leaf1" not in left
    assert "clab-small.2-leaf1" in left
    assert left.count("\n") == HOSTS.count("\n") - 3
    assert leftovers.without_block(left, "small") == left


def test_a_half_made_cable_is_known_by_both_its_ends() -> None:
    """A cable goes when both ends wait on the machine under random names, were not there before, and are a pair."""
    links = (
        link(5, "clab-0123abcd", 6),
        link(6, "clab-89ab4567", 5),
        link(7, "clab-aaaaaaaa", 8),  # there before
        link(8, "clab-bbbbbbbb", 7),
        link(9, "clab-cccccccc", 2),  # its other end is in a node
        link(10, "clab-small-leaf", 11),
        link(11, "veth0", 10),
        replace(link(12, "clab-dddddddd", 2), kind="macvlan"),  # on its way into a node
    )

    assert leftovers.stray_cables(links, frozenset({7, 8})) == ("clab-0123abcd", "clab-dddddddd")


def test_what_links_make_on_the_machine_is_known_before() -> None:
    """The end of a host link, and both interfaces of a stitched tunnel; macvlans and cables make nothing there."""
    end = End("a", "eth1")
    links = (
        HostLink(end=end, host_interface="up0"),
        Macvlan(end=end, host_interface="enp1s0"),
        Vxlan(end=end, remote="10.0.0.1", vni=1, dst_port=4789, stitch=True),
        Vxlan(end=end, remote="10.0.0.1", vni=2, dst_port=4789),
        Veth(a=end, b=End("b", "eth1")),
    )

    assert leftovers.outer(links) == ("up0", "ve-a_eth1", "vx-a_eth1")


def test_a_failed_command_is_found_in_containerlabs_log() -> None:
    """containerlab reports success when a node's command fails; its log tells."""
    log = "22:00:27 INFO Created link\n22:00:27 ERRO Failed to execute command node=a rc=1\n  stderr=\n  │ no such file"

    assert cli.failed_commands(log).splitlines()[0].endswith("node=a rc=1")
    assert "no such file" in cli.failed_commands(log)
    assert cli.failed_commands("22:00:27 INFO Executed command node=a") == ""


def test_deployments_ask_nobody_outside() -> None:
    """containerlab looks for newer versions of itself on the internet unless told not to."""
    env = cli.environment(FILES, {"HOME": "/root"})

    assert env == {"HOME": "/root", "CLAB_LABDIR_BASE": str(FILES), "CLAB_VERSION_CHECK": "disable"}


def test_subnets_are_cut_alike_for_both_families() -> None:
    """The n-th IPv4 subnet goes with the n-th IPv6 one, so that neither is used twice."""
    pairs = list(islice(engine.choices(Lab("small", (), ()), "aaaa"), engine.SUBNETS))

    assert len({ipv6 for _, ipv6 in pairs}) == engine.SUBNETS


def test_a_node_in_the_machines_own_network_keeps_its_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing a lab takes default routes from its nodes, never from the machine that a node shares its network with."""
    shares = LabNode(name="agent", network_mode="host")
    here = NodeRecord("agent", "clab-x-agent", init=identity.identify(os.getpid()))
    record = replace(record_of(Lab("x", (shares,), (), file="/x.clab.yml")), nodes=(here,))
    started: list[object] = []
    monkeypatch.setattr(process, "run", lambda argv, **_: started.append(argv))

    seal.take_default_routes(record)

    assert started == []
