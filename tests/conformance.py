"""What every runtime must do alike: one suite, run by tests/netns and tests/containerlab on the same fabric.

    spine1   spine2         every leaf to every spine, /31 and /127 on the links, one host per leaf
      |  \\   /  |
    leaf1 … leaf4
      |        |
    host     host

The lab is brought up once; each test leaves it as it found it.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from telemetry import daemons
from telemetry.check import Difference, check
from telemetry.model import What
from topologies import deploy
from topologies.errors import Fault, Mistake
from topologies.lab import LabNode
from topologies.model import Role
from topologies.plan import Plan
from topologies.runtime import identity, store
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import Action, LabRecord, Life
from topologies.runtime.netlink import KernelLink, Netlink
from topologies.waiting import until

FABRIC = Path(__file__).parents[1] / "topologies" / "fabrics" / "numbered-2x4.yml"
LEAF, SPINE = "leaf1", "spine1"
MARK = b"closlab: this must not leave the lab"
END = b"closlab: all that was sent has been seen by now"
OUTSIDE = "192.0.2.1"  # TEST-NET-1 (RFC 5737): in no plan, and nobody's


@dataclass
class Running:
    """The lab that the tests share; `record` is replaced by each action."""

    record: LabRecord
    plan: Plan
    before: frozenset[str]  # the machine's interfaces before the lab

    def door(self, node: str) -> Door:
        """The door of one of its nodes."""
        return open_door(self.record, node)

    def act(self, node: str, action: Action) -> None:
        """Do one thing to a node."""
        self.record = deploy.act(self.record.name, node, action)

    def wanted(self, node: str) -> LabNode:
        """A node as the lab says."""
        return next(each for each in self.record.lab.nodes if each.name == node)

    def renew(self, node: str) -> None:
        """Have another machine in a node's place."""
        wanted = self.wanted(node)
        self.record = deploy.renew(self.record.name, wanted, kept=wanted)

    def look(self) -> Mapping[str, Life]:
        """How the nodes stand."""
        return deploy.runtime_named(self.record.runtime).look(self.record)

    def links(self, node: str) -> dict[str, KernelLink]:
        """The interfaces of a node by name, as its kernel sees them."""
        with self.door(node).netlink() as kernel:
            return {each.name: each for each in kernel.links()}

    def carrier(self, node: str, interface: str) -> bool:
        """Whether an interface of a node has carrier."""
        return self.links(node)[interface].carrier

    def lacking(self) -> str:
        """The first planned BGP route that is not in a kernel's table over all its planned interfaces; "" for none."""
        for node in self.plan.nodes.values():
            with self.door(node.name).netlink() as kernel:
                names = {link.index: link.name for link in kernel.links()}
                routes = {route.prefix: route for route in kernel.routes()}
            for wanted in node.routes:
                route = routes.get(wanted.prefix)
                hops = {names.get(hop.ifindex) for hop in route.hops} if route else set()
                if hops != wanted.interfaces:
                    return f"{node.name}: {wanted.prefix} over {hops or 'nothing'}"
        return ""

    def converge(self) -> None:
        """Wait until all planned routes are there."""
        until("planned routes", self.lacking, within=45)


def far_end(lab: Running, node: str, interface: str) -> tuple[str, str]:
    """Where the cable in an interface leads."""
    peer = next(each.peer for each in lab.plan.nodes[node].interfaces if each.name == interface)
    return peer.node, peer.interface


def machine_links() -> frozenset[str]:
    """The names of the machine's own interfaces."""
    with Netlink.open() as kernel:
        return frozenset(link.name for link in kernel.links())


def quiet(phase: str, done: int, of: int) -> None:
    """Progress that nobody reads."""


def bring_up(runtime: str, name: str) -> Running:
    """The fabric under a name of its own, deployed and converged."""
    before = machine_links()
    source = deploy.load(FABRIC, name=name)
    assert source.plan is not None
    lab = Running(deploy.up(source, runtime, say=quiet), source.plan, before)
    try:
        lab.converge()
    except Fault:
        deploy.down(name)
        raise
    return lab


