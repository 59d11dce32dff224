"""Waves: which hosts go together, and what the runner makes of failures, stops and journals."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nornir import InitNornir
from nornir.core import Nornir
from nornir.core.exceptions import NornirExecutionError
from nornir.core.task import Result, Task

from automation.runner import WavesResult, WavesRunner
from automation.waves import Member, choose_canary, remaining, waves
from topologies.errors import Mistake

ROOT = Path(__file__).parents[2]
MEMBERS = st.lists(
    st.builds(
        Member,
        st.text("abcdefgh", min_size=1, max_size=3),
        st.sampled_from(["", "pod1", "pod2", "plane1"]),
        st.sampled_from(["", "", "g1", "g2", "g3"]),
    ),
    unique_by=lambda each: each.name,
    max_size=40,
)
SIZES = st.integers(1, 12)


@given(MEMBERS, SIZES)
def test_every_host_is_in_exactly_one_wave(members: list[Member], size: int) -> None:
    """None is forgotten, none is done twice."""
    found = [name for wave in waves(members, size=size) for name in wave]

    assert sorted(found) == sorted(each.name for each in members)


@given(MEMBERS, SIZES)
def test_no_wave_is_larger_or_has_two_of_a_group_or_domains(members: list[Member], size: int) -> None:
    """What stands in for each other is never touched together, and a wave breaks at most one domain."""
    by_name = {each.name: each for each in members}
    for wave in waves(members, size=size):
        groups = [by_name[name].group for name in wave if by_name[name].group]
        assert 1 <= len(wave) <= size
        assert len(groups) == len(set(groups))
        assert len({by_name[name].domain for name in wave}) == 1


@given(MEMBERS.filter(bool), SIZES)
def test_the_first_wave_is_one_host(members: list[Member], size: int) -> None:
    """The one that is named, or else one that another stands in for, where there is any."""
    by_name = {each.name: each for each in members}
    groups = [each.group for each in members if each.group]
    (chosen,), *_ = waves(members, size=size)

    assert waves(members, size=size, canary=members[-1].name)[0] == (members[-1].name,)
    assert groups.count(by_name[chosen].group) > 1 or len(set(groups)) == len(groups)


@given(MEMBERS, SIZES, st.data())
def test_what_was_done_leaves_the_other_waves_as_they_were(
    members: list[Member], size: int, data: st.DataObject
) -> None:
    """A resumed run does the rest in the same order, so a group is still never touched together."""
    planned = waves(members, size=size)
    names = [each.name for each in members]
    done = set(data.draw(st.lists(st.sampled_from(names)))) if names else set()

    left = remaining(planned, done)

    assert [name for wave in left for name in wave] == [name for wave in planned for name in wave if name not in done]
    assert all(any(set(wave) <= set(whole) for whole in planned) for wave in left)


def test_the_fewest_waves_that_a_group_allows() -> None:
    """Two spines and six leaves, three at once: the canary, then the other spine shares a wave."""
    members = [Member("s1", group="s"), Member("s2", group="s"), *(Member(f"l{n}") for n in range(1, 6))]

    assert choose_canary(members) == "s1"
    assert waves(members, size=3) == (("s1",), ("s2", "l1", "l2"), ("l3", "l4", "l5"))


def fabric(tmp_path: Path, **options: object) -> Nornir:
    """Nornir with the switches of a small fabric in its inventory, and waves of three."""
    (tmp_path / "f.yml").write_text("name: f\ndesign: leaf-spine\nspines: 2\nleaves: 4\n")
    return InitNornir(
        inventory={"plugin": "closlab", "options": {"file": str(tmp_path / "f.yml")}},
        runner={"plugin": "waves", "options": {"size": 3, **options}},
        logging={"enabled": False},
    )


def run(nornir: Nornir, task: Callable[..., object], **params: object) -> WavesResult:
    """One run, with the runner's own result."""
    result = nornir.run(task, **params)
    assert isinstance(result, WavesResult)
    return result


def hello(task: Task) -> str:
    """A task that does well."""
    return f"hello {task.host}"


def test_all_hosts_answer(tmp_path: Path) -> None:
    """The result is as that of any runner, hosts in the order of waves."""
    result = run(fabric(tmp_path), hello)

    assert result.waves == (("spine1",), ("spine2", "leaf1", "leaf2"), ("leaf3", "leaf4"))
    assert list(result) == ["spine1", "spine2", "leaf1", "leaf2", "leaf3", "leaf4"]
    assert result["leaf4"].result == "hello leaf4"
    assert not result.failed


def test_hosts_of_a_wave_run_side_by_side(tmp_path: Path) -> None:
    """Each of the three waits for the two others."""
    together = {"spine2": threading.Barrier(3), "leaf3": threading.Barrier(2)}
    together |= dict.fromkeys(("leaf1", "leaf2"), together["spine2"]) | {"leaf4": together["leaf3"]}

    def meet(task: Task) -> None:
        if task.host.name in together:
            together[task.host.name].wait(timeout=20)

    assert not run(fabric(tmp_path), meet).failed


def test_the_first_failure_ends_the_run(tmp_path: Path) -> None:
    """Its wave goes to its end; the rest is told as not run, has not failed, and a later run takes it up."""
    nornir = fabric(tmp_path)

    def fails_once(task: Task, on: str) -> str:
        if task.host.name == on:
            raise ValueError("out of paper")
        return "fine"

    result = run(nornir, fails_once, on="leaf1")

    assert result.not_run == dict.fromkeys(("leaf3", "leaf4"), "leaf1 failed in wave 2")
    assert result["leaf3"].result == "not run: leaf1 failed in wave 2"
    assert not result["leaf3"].failed
    assert result["leaf2"].result == "fine"
    assert set(result.failed_hosts) == nornir.data.failed_hosts == {"leaf1"}
    assert set(nornir.run(hello)) == {"spine1", "spine2", "leaf2", "leaf3", "leaf4"}


