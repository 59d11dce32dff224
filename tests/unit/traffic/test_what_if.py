"""`closlab what-if`: what failures cost, what is said of it, and what cannot be asked."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from fabric_files import made

from labs import cli
from labs.traffic.flows.building import network_of
from labs.traffic.flows.failing import dead_cables
from labs.traffic.flows.spreading import Manner, Spread
from labs.traffic.flows.what_if import Job, Loss, loss_of
from topologies.errors import Mistake
from topologies.model import Fabric

POD: dict[str, object] = {"name": "pod", "design": "leaf-spine", "spines": 4, "leaves": 4, "hosts_per_leaf": 4}
RAILS: dict[str, object] = {"name": "rails", "design": "rail", "pods": 2, "rails": 2, "hosts_per_pod": 2, "spines": 2}
MBPS = 100_000
RATE = MBPS * 1e6


def lost(file: dict[str, object], *failed: str, workload: str = "permutation", manner: Manner | None = None) -> Loss:
    """What failures cost on a fabric of equal cables."""
    fabric, plan = made(file)
    job = Job(workload, 10**9, manner or Manner(Spread.SPRAYED), 0)
    return loss_of(network_of(fabric, plan, MBPS), dead_cables(fabric, failed), job)


@pytest.mark.parametrize(
    ("spines", "rounds"),
    [
        (("spine1",), 6 * 1 + 9 * 4 / 3),
        (("spine1", "spine2"), 4 * 1 + 2 * 3 / 2 + 9 * 4 / 2),
        (("spine1", "spine2", "spine3"), 2 * 1 + 2 * 2 + 2 * 3 + 9 * 4),
    ],
)
def test_spines_less_leave_the_share_of_those_that_remain(spines: tuple[str, ...], rounds: float) -> None:
    """In 15 rounds of an all-to-all 1, 2, 3, nine times 4, 3, 2, 1 of a rack's four hosts send out of it; over fewer
    uplinks than that the round takes longer by as much."""
    loss = lost(POD, *spines, workload="all-to-all")

    assert loss.before.goodput_mean == pytest.approx(RATE)
    assert loss.before.seconds is not None
    assert loss.after.seconds == pytest.approx(loss.before.seconds * rounds / 15)
    assert not loss.cut_off


def test_a_leaf_less_takes_its_hosts_from_the_job() -> None:
    """The others go on as before; the mean over all counts its hosts with nothing."""
    loss = lost(POD, "leaf2")

    assert loss.hosts_lost == ("leaf2-host1", "leaf2-host2", "leaf2-host3", "leaf2-host4")
    assert (loss.before.ranks, loss.after.ranks) == (16, 12)
    assert loss.after.goodput_mean == pytest.approx(RATE * 12 / 16)
    assert loss.after.goodput_worst == 0
    assert loss.after.seconds == pytest.approx(loss.before.seconds)


def test_a_rack_without_uplinks_is_cut_off_though_its_hosts_reach_each_other() -> None:
    """Four of sixteen reach fewer than half of all; their cables are fine."""
    loss = lost(POD, *(f"leaf1:eth{number}" for number in (1, 2, 3, 4)))

    assert len(loss.cut_off) == 4
    assert loss.after.ranks == 12


def test_a_host_that_loses_one_rail_leaves_with_all_its_gpus() -> None:
    """What is cut off is one NIC; what the job loses is the host."""
    loss = lost(RAILS, "pod1-rail2", workload="all-reduce")

    assert len(loss.cut_off) == 2
    assert loss.hosts_lost == ("pod1-host1", "pod1-host2")
    assert loss.after.ranks == 4


def test_where_nobody_is_left_nothing_ends() -> None:
    """No figures are made up for it."""
    loss = lost({**POD, "hosts_per_leaf": 1}, "spine1", "spine2", "spine3", "spine4")

    assert loss.after.ranks == 0
    assert (loss.after.seconds, loss.after.step_seconds, loss.after.bus_bandwidth) == (None, None, None)
    assert loss.after.goodput_mean == 0


def test_leaves_that_share_no_spine_have_transfers_without_a_way() -> None:
    """Nobody is cut off, and the job never ends all the same."""
    loss = lost({**POD, "spines": 2}, "leaf1:eth1", "leaf2:eth2", workload="all-to-all")

    assert not loss.cut_off
    assert loss.after.lost_transfers == 2 * 4 * 4
    assert loss.after.seconds is None
    assert loss.after.goodput_mean > 0


def test_flows_that_need_not_move_much_do_not_lose_much() -> None:
    """One cable of sixteen: less than a spine costs, more than nothing, by the same hashes."""
    hashed = Manner(Spread.HASHED, 4, 1)
    cable, spine = (lost(POD, name, workload="all-to-all", manner=hashed) for name in ("leaf1:eth1", "spine1"))

    assert cable.before == spine.before
    assert spine.after.goodput_mean < cable.after.goodput_mean < cable.before.goodput_mean


def test_nothing_failed_changes_nothing() -> None:
    """Before and after are the same."""
    loss = lost(POD, manner=Manner(Spread.HASHED, 2, 9))

    assert loss.before == loss.after
    assert np.array_equal(*loss.demand)


def fabric() -> Fabric:
    """The fabric that names are looked up in."""
    return made({**POD, "hosts_per_leaf": 12})[0]


def test_what_fails_is_named_by_node_or_end() -> None:
    """A node takes all its cables, an end one, from either side; twice is once."""
    dead = dead_cables(fabric(), ["spine1", "spine1"])
    low, high = dead_cables(fabric(), ["leaf1:eth1"]), dead_cables(fabric(), ["spine1:eth1"])

    assert np.count_nonzero(dead) == 4
    assert np.count_nonzero(low) == 1
    assert np.array_equal(low, high)
    assert np.count_nonzero(dead_cables(fabric(), ["leaf1"])) == 4 + 12


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "spine9",
            r"no node or end of a cable 'spine9'; there is spine1, spine2, .*leaf1-host1 to leaf4-host12 \(48\)",
        ),
        ("leaf1:eth99", r"leaf1 has no cable at 'leaf1:eth99'; it has eth1 to eth16 \(16\)"),
        ("leaf1:", "leaf1 has no cable at 'leaf1:'"),
        ("leaf9:eth1", "no node or end of a cable 'leaf9:eth1'"),
        ("", "no node or end of a cable ''"),
    ],
)
def test_an_unknown_name_is_answered_with_those_there_are(name: str, words: str) -> None:
    """Long lists by their ends."""
    with pytest.raises(Mistake, match=words):
        dead_cables(fabric(), [name])


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "pod.yml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in POD.items()))
    return str(path)


def ask(*words: str) -> int:
    """One command line, as the executable runs it."""
    return cli.guarded(lambda: cli.run(("what-if", *words)))


def test_the_loss_is_told_in_a_table_and_a_sentence(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With units, the links most wanted and who is cut off."""
    assert ask(file, "--fail", "leaf2", "--workload", "permutation", "--spread", "sprayed") == 0

    said = capsys.readouterr().out
    assert "pod: permutation of 1073741824 bytes among 16 ranks, sprayed, seed 1" in said
    assert "goodput of a NIC, mean, Gbit/s   400     300    -25.0 %" in said
    assert "cut off: leaf2-host1:eth1, leaf2-host2:eth1" in said
    assert "leaf2 down: permutation takes 1.00 times as long, goodput -25.0 %, 4 hosts lost" in said