class Conformance:
    """The behaviours. A subclass names its runtime."""

    runtime: ClassVar[str]

    def left_behind(self, record: LabRecord) -> str:
        """What is left of a lab in places that only this runtime uses; "" for nothing."""
        return ""

    @pytest.fixture(scope="class")
    @classmethod
    def lab(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
        """The running fabric, in a state folder of its own."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CLOSLAB_STATE", str(tmp_path_factory.mktemp("state")))
            name = f"conf-{cls.runtime[:5]}-{os.getpid()}"
            lab = bring_up(cls.runtime, name)
            try:
                yield lab
            finally:
                deploy.down(name)

    def test_every_node_runs(self, lab: Running) -> None:
        """After `up`, the runtime sees every node of the lab running, and knows its first process."""
        lives = lab.look()

        assert set(lives) == set(lab.plan.nodes)
        assert set(lives.values()) == {Life.RUNNING}
        assert all(node.init and identity.alive(node.init, lab.record.boot_id) for node in lab.record.nodes)

    def test_a_program_runs_inside_its_node(self, lab: Running) -> None:
        """A program sees the node's own name and links, and its exit code and words come back."""
        name = lab.door(LEAF).run(["hostname"]).stdout.strip()
        failed = lab.door(LEAF).run(["sh", "-c", "echo no >&2; exit 3"], check=False)

        assert name == LEAF
        assert (failed.code, failed.stderr.strip()) == (3, "no")

    def test_a_daemon_answers_at_its_socket(self, lab: Running) -> None:
        """The routing daemon is asked without starting vtysh, and names the node's own AS."""
        answer = lab.door(SPINE).vty("bgpd", "show bgp summary")

        assert f"local AS number {lab.plan.nodes[SPINE].asn}" in answer

    def test_a_daemon_refuses_what_it_does_not_know(self, lab: Running) -> None:
        """A command that a daemon does not know is a Fault with the daemon's words, not an empty answer."""
        with pytest.raises(Fault, match="nonsense"):
            lab.door(SPINE).vty("bgpd", "show nonsense")

    def test_files_stay_in_their_node(self, lab: Running) -> None:
        """What is written into a node is read there, and neither in another node nor on the machine."""
        place = "/etc/closlab-conformance"
        lab.door(LEAF).write(place, b"leaf1's own")

        assert lab.door(LEAF).read(place) == b"leaf1's own"
        assert lab.door(LEAF).run(["cat", place]).stdout == "leaf1's own"
        with pytest.raises(OSError, match="closlab-conformance"):
            lab.door(SPINE).read(place)
        assert not Path(place).exists()

    def test_links_are_as_planned(self, lab: Running) -> None:
        """Every planned interface has its planned MAC address and MTU, and is up with carrier."""
        for node in lab.plan.nodes.values():
            seen = lab.links(node.name)
            for wanted in node.interfaces:
                found = seen[wanted.name]

                assert (found.mac, found.mtu) == (wanted.mac, wanted.mtu), f"{node.name}:{wanted.name}"
                assert found.up, f"{node.name}:{wanted.name} is down"
                assert found.carrier, f"{node.name}:{wanted.name} has no carrier"

    def test_kernel_settings_are_as_rendered(self, lab: Running) -> None:
        """Each switch forwards, and hashes with a seed of its own."""
        switches = [node for node in lab.plan.nodes.values() if node.role is not Role.HOST]
        files = [f"/proc/sys/net/ipv4/{key}" for key in ("ip_forward", "fib_multipath_hash_seed")]

        read = {node.name: [lab.door(node.name).read(file).decode().strip() for file in files] for node in switches}

        assert read == {node.name: ["1", str(node.hash_seed)] for node in switches}

    @pytest.mark.parametrize("near", [LEAF, SPINE])
    def test_a_link_goes_down_at_both_ends(self, lab: Running, near: str) -> None:
        """An interface lowered at either end loses carrier at the other, and routes come back when it is raised."""
        interface = lab.plan.nodes[near].sessions[0].interface
        far, there = far_end(lab, near, interface)

        lab.door(near).link(interface, up=False)
        until("carrier lost", lambda: "carrier" if lab.carrier(far, there) else "", within=5)
        lab.door(near).link(interface, up=True)
        until("carrier back", lambda: "" if lab.carrier(far, there) else "no carrier", within=5)

        lab.converge()

    def test_a_daemon_restarts_with_links_kept(self, lab: Running) -> None:
        """A restarted daemon is another process, and the interfaces are the very same."""
        before = {each.name: each.pid for each in lab.door(LEAF).processes()}
        links = {name: each.index for name, each in lab.links(LEAF).items()}

        lab.door(LEAF).restart_daemon("bgpd")

        after = {each.name: each.pid for each in lab.door(LEAF).processes() if each.argv}
        assert after["bgpd"] != before["bgpd"]
        assert after["zebra"] == before["zebra"]
        assert {name: each.index for name, each in lab.links(LEAF).items()} == links
        lab.converge()

    def test_routes_come_back_after_zebra(self, lab: Running) -> None:
        """Restarted, zebra knows no route; the others tell theirs but once, and are started again with it."""
        lab.door(LEAF).restart_daemon("zebra")

        lab.converge()

    def test_a_paused_node_holds_still(self, lab: Running) -> None:
        """A paused node keeps its links and answers nothing, also by a daemon restarted before; resumed, it goes on."""
        lab.act(SPINE, Action.PAUSE)
        try:
            assert lab.look()[SPINE] is Life.PAUSED
            with pytest.raises(Fault):
                lab.door(SPINE).vty("bgpd", "show version", timeout=1)
            interface = lab.plan.nodes[SPINE].interfaces[0].name
            assert lab.carrier(*far_end(lab, SPINE, interface))
        finally:
            lab.act(SPINE, Action.RESUME)

        assert lab.look()[SPINE] is Life.RUNNING
        assert "FRR" in lab.door(SPINE).vty("bgpd", "show version")
        lab.converge()

    def test_check_names_a_paused_node_without_waiting_for_its_daemons(self, lab: Running) -> None:
        """The paused node is the one difference, and no daemon's time to answer was waited for."""
        lab.act(SPINE, Action.PAUSE)
        try:
            report = check(lab.record, lab.plan, mesh=False)
        finally:
            lab.act(SPINE, Action.RESUME)

        assert report.differences == (Difference(SPINE, "node", What.NODE_PAUSED, "running", "paused"),)
        assert report.timings["facts"] < daemons.WITHIN
        lab.converge()

    def test_a_killed_node_is_gone_until_started(self, lab: Running) -> None:
        """A killed node takes the carrier of its cables with it; started again, it finds them and its routes."""
        ends = [far_end(lab, LEAF, each.name) for each in lab.plan.nodes[LEAF].interfaces]

        lab.act(LEAF, Action.KILL)
        try:
            assert lab.look()[LEAF] is Life.DEAD
            with pytest.raises(Fault):
                lab.door(LEAF).run(["true"])
            until("carrier lost", lambda: " ".join(n for n, i in ends if lab.carrier(n, i)), within=5)
        finally:
            lab.act(LEAF, Action.START)

        assert lab.look()[LEAF] is Life.RUNNING
        until("carrier back", lambda: " ".join(n for n, i in ends if not lab.carrier(n, i)), within=5)
        lab.converge()

    def test_a_node_restarts_with_links_kept(self, lab: Running) -> None:
        """A restarted node runs new processes on the very same interfaces."""
        links = {name: (each.index, each.mac) for name, each in lab.links(LEAF).items()}
        before = {each.pid for each in lab.door(LEAF).processes() if each.name in ("zebra", "bgpd")}

        lab.act(LEAF, Action.RESTART)

        after = {each.pid: each.name for each in lab.door(LEAF).processes() if each.argv}  # zombies have none
        assert not before & set(after)
        assert {"zebra", "bgpd"} <= set(after.values())
        assert {name: (each.index, each.mac) for name, each in lab.links(LEAF).items()} == links
        lab.converge()

    def test_a_renewed_node_is_another_machine_on_the_same_cables(self, lab: Running) -> None:
        """Nothing that the former one wrote is on its disk, the lab's files are, and its interfaces are the same."""
        cabled = [each.name for each in lab.plan.nodes[LEAF].interfaces]
        macs = [lab.links(LEAF)[each].mac for each in cabled]
        lab.door(LEAF).run(["sh", "-c", "echo mine >/etc/hdmine; echo '! mine' >>/etc/frr/bgpd.conf"])
        wanted = lab.wanted(LEAF)
        lab.act(LEAF, Action.KILL)

        lab.renew(LEAF)

        assert lab.look()[LEAF] is Life.RUNNING
        assert lab.door(LEAF).run(["cat", "/etc/hdmine"], check=False).code
        (told,) = (file.text for file in wanted.files if file.path == "/etc/frr/bgpd.conf")
        assert lab.door(LEAF).read("/etc/frr/bgpd.conf").decode() == told
        assert [lab.links(LEAF)[each].mac for each in cabled] == macs
        with pytest.raises(Mistake, match="runs already"):
            lab.renew(LEAF)
        lab.converge()

    def test_no_node_has_a_way_out(self, lab: Running) -> None:
        """No switch has a default route, and a host's leads into the fabric only."""
        for node in lab.plan.nodes:
            routes = lab.door(node).run(["ip", "route", "show", "default"]).stdout
            routes += lab.door(node).run(["ip", "-6", "route", "show", "default"]).stdout

            assert "eth0" not in routes, node

    def test_no_packet_leaves_the_lab(self, lab: Running) -> None:
        """Packets to the outside, also over routes that somebody inside puts in, reach no interface of the machine
        that was there before the lab."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as ear:
            sent = sum(send_out(lab, node) for node in (LEAF, SPINE))
            outside = [interface for interface in heard(ear) if interface in lab.before]

        assert sent > 0
        assert outside == []

    def test_two_labs_stand_side_by_side(self, lab: Running) -> None:
        """A second lab comes, is refused twice, and goes without a trace, while the first notices nothing."""
        name = f"{lab.record.name}-b"
        names = set(machine_names())
        second = bring_up(self.runtime, name)
        try:
            with pytest.raises(Mistake, match=name):
                deploy.up(deploy.load(FABRIC, name=name), self.runtime, say=quiet)
            assert set(second.look().values()) == {Life.RUNNING}
            assert lab.lacking() == ""
        finally:
            deploy.down(name)

        processes = [node.init for node in second.record.nodes if node.init]
        assert [each for each in processes if identity.alive(each, second.record.boot_id)] == []
        assert set(second.record.host_links) & machine_links() == set()
        assert self.left_behind(second.record) == ""
        assert [each for each in set(machine_names()) - names if name in each] == []
        assert not store.here().folder(name).exists()
        assert set(lab.look().values()) == {Life.RUNNING}
        assert lab.lacking() == ""

    def test_down_needs_nothing_but_the_record(self, lab: Running, tmp_path: Path) -> None:
        """A lab goes down after its file is gone and its name is all that is known, and a second time does nothing."""
        name = f"{lab.record.name}-c"
        file = tmp_path / "gone.yml"
        file.write_text("name: x\ndesign: leaf-spine\nspines: 1\nleaves: 1\n")
        record = deploy.up(deploy.load(file, name=name), self.runtime, say=quiet)
        file.unlink()

        assert deploy.down(name)

        assert not deploy.down(name)
        assert [each for each in record.nodes if each.init and identity.alive(each.init, record.boot_id)] == []


def send_out(lab: Running, node: str) -> int:
    """Send a marked packet to the outside over each interface of a node; how many the node could send."""
    door, sent = lab.door(node), 0
    with door.netlink() as kernel:
        names = [link.name for link in kernel.links() if link.name != "lo" and link.up]
    for name in names:
        route = ["ip", "route", "replace", f"{OUTSIDE}/32", "dev", name]
        mac = ["ip", "neighbour", "replace", OUTSIDE, "lladdr", "ff:ff:ff:ff:ff:ff", "dev", name]
        if door.run(route, check=False).code or door.run(mac, check=False).code:
            continue
        with door.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            sent += out.sendto(MARK, (OUTSIDE, 9)) > 0
        door.run(["ip", "route", "delete", f"{OUTSIDE}/32", "dev", name])
        door.run(["ip", "neighbour", "delete", OUTSIDE, "dev", name])
    return sent


def heard(ear: socket.socket) -> Iterator[str]:
    """The interfaces on which marked packets were seen, up to one that is sent now over loopback to mark the end."""
    ear.settimeout(10)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(END, ("127.0.0.1", 9))
    while True:
        frame, address = ear.recvfrom(2048)
        if END in frame:
            return
        if MARK in frame:
            yield address[0]


def machine_names() -> Iterator[str]:
    """What may be left on a machine and bears a lab's name: mounts, names of namespaces, hosts, programs."""
    yield from Path("/proc/self/mounts").read_text().splitlines()
    yield from Path("/etc/hosts").read_text().splitlines()
    for folder in (Path("/run/netns"), Path("/etc/ssh/ssh_config.d")):
        yield from (str(each) for each in folder.glob("*"))
