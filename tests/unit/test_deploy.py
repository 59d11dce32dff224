"""From a file to a running lab and back, on the fake runtime."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from topologies import deploy
from topologies.errors import Fault, Mistake
from topologies.lab import File, Lab, LabNode
from topologies.runtime.fake import PHASES, Fake
from topologies.runtime.model import Action, LabRecord, Life, Note, Process, Status
from topologies.runtime.store import Store

SOURCE = deploy.Source("x.yml", Lab("small", (LabNode(name="a"), LabNode(name="b")), ()))


def silent(phase: str, done: int, total: int) -> None:
    """Say nothing."""


@pytest.fixture
def at(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    runtime = Fake()
    monkeypatch.setitem(deploy.RUNTIMES, "fake", lambda: runtime)
    return runtime


def test_up_leaves_a_running_record(at: Store, fake: Fake) -> None:
    """What is on disk is what was returned."""
    record = deploy.up(SOURCE, "fake", say=silent, at=at)

    assert record.status is Status.RUNNING
    assert at.read("small") == record
    assert deploy.standing(record, busy=False)[1] == {"a": Life.RUNNING, "b": Life.RUNNING}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("error", [Fault("no"), Mistake("no"), KeyboardInterrupt(), OSError("no")])
def test_whatever_stops_up_leaves_nothing(at: Store, fake: Fake, phase: str, error: BaseException) -> None:
    """No lab, no record, no folder; the error goes on as it was."""
    fake.fails[phase] = error

    with pytest.raises(type(error)):
        deploy.up(SOURCE, "fake", say=silent, at=at)
    assert fake.labs == {}
    assert list(at.root.iterdir()) == []


def test_an_up_that_cannot_be_undone_is_kept_as_broken(at: Store, fake: Fake) -> None:
    """The record stays, so that `down` can try again, and it says so."""
    fake.fails = {"links": Fault("first"), "down": Fault("second")}

    with pytest.raises(Fault, match=r"first\nand what was made could not be removed: second\n`closlab down small`"):
        deploy.up(SOURCE, "fake", say=silent, at=at)
    assert at.read("small").status is Status.BROKEN
    fake.fails.clear()
    assert deploy.down("small", at=at)
    assert list(at.root.iterdir()) == []


def test_a_runtime_that_made_nothing_is_not_asked_to_remove_it(at: Store, fake: Fake) -> None:
    """It may be missing as a whole: then `down` would fail as `up` did, and leave a record that nobody can remove."""
    fake.fails = {"start": Mistake("no engine"), "down": Fault("no engine")}

    with pytest.raises(Mistake, match="no engine"):
        deploy.up(SOURCE, "fake", say=silent, at=at)
    assert list(at.root.iterdir()) == []


def test_a_second_up_is_refused_and_leaves_the_first(at: Store, fake: Fake) -> None:
    """The message says what to do."""
    first = deploy.up(SOURCE, "fake", say=silent, at=at)

    with pytest.raises(Mistake, match="lab 'small' is there already: it is running"):
        deploy.up(SOURCE, "fake", say=silent, at=at)
    assert at.read("small") == first
    assert list(fake.labs) == [first.id]


def test_a_lab_that_a_restart_ended_is_told_as_that(at: Store, fake: Fake) -> None:
    """Its record is still there, so the name is not free; the message says what became of it, and the way out."""
    at.write(replace(deploy.up(SOURCE, "fake", say=silent, at=at), boot_id="before"))

    with pytest.raises(Mistake, match=r"it ended when the machine restarted, .*`closlab down small` removes it"):
        deploy.up(SOURCE, "fake", say=silent, at=at)


def test_down_works_on_a_half_made_lab_and_twice(at: Store, fake: Fake) -> None:
    """`up` was killed: the record says creating, and nobody is at it."""
    record = deploy.up(SOURCE, "fake", say=silent, at=at)
    at.write(replace(record, status=Status.CREATING))
    assert deploy.standing(at.read("small"), busy=at.busy("small"))[0] is Status.BROKEN

    done = deploy.down("small", at=at), deploy.down("small", at=at)

    assert done == (True, False)
    assert fake.labs == {}


def test_a_down_that_fails_keeps_the_record(at: Store, fake: Fake) -> None:
    """What could not be removed is still named on disk."""
    deploy.up(SOURCE, "fake", say=silent, at=at)
    fake.fails["down"] = Fault("busy")

    with pytest.raises(Fault, match="busy"):
        deploy.down("small", at=at)
    assert at.exists("small")


def test_what_is_learnt_of_a_lab_does_not_undo_what_was_done_to_it(at: Store, fake: Fake) -> None:
    """A node that was restarted while the lab converged has another first process, by which `down` and all else go."""
    old = deploy.up(SOURCE, "fake", say=silent, at=at)
    restarted = replace(old, nodes=(replace(old.nodes[0], init=Process(12, 345)), *old.nodes[1:]))
    at.write(restarted)

    deploy.remember(replace(old, phases={"converge": 1.0}), at=at)

    assert at.read("small") == replace(restarted, phases={"converge": 1.0})


def test_what_is_learnt_of_a_lab_does_not_bring_it_back(at: Store, fake: Fake) -> None:
    """It was taken down meanwhile, and perhaps another one of its name is up."""
    old = deploy.up(SOURCE, "fake", say=silent, at=at)
    deploy.remember(replace(old, phases={"converge": 1.0}), at=at)
    assert at.read("small").phases == {"converge": 1.0}
    deploy.down("small", at=at)

    deploy.remember(old, at=at)
    assert not at.exists("small")
    new = deploy.up(SOURCE, "fake", say=silent, at=at)
    deploy.remember(old, at=at)
    assert at.read("small") == new


def test_after_a_reboot_a_lab_is_broken_and_its_nodes_dead(at: Store, fake: Fake) -> None:
    """The record names another boot of the machine."""
    record = replace(deploy.up(SOURCE, "fake", say=silent, at=at), boot_id="before")

    status, lives = deploy.standing(record, busy=False)

    assert status is Status.BROKEN
    assert set(lives.values()) == {Life.DEAD}


def test_a_runtime_that_there_is_not_is_answered_with_those_there_are(at: Store) -> None:
    """The message lists the runtimes."""
    with pytest.raises(Mistake, match="no runtime 'kvm'; there are containerlab, netns"):
        deploy.up(SOURCE, "kvm", say=silent, at=at)


@pytest.mark.parametrize(
    ("path", "text", "answer"),
    [
        ("x.clab.yml", "", True),
        ("x.yml", "name: x\ntopology:\n  nodes: {}\n", True),
        ("x.yml", "name: x\ndesign: leaf-spine\n", False),
        ("x.yml", "name: x\n# topology: no\n", False),
    ],
)
def test_a_containerlab_file_is_told_by_name_or_key(path: str, text: str, answer: bool) -> None:
    """A fabric file is whatever is not containerlab's."""
    assert deploy.is_containerlab(path, text) is answer


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    with pytest.raises(Mistake, match=r"cannot read .*none\.yml: No such file"):
        deploy.load(tmp_path / "none.yml")


