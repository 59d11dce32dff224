"""Files as containerlab's users write them, deployed as they stand by the native runtime.

spine1   spine2                web  echo   client          r1 ------ r2
  |  \\   /  |        and         \\  /       /        and   FRR of    FRR of
leaf1 ... leaf4                   br0 -----                 machine   a folder
"""

import os
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wanted import FRR_BASE, Machine, nothing, reaches

from labs.bringup import Brought, bring_up
from telemetry.check import check_without_plan
from telemetry.model import What
from topologies import deploy, process
from topologies.errors import Mistake
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import Action
from topologies.runtime.store import Store
from topologies.waiting import until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHIPPED = ROOT / "topologies" / "fabrics" / "clos-2x4.clab.yml"
NAME = f"hj{os.getpid()}"


@contextmanager
def brought(path: Path, folder: Path, name: str) -> Iterator[Brought]:
    """A lab of a file, up and checked for the length of a block."""
    at = Store(folder / "labs")
    source = deploy.load(path, runtime="netns", name=f"{NAME}{name}")
    try:
        yield bring_up(source, "netns", say=nothing, at=at)
    finally:
        deploy.down(source.lab.name, at=at)


def test_the_shipped_file_runs_and_all_loopbacks_are_reached(tmp_path: Path) -> None:
    """Its FRR is started as its exec lines say, and `up` ends when every leaf has its route to every loopback."""
    with brought(SHIPPED, tmp_path, "clos") as done:
        doors = {node.name: open_door(done.record, node.name) for node in done.record.nodes}
        tables = {name: routed(door) for name, door in doors.items()}
        pairs = [(a, b) for a in ("leaf1", "leaf4") for b in doors if a != b]
        lost = [(a, b) for a, b in pairs if not reaches(doors[a], doors[b], loopback(b))]
        programs = {each.name for each in doors["leaf1"].processes()}
        delays = doors["leaf1"].run(["vtysh", "-c", "show running-config"]).stdout.count("delay-timer")

    assert done.fine
    for leaf in ("leaf1", "leaf2", "leaf3", "leaf4"):
        assert tables[leaf] >= {loopback(name) for name in doors} - {loopback(leaf)}
    assert lost == []
    assert programs == {"sleep", "bgpd", "staticd", "watchfrr", *FRR_BASE}
    assert delays == 0
    assert {node.profile for node in done.record.nodes} == {"frr"}


def changed(folder: Path, *words: tuple[str, str]) -> Path:
    """A copy of the shipped file and its configurations, with words replaced in all of them; leaves have no role."""
    (folder / "clos-2x4").mkdir()
    for path in (SHIPPED, *(SHIPPED.parent / "clos-2x4").iterdir()):
        text = path.read_text().replace("group: leaf", "group: tor").replace("    leaf:\n", "    tor:\n")
        for old, new in words:
            text = text.replace(old, new)
        (folder / path.relative_to(SHIPPED.parent)).write_text(text)
    return folder / SHIPPED.name


def test_two_leaves_of_one_asn_are_named_and_two_spines_are_not(tmp_path: Path) -> None:
    """All sessions are up, but the leaves drop each other's routes for loops; spines share theirs on purpose."""
    with brought(changed(tmp_path, ("65002", "65001")), tmp_path, "asn") as done:
        report = done.report

    assert report is not None
    assert [(each.node, each.subject, each.what) for each in report.differences] == [
        ("leaf2", "AS 65001", What.ASN_TWICE)
    ]
    assert report.differences[0].found == (
        "that of leaf1 too: leaf1 has no route to 10.255.1.2/32 and leaf2 has no route to 10.255.1.1/32"
    )


def test_a_loopback_that_two_configurations_set_is_named(tmp_path: Path) -> None:
    """It is set by FRR, so only the lab itself and the configurations tell."""
    lines = "interface lo\n ip address 10.255.1.4/32\nexit\n!\nrouter bgp"
    words = [(f"        - ip addr add 10.255.1.{leaf}/32 dev lo\n", "") for leaf in (3, 4)]
    path = changed(tmp_path, *words, ("router bgp 65003", f"{lines} 65003"), ("router bgp 65004", f"{lines} 65004"))
    with brought(path, tmp_path, "lo") as done:
        report = done.report

    assert report is not None
    assert [(each.node, each.subject, each.what, each.found) for each in report.differences] == [
        ("leaf4", "address 10.255.1.4", What.ADDRESS_TWICE, "on lo, and on leaf3:lo")
    ]
    assert done.record.lab.warnings == ("address 10.255.1.4 is set on leaf3:lo and leaf4:lo",)


