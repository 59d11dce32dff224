"""The library of scenarios, run for real: each must pass, and must fail once what its `red` names is changed.

CLOSLAB_SCENARIOS=spine-dies,link-down runs these only; CLOSLAB_SEED chooses other places for `any`.
"""

import os
import signal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from program import Closlab

from labs.chaos.library import library
from topologies.waiting import until

CHOSEN = [name for name in os.environ.get("CLOSLAB_SCENARIOS", "").split(",") if name]
LIBRARY = [path.stem for path in library() if not CHOSEN or path.stem in CHOSEN]
SERVICES = [path.stem for path in library() if "ai-service.yml" in path.read_text()]
NEEDS = (pytest.mark.programs("gobgpd", "gobgp", "nft"), pytest.mark.gobgp("v3"), pytest.mark.features("postgres"))
CASES = [pytest.param(name, marks=NEEDS if name in SERVICES else ()) for name in LIBRARY]
SEED = os.environ.get("CLOSLAB_SEED", "1")
LONG = """\
scenario: {name}
about: A link is down for longer than anybody waits.
fabric: {{design: leaf-spine, spines: 1, leaves: 2}}
steps:
  - {{fault: link-down, link: any uplink, at: 100ms, lasts: 1min}}
expect: [max(outage) <= 1s]
"""


def named(what: str) -> str:
    """A name for a lab of this process."""
    return f"{what}-{os.getpid()}"


def test_there_is_a_library() -> None:
    """No name that was chosen is misspelt, and something is run."""
    assert LIBRARY
    assert SERVICES
    assert set(CHOSEN) <= set(LIBRARY)


@pytest.mark.parametrize("scenario", CASES)
def test_a_scenario_passes(closlab: Closlab, scenario: str) -> None:
    """Every expectation holds, and nothing of the lab is left."""
    done = closlab("run", scenario, "--seed", SEED, "--name", named(scenario))

    assert done.returncode == 0, done.stdout + done.stderr
    assert closlab.traces(named(scenario)) == ""


@pytest.mark.parametrize("scenario", CASES)
def test_a_scenario_fails_when_what_it_relies_on_is_gone(closlab: Closlab, scenario: str) -> None:
    """By an expectation of its own, not by what is expected of all."""
    done = closlab("run", scenario, "--red", "--seed", SEED, "--name", named(scenario))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed, as its proof must" in done.stdout


def test_a_run_leaves_its_reports(closlab: Closlab) -> None:
    """One JSON file and one page a run, one JUnit file for all, and the seeds count up."""
    done = closlab("run", "link-down", "--repeat", "2", "--seed", "4", "-o", "out", "--name", named("reports"))

    assert done.returncode == 0, done.stdout + done.stderr
    out = closlab.folder / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "link-down-4.html",
        "link-down-4.json",
        "link-down-5.html",
        "link-down-5.json",
        "link-down.junit.xml",
    ]
    assert len(ElementTree.parse(out / "link-down.junit.xml").getroot()) == 2


def test_an_expectation_that_fails_is_exit_code_1(closlab: Closlab) -> None:
    """With what was measured, and the command that runs it again."""
    text = LONG.format(name=named("fails")).replace("1min", "1s").replace("<= 1s", "<= 1ms")

    done = closlab("run", closlab.file("fails.yml", text))

    assert done.returncode == 1, done.stderr
    assert "NOT  max(outage) <= 1ms: max(outage) = " in done.stdout
    assert "again: closlab run " in done.stdout


def test_what_an_expectation_gets_wrong_is_said_before_anything_is_up(closlab: Closlab) -> None:
    """Exit code 2, and no lab was made."""
    name = named("wrong")

    done = closlab("run", closlab.file("wrong.yml", LONG.format(name=name).replace("outage", "outrage")))

    assert done.returncode == 2
    assert "no series 'outrage', did you mean 'outage'?" in done.stderr
    assert not (closlab.state / name).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_takes_its_lab_along(closlab: Closlab, number: signal.Signals) -> None:
    """In the middle of a fault; probers and watchers end too."""
    name = named("stopped")
    process = closlab.start("run", closlab.file("long.yml", LONG.format(name=name)))
    until("the fault is there", lambda: "" if broken(closlab, name) else "not yet", within=30)

    process.send_signal(number)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    until("nothing is left", lambda: closlab.traces(name), within=5)


def test_down_takes_away_what_a_killed_run_left(closlab: Closlab) -> None:
    """The lab only: what watched it has ended with the process that began it."""
    name = named("killed")
    process = closlab.start("run", closlab.file("long.yml", LONG.format(name=name)))
    until("the fault is there", lambda: "" if broken(closlab, name) else "not yet", within=30)
    process.kill()
    process.communicate(timeout=30)

    down = closlab("down", name)

    assert down.returncode == 0, down.stderr
    until("nothing is left", lambda: closlab.traces(name), within=5)


def broken(closlab: Closlab, name: str) -> bool:
    """Whether a link of a running lab is down."""
    if not Path(closlab.state / name / "record.json").exists():
        return False
    shown = closlab("link", "show", "--lab", name)
    return "down" in shown.stdout.split()
