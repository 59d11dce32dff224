"""Commands about configurations on the fake runtime: what is refused, and how it is said."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from automation.applying import Applied
from automation.outcome import NodeOutcome, Outcome, State
from labs import cli
from labs.cli.changes import show_applied, show_preview
from telemetry.check import CheckReport
from topologies import deploy
from topologies.runtime import store
from topologies.runtime.fake import Fake

FABRIC = "name: {name}\ndesign: leaf-spine\nspines: 1\nleaves: 2\n"


@pytest.fixture(autouse=True)
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A lab on the fake runtime, whose nodes have no processes; its file."""
    runtime = Fake()
    monkeypatch.setitem(deploy.RUNTIMES, "fake", lambda: runtime)
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "state"))
    file = tmp_path / "one.yml"
    file.write_text(FABRIC.format(name="one"))
    assert run("up", str(file), "--runtime", "fake", "--no-check") == 0
    capsys.readouterr()
    return file


def run(*argv: str) -> int:
    """One command line, as the executable runs it."""
    return cli.guarded(lambda: cli.run(argv))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("diff", "leaf9"), "lab one: no node 'leaf9'; there are leaf1, leaf2, spine1"),
        (("diff", "--lab", "two"), "no lab 'two'; there is one"),
        (("apply", "gone.yml"), "cannot read gone.yml"),
        (("apply", "--revert-in", "20"), "--revert-in 20: routers would go back before the check may end"),
        (("apply", "--revert-in", "0"), "Invalid value for '--revert-in': 0 is not in the range x>=1."),
        (("apply", "--waves", "-1"), "Invalid value for '--waves': -1 is not in the range x>=0."),
        (("apply", "--within", "soon"), "'soon' is no number of seconds, 0 or more"),
        (("restore", "/nowhere"), "/nowhere is no backup: cannot read /nowhere/manifest.json"),
        (("backup", "/proc"), "/proc is there already; name a folder that is not, or an empty one"),
        (("drift", "nobody"), "no node 'nobody'"),
    ],
)
def test_what_is_asked_wrongly_is_a_mistake(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that says what is wrong and what there is."""
    assert run(*argv) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("command", [("diff",), ("apply",), ("apply", "--dry-run"), ("drift",)])
def test_nodes_that_do_not_run_are_faults(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Each is told, and nothing passes for being without difference."""
    assert run(*command) == 3

    said = capsys.readouterr()
    assert "lab one: node leaf1 does not run" in said.out
    assert "lab one: node spine1 does not run" in said.out


def test_a_backup_of_nodes_that_do_not_run_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No folder is left that could be taken for one."""
    assert run("backup", str(tmp_path / "b")) == 3

    assert "no backup was written, for leaf1, leaf2, spine1 could not be asked" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_another_lab_or_file_is_not_applied(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new leaf needs a new lab; so does a file of containerlab's; a lab of another name is not there."""
    new = lab.with_name("new.yml")
    new.write_text(FABRIC.format(name="one").replace("leaves: 2", "leaves: 3"))
    other = lab.with_name("other.yml")
    other.write_text(FABRIC.format(name="other"))
    clab = lab.with_name("x.clab.yml")
    clab.write_text("name: x\ntopology:\n  nodes: {a: {kind: linux, image: x}}\n")

    assert [run("apply", str(new)), run("apply", str(other)), run("apply", str(clab), "--lab", "one")] == [2, 2, 2]

    said = capsys.readouterr().err
    assert "more than configuration changed: node leaf3 is new" in said
    assert "no lab 'other'; there is one" in said
    assert "only a fabric file can be applied; this is a containerlab file" in said


def test_a_lab_that_is_worked_on_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is at it is named."""
    with store.here().claim("one", "drain leaf1"):
        assert run("apply") == 2

    assert "lab 'one' is busy: closlab drain leaf1, process" in capsys.readouterr().err


def test_json_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Every router with its state and words."""
    assert run("diff", "--json") == 3

    answer = json.loads(capsys.readouterr().out)
    assert (answer["version"], answer["lab"], answer["fine"]) == (1, "one", False)
    assert {each["state"] for each in answer["nodes"]} == {"unknown"}
    assert answer["why"].endswith("could not be compared; nothing was changed")


def test_without_the_extra_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The base installation has neither Nornir nor NAPALM."""
    monkeypatch.setattr("labs.extras.AUTOMATION", ("nornir", "no_such_module"))

    assert run("diff") == 2
    assert "no_such_module is not installed; pip install 'closlab[automation]' does it" in capsys.readouterr().err


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed."""
    return lambda: capsys.readouterr().out


def test_routers_that_differ_alike_are_told_once(said: Callable[[], str]) -> None:
    """With their names together; of very many differences, not all."""
    alike = tuple(NodeOutcome(name, State.DIFFERS, "+ x") for name in ("a", "b"))
    many = tuple(NodeOutcome(f"r{n}", State.DIFFERS, f"+ {n}") for n in range(20))

    show_preview("one", Outcome(alike))
    assert said() == "a, b:\n  + x\n\none: 2 routers of 2 differ from what is meant\n"
    show_preview("one", Outcome(many))
    assert "... and 8 more, unlike these; --json has all" in said()


def test_a_change_that_did_not_stay_says_how_each_router_stands(said: Callable[[], str]) -> None:
    """Who went back, who refused, who was not touched, and who is left to its timer."""
    nodes = (
        NodeOutcome("a", State.REVERTED, "+ x"),
        NodeOutcome("b", State.REFUSED, "+ x", "b: % Unknown command"),
        NodeOutcome("c", State.NOT_RUN, "+ x"),
        NodeOutcome("d", State.WAITING, "+ x", "gone"),
    )

    show_applied("one", Applied(Outcome(nodes, "b did not take it"), CheckReport(())))

    assert said().splitlines()[3:] == [
        "b: % Unknown command", "", "d: gone", "",
        "a: went back",
        "b: did not take it, and runs what it ran",
        "c: not touched",
        "d: to go back when the timer there ends",
        "one: not applied: b did not take it",
    ]  # fmt: skip
