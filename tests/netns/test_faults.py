r"""Faults on a running fabric: those that meet on one cable, and what each is seen by.

spine1   spine2
   |  \ /  |
  leaf1   leaf2       one host each; all nodes are also on the management network
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from scapy.contrib.mac_control import MACControlClassBasedFlowControl
from scapy.layers.l2 import Ether

from labs.chaos.faults.model import ClockJump, DaemonKilled
from labs.chaos.faults.pausing import EVERY, NEAR
from labs.chaos.running import play
from labs.chaos.steady import ready
from labs.impairing import impaired
from labs.testbed import Testbed, open_testbed
from labs.traffic import pfc
from topologies import deploy, process
from topologies.errors import Mistake
from topologies.impairments.model import Impairment
from topologies.impairments.shaper import shaper
from topologies.runtime.door import open_door
from topologies.runtime.store import Store
from topologies.waiting import until

END = "leaf1:eth1"
FABRIC = f"""\
name: faults{os.getpid()}
design: leaf-spine
spines: 2
leaves: 2
hosts_per_leaf: 1
links: {{host_rate_mbps: 100}}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """The fabric, as a team's own tests have it."""
    folder: Path = tmp_path_factory.mktemp("faults")
    (folder / "fabric.yml").write_text(FABRIC)
    with open_testbed(deploy.load(folder / "fabric.yml"), at=Store(folder / "state")) as found:
        yield found


def test_of_two_impairments_of_a_cable_each_is_healed_by_itself(lab: Testbed) -> None:
    """Whichever ends first takes nothing of the other along, and brings nothing of it back."""
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(lab.fault("loss", link=END, percent=1))
        second.enter_context(lab.fault("corruption", link=END, percent=2))
        both = impaired(lab.record, [END])[END]
        first.close()
        one = impaired(lab.record, [END])[END]
        second.close()
        none = impaired(lab.record, [END])[END]

    assert both == Impairment(loss_percent=1, corruption_percent=2)
    assert one == Impairment(corruption_percent=2)
    assert none == Impairment()


def test_a_fault_that_cannot_be_changes_nothing(lab: Testbed) -> None:
    """It is refused before anything is done."""
    with pytest.raises(Mistake, match="leaf1 runs no 'bgp'"), lab.fault("daemon-killed", node="leaf1", daemon="bgp"):
        pytest.fail("a fault that cannot be has begun")

    assert lab.check() == ()


def test_a_cut_management_network_lets_nobody_in_and_touches_no_traffic(lab: Testbed) -> None:
    """A ping from the management switch is answered before and after, not during; other nodes answer all the while."""
    before = pinged(lab, "leaf1")
    with lab.traffic() as seen, lab.fault("management-cut", node="leaf1") as fault:
        during, beside = pinged(lab, "leaf1"), pinged(lab, "leaf2")
    after = pinged(lab, "leaf1")

    assert fault.where == "management of leaf1"
    assert (before, during, beside, after) == (True, False, True, True)
    assert seen.sent
    assert seen.lost == 0
    assert lab.check() == ()


@pytest.mark.features("libfaketime")
def test_a_clock_that_jumps_costs_no_session(lab: Testbed) -> None:
    """What bgpd logs is dated an hour later meanwhile, and nothing is lost."""
    with lab.fault("clock-jump", node="leaf1", by="+1h"), lab.traffic() as seen:
        during = logged(lab, "leaf1") - time.time()
    after = logged(lab, "leaf1") - time.time()

    assert during == pytest.approx(3600, abs=5)
    assert after == pytest.approx(0, abs=5)
    assert seen.sent
    assert seen.lost == 0
    assert lab.check() == ()


@pytest.mark.features("libfaketime")
def test_a_daemon_that_was_killed_comes_back_with_a_clock_that_jumps(lab: Testbed) -> None:
    """Its healing starts it under the library again, and the clock jumps later."""
    killed = DaemonKilled(node="leaf2", name="killed", at="0s", lasts="100ms")
    jumps = ClockJump(node="leaf2", name="jumps", by="-1h", at="200ms", lasts="200ms")
    ready(lab._live, [killed, jumps])
    episodes, _ = play(lab._live, [killed, jumps], time.monotonic(), lambda *_: None)
    lab.settle()

    assert [each.name for each in episodes if each.healed is not None] == ["killed", "jumps"]
    assert lab.check() == ()


def test_a_slow_receiver_pauses_its_switch(lab: Testbed) -> None:
    """Frames that Scapy reads come over the cable; the port is as slow as they ask for, and then as fast as before."""
    switch = open_door(lab.record, "leaf1")
    before = shaper(switch.netns, "eth3")
    with switch.socket(socket.AF_PACKET, socket.SOCK_RAW) as ear:
        ear.bind(("eth3", pfc.ETHERTYPE))
        with lab.fault("slow-receiver", link="leaf1-host1:eth1", takes=30) as fault:
            during = shaper(switch.netns, "eth3")
            told = Ether(ear.recv(2048))[MACControlClassBasedFlowControl]
    after = shaper(switch.netns, "eth3")

    assert fault.where == "leaf1-host1:eth1"
    assert told.c0_pause_time == pytest.approx(0.7 * EVERY * before.rate / 512, abs=1)
    assert during.rate == pytest.approx(0.3 * before.rate, abs=NEAR * before.rate)
    assert during.limit == after.limit == before.limit
    assert [during.burst, after.burst] == pytest.approx([before.burst] * 2, rel=0.01), "the kernel keeps it as a time"
    assert after.rate == before.rate
    assert lab.check() == ()


def test_a_port_is_open_while_its_pauses_are_lost(lab: Testbed) -> None:
    """Their time runs out, whatever keeps them from coming; it is paused again when they come again."""
    switch = open_door(lab.record, "leaf1")
    before = shaper(switch.netns, "eth3").rate

    def paused(share: float) -> str:
        found = shaper(switch.netns, "eth3").rate / before
        return "" if found == pytest.approx(1 - share, abs=NEAR) else f"it sends at {found:.0%}"

    with lab.fault("slow-receiver", link="leaf1-host1:eth1", takes=30):
        with lab.fault("one-way", link="leaf1-host1:eth1"):
            until("the port is open", lambda: paused(0.0), within=5)
        until("the port is paused again", lambda: paused(0.7), within=5)
    assert shaper(switch.netns, "eth3").rate == before


def logged(lab: Testbed, node: str) -> float:
    """When a line was logged that a node's bgpd has just been made to log, by its own time of day."""
    door = open_door(lab.record, node)
    door.vty("bgpd", "configure terminal\nlog commands\nend")
    door.vty("bgpd", "configure terminal\nend")
    last = door.read("/var/log/frr/bgpd.log").decode().splitlines()[-1]
    return datetime.strptime(last[:19], "%Y/%m/%d %H:%M:%S").astimezone().timestamp()


def pinged(lab: Testbed, node: str) -> bool:
    """Whether a node answers a ping from the bridge of the management network."""
    assert lab.record.init is not None
    address = next(each.mgmt_ipv4 for each in lab.record.nodes if each.name == node).partition("/")[0]
    argv = ["nsenter", f"--net=/proc/{lab.record.init.pid}/ns/net", "--", "ping", "-c", "1", "-W", "1", address]
    return process.run(argv, check=False).code == 0