def test_eth0_of_nodes_without_management_is_a_cable(tmp_path: Path) -> None:
    """As containerlab has it with network-mode none: the lab is up at once, and the cable is tested."""
    path = tmp_path / "f.clab.yml"
    node = "{kind: linux, image: alpine, network-mode: none}"
    path.write_text(
        f'name: x\ntopology: {{nodes: {{a: {node}, b: {node}}}, links: [{{endpoints: ["a:eth0", "b:eth0"]}}]}}\n'
    )
    with brought(path, tmp_path, "eth0") as done:
        open_door(done.record, "b").link("eth0", up=False)
        found = check_without_plan(done.record, done.record.lab).differences

    assert done.report is not None
    assert (done.report.differences, done.report.counts["links"]) == ((), 1)
    assert {(each.node, each.subject, each.what) for each in found} == {
        (node, "link eth0", What.LINK_DOWN) for node in ("a", "b")
    }


def test_a_program_that_ends_is_named_with_its_exit_code(tmp_path: Path) -> None:
    """One that runs is not; a node that is started again begins anew."""
    path = tmp_path / "f.clab.yml"
    short, long = "sh -c 'test -e /go && sleep 600; exit 3'", "sh -c 'sleep 600; true'"
    nodes = f'{{a: {{image: alpine, cmd: "{short}"}}, b: {{image: alpine, user: nobody, cmd: "{long}"}}}}'
    path.write_text(f"name: x\ntopology: {{defaults: {{kind: linux}}, nodes: {nodes}}}\n")

    with brought(path, tmp_path, "end") as done:
        record, lab = done.record, done.record.lab
        until("program of a ended", lambda: "" if check_without_plan(record, lab).differences else "no", within=10)
        found = check_without_plan(record, lab).differences
        open_door(record, "a").write("/go", b"")
        record = deploy.act(record.name, "a", Action.RESTART, at=Store(tmp_path / "labs"))
        until("program of a runs", lambda: "" if check_without_plan(record, lab).fine else "it ended", within=10)

    assert [(each.node, each.what, each.found) for each in found] == [
        ("a", What.PROGRAM_ENDED, "ended with exit code 3")
    ]


def routed(door: Door) -> set[str]:
    """The words of a node's routing table, as it is at this moment."""
    return set(door.run(["ip", "route"]).stdout.split())


def loopback(node: str) -> str:
    """The loopback that the shipped file gives a node."""
    return f"10.255.{0 if node.startswith('spine') else 1}.{node[-1]}"


def test_hosts_on_a_bridge_come_up_in_their_order_and_are_reached_by_their_ports(tmp_path: Path) -> None:
    """Stages, health, exits, delays, users, side cars and ports of one file do what they do on containerlab."""
    before = Machine.now()
    with brought(HERE / "switched.clab.yml", tmp_path, "sw") as done:
        web, client = (open_door(done.record, name) for name in ("web", "client"))
        tcp, udp = done.record.lab.nodes[1].ports
        page = urllib.request.urlopen(f"http://127.0.0.1:{tcp.host_port}", timeout=5).status
        echoed = echo(udp.host_port)
        said = [door.read("/var/log/closlab/exec.log").decode() for door in (web, client)]
        batch = open_door(done.record, "batch").read("/var/log/closlab/program.log")
        configured = client.read("/configured")
        open_door(done.record, "br0").link("port1", up=False)
        found = check_without_plan(done.record, done.record.lab).differences
        shared = [os.readlink(f"/proc/{open_door(done.record, name).pid}/ns/net") for name in ("web", "echo")]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{tcp.host_port}", timeout=5)

    assert done.record.lab.warnings == ()
    assert done.fine
    assert (page, echoed) == (200, b"anybody there")
    assert said == ["hello\n", "200\n"]
    assert batch == b"eth0\nlo\nnobody\n"
    assert configured
    assert [(each.node, each.subject, each.found) for each in found] == [
        ("web", "link eth1", "up, without carrier"),
        ("br0", "link port1", "down"),
    ]
    assert shared[0] == shared[1]
    assert done.record.phases["daemons"] >= 1  # the delay, which the client waited for
    assert before.left(done.record) == set()


