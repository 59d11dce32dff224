"""A lab on the native runtime, up and down.

spine1   spine2
  |  \\  /  |  (x4)
leaf1 ... leaf4
  |         |
host      host
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from wanted import Machine, fabric, nothing, reaches, record_of, running

from telemetry.check import check_without_plan
from topologies.errors import Fault, Mistake
from topologies.lab import Bind, Daemon, Dummy, End, File, Lab, LabNode, Mgmt, Veth
from topologies.plan import Plan
from topologies.runtime.door import open_door
from topologies.runtime.model import Action, LabRecord, Life
from topologies.runtime.netlink import Netlink
from topologies.runtime.netns import Netns
from topologies.waiting import until

NAME = f"hdrt{os.getpid()}"


@pytest.fixture(scope="module")
def built() -> Iterator[tuple[LabRecord, Plan]]:
    lab, planned = fabric(NAME)
    with running(lab) as record:
        yield record, planned


def missing_routes(record: LabRecord, planned: Plan) -> str:
    for name, wanted in planned.nodes.items():
        with open_door(record, name).netlink() as kernel:
            there = {route.prefix: len(route.hops) for route in kernel.routes() if route.protocol == 186}
        for route in wanted.routes:
            if there.get(route.prefix) != len(route.interfaces):
                return f"{name}: {route.prefix}"
    return ""


def test_the_fabric_converges_to_its_plan(built: tuple[LabRecord, Plan]) -> None:
    """Every node's kernel gets every planned route at its full width."""
    record, planned = built

    until("routes as planned", lambda: missing_routes(record, planned), within=30)

    assert set(Netns().look(record).values()) == {Life.RUNNING}


def test_interfaces_are_as_the_lab_says(built: tuple[LabRecord, Plan]) -> None:
    """Names, MACs, MTUs and addresses are those of the plan, and every link has its carrier."""
    record, planned = built

    with open_door(record, "leaf2").netlink() as kernel:
        links = {link.name: link for link in kernel.links()}
        names = {link.index: link.name for link in links.values()}
        addresses = {(names[each.index], each.cidr) for each in kernel.addresses()}

    assert set(links) == {"lo", "eth0", *(each.name for each in planned.nodes["leaf2"].interfaces)}
    for wanted in planned.nodes["leaf2"].interfaces:
        found = links[wanted.name]
        assert (found.mac, found.mtu, found.up, found.carrier) == (wanted.mac, wanted.mtu, True, True)
        assert {(wanted.name, address) for address in wanted.addresses} <= addresses


def test_daemons_are_scheduled_as_everything_else(built: tuple[LabRecord, Plan]) -> None:
    """They were batch jobs while the lab started, and are none by the time that it is up, threads included."""
    record, _ = built

    processes = [each.pid for node in record.nodes for each in open_door(record, node.name).processes()]
    tasks = [int(task) for pid in processes for task in os.listdir(f"/proc/{pid}/task")]

    assert {os.sched_getscheduler(task) for task in tasks} == {os.SCHED_OTHER}


def test_each_node_is_a_machine_of_its_own(built: tuple[LabRecord, Plan]) -> None:
    """A node has its own host name, hosts file and processes, and what it writes stays in it."""
    record, _ = built
    door = open_door(record, "leaf1")

    said = door.run(["sh", "-c", "hostname; echo mine >/etc/hdmine; ls /etc/hdmine; ps -e | wc -l"]).stdout.split()
    other = open_door(record, "leaf2").run(["ls", "/etc/hdmine"], check=False)

    assert said[:2] == ["leaf1", "/etc/hdmine"]
    assert int(said[2]) < 10
    assert "172.20.20.2 spine1" in door.read("/etc/hosts").decode()
    assert other.code != 0
    assert not os.path.exists("/etc/hdmine")


def test_the_management_network_joins_all_nodes(built: tuple[LabRecord, Plan]) -> None:
    """Nodes reach each other over eth0, by IPv4 and IPv6."""
    record, _ = built
    leaf, spine = open_door(record, "leaf1"), open_door(record, "spine1")

    assert reaches(leaf, spine, "172.20.20.2")
    assert reaches(leaf, spine, "3fff:172:20:20::2")


@pytest.mark.root_only("may listen on the machine's interfaces")
def test_no_packet_leaves_the_lab(built: tuple[LabRecord, Plan]) -> None:
    """Whatever a node's user routes by hand, nothing it sends is seen on any interface of the machine."""
    record, _ = built
    door, mark = open_door(record, "leaf1"), os.urandom(16)
    with Netlink.open() as kernel:
        own = [each.cidr.partition("/")[0] for each in kernel.addresses() if ":" not in each.cidr]
    outside = ["198.18.0.1", "192.0.2.1", "172.20.20.1", *(each for each in own if not each.startswith("127."))]
    door.run(["ip", "route", "flush", "0.0.0.0/0"])
    door.run(["ip", "route", "add", "default", "via", "172.20.20.1"])

    sender = door.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as every:
        every.settimeout(0.3)
        for address in outside:
            sender.sendto(mark, (address, 9))
        heard = []
        try:
            while True:
                heard.append(every.recv(65536))
        except TimeoutError:
            pass

    assert not [frame for frame in heard if mark in frame]


