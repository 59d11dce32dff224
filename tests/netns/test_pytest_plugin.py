r"""The pytest plugin as a team uses it: a fabric file, a module of tests, and pytest as they call it.

spine1   spine2
   |  \ /  |
  leaf1   leaf2       one host each
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FABRIC = """\
name: {name}
design: leaf-spine
spines: 2
leaves: 2
hosts_per_leaf: 1
"""
GOOD = """
import pytest

pytestmark = pytest.mark.closlab_fabric("our.yml")


def test_looks(lab):
    assert lab.check() == ()
    assert "10.8.0.1" in lab.vtysh("leaf1", "show bgp summary")
    assert lab.run("leaf1-host1", ["cat", "/etc/hostname"]).strip() == "leaf1-host1"


def test_an_uplink_may_fail(lab, fault, traffic):
    with traffic(rate=1000) as seen, fault("link-down", link="leaf1-spine1") as there:
        assert there.where == "leaf1:eth1"
        assert {each.what for each in lab.check(mesh=False)} >= {"link-down", "session-down"}
    assert lab.check() == ()
    assert 0 < seen.longest < 1
    assert seen.sent > 500


def test_a_quiet_fabric_loses_nothing(traffic, lab):
    with traffic() as seen:
        lab.run("leaf1-host1", ["true"])
    assert (seen.lost, seen.longest, seen.outages) == (0, 0, ())
"""
SCENARIO = """\
scenario: {name}
about: A spine dies.
fabric: our.yml
steps:
  - {{fault: switch-dead, node: any spine, at: 100ms, lasts: 500ms}}
expect: [{expect}]
"""
MARKED = """
import pytest


@pytest.mark.closlab_scenario("dies.yml", seed=4)
def test_a_spine_may_die(closlab_run):
    assert closlab_run.seed == 4
    assert closlab_run.recording.episodes[0].fault == "switch-dead"


@pytest.mark.closlab_scenario("strict.yml")
def test_nobody_may_feel_it():
    raise AssertionError("the body of a test whose scenario failed is not run")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A team's folder with its fabric."""
    (tmp_path / "our.yml").write_text(FABRIC.format(name=f"team{os.getpid()}"))
    return tmp_path


def called(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """pytest as it is called in a folder, with a state of its own."""
    env = {**os.environ, "CLOSLAB_STATE": str(folder / "state")}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.run(argv, cwd=folder, env=env, text=True, capture_output=True, timeout=200, check=False)


def left(folder: Path) -> list[Path]:
    """The labs that a run left."""
    return list((folder / "state").glob("*/record.json"))


def test_a_module_of_tests_has_its_fabric(folder: Path) -> None:
    """Up once for the module, looked into, broken, probed, and taken down."""
    (folder / "test_ours.py").write_text(GOOD)

    done = called(folder, "--strict-markers")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert left(folder) == []


def test_a_fabric_may_be_named_on_the_command_line_or_in_the_configuration(folder: Path) -> None:
    """One of them must; who names none is told how."""
    (folder / "test_ours.py").write_text("def test_it(fabric):\n    assert fabric.lab.nodes\n")

    named = called(folder, "--closlab-fabric", "our.yml")
    none = called(folder)
    (folder / "pytest.ini").write_text("[pytest]\ncloslab_fabric = our.yml\n")
    written = called(folder)

    assert (named.returncode, written.returncode) == (0, 0), named.stdout + written.stdout
    assert none.returncode == 1
    assert "no fabric: mark the module with closlab_fabric(file), or give --closlab-fabric FILE" in none.stdout


def test_a_marked_test_runs_its_scenario_first(folder: Path) -> None:
    """And fails with the expectations that do not hold, and how to run it again."""
    name = f"dies{os.getpid()}"
    (folder / "dies.yml").write_text(SCENARIO.format(name=name, expect="max(outage) <= 1s"))
    (folder / "strict.yml").write_text(SCENARIO.format(name=name, expect="count(bgp_down) == 0"))
    (folder / "test_ours.py").write_text(MARKED)

    done = called(folder)

    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "count(bgp_down) == 0: count(bgp_down) = " in done.stdout
    assert "again: closlab run " in done.stdout
    assert "the body of a test" not in done.stdout
    assert left(folder) == []


def test_a_fault_that_is_none_is_named(folder: Path) -> None:
    """With what there is, or with what is wrong of its keys; the lab goes down all the same."""
    (folder / "test_ours.py").write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.closlab_fabric('our.yml')\n"
        "def test_a(fault):\n    fault('link-dwon').__enter__()\n"
        "def test_b(fault):\n    fault('link-down', lnk='x').__enter__()\n"
    )

    done = called(folder)

    assert "2 failed" in done.stdout, done.stdout
    assert "did you mean 'link-down'?" in done.stdout
    assert "lnk" in done.stdout
    assert left(folder) == []