def echo(port: int) -> bytes:
    """What a UDP port of the machine answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(5)
        sock.send(b"anybody there")
        return sock.recv(99)


def test_a_port_that_is_taken_is_a_mistake_that_leaves_nothing(tmp_path: Path) -> None:
    """The message names the node and both ports."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = tmp_path / "f.clab.yml"
        path.write_text(
            f'name: x\ntopology: {{nodes: {{n1: {{kind: linux, image: alpine, ports: ["{port}:80"]}}}}, links: []}}\n'
        )

        words = rf"node n1: port 127.0.0.1:{port}/tcp of the machine, for its 80: Address"
        with pytest.raises(Mistake, match=words), brought(path, tmp_path, "taken"):
            pass


def test_frr_starts_once_where_both_image_and_exec_start_it(tmp_path: Path) -> None:
    """As with an image that only brings FRR: one daemon of each, and nothing to warn of."""
    with brought(one_router(tmp_path, "bgpd=yes\n"), tmp_path, "once") as done:
        programs = sorted(each.name for each in open_door(done.record, "r1").processes())

    assert done.fine
    assert done.record.lab.warnings == ()
    assert programs == sorted(["sleep", "bgpd", "staticd", "watchfrr", *FRR_BASE])


@pytest.mark.parametrize("daemon", ["bgpd", "zebra"])
def test_a_daemon_of_their_own_is_restarted_with_its_configuration(tmp_path: Path, daemon: str) -> None:
    """By FRR's own script, its watcher stays as it is; with zebra go all others, and routes come back."""
    with brought(SHIPPED, tmp_path, "again") as done:
        leaf = open_door(done.record, "leaf1")
        before = {each.name: each.pid for each in leaf.processes()}

        leaf.restart_daemon(daemon)
        after = {each.name: each.pid for each in leaf.processes()}
        until("routes come back", lambda: "" if loopback("leaf2") in routed(leaf) else "none to leaf2", within=20)
        with pytest.raises(Mistake, match=r"no daemon 'ospfd'; there are bgpd, .*staticd, zebra"):
            leaf.restart_daemon("ospfd")

    again = {"bgpd"} if daemon == "bgpd" else {"bgpd", "staticd", *FRR_BASE}
    assert {name for name in before if before[name] != after[name]} == again
    assert set(before) == set(after)


def test_a_daemon_that_does_not_start_is_named_with_its_own_words(tmp_path: Path) -> None:
    """Which of FRR's, its whole command, and what it said first, not the end of its help."""
    with brought(one_router(tmp_path, 'bgpd=yes\nbgpd_options="--frob"\n'), tmp_path, "frob") as done:
        (warning,) = done.record.lab.warnings

    assert "node r1: bgpd did not start, exit code 1 from /usr/lib/frr/bgpd -d " in warning
    assert "unrecognized option '--frob'" in warning


def one_router(folder: Path, daemons: str) -> Path:
    """A file with one router, started by an exec line, with those settings of FRR's daemons."""
    (folder / "daemons").write_text(daemons)
    file = folder / "one.clab.yml"
    node = "{kind: linux, image: my/frr, binds: ['daemons:/etc/frr/daemons'], exec: [/usr/lib/frr/frrinit.sh start]}"
    file.write_text(f"name: one\ntopology: {{nodes: {{r1: {node}}}}}\n")
    return file


@pytest.mark.programs("mmdebstrap")
def test_two_versions_of_frr_run_in_one_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A router of a root file system folder and one of the machine exchange their routes; images start FRR alone."""
    process.run([str(ROOT / ".ci" / "rootfs")], timeout=280)
    monkeypatch.setenv("CLOSLAB_ROOTFS", str(ROOT / ".cache" / "rootfs"))
    with brought(HERE / "versions.clab.yml", tmp_path, "two") as done:
        old, new = (open_door(done.record, name) for name in ("r1", "r2"))
        versions = [door.vty("zebra", "show version").split()[1] for door in (old, new)]
        tables = [routed(door) for door in (old, new)]
        reached = reaches(old, new, "10.9.0.2")

    assert done.fine
    assert versions[0] != versions[1]
    assert versions[1].startswith("10.")
    assert "10.9.0.2" in tables[0]
    assert "10.9.0.1" in tables[1]
    assert reached
    assert done.record.nodes[1].profile.startswith("rootfs /")
