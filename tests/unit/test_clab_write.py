"""Writing containerlab files: what is written reads back as the same lab, and sets up what containerlab cannot."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from topologies.files.clab import setup
from topologies.files.clab.read import parse
from topologies.files.clab.write import CAPABILITIES, IDLE, write
from topologies.lab import (
    Bind,
    Daemon,
    Dummy,
    End,
    File,
    Healthcheck,
    HostLink,
    Lab,
    LabNode,
    Macvlan,
    Mgmt,
    MgmtLink,
    Neighbour,
    Port,
    Route,
    Rule,
    StageExec,
    Veth,
    Vxlan,
    WaitFor,
)
from topologies.model import Role

IMAGE = "frr:test"
WORD = st.from_regex(r"[a-z][a-z0-9.]{0,8}", fullmatch=True)
TEXT = st.text(
    "abcXYZ019 ${}[]'\":,#&*!|>%@-_/.\
",
    min_size=1,
    max_size=12,
)
COMMAND = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
TEXTS = st.dictionaries(WORD, TEXT, max_size=3).map(lambda found: tuple(found.items()))
NUMBER = st.integers(1, 65535)
ADDRESS = st.sampled_from(["127.0.0.1", "0.0.0.0", "::1"])
PORTS = st.lists(st.builds(Port, NUMBER, NUMBER, ADDRESS, st.sampled_from(["tcp", "udp"])), max_size=2).map(tuple)
BIND = st.builds(Bind, st.just("/etc"), WORD.map("/{}".format), st.booleans())
BINDS = st.lists(BIND, max_size=2, unique_by=lambda bind: bind.target).map(tuple)
STAGE = st.builds(StageExec, COMMAND, st.just("create"), st.sampled_from(["on-enter", "on-exit"]))
FEW = st.integers(1, 9)
HEALTHCHECK = st.builds(Healthcheck, st.just(("CMD", "true")), FEW, FEW, FEW, FEW)


def node(name: str) -> st.SearchStrategy[LabNode]:
    """A node with anything that a containerlab file can say of one."""
    return st.builds(
        LabNode,
        name=st.just(name),
        kind=st.just("linux"),
        image=st.sampled_from([IMAGE, "other:1"]),
        group=st.sampled_from(["", "red", "blue"]),
        hostname=st.sampled_from([name, "own"]),
        cmd=st.sampled_from([("sleep", "infinity"), ("sh", "-c", "a 'b' ; c")]),
        entrypoint=st.sampled_from([(), ("/init", "--")]),
        env=TEXTS,
        exec=st.lists(COMMAND, max_size=2, unique=True).map(tuple),
        binds=BINDS,
        ports=PORTS,
        labels=TEXTS,
        sysctls=TEXTS,
        network_mode=st.sampled_from(["", "none"]),
        startup_delay=st.sampled_from([0, 5]),
        stage_execs=st.lists(STAGE, max_size=2).map(tuple),
        healthcheck=st.none() | HEALTHCHECK,
        dns_servers=st.sampled_from([(), ("10.0.0.1",)]),
        cap_add=st.just(CAPABILITIES),
        user=st.sampled_from(["", "0", "root"]),
    )


@st.composite
def labs(draw: st.DrawFn) -> Lab:
    """A lab of a few nodes with links of every type; every interface and address is used once."""
    names = draw(st.lists(WORD, min_size=2, max_size=5, unique=True))
    nodes = [draw(node(name)) for name in names]
    nodes[0] = replace(nodes[0], waits=draw(st.sampled_from([(), (WaitFor("create", names[1], "create"),)])))
    links: list[Any] = []
    for number in range(draw(st.integers(0, 6))):
        a, b = draw(st.permutations(names))[:2]
        mac, addresses = draw(st.booleans()), draw(st.booleans())
        end = End(
            a,
            f"eth{number + 1}",
            f"02:00:00:00:00:{number:02x}" if mac else "",
            (f"10.0.{number}.0/31", f"fd00:{number + 1}::/127") if addresses else (),
        )
        mtu = draw(st.integers(576, 9500))
        rate, cable = draw(st.none() | st.integers(1, 800000)), draw(TEXTS)
        several = [
            Veth(a=end, b=End(b, f"eth{number + 1}"), mtu=mtu, rate_mbps=rate, labels=cable),
            HostLink(end=end, host_interface=f"up{number}", mtu=mtu),
            MgmtLink(end=end, host_interface=f"mg{number}", mtu=mtu),
            Macvlan(end=end, host_interface="enp0s3", mode="vepa", mtu=mtu),
            Dummy(end=end, mtu=mtu),
            Vxlan(end=end, remote="10.9.9.9", vni=number + 1, dst_port=4789, stitch=mac, mtu=mtu),
        ]
        links.append(draw(st.sampled_from(several)))
    mgmt = draw(st.sampled_from([Mgmt(), Mgmt(network="own", ipv4_subnet="auto", ipv6_subnet="", mtu=9000)]))
    prefix = draw(st.sampled_from(["clab", "", "__lab-name", "own"]))
    return Lab(name="drawn", nodes=tuple(nodes), links=tuple(links), prefix=prefix, mgmt=mgmt, file="drawn.clab.yml")


def said(lab: Lab) -> Lab:
    """A lab without what the file has no order or no words for: order within mappings, and the command that sets up."""
    nodes = [
        replace(
            node,
            env=tuple(sorted(node.env)),
            labels=tuple(sorted(node.labels)),
            sysctls=tuple(sorted(node.sysctls)),
            exec=tuple(command for command in node.exec if command != setup.COMMAND),
            binds=tuple(bind for bind in node.binds if bind.target != setup.HERE),
        )
        for node in lab.nodes
    ]
    return replace(lab, nodes=tuple(nodes))


@settings(max_examples=60, deadline=None)
@given(labs())
def test_what_is_written_reads_back_as_the_same_lab(lab: Lab) -> None:
    """Nothing that a containerlab file can say is lost or changed."""
    written = write(lab, image=IMAGE, folder="nodes")

    back = parse(written.text, place="drawn.clab.yml", folder="/labs", env={"HOME": "/root"})

    assert said(back) == said(lab)


ROUTER = LabNode(
    name="leaf1",
    role=Role.LEAF,
    group="leaf",
    hostname="leaf1",
    files=(File("/etc/frr/zebra.conf", "hostname leaf1\n"), File("/etc/frr/bgpd.conf", "router bgp 1\n", mode=0o600)),
    addresses=(("lo", "10.255.0.1/32"), ("lo", "fd00::1/128")),
    routes=(
        Route("0.0.0.0/0", (("10.0.0.1", "eth1"), ("10.0.0.3", "eth2"))),
        Route("10.9.0.0/16", (("fe80::1", "eth1"),), table=100),
        Route("::/0", (("fe80::1", "eth1"),)),
        Route("10.8.0.0/16", (("", "eth2"),)),
    ),
    rules=(Rule("10.255.0.1/32", 100),),
    neighbours=(Neighbour("eth1", "10.0.0.1", "02:00:00:00:00:02"),),
    daemons=(
        Daemon("zebra", ("/usr/lib/frr/zebra", "--log", "file:/var/log/frr/zebra.log"), ready="/run/frr/zserv.api"),
        Daemon("bgpd", ("/usr/lib/frr/bgpd", "-f", "/etc/frr/bgpd.conf")),
    ),
)
SPINES = tuple(
    LabNode(
        name=f"spine{n}",
        group="spine",
        hostname=f"spine{n}",
        labels=(("graph-level", "1"),),
        sysctls=(("net.ipv4.ip_forward", "1"), ("net.ipv4.fib_multipath_hash_seed", str(n))),
    )
    for n in (1, 2)
)
LAB = Lab(
    name="small",
    nodes=(*SPINES, ROUTER),
    links=(Veth(a=End("leaf1", "eth1", addresses=("10.0.0.0/31",)), b=End("spine1", "eth1")),),
)


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """The files that LAB binds."""
    return dict(write(LAB, image=IMAGE, folder="nodes").files)


def test_a_node_that_needs_nothing_of_ours_binds_nothing(files: dict[str, str]) -> None:
    """Only nodes of which the lab says what containerlab cannot get a folder."""
    assert {path.split("/")[1] for path in files} == {"leaf1"}


def test_addresses_routes_and_neighbours_are_one_batch_per_family(files: dict[str, str]) -> None:
    """Of the node and of its ends of cables; each line may be given again."""
    assert files["nodes/leaf1/ip4.batch"].splitlines() == [
        "address replace 10.255.0.1/32 dev lo",
        "address replace 10.0.0.0/31 dev eth1",
        "neighbour replace 10.0.0.1 lladdr 02:00:00:00:00:02 dev eth1 nud permanent",
        "route replace 0.0.0.0/0 table 254 nexthop via 10.0.0.1 dev eth1 onlink nexthop via 10.0.0.3 dev eth2 onlink",
        "route replace 10.9.0.0/16 table 100 via inet6 fe80::1 dev eth1 onlink",
        "route replace 10.8.0.0/16 table 254 dev eth2",
        "rule add from 10.255.0.1/32 table 100",
    ]
    assert files["nodes/leaf1/ip6.batch"].splitlines() == [
        "address replace fd00::1/128 dev lo",
        "route replace ::/0 table 254 via fe80::1 dev eth1 onlink",
    ]


def test_the_script_sets_up_in_the_only_order_that_works(files: dict[str, str]) -> None:
    """Files, then no way out, then addresses, then daemons in their order."""
    script = files["nodes/leaf1/start.sh"]
    steps = [
        "cp -R /etc/closlab/files/. /",
        "chmod 600 /etc/frr/bgpd.conf",
        "chmod 640 /etc/frr/zebra.conf",
        "chown -R frr:frr /etc/frr /run/frr /var/log/frr",
        "ip -4 route del default",
        "ip -4 -batch /etc/closlab/ip4.batch",
        "start zebra /run/frr/zserv.api /usr/lib/frr/zebra --log file:/var/log/frr/zebra.log",
        "start bgpd '' /usr/lib/frr/bgpd -f /etc/frr/bgpd.conf",
    ]

    places = [script.index(step) for step in steps]

    assert places == sorted(places)
    assert files["nodes/leaf1/files/etc/frr/bgpd.conf"] == "router bgp 1\n"


def test_where_the_lab_gives_no_management_addresses_a_node_lets_go_of_the_engines() -> None:
    """Before it takes its own; a node without that network, and any node of an ordinary lab, leaves eth0 alone."""
    flush = "ip address flush dev eth0 scope global"
    bare = replace(LAB, mgmt=Mgmt(ipv4_subnet="", ipv6_subnet=""))
    apart = replace(bare, nodes=tuple(replace(node, network_mode="none") for node in bare.nodes))

    scripts = [write(lab, image=IMAGE, folder="nodes").files["nodes/leaf1/start.sh"] for lab in (bare, apart, LAB)]

    assert 0 < scripts[0].index(flush) < scripts[0].index("ip -4 -batch")
    assert [flush in script for script in scripts] == [True, False, False]


def test_nodes_are_not_privileged_and_lead_nowhere() -> None:
    """They idle, have named capabilities only, and their management network has no access to the outside."""
    spec = yaml.safe_load(write(LAB, image=IMAGE, folder="nodes").text)
    linux = spec["topology"]["kinds"]["linux"]

    assert spec["mgmt"]["external-access"] is False
    assert linux["privileged"] is False
    assert linux["cap-add"] == ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "NET_BIND_SERVICE"]
    assert linux["cmd"] == IDLE


def test_what_all_nodes_of_a_group_have_stands_in_the_group() -> None:
    """What differs stays with the node."""
    topology = yaml.safe_load(write(LAB, image=IMAGE, folder="nodes").text)["topology"]

    assert topology["groups"] == {
        "spine": {"labels": {"graph-level": "1"}, "sysctls": {"net.ipv4.ip_forward": "1"}},
    }
    assert topology["nodes"]["spine2"] == {
        "kind": "linux",
        "group": "spine",
        "sysctls": {"net.ipv4.fib_multipath_hash_seed": "2"},
    }


def test_the_kind_frr_is_written_as_linux() -> None:
    """Installations of containerlab that know the kind frr are rare."""
    lab = replace(LAB, nodes=tuple(replace(node, kind="frr") for node in LAB.nodes))

    nodes = yaml.safe_load(write(lab, image=IMAGE, folder="nodes").text)["topology"]["nodes"]

    assert {spec["kind"] for spec in nodes.values()} == {"linux"}
