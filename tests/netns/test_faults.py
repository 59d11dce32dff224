r"""Faults on a running fabric: those that meet on one cable, and what each is seen by.

spine1   spine2
   |  \ /  |
  leaf1   leaf2       one host each; all nodes are also on the management network
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from labs.impairing import impaired
from labs.testbed import Testbed, open_testbed
from topologies import deploy, process
from topologies.errors import Mistake
from topologies.impairments.model import Impairment
from topologies.runtime.door import open_door
from topologies.runtime.store import Store

END = "leaf1:eth1"
FABRIC = f"name: faults{os.getpid()}\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\n"


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