def test_a_canary_that_fails_is_the_only_host_that_was_touched(tmp_path: Path) -> None:
    """One that was named."""
    touched = []

    def fail(task: Task) -> None:
        touched.append(task.host.name)
        raise ValueError

    assert len(run(fabric(tmp_path, canary="leaf3"), fail).not_run) == 5
    assert touched == ["leaf3"]


@pytest.mark.parametrize("how", ["ctrl-c", "method", "file"])
def test_a_stopped_run_ends_after_its_wave_and_has_failed(how: str, tmp_path: Path) -> None:
    """Though no host failed: what was not run is not well."""
    nornir = fabric(tmp_path, stop_file=str(tmp_path / "stop"))
    runner = nornir.runner
    assert isinstance(runner, WavesRunner)
    ways: dict[str, Callable[[], object]] = {
        "ctrl-c": lambda: os.kill(os.getpid(), signal.SIGINT),
        "method": runner.stop,
        "file": (tmp_path / "stop").touch,
    }

    def stop(task: Task) -> None:
        if task.host.name == "leaf1":
            ways[how]()

    before = signal.getsignal(signal.SIGINT)
    result = run(nornir, stop)

    assert set(result.not_run) == {"leaf3", "leaf4"}
    assert all(why.startswith("stopped after wave 2") for why in result.not_run.values())
    assert result.failed
    assert nornir.data.failed_hosts == set()
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(NornirExecutionError):
        result.raise_on_error()


def test_a_run_goes_on_where_its_journal_ends(tmp_path: Path) -> None:
    """Hosts that are done are told so and left alone; when all are, the journal is empty."""
    journal, touched = tmp_path / "run.jsonl", []
    nornir = fabric(tmp_path, journal=str(journal))

    def visit(task: Task, change: int) -> Result:
        touched.append(task.host.name)
        return Result(task.host, failed=task.host.name == "leaf1" and touched.count("leaf1") == 1)

    first = run(nornir, visit, change=42)
    nornir.data.reset_failed_hosts()
    second = run(nornir, visit, change=42)

    assert set(first.not_run) == {"leaf3", "leaf4"}
    assert second.done_before == ("spine1", "spine2", "leaf2")
    assert second["spine1"].result == "done by an earlier run, as its journal says"
    assert sorted(touched) == sorted(["spine1", "spine2", "leaf1", "leaf2", "leaf1", "leaf3", "leaf4"])
    assert journal.read_text() == ""


def test_another_task_or_change_is_another_run(tmp_path: Path) -> None:
    """Neither the same task with something else, nor a dry run, counts for it."""
    nornir = fabric(tmp_path, journal=str(tmp_path / "run.jsonl"))

    def half(task: Task, change: int) -> Result:
        return Result(task.host, failed=task.host.name == "leaf1")

    run(nornir, half, change=1)
    nornir.data.reset_failed_hosts()
    assert run(nornir, half, change=2).done_before == ()
    nornir.data.reset_failed_hosts()
    nornir.data.dry_run = True
    assert run(nornir, half, change=1).done_before == ()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_waves import fabric

def visit(task):
    if task.host.name == "leaf3":
        os.kill(os.getpid(), signal.SIGKILL)

fabric(Path(sys.argv[1]), journal=sys.argv[1] + "/run.jsonl").run(visit)
"""


def test_a_killed_run_goes_on_too(tmp_path: Path) -> None:
    """All that was done is on disk; a line that was cut short counts for nothing."""
    script = KILLED.format(tests=str(Path(__file__).parent))
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    with (tmp_path / "run.jsonl").open("a") as file:
        file.write('{"run":"visit')

    def visit(task: Task) -> None:
        """Of the same name as in the killed one."""

    result = run(fabric(tmp_path, journal=str(tmp_path / "run.jsonl")), visit)

    assert ended.returncode == -signal.SIGKILL
    assert set(result.done_before) >= {"spine1", "spine2", "leaf1", "leaf2"}
    assert "leaf3" not in result.done_before
    assert not result.failed


def test_a_line_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    """What is noted after it begins a line of its own."""
    journal = tmp_path / "run.jsonl"
    journal.write_text('{"run":"x')

    run(fabric(tmp_path, journal=str(journal)), lambda task: Result(task.host, failed=task.host.name == "leaf1"))

    assert len([json.loads(line) for line in journal.read_text().splitlines()[1:]]) == 3


def test_two_runs_do_not_share_a_journal(tmp_path: Path) -> None:
    """The second is refused at once, and says which journal."""
    nornir = fabric(tmp_path, journal=str(tmp_path / "run.jsonl"))

    def nested(task: Task) -> None:
        if task.host.name == "spine1":
            with pytest.raises(Mistake, match=r"run.jsonl is in use"):
                fabric(tmp_path, journal=str(tmp_path / "run.jsonl")).run(hello)

    assert not run(nornir, nested).failed


@pytest.mark.parametrize("options", [{"size": 0}, {"size": "3"}, {"num_workers": 1.5}, {"size": True}])
def test_sizes_that_are_none_are_mistakes(options: dict[str, object]) -> None:
    """The option is named."""
    with pytest.raises(Mistake, match=next(iter(options))):
        WavesRunner(**options)  # type: ignore[arg-type]