def test_a_node_can_be_paused_and_go_on(built: tuple[LabRecord, Plan]) -> None:
    """All processes of a paused node stand still, and answer again afterwards."""
    record, _ = built
    runtime = Netns()

    runtime.act(record, "leaf3", Action.PAUSE, note=nothing)
    paused = runtime.look(record)["leaf3"]
    with pytest.raises(Fault, match="did not answer"):
        open_door(record, "leaf3").vty("zebra", "show version", timeout=0.2)
    runtime.act(record, "leaf3", Action.RESUME, note=nothing)

    assert paused is Life.PAUSED
    assert runtime.look(record)["leaf3"] is Life.RUNNING
    assert "leaf3" in open_door(record, "leaf3").vty("zebra", "show version")


def test_power_off_takes_the_carrier_and_power_on_gives_all_back(built: tuple[LabRecord, Plan]) -> None:
    """A killed node's peers lose their carrier; started again it has its files and daemons, and converges."""
    record, planned = built
    runtime, noted = Netns(), []
    open_door(record, "leaf4").write("/etc/frr/kept", b"kept")

    off = runtime.act(record, "leaf4", Action.KILL, note=noted.append)
    dead = runtime.look(off)["leaf4"]
    with open_door(off, "spine1").netlink() as kernel:
        carriers = {link.name: link.carrier for link in kernel.links()}
    with pytest.raises(Fault, match="does not run"):
        open_door(off, "leaf4")
    on = runtime.act(off, "leaf4", Action.START, note=noted.append)

    assert dead is Life.DEAD
    assert carriers == {"lo": True, "eth0": True, "eth1": True, "eth2": True, "eth3": True, "eth4": False}
    assert open_door(on, "leaf4").read("/etc/frr/kept") == b"kept"
    until("routes as planned", lambda: missing_routes(on, planned), within=40)
    assert noted[-1] == on
    again = runtime.act(on, "leaf4", Action.RESTART, note=noted.append)
    with open_door(again, "spine1").netlink() as kernel:
        assert all(link.carrier for link in kernel.links())
    assert again.nodes != on.nodes


def test_nothing_is_left_of_a_lab() -> None:
    """After `down` no process, interface, mount, name or file of the lab is on the machine; a second `down` is fine."""
    before = Machine.now()
    lab, _ = fabric(f"{NAME}gone", spines=1, leaves=2)

    record = Netns().up(record_of(lab), note=nothing, say=nothing)
    during = Machine.now()
    Netns().down(record)
    Netns().down(record)

    assert f"/run/netns/clab-{NAME}gone-leaf1" in during.seen
    assert before.left(record) == set()
    assert set(Netns().look(record).values()) == {Life.DEAD}


def test_two_labs_of_the_same_addresses_run_side_by_side() -> None:
    """Labs do not meet: taking one down leaves the other as it was."""
    first, second = (plain(f"{NAME}{side}") for side in "ab")

    with running(first) as one:
        with running(second) as two:
            both = reaches(open_door(two, "n1"), open_door(two, "n2"), "10.9.0.1")
        alone = reaches(open_door(one, "n1"), open_door(one, "n2"), "10.9.0.1")

    assert both
    assert alone


def plain(name: str, **more: object) -> Lab:
    """Two nodes without daemons, a cable between them, and an interface that leads nowhere."""
    nodes = (LabNode(name="n1", sysctls=(("net.no.such_setting", "1"),)), LabNode(name="n2", network_mode="none"))
    cable = Veth(a=End("n1", "eth1", "", ("10.9.0.0/31",)), b=End("n2", "eth1", "", ("10.9.0.1/31",)), rate_mbps=100)
    return Lab(name=name, nodes=nodes, links=(cable, Dummy(end=End("n2", "stub0"))), mgmt=Mgmt(ipv6_subnet=""), **more)


def test_what_the_kernel_lacks_is_said_and_what_was_asked_is_there() -> None:
    """An unknown sysctl is a warning that names it; a node without management network has no eth0; rates are set."""
    with running(plain(f"{NAME}p")) as record:
        door = open_door(record, "n2")
        names = door.run(["ls", "/sys/class/net"]).stdout.split()
        qdisc = door.run(["tc", "qdisc", "show", "dev", "eth1"]).stdout

    assert any("net.no.such_setting" in warning for warning in record.lab.warnings)
    assert "eth0" not in names
    assert "stub0" in names
    assert "tbf" in qdisc
    assert "100Mbit" in qdisc


