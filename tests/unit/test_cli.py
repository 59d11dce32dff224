"""The command line on the fake runtime: what it prints where, and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from labs import cli
from topologies import deploy
from topologies.errors import EXIT_MISTAKE, Fault
from topologies.runtime import store
from topologies.runtime.fake import Fake
from topologies.runtime.model import LabRecord, Note, Say, Status

FABRIC = "name: {name}\ndesign: leaf-spine\nspines: 1\nleaves: 2\n"


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    """The fake runtime under its name, and a state folder of the test's own."""
    runtime = Fake()
    monkeypatch.setitem(deploy.RUNTIMES, "fake", lambda: runtime)
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "state"))
    return runtime


@pytest.fixture
def fabric(tmp_path: Path) -> Callable[[str], str]:
    """Writes a small fabric file of that name; returns its path."""

    def write(name: str) -> str:
        path = tmp_path / f"{name}.yml"
        path.write_text(FABRIC.format(name=name))
        return str(path)

    return write


def run(*argv: str) -> int:
    """One command line, as the executable runs it."""
    return cli.guarded(lambda: cli.run(argv))


def up(path: str, *more: str) -> int:
    """Bring a lab up on the fake runtime."""
    return run("up", path, "--runtime", "fake", "--no-check", *more)


def test_up_ends_with_what_runs_and_how_to_get_in(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The result is on stdout, progress on stderr."""
    code = up(fabric("one"))

    said = capsys.readouterr()
    assert code == 0
    assert "1 spine, 2 leaves" in said.out
    assert "closlab vtysh spine1 -c 'show bgp summary'" in said.out
    assert "closlab down one" in said.out
    assert "links: 3 of 3" in said.err


def test_what_a_runtime_left_out_is_said(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings that only coming up brings to light are no less said than those of the file."""

    class Lacking(Fake):
        def up(self, record: LabRecord, *, note: Note, say: Say) -> LabRecord:
            done = super().up(record, note=note, say=say)
            return replace(done, lab=replace(done.lab, warnings=("this kernel has no setting x",)))

    monkeypatch.setitem(deploy.RUNTIMES, "fake", Lacking)

    up(fabric("lacking"))

    assert "warning: this kernel has no setting x" in capsys.readouterr().err


def test_up_reports_json(fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    """One document, and nothing else on stdout."""
    up(fabric("one"), "--json")

    answer = json.loads(capsys.readouterr().out)
    assert answer["version"] == 1
    assert answer["lab"]["name"] == "one"
    assert answer["lab"]["status"] == "running"
    assert answer["check"] is None


def test_ls_lists_labs_and_unreadable_records(fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged record is shown with its reason."""
    up(fabric("one"))
    up(fabric("two"))
    (store.here().folder("two") / store.RECORD).write_text("{")
    capsys.readouterr()

    assert run("ls", "--json") == 0

    answer = json.loads(capsys.readouterr().out)
    assert [(lab["name"], lab["running"]) for lab in answer["labs"]] == [("one", 3)]
    assert [lab["name"] for lab in answer["unreadable"]] == ["two"]
    assert run("ls") == 0
    assert "unreadable" in capsys.readouterr().out


def test_show_lists_nodes_and_cables(fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    """Roles, AS numbers and loopbacks are those of the plan."""
    up(fabric("one"))
    capsys.readouterr()

    assert run("show", "--json") == 0

    answer = json.loads(capsys.readouterr().out)
    nodes = {node["name"]: node for node in answer["nodes"]}
    assert set(nodes) == {"spine1", "leaf1", "leaf2"}
    assert nodes["leaf1"]["role"] == "leaf"
    assert nodes["leaf1"]["asn"] != nodes["leaf2"]["asn"]
    assert sorted(answer["links"][0]["ends"]) == ["leaf1:eth1", "spine1:eth1"]


def test_two_labs_and_none_chosen_is_a_mistake_that_lists_them(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the labs and the option."""
    up(fabric("one"))
    up(fabric("two"))
    capsys.readouterr()

    code = run("show")

    assert code == 2
    assert "several labs are there: one, two; say which by --lab NAME" in capsys.readouterr().err
    assert run("show", "two") == 0
    assert run("show", "--lab", "two") == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["up", "none.yml"], "cannot read none.yml: No such file"),
        (["up"], "Missing argument 'FILE'"),
        (["fly"], "No such command 'fly'"),
        (["show"], "no lab is there; `closlab up FILE` brings one up"),
        (["show", "x"], "no lab 'x'; there is none"),
        (["link", "down", "leaf1"], "an end of a cable is NODE:INTERFACE"),
        (["cp", "a", "b"], "neither is in a node"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong, on stderr, without a traceback."""
    code = run(*argv)

    said = capsys.readouterr()
    assert code == 2
    assert words in said.err
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_an_unknown_key_is_named_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, line, key."""
    path = tmp_path / "bad.yml"
    path.write_text(FABRIC.format(name="one") + "spine: 2\n")

    code = up(str(path))

    said = capsys.readouterr().err
    assert code == 2
    assert "bad.yml:5" in said
    assert "spine" in said
    assert not store.here().root.exists()


def test_a_runtime_that_there_is_not_is_named(fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    """With those there are."""
    code = run("up", fabric("one"), "--runtime", "kvm")

    assert code == 2
    assert "no runtime 'kvm'; there are containerlab, fake, netns" in capsys.readouterr().err


def test_an_unknown_node_is_answered_with_those_there_are(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """For commands inside nodes and on nodes alike."""
    up(fabric("one"))
    capsys.readouterr()

    codes = run("exec", "leaf9", "true"), run("node", "kill", "leaf9")

    said = capsys.readouterr().err
    assert codes == (2, 2)
    assert said.count("no node 'leaf9'; there are leaf1, leaf2, spine1") == 2


def test_a_second_up_of_the_same_name_is_refused(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what removes it."""
    path = fabric("one")
    up(path)

    code = up(path)

    assert code == 2
    assert "`closlab down one` removes it" in capsys.readouterr().err


def test_a_fault_is_exit_code_three_and_leaves_nothing(
    fabric: Callable[[str], str], fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runtime's words reach the user."""
    fake.fails["daemons"] = Fault("bgpd refused line 7")

    code = up(fabric("one"))

    assert code == 3
    assert "closlab: bgpd refused line 7\n" in capsys.readouterr().err
    assert store.here().names() == ()


def test_a_lab_that_does_not_converge_is_left_up_to_be_looked_at(
    fabric: Callable[[str], str], fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fake's nodes cannot be asked for their routes."""
    code = run("up", fabric("one"), "--runtime", "fake")

    assert code == 3
    assert "`closlab down one` removes it" in capsys.readouterr().err
    assert store.here().names() == ("one",)
    assert len(fake.labs) == 1


@pytest.mark.parametrize(("signum", "code"), [(2, 130), (15, 143), (1, 129)])
def test_an_interrupt_takes_the_half_made_lab_down(
    fabric: Callable[[str], str], fake: Fake, signum: int, code: int
) -> None:
    """Ctrl-C, SIGTERM and a lost terminal alike."""
    fake.fails["links"] = cli.Stopped(signum)

    assert up(fabric("one")) == code
    assert fake.labs == {}
    assert store.here().names() == ()


def test_a_full_disk_is_a_fault_that_names_the_file(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is left of the lab."""
    folder = store.here().folder("one")
    folder.mkdir(parents=True)
    (folder / ".record.json.new").symlink_to("/dev/full")

    code = up(fabric("one"))

    assert code == 3
    assert "record.json: No space left on device" in capsys.readouterr().err
    assert not folder.exists()


def test_down_is_by_name_by_file_or_of_the_only_one(
    fabric: Callable[[str], str], fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose lab is not up is no mistake."""
    path = fabric("one")
    for how in (["one"], [path], []):
        up(path)
        assert run("down", *how) == 0
        assert fake.labs == {}

    capsys.readouterr()
    assert run("down", path) == 0
    assert run("down", "other") == 0
    assert capsys.readouterr().err.count("not up, nothing to do") == 2


@pytest.mark.parametrize("by", ["name", "file"])
def test_down_sweeps_what_an_up_left_that_was_killed_before_its_record(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str], by: str
) -> None:
    """Its claim is a folder with who held it; no lab was there, and none is said to have been."""
    path = fabric("one")
    folder = store.here().folder("one")
    folder.mkdir(parents=True)
    (folder / "holder").write_text("closlab up, process 1, since 00:00:00")

    assert run("down", "one" if by == "name" else path) == 0

    assert not folder.exists()
    assert "not up, nothing to do" in capsys.readouterr().err


def test_down_finds_a_lab_by_its_file_after_the_file_changed(fabric: Callable[[str], str], fake: Fake) -> None:
    """The record knows the file's path; what is in it now does not matter."""
    path = fabric("one")
    up(path)
    Path(path).write_text("broken: [")

    assert run("down", path) == 0
    assert fake.labs == {}


def test_down_all_goes_on_after_a_failure(fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    """An unreadable record does not keep the others up."""
    up(fabric("one"))
    up(fabric("two"))
    for name in (store.RECORD, store.BEFORE):
        (store.here().folder("one") / name).write_text("{")

    code = run("down", "--all")

    assert code == 3
    assert store.here().names() == ("one",)
    assert "lab two is down" in capsys.readouterr().err


def test_a_lab_whose_up_was_killed_shows_as_broken(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The record says creating, and nobody is at it."""
    up(fabric("one"))
    at = store.here()
    at.write(replace(at.read("one"), status=Status.CREATING))
    capsys.readouterr()

    run("ls", "--json")

    assert json.loads(capsys.readouterr().out)["labs"][0]["status"] == "broken"


def test_the_name_of_a_lab_can_be_given(fabric: Callable[[str], str]) -> None:
    """One file, two labs side by side."""
    path = fabric("one")

    assert up(path) == 0
    assert up(path, "--name", "two") == 0
    assert store.here().names() == ("one", "two")


def test_render_writes_a_folder(fabric: Callable[[str], str], tmp_path: Path) -> None:
    """The containerlab file and the plan among it."""
    assert run("render", fabric("one"), "-o", str(tmp_path / "out")) == 0

    names = {path.name for path in (tmp_path / "out").rglob("*")}
    assert {"one.clab.yml", "plan.json"} <= names


def test_a_folder_that_cannot_be_written_is_a_mistake(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named as the user named it."""
    assert run("render", fabric("one"), "-o", "/proc/nowhere") == EXIT_MISTAKE
    assert "cannot write into /proc/nowhere: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "start"), [("svg", "<svg"), ("mermaid", "---"), ("dot", "graph")])
def test_graph_draws_a_file(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str], form: str, start: str
) -> None:
    """On stdout, in each format."""
    assert run("graph", fabric("one"), "--format", form) == 0
    assert capsys.readouterr().out.startswith(start)


@pytest.mark.parametrize(("words", "key"), [((), "spines"), (("fabric",), "spines"), (("scenario",), "steps")])
def test_schema_is_json(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], key: str) -> None:
    """It is for editors: of fabric files, and of scenarios."""
    assert run("schema", *words) == 0
    assert any(key in each.get("properties", {}) for each in json.loads(capsys.readouterr().out)["$defs"].values())


def test_a_schema_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that there are."""
    assert run("schema", "fabrics") == 2
    assert "no schema of 'fabrics'; there are fabric, scenario" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(
    text: str, fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is done."""
    assert up(fabric("one"), "--within", text) == 2
    assert f"'{text}' is no number of seconds, 0 or more" in capsys.readouterr().err
    assert run("check", "--within", text) == 2


def test_a_lab_named_twice_is_the_same_one(fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    """Two names for it are a mistake, none is preferred in silence."""
    for name in ("one", "two"):
        assert up(fabric(name)) == 0

    assert run("show", "one", "--lab", "one") == 0
    assert run("show", "one", "--lab", "two") == 2
    assert "two labs are named, one and --lab two" in capsys.readouterr().err


def test_a_state_folder_that_is_a_file_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not taken for one without labs."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "file"))

    assert run("ls") == 2
    assert "is no folder; CLOSLAB_STATE names another one" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_a_mistake(
    fabric: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file."""
    assert run("graph", fabric("one"), "-o", str(tmp_path)) == 2
    assert f"cannot write {tmp_path}: Is a directory" in capsys.readouterr().err


def test_what_needs_a_lab_that_runs_says_so_before_it_asks_anybody(
    fabric: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Drains of what is no switch, uplinks that are none, and rules for what is no router."""
    up(fabric("one"))
    capsys.readouterr()

    codes = [
        run("drain", "nobody"),
        run("drain", "spine1", "--min-uplinks", "-1"),
        run("validate", "nobody"),
    ]

    said = capsys.readouterr().err
    assert codes == [EXIT_MISTAKE] * 3
    assert "lab one: no node 'nobody'; there are leaf1, leaf2, spine1" in said
    assert "--min-uplinks" in said
    assert "lab one: no router 'nobody'; there are leaf1, leaf2, spine1" in said