def test_the_json_has_every_figure(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Rates in 10^6 bit/s, times in seconds, null where a job never ends."""
    every = [word for number in (1, 2, 3, 4) for word in ("--fail", f"spine{number}")]

    assert ask(file, *every, "--rate", "1000", "--size", "1MB", "--latency", "0", "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert told["version"] == 1
    assert told["failed"] == ["spine1", "spine2", "spine3", "spine4"]
    assert told["before"]["goodput_mean_mbps"] == pytest.approx(1000)
    assert told["before"]["seconds"] == pytest.approx(30 / 16 * 8e6 / 1e9)
    assert told["before"]["bus_bandwidth_mbps"] == pytest.approx(1000)
    assert told["after"]["seconds"] is None
    assert len(told["cut_off"]) == 16
    assert {"from": "leaf1-host1:eth1", "to": "leaf1:eth5", "before": 1.0, "after": 0.0} in told["links"]


def test_what_costs_nothing_is_said_so(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where nothing failed at all."""
    ask(file)

    assert capsys.readouterr().out.endswith("nothing down: all-reduce loses nothing\n")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--fail", "spine9"), "no node or end of a cable 'spine9'; there is spine1, spine2, spine3, spine4"),
        (("--workload", "gossip"), "no collective 'gossip'; there are all-reduce,"),
        (("--spread", "evenly"), "there are hashed, polarised, sprayed"),
        (("--size", "1 potato"), "'1 potato' is no size; such as"),
        (("--size", "0"), "'0' is no size"),
        (("--size", "-5"), "'-5' is no size"),
        (("--size", "2048PiB"), "is no size"),
        (("--rate", "0"), "--rate: 0 Mbit/s"),
        (("--rate", "nan"), "--rate: nan Mbit/s"),
        (("--latency", "inf"), "--latency: inf"),
        (("--qps", "0"), "--qps"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_what_can(
    file: str, words: tuple[str, ...], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and nothing on stdout."""
    assert ask(file, *words) == 2

    said = capsys.readouterr()
    assert answer in said.err
    assert not said.out


def test_a_fabric_without_hosts_has_no_traffic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what there must be."""
    path = tmp_path / "bare.yml"
    path.write_text("name: bare\ndesign: leaf-spine\nspines: 1\nleaves: 2\n")

    assert ask(str(path)) == 2
    assert "there must be two or more" in capsys.readouterr().err


def test_without_its_library_the_command_says_what_installs_it(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra `labs`."""
    real = importlib.util.find_spec
    monkeypatch.setattr("labs.extras.find_spec", lambda name: None if name == "numpy" else real(name))

    assert ask(file) == 2
    assert "numpy is not installed; pip install 'closlab[labs]' does it" in capsys.readouterr().err