def test_binds_bridges_and_environment(tmp_path: Path) -> None:
    """Bound files are seen in the node, read-only where asked; bridges switch; programs see their environment."""
    (tmp_path / "note").write_text("from outside")
    nodes = (
        LabNode(
            name="n1",
            binds=(Bind(str(tmp_path / "note"), "/deep/in/note", read_only=True), Bind(str(tmp_path), "/shared")),
            env=(("COLOUR", "blue"),),
        ),
        LabNode(name="n2"),
        LabNode(name="br0", kind="bridge"),
        LabNode(name="br1", kind="bridge"),
    )
    links = tuple(
        Veth(a=End(f"n{i}", "eth1", "", (f"10.9.0.{i}/24",)), b=End("br0", f"port{i}"), mtu=1500) for i in (1, 2)
    )
    with running(Lab(name=f"{NAME}br", nodes=nodes, links=links, mgmt=Mgmt(skip_when_unused=True))) as record:
        door = open_door(record, "n1")
        said = door.run(["sh", "-c", "cat /deep/in/note; echo; echo $COLOUR; echo x >/deep/in/note"], check=False)
        door.run(["sh", "-c", "echo inside >/shared/back"])
        across = reaches(door, open_door(record, "n2"), "10.9.0.2")
        bridge, escaped = open_door(record, "br0"), tmp_path / "escaped"
        for act in (lambda: bridge.run(["true"]), lambda: bridge.write(str(escaped), b""), bridge.processes):
            with pytest.raises(Mistake, match="br0 is a bridge"):
                act()
        with bridge.netlink() as kernel:
            ports = {link.name for link in kernel.links() if link.carrier}
        wrong = check_without_plan(record, record.lab).differences

    assert {"br0", "port1", "port2"} <= ports
    assert not escaped.exists()
    assert wrong == ()
    assert said.stdout.split("\n")[:2] == ["from outside", "blue"]
    assert "Read-only" in said.stderr
    assert (tmp_path / "back").read_text() == "inside\n"
    assert across


def test_programs_and_commands_of_a_containerlab_file_run(tmp_path: Path) -> None:
    """cmd runs on, exec lines run in order, a failing one is a warning with its words, and networks can be shared."""
    nodes = (
        LabNode(
            name="n1",
            cmd=("sh", "-c", "sleep 1000"),
            exec=("sh -c 'echo $WHO >/made'", "ls /nope", "nosuch x"),
            env=(("WHO", "me"),),
        ),
        LabNode(name="n2", network_mode="container:n1"),
    )
    with running(Lab(name=f"{NAME}ex", nodes=nodes, links=())) as record:
        one, two = open_door(record, "n1"), open_door(record, "n2")
        made = one.read("/made")
        names = [each.name for each in one.processes()]
        inodes = [door.run(["readlink", "/proc/self/ns/net"]).stdout for door in (one, two)]

    assert made == b"me\n"
    assert names.count("sleep") == 2
    assert inodes[0] == inodes[1]
    first, second = record.lab.warnings
    assert "exit code 2 from exec 'ls /nope'" in first
    assert "No such file" in first
    assert "nosuch is not there, for exec 'nosuch x'" in second


def router(name: str, conf: str, argv: tuple[str, ...]) -> Lab:
    """One node with zebra's argv as given."""
    daemon = Daemon("zebra", argv, ready="/run/frr/zserv.api", config="/etc/frr/zebra.conf")
    node = LabNode(name="r1", files=(File("/etc/frr/zebra.conf", conf),), daemons=(daemon,))
    return Lab(name=name, nodes=(LabNode(name="r0"), node), links=())


ZEBRA = ("/usr/lib/frr/zebra", "-f", "/etc/frr/zebra.conf", "--log", "file:/var/log/frr/zebra.log")


@pytest.mark.parametrize(
    ("conf", "argv", "words"),
    [
        (
            "hostname r1\nno such words\n",
            ZEBRA,
            ["node r1", "zebra", "/etc/frr/zebra.conf:2", "No such command", "no such words"],
        ),
        ("", (*ZEBRA, "--no-such-option"), ["node r1", "zebra ended at its start", "exit code 1"]),
    ],
)
def test_a_daemon_that_will_not_run_fails_the_lab_and_leaves_nothing(
    conf: str, argv: tuple[str, ...], words: list[str]
) -> None:
    """The Fault names the node, the daemon, the line and its own words, and the half-made lab is gone."""
    before, noted = Machine.now(), list[LabRecord]()

    try:
        with pytest.raises(Fault) as caught:
            Netns().up(record_of(router(f"{NAME}bad", conf, argv)), note=noted.append, say=nothing)
    except pytest.fail.Exception:
        Netns().down(noted[-1])  # it came up, which it must not: the test fails, and leaves nothing either
        raise

    assert not [word for word in words if word not in str(caught.value)]
    assert before.left(noted[-1]) == set()


def test_a_bind_of_nothing_is_a_mistake() -> None:
    """A bind whose source is not there is the user's to change."""
    lab = Lab(name=f"{NAME}m", nodes=(LabNode(name="n1", binds=(Bind("/no/such", "/x"),)),), links=())

    with pytest.raises(Mistake, match="there is no /no/such"):
        Netns().up(record_of(lab), note=nothing, say=nothing)


def test_a_record_of_another_boot_harms_nobody(built: tuple[LabRecord, Plan]) -> None:
    """`down` with the record of a lab from before a reboot ends no process, though the numbers fit."""
    record, _ = built

    Netns().down(replace(record, boot_id="another", host_paths=()))

    assert open_door(record, "spine1").run(["true"]).code == 0
