"""Reading containerlab files: every form becomes the right lab, and every mistake is named with its place."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from topologies.files.clab.read import parse, read
from topologies.files.clab.substitute import Git
from topologies.lab import (
    Bind,
    Dummy,
    End,
    Healthcheck,
    HostLink,
    Lab,
    Macvlan,
    MgmtLink,
    Port,
    StageExec,
    Veth,
    Vxlan,
    WaitFor,
)
from topologies.model import Role

TWO = """\
name: demo
topology:
  nodes:
    leaf1: {kind: linux, image: alpine}
    spine1: {kind: linux, image: alpine}
  links:
    - endpoints: ["leaf1:eth1", "spine1:eth1"]
"""

EVERYTHING = Path(__file__).parents[1] / "golden" / "clab" / "everything.clab.yml"


def lab(text: str, env: Mapping[str, str] | None = None, **more: object) -> Lab:
    return parse(text, place="f.clab.yml", folder="/labs", env=env or {}, **more)  # type: ignore[arg-type]  # tests pass few


def test_a_small_file_is_two_nodes_and_a_cable_with_the_defaults_of_containerlab() -> None:
    """What is not said is as containerlab has it: prefix, management network, host name, MTU."""
    found = lab(TWO)

    assert [node.name for node in found.nodes] == ["leaf1", "spine1"]
    assert found.nodes[0].hostname == "leaf1"
    assert found.links == (Veth(a=End("leaf1", "eth1"), b=End("spine1", "eth1"), mtu=9500),)
    assert found.long_name("leaf1") == "clab-demo-leaf1"
    assert (found.mgmt.network, found.mgmt.ipv4_subnet) == ("clab", "172.20.20.0/24")


def test_a_node_inherits_over_group_kind_and_defaults() -> None:
    """The most specific scalar wins; mappings and lists are merged; binds are merged by their target."""
    found = lab("""\
name: demo
topology:
  defaults:
    kind: linux
    image: d
    env: {A: d, B: d}
    exec: [echo d]
    binds: [d:/etc/x, d:/etc/y]
    user: d
  kinds:
    linux: {image: k, env: {B: k, C: k}, exec: [echo k], group: g}
  groups:
    g: {env: {C: g, D: 010}, binds: [g:/etc/x:ro], labels: {graph-level: 1}, exec: [echo d, echo g]}
    h: {kind: bridge}
  nodes:
    n1:
    n2: {env: {D: n}, image: n, exec: [echo n]}
    n3: {group: h}
