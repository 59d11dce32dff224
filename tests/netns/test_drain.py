r"""Switches leave and come back while numbered packets go from every host to every other, over all paths.

spine1   spine2         every leaf to every spine, one host per leaf
  |  \   /  |
leaf1 ... leaf4         once with /31 and /127 on the links, once unnumbered
  |         |
host      host
"""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from program import Closlab
from traffic import Tally, traffic

from telemetry.model import Out, Service
from telemetry.service import out_of_service
from topologies import deploy, process
from topologies.model import Role
from topologies.plan import Plan
from topologies.runtime import netlink_decode, store
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.sockets import give_room
from topologies.waiting import until

ROOT = Path(__file__).parents[2]
FABRICS = ROOT / "topologies" / "fabrics"
GONE, ROUTES4, ROUTES6 = 25, 0x40, 0x400  # RTM_DELROUTE, and the kernel's groups of news of routes
FAST = 10_000  # packets a second, so that a gap of a millisecond shows
WAITING = """
import sys
from automation.draining import fabric, transaction
from labs import cli

transaction.SLACK = 1
fabric.IDLE_WINDOW = 600
cli.heed_signals()
sys.exit(cli.guarded(lambda: cli.run(["drain", "spine1", "--within", sys.argv[1]])))
"""


@dataclass(frozen=True)
class Live:
    """A lab that runs, and the program that has it."""

    closlab: Closlab
    record: LabRecord
    plan: Plan

    def door(self, node: str) -> Door:
        return open_door(store.Store(self.closlab.state).read(self.record.name), node)

    def out(self, node: str) -> Out | None:
        """How far a router is out of service, by its own word."""
        return out_of_service(self.door(node).vty("bgpd", "show running-config"))

    def done(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        """One command that must succeed."""
        finished = self.closlab(*argv)
        assert finished.returncode == 0, finished.stderr
        return finished

    def waiting(self, *, within: float) -> "subprocess.Popen[str]":
        """A drain of spine1 that has marked its routes, and waits for a very long silence."""
        drain = subprocess.Popen(
            [sys.executable, "-c", WAITING, str(within)],
            env=self.closlab.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until("spine1 is marked", lambda: "" if self.out("spine1") else "not yet", within=20)
        return drain

    def only(self, wanted: str) -> str:
        """What a check finds, if that is more or less than the one difference wanted."""
        found = self.closlab.answer("check", "--no-mesh")["check"]["differences"]
        named = [f"{each['node']}: {each['subject']}: {each['what']}" for each in found]
        return "" if named == [wanted] else f"{len(named)} differences, such as {named[:3]}"

    def heal(self) -> None:
        """Back to what is planned, whatever a test left."""
        for node in self.plan.nodes.values():
            if node.role is not Role.HOST and self.out(node.name) is not None:
                self.done("undrain", node.name)
        self.done("check", "--within", "30", "--no-mesh")


def running(folder: Path, file: Path, name: str) -> Generator[Live, None, None]:
    """A fabric, converged."""
    closlab = Closlab(folder)
    up = closlab("up", str(file), "--name", name)
    try:
        assert up.returncode == 0, up.stderr
        record = store.Store(closlab.state).read(name)
        plan = deploy.plan_of(record)
        assert plan is not None
        yield Live(closlab, record, plan)
    finally:
        closlab("down", name)


@pytest.fixture(scope="module", params=["numbered-2x4", "small"])
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A numbered fabric, and one that is not."""
    yield from running(
        tmp_path_factory.mktemp("drain"), FABRICS / f"{request.param}.yml", f"drain{os.getpid()}{request.param}"
    )


@pytest.fixture
def fabric(live: Live) -> Iterator[Live]:
    """Either, as planned before and after."""
    yield live
    live.heal()


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Hosts that run BGP, each under two leaves."""
    yield from running(tmp_path_factory.mktemp("paired"), FABRICS / "bgp-hosts.yml", f"drain{os.getpid()}paired")


@pytest.fixture(scope="module")
def tiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two pods under super-spines."""
    yield from running(tmp_path_factory.mktemp("tiers"), FABRICS / "three-tier.yml", f"drain{os.getpid()}tiers")


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The small fabric on Debian 13's FRR 10."""
    process.run([str(ROOT / ".ci" / "rootfs")], timeout=280)
    folder, image = tmp_path_factory.mktemp("ten"), ROOT / ".cache" / "rootfs" / "trixie"
    (folder / "ten.yml").write_text(f"{(FABRICS / 'small.yml').read_text()}image: {image}\n")
    yield from running(folder, folder / "ten.yml", f"drain{os.getpid()}ten")


def nothing_lost(tally: Tally) -> None:
    """Every packet arrived, and there were enough to tell."""
    assert tally.sent > FAST
    assert (dict(tally.lost), tally.received) == ({}, tally.sent)


def forwarded(live: Live, node: str) -> int:
    """How many IPv4 datagrams a router forwarded so far."""
    shown = live.door(node).run(["cat", "/proc/net/snmp"]).stdout
    names, numbers = (line.split() for line in shown.splitlines() if line.startswith("Ip:"))
    return int(numbers[names.index("ForwDatagrams")])


def test_a_spine_leaves_and_comes_back_without_a_packet_lost(fabric: Live) -> None:
    """In IPv4 and IPv6, while it is out as well; it carried traffic before and after, and none in between."""
    with traffic(fabric.record, fabric.plan, FAST) as end:
        before = forwarded(fabric, "spine1")
        fabric.done("drain", "spine1")
        drained = forwarded(fabric, "spine1")
        alone = fabric.closlab.answer("check")
        held = forwarded(fabric, "spine1")
        fabric.done("undrain", "spine1")
        tally = end()

    assert drained > before
    assert held - drained < 1000  # probes of the check, between other addresses
    assert [(each["node"], each["what"]) for each in alone["check"]["differences"]] == [("spine1", "drained")]
    assert forwarded(fabric, "spine1") > held
    nothing_lost(tally)
    assert fabric.closlab("check").returncode == 0


def test_the_same_packets_are_lost_where_a_spine_just_dies(fabric: Live) -> None:
    """So the count can fail: bgpd is killed, and its routes go from the spine before its peers have heard of it."""
    with traffic(fabric.record, fabric.plan, FAST) as end:
        bgpd = next(each for each in fabric.door("spine1").processes() if each.name == "bgpd")
        os.kill(bgpd.pid, signal.SIGKILL)
        until("leaf1 noticed", lambda: noticed(fabric), within=20)
        tally = end()
    fabric.door("spine1").restart_daemon("bgpd")

    assert tally.missing > 0
    assert {family for family, _, _ in tally.lost} == {"ipv4", "ipv6"}


def noticed(fabric: Live) -> str:
    """ "" where leaf1 has no route over spine1 any more."""
    over = next(each.name for each in fabric.plan.nodes["leaf1"].interfaces if each.peer.node == "spine1")
    shown = fabric.door("leaf1").run(["ip", "route"]).stdout + fabric.door("leaf1").run(["ip", "-6", "route"]).stdout
    left = [line for line in shown.splitlines() if f"dev {over}" in line and ("via" in line or "nexthop" in line)]
    return f"{len(left)} routes over {over}" if left else ""


@contextmanager
def news(live: Live, node: str) -> Iterator["list[str]"]:
    """The prefixes whose routes went away in a node's kernel during the block."""
    found: list[str] = []
    sock = live.door(node).socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with sock:
        give_room(sock, 8 << 20)
        sock.bind((0, ROUTES4 | ROUTES6))
        sock.setblocking(False)
        yield found
        while True:
            try:
                data = memoryview(sock.recv(1 << 16))
            except BlockingIOError:
                break
            found += [netlink_decode.route(m.body).prefix for m in netlink_decode.messages(data) if m.type == GONE]


def test_no_route_is_away_for_a_moment_while_another_takes_its_place(fabric: Live) -> None:
    """Routes get narrower and wider in one step, in IPv6 too; what goes is the way to the drained spine itself."""
    spine = {each for each in fabric.plan.nodes["spine1"].announces}
    with news(fabric, "leaf1") as gone:
        fabric.done("drain", "spine1")
        fabric.done("undrain", "spine1")

    assert spine <= set(gone)
    assert set(gone) & {route.prefix for route in fabric.plan.nodes["leaf1"].routes} <= spine


def test_it_stays_drained_when_its_daemon_restarts(fabric: Live) -> None:
    """The startup configuration has it, with since when and by whom, and the peers were told the same."""
    drained = fabric.closlab.answer("drain", "spine1")["out_of_service"]
    before = fabric.out("spine1")
    fabric.done("node", "restart-daemon", "spine1", "bgpd")
    until("bgpd answers", lambda: "" if fabric.out("spine1") else "not yet", within=10)

    assert fabric.out("spine1") == before == Out(Service.DRAINED, drained["since"], drained["by"])
    peer = fabric.door("leaf1").vty("bgpd", "show bgp neighbors json")
    assert f"drained since {drained['since']} by {drained['by']}" in peer
    again = fabric.closlab.answer("drain", "spine1")
    assert (again["changed"], again["out_of_service"]) == (False, drained)


def test_the_second_spine_is_refused_and_a_leaf_with_hosts_too(fabric: Live) -> None:
    """By the names of those that it would harm, before anything is changed; so is a cable that is down counted."""
    link = next(each.name for each in fabric.plan.nodes["leaf2"].interfaces if each.peer.node == "spine2")
    fabric.done("link", "down", f"leaf2:{link}")
    cut = fabric.closlab("drain", "spine1", "--min-uplinks", "0")
    fabric.done("link", "up", f"leaf2:{link}")
    fabric.done("check", "--within", "30", "--no-mesh")
    leaf = fabric.closlab("drain", "leaf1")
    many = fabric.closlab("drain", "spine1", "--min-uplinks", "2")
    fabric.done("drain", "spine1")
    second = fabric.closlab("drain", "spine2")

    assert [each.returncode for each in (cut, leaf, many, second)] == [2, 2, 2, 2]
    assert "leaf2 would have no way to leaf1, leaf3, leaf4 any more" in cut.stderr
    assert "leaf1-host1 has its addresses on eth1 behind leaf1 alone" in leaf.stderr
    assert "leaf4 would have 1 of its 2 uplinks left, and is to keep 2" in many.stderr
    assert "leaf3 would have 0 of its 2 uplinks left, and is to keep 1" in second.stderr
    assert fabric.out("spine2") is None


def test_two_drains_at_once_are_one(fabric: Live) -> None:
    """The other is refused, for the lab is claimed, or for the uplinks that the first one left."""
    both = [fabric.closlab.start("drain", spine) for spine in ("spine1", "spine2")]
    said = [process.communicate(timeout=60)[1] for process in both]

    assert sorted(process.returncode for process in both) == [0, 2]
    refused = next(words for process, words in zip(both, said, strict=True) if process.returncode)
    assert re.search(r"is busy: closlab drain spine\d|would have 0 of its 2 uplinks left", refused)
    assert [fabric.out("spine1"), fabric.out("spine2")].count(None) == 1


def test_a_drain_that_the_fabric_does_not_follow_is_taken_back(fabric: Live) -> None:
    """A leaf goes on sending, by a route that was put there by hand: that is said, and the spine stays in service."""
    host = next(each for each in fabric.plan.nodes["leaf2"].announces if each.endswith("/24"))
    over = next(each.name for each in fabric.plan.nodes["leaf1"].interfaces if each.peer.node == "spine1")
    way = fabric.door("leaf1").run(["ip", "route", "show", host]).stdout
    gateway = re.search(rf"via (\S+) dev {over}", way)
    assert gateway is not None
    by_hand = [host, "via", gateway[1], "dev", over, "onlink", "metric", "1"]
    fabric.door("leaf1").run(["ip", "route", "add", *by_hand])
    try:
        failed = fabric.closlab("drain", "spine1", "--within", "2")
    finally:
        fabric.door("leaf1").run(["ip", "route", "del", *by_hand])

    assert failed.returncode == 3
    assert f"no peer of spine1 uses it any more (leaf1 still sends {host} to it)" in failed.stderr
    assert fabric.out("spine1") is None


def test_whoever_is_interrupted_puts_it_back(fabric: Live) -> None:
    """Ctrl-C while it waits: the mark is taken back at once, and it says that it was stopped."""
    drain = fabric.waiting(within=500)
    drain.send_signal(signal.SIGINT)
    out, err = drain.communicate(timeout=60)

    assert (drain.returncode, out, err) == (130, "", "closlab: stopped\n")
    assert fabric.out("spine1") is None


def test_a_drain_that_is_killed_is_taken_back_by_the_router(fabric: Live) -> None:
    """kill -9 of the one who drains, while it waits: nobody is left to take it back but the router itself."""
    drain = fabric.waiting(within=1)
    drain.kill()
    drain.communicate()
    assert fabric.out("spine1") == Out(Service.DRAINING)

    until("spine1 is in service", lambda: "" if fabric.out("spine1") is None else "not yet", within=30)


def test_one_that_is_left_half_way_is_named_and_goes_either_way(fabric: Live) -> None:
    """Marked, and its sessions up, as one is left by a process that was killed between two steps."""
    head = f"configure terminal\nrouter bgp {fabric.plan.nodes['spine1'].asn}\n"
    fabric.door("spine1").vty("bgpd", f"{head}bgp graceful-shutdown\nend")
    until("the routes are as they are then", lambda: fabric.only("spine1: node: drained"), within=20)
    found = fabric.closlab.answer("check")["check"]["differences"]
    fabric.done("drain", "spine1")

    assert [(each["what"], each["found"]) for each in found] == [("drained", "draining")]
    drained = fabric.out("spine1")
    assert drained is not None
    assert drained.service is Service.DRAINED


def test_an_undrain_that_does_not_come_to_what_is_planned_is_taken_back(fabric: Live) -> None:
    """A cable of the spine is down meanwhile: it stays drained, as it was, and the missing session is named."""
    fabric.done("drain", "spine1")
    before = fabric.out("spine1")
    far = next(each.name for each in fabric.plan.nodes["leaf3"].interfaces if each.peer.node == "spine1")
    fabric.done("link", "down", f"leaf3:{far}")
    failed = fabric.closlab("undrain", "spine1", "--within", "4")
    after = fabric.out("spine1")
    fabric.done("link", "up", f"leaf3:{far}")

    assert failed.returncode == 3
    assert re.search(
        r"spine1 is draining, and all else as planned \(\S+: session \S+ to \S+: session-down", failed.stderr
    )
    assert after == before


def test_a_leaf_whose_hosts_have_another_leaves_without_a_packet_lost(paired: Live) -> None:
    """Hosts that run BGP under two leaves: one leaf goes, the other is refused then."""
    with traffic(paired.record, paired.plan, FAST) as end:
        paired.done("drain", "leaf1")
        second = paired.closlab("drain", "leaf2")
        paired.done("undrain", "leaf1")
        tally = end()

    nothing_lost(tally)
    assert second.returncode == 2
    assert "leaf1-host1 would have 0 of its 2 uplinks left" in second.stderr
    assert paired.closlab("check").returncode == 0


@pytest.mark.parametrize("node", ["pod1-spine1", "superspine1"])
def test_switches_of_every_tier_leave_without_a_packet_lost(tiers: Live, node: str) -> None:
    """Also those in the far pod choose other ways, by the mark that goes with the routes."""
    name = next(each for each in tiers.plan.nodes if each == node or each.endswith(node))
    with traffic(tiers.record, tiers.plan, FAST) as end:
        tiers.done("drain", name)
        tiers.done("undrain", name)
        tally = end()

    nothing_lost(tally)
    assert tiers.closlab("check").returncode == 0


@pytest.mark.programs("mmdebstrap")  # which makes the root file system that has it
def test_a_spine_of_frr_10_leaves_and_comes_back_without_a_packet_lost(ten: Live) -> None:
    """Its configuration shows the same lines, and no route is away for a moment there either."""
    with news(ten, "leaf1") as gone, traffic(ten.record, ten.plan, FAST) as end:
        ten.done("drain", "spine1")
        drained = ten.out("spine1")
        complies = ten.closlab("validate", "leaf1")
        ten.done("undrain", "spine1")
        tally = end()

    assert drained is not None
    assert drained.service is Service.DRAINED
    assert complies.returncode == 1
    nothing_lost(tally)
    assert set(gone) & {route.prefix for route in ten.plan.nodes["leaf1"].routes} <= {
        *ten.plan.nodes["spine1"].announces
    }
    ten.done("validate")
    ten.done("check")
