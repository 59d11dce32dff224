r"""Queue pairs over a real fabric, with real losses.

spine1   spine2
   |  \ /  |
  leaf1   leaf2       one host each, which run a ring all-reduce
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import Closlab

from labs.impairing import impair
from topologies.impairments.model import Impairment
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store

NAME = f"traffic{os.getpid()}"
FABRIC = f"name: {NAME}\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\n"
ENDS = ("leaf1-host1:eth1", "leaf1:eth3")
SWALLOWED = """
scenario: {name}
about: An uplink swallows all packets for a quarter of a second, and keeps its carrier.
fabric: {{design: leaf-spine, spines: 2, leaves: 2, hosts_per_leaf: 1}}
probes: {{rate: 100, flows: 1}}
traffic:
  - {{collective: all-reduce, size: 32KiB, queue_pairs: 8, rate_mbps: 10}}
steps:
  - {{fault: one-way, link: leaf1-spine1, at: 1s, lasts: 250ms}}
expect:
  - min(goodput[during=one-way]) == 0Mbps
  - max(fct[during=one-way]) >= 60ms
  - p50(goodput[after=one-way]) >= 50% * p50(goodput[before=one-way])
  - sum(retransmitted) > 0 and sum(timeouts) > 0
  - count(bgp_down) == 0
"""
QUICK = ("--size", "64KiB", "--qps", "2", "--seconds", "2")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closlab]:
    """The program, with the fabric up."""
    closlab = Closlab(tmp_path_factory.mktemp("traffic"))
    done = closlab("up", closlab.file("fabric.yml", FABRIC))
    assert done.returncode == 0, done.stderr
    yield closlab
    closlab("down", "--all")


@pytest.fixture
def record(program: Closlab) -> Iterator[LabRecord]:
    """The lab, with whole cables before and after."""
    found = Store(program.state).read(NAME)
    impair(found, ENDS, Impairment())
    yield found
    impair(found, ENDS, Impairment())


def ran(program: Closlab, *words: str) -> dict[str, object]:
    """What came of one workload."""
    done = program("traffic", "run", "all-reduce", *QUICK, *words, "--json")
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)["traffic"]
    return found


def total(found: dict[str, object], name: str) -> int:
    """A count of all flows."""
    flows = found["flows"]
    assert isinstance(flows, list)
    return sum(int(each[name]) for each in flows)


def unreachables(record: LabRecord, node: str) -> int:
    """How often the node's kernel told somebody that a port is not there."""
    lines = open_door(record, node).run(["cat", "/proc/net/snmp"]).stdout.splitlines()
    names, numbers = (line.split() for line in lines if line.startswith("Icmp:"))
    return int(numbers[names.index("OutDestUnreachs")])


def test_on_whole_cables_nothing_is_sent_twice(program: Closlab, record: LabRecord) -> None:
    """Every iteration ends, and the hosts' kernels do not meddle."""
    before = unreachables(record, "leaf1-host1")

    found = ran(program)

    assert found["failed"] == ""
    assert len(found["iterations"]) > 2
    assert [total(found, name) for name in ("data_frames_retransmitted", "timeouts", "nak_rx")] == [0, 0, 0]
    assert total(found, "bytes_acked") >= 64 * 1024 * len(found["iterations"])
    assert sum(each["size"] for each in found["transfers"]) <= total(found, "bytes_acked")
    assert total(found, "data_frames_rx") <= total(found, "data_frames_tx") <= total(found, "data_frames_rx") + 128
    assert found["fidelity"]["overrun"] == 0
    assert unreachables(record, "leaf1-host1") == before


@pytest.mark.parametrize("wanted", [Impairment(loss_percent=2), Impairment(corruption_percent=2)], ids=Impairment.text)
def test_what_is_lost_or_damaged_is_sent_again(program: Closlab, record: LabRecord, wanted: Impairment) -> None:
    """A damaged packet is known by its invariant CRC and dropped without a word: the same as a lost one."""
    impair(record, ENDS, wanted)

    found = ran(program)

    assert found["failed"] == ""
    assert len(found["iterations"]) > 2
    assert total(found, "data_frames_retransmitted") > 0
    assert 0 < total(found, "nak_rx") <= len(found["gaps"])
    assert all(found["begun"] <= gap["at"] <= found["ended"] for gap in found["gaps"])
    assert {gap["dest_qp"] for gap in found["gaps"]} <= {
        each["dest_qp"] for flow in found["flows"] for each in flow["per_qp"]
    }


def test_a_cable_that_loses_all_ends_the_workload(program: Closlab, record: LabRecord) -> None:
    """Exit code 1, and the queue pair that gave up."""
    impair(record, ENDS[:1], Impairment(loss_percent=100))

    done = program("traffic", "run", "all-reduce", *QUICK)

    assert done.returncode == 1
    assert "transport retry counter exceeded" in done.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("all-reuce",), "no collective 'all-reuce'; there are all-reduce"),
        (("all-reduce", "--size", "12"), "--size '12': a whole number and its unit"),
        (("all-reduce", "--mtu", "1000"), "there are 256"),
    ],
)
def test_what_cannot_be_is_refused(program: Closlab, words: tuple[str, ...], why: str) -> None:
    """Exit code 2, with what there is."""
    done = program("traffic", "run", *words)

    assert done.returncode == 2
    assert why in done.stderr


def test_two_workloads_at_once_do_not_disturb_each_other(program: Closlab, tmp_path: Path) -> None:
    """Each has queue pairs of its own."""
    both = [program.start("traffic", "run", name, *QUICK, "--json") for name in ("all-reduce", "permutation")]

    answers = [json.loads(each.communicate(timeout=60)[0])["traffic"] for each in both]

    assert [each["failed"] for each in answers] == ["", ""]
    assert all(len(each["iterations"]) > 2 for each in answers)


def test_a_way_that_swallows_packets_leaves_a_gap_and_no_more(program: Closlab) -> None:
    """Goodput falls to nothing, transfers take longer, what was lost is sent again, and the job goes on as before."""
    name = f"{NAME}gap"

    done = program("run", program.file("gap.yml", SWALLOWED.format(name=name)))

    assert done.returncode == 0, done.stdout + done.stderr