def test_what_planning_finds_wrong_has_its_place_in_the_file(tmp_path: Path) -> None:
    """Too narrow ECMP is found only when routes are planned, and still told by line and column."""
    file = tmp_path / "x.yml"
    file.write_text("name: x\ndesign: leaf-spine\nspines: 2\nleaves: 2\nunderlay:\n  ecmp: 1\n")

    with pytest.raises(Mistake, match=r"x\.yml:6:9: \$\.underlay\.ecmp: 1 is less than the 2 equal paths"):
        deploy.load(file)


def test_a_node_that_is_renewed_boots_with_some_files_and_is_on_record_with_others(
    at: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a machine ships with is not what it is meant to run; every record written says the latter."""
    booted: list[LabRecord] = []

    class Watched(Fake):
        """Remembers what it was asked to act on."""

        def act(self, record: LabRecord, node: str, action: Action, *, note: Note) -> LabRecord:
            booted.append(record)
            return super().act(record, node, action, note=note)

    runtime = Watched()
    monkeypatch.setitem(deploy.RUNTIMES, "fake", lambda: runtime)
    deploy.up(SOURCE, "fake", say=silent, at=at)
    fresh, kept = LabNode(name="a", hostname="new"), LabNode(name="a", hostname="new", files=(File("/x", "kept"),))
    deploy.act("small", "a", Action.KILL, at=at)

    after = deploy.renew("small", fresh, kept=kept, at=at)

    assert booted[-1].lab.nodes[0] == fresh
    assert after.lab.nodes == (kept, LabNode(name="b"))
    assert at.read("small") == after