""")
    first, second, third = found.nodes

    assert (first.kind, first.image, first.group, first.user) == ("linux", "k", "g", "d")
    assert dict(first.env) == {"A": "d", "B": "k", "C": "g", "D": "010"}
    assert first.exec == ("echo d", "echo k", "echo g")
    assert first.binds == (Bind("/labs/g", "/etc/x", read_only=True), Bind("/labs/d", "/etc/y"))
    assert dict(first.labels) == {"graph-level": "1"}
    assert (second.image, dict(second.env)["D"], second.exec[-1]) == ("n", "n", "echo n")
    assert third.kind == "bridge"


def test_every_key_of_a_node_is_read() -> None:
    """A node may use all of the schema at once; what a lab has words for arrives in them."""
    found = read(EVERYTHING, {"HOME": "/home/u"})
    node = next(node for node in found.nodes if node.name == "n1")

    assert node.cmd == ("sh", "-c", "sleep infinity")
    assert node.entrypoint == ("/sbin/tini", "--")
    assert node.ports == (
        Port(8080, 80),
        Port(43555, 55555, protocol="udp"),
        Port(22, 2222, "10.0.0.1"),
        Port(9000, 8000),
        Port(9001, 8001),
        Port(179, 0),
    )
    assert dict(node.env) == {"FROM_FILE": "yes it is", "PORT": "080", "EMPTY": ""}
    assert node.waits == (WaitFor("create", "n2", "create"), WaitFor("configure", "n2", "healthy"))
    assert node.stage_execs == (
        StageExec("ls /sys", "create", "on-exit", "container"),
        StageExec("echo n1", "configure", "on-enter", "container"),
        StageExec("echo out", "configure", "on-exit", "container"),
    )
    assert node.healthcheck == Healthcheck(("CMD-SHELL", "true"), 10, 5, 2, 1)
    assert (node.dns_servers, node.dns_search) == (("10.0.0.53",), ("lab.test",))
    assert (node.mgmt_ipv4, node.mgmt_ipv6) == ("172.30.0.11", "3fff:172:30::11")
    assert (node.startup_delay, node.role, node.cap_add) == (3, Role.LEAF, ("NET_ADMIN",))
    assert node.startup_config == str(EVERYTHING.parent / "n1.cfg")
    assert node.exec == ("echo n1 in clab-everything",)


def test_every_type_of_link_is_read() -> None:
    """Brief and extended forms give the same links."""
    links = read(EVERYTHING, {}).links

    assert links == (
        Veth(a=End("n1", "eth1"), b=End("n2", "eth1"), mtu=9000, rate_mbps=400000),
        Veth(
            a=End("n1", "eth2", "02:00:00:00:00:01", ("10.0.0.0/31", "fd00::/127")),
            b=End("n2", "eth2", "", ("10.0.0.1/31",)),
            mtu=1500,
            labels=(("cable", "blue"),),
        ),
        Veth(a=End("n1", "eth3", "", ("10.0.1.0/31",)), b=End("br0", "port1", "", ("10.0.1.1/31",))),
        HostLink(end=End("n1", "eth4"), host_interface="n1eth4"),
        HostLink(end=End("n1", "eth5"), host_interface="n1eth5"),
        HostLink(end=End("n1", "eth6"), host_interface="up1"),
        MgmtLink(end=End("n1", "eth7"), host_interface="n1eth7"),
        MgmtLink(end=End("n1", "eth8"), host_interface="n1eth8", mtu=1500),
        Macvlan(end=End("n1", "eth9"), host_interface="enp0s3"),
        Macvlan(end=End("n1", "eth10"), host_interface="enp0s3", mode="vepa"),
        Dummy(end=End("n1", "dummy0")),
        Vxlan(end=End("n1", "eth11"), remote="10.1.1.1", vni=100, dst_port=4789, src_port=4790),
        Vxlan(end=End("n2", "eth11"), remote="10.1.1.1", vni=101, dst_port=4789, stitch=True),
        Veth(a=End("n1", "eth12"), b=End("n2", "eth12")),
    )


@pytest.mark.parametrize(
    ("text", "env", "image"),
    [
        ("${IMAGE}", {"IMAGE": "frr"}, "frr"),
        ("$IMAGE", {"IMAGE": "frr"}, "frr"),
        ("${IMAGE:=frr:10}", {}, "frr:10"),
        ("${IMAGE:=frr:10}", {"IMAGE": ""}, "frr:10"),
        ("${IMAGE:-frr}", {"IMAGE": "own"}, "own"),
        ("x${IMAGE-frr}", {"IMAGE": ""}, "x"),
        ("a${IMAGE:+b}", {"IMAGE": "x"}, "ab"),
        ("$$IMAGE", {"IMAGE": "x"}, "$IMAGE"),
        ("$IMAGE", {}, "$IMAGE"),
    ],
)
def test_variables_are_filled_in_from_the_environment(text: str, env: dict[str, str], image: str) -> None:
    """A variable that is not set stays as written, unless it has a default; two dollars are one."""
    found = lab(TWO.replace("image: alpine", f"image: '{text}'"), env)

    assert found.nodes[0].image == image


def test_a_node_may_import_the_environment_of_its_caller() -> None:
    """Its own variables win, and the switch itself is none of them."""
    found = lab(TWO.replace("image: alpine", "env: {__IMPORT_ENVS: true, A: own}"), {"A": "caller", "B": "caller"})

    assert dict(found.nodes[0].env) == {"A": "own", "B": "caller"}


def test_a_name_may_hold_branch_and_commit() -> None:
    """Slashes of a branch become hyphens."""
    found = lab(TWO.replace("name: demo", "name: l-__gitBranch__-__gitHash__"), git=Git("fix/bgp", "abc123"))

    assert found.name == "l-fix-bgp-abc123"
