"""`closlab clab`: the words of the real program, its files, its shapes; labs on the fake runtime."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

from labs import clab
from labs.clab import folder
from labs.clab.arguments import parse
from labs.clab.labs import topology
from topologies import deploy
from topologies.errors import Mistake
from topologies.runtime.fake import Fake

TOPOLOGY = """\
name: l
topology:
  defaults: {kind: linux, image: frrouting/frr}
  nodes: {n1: {group: edge}, n2: {}}
  links: [{endpoints: ["n1:eth1", "n2:eth1"]}]
"""


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A topology file in the current folder, and the fake runtime in the place of the native one."""
    runtime = Fake()
    monkeypatch.setitem(deploy.RUNTIMES, "netns", lambda: runtime)
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("CLAB_LABDIR_BASE", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("l.clab.yml").write_text(TOPOLOGY)
    return "l.clab.yml"


@pytest.mark.parametrize(
    ("line", "command", "values"),
    [
        ("deploy -t f --reconfigure", "deploy", {"topo": "f", "reconfigure": True}),
        ("dep -t f", "deploy", {"reconfigure": False, "format": "table", "allow_host": False}),
        ("deploy -t f --allow-host", "deploy", {"allow_host": True}),
        ("-t f deploy", "deploy", {"topo": "f"}),
        ("--log-level debug --runtime docker deploy -t f -d", "deploy", {"topo": "f"}),
        ("inspect -t f -f json", "inspect", {"topo": "f", "format": "json", "all": False}),
        ("inspect --all", "inspect", {"all": True}),
        ("inspect interfaces -t f -n leaf1 -f json", "inspect interfaces", {"node": "leaf1", "format": "json"}),
        ("destroy -t f --cleanup", "destroy", {"topo": "f", "cleanup": True}),
        ("des --name l", "destroy", {"name": "l", "cleanup": False}),
        ("exec -t f --cmd a --cmd b --label k=v", "exec", {"cmd": ["a", "b"], "label": ["k=v"]}),
        ("tools netem set -n clab-l-n1 -i eth1 --loss 10", "tools netem set", {"node": "clab-l-n1", "loss": 10.0}),
        ("tools netem show -n x -f json", "tools netem show", {"format": "json"}),
        ("graph -t f --dot", "graph", {"kind": "dot"}),
        ("version --short", "version", {"short": True}),
    ],
)
def test_the_real_programs_words_are_understood(line: str, command: str, values: dict[str, object]) -> None:
    """Global flags may stand before the command or after it; aliases count."""
    asked = vars(parse(line.split()))

    assert asked["command"] == command
    assert {key: asked[key] for key in values} == values


@pytest.mark.parametrize("line", ["", "fly", "exec -t f", "tools netem set -n x", "inspect -f yaml --all"])
def test_other_words_are_a_mistake(line: str) -> None:
    """One line, with the way to the help."""
    with pytest.raises(Mistake, match="--help"):
        parse(line.split())


def test_the_only_topology_file_of_a_folder_is_found(tmp_path: Path) -> None:
    """With several, or none, the message says so."""
    with pytest.raises(Mistake, match=r"no \*\.clab\.yml"):
        topology(Namespace(topo=str(tmp_path)))
    (tmp_path / "a.clab.yml").write_text("")
    assert topology(Namespace(topo=str(tmp_path))) == tmp_path / "a.clab.yml"
    assert topology(Namespace(), tmp_path) == tmp_path / "a.clab.yml"
    (tmp_path / "b.clab.yaml").write_text("")
    with pytest.raises(Mistake, match=r"several topology files: a\.clab\.yml, b\.clab\.yaml"):
        topology(Namespace(), tmp_path)


def test_the_lab_folder_stands_beside_the_file_or_below_its_base() -> None:
    """CLAB_LABDIR_BASE moves it."""
    assert folder.place("/x/l.clab.yml", "l", {}) == Path("/x/clab-l")
    assert folder.place("/x/l.clab.yml", "l", {"CLAB_LABDIR_BASE": "/y"}) == Path("/y/clab-l")


def test_cleanup_removes_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    """A folder with a file of somebody else stays, with that file."""
    mine = folder.write(tmp_path / "clab-a", {"topology-data.json": "{}"})
    shared = folder.write(tmp_path / "clab-b", {"topology-data.json": "{}"})
    (tmp_path / "clab-b" / "notes.txt").write_text("mine")

    folder.remove(mine)
    folder.remove(shared)
    folder.remove(mine)

    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["clab-b", "clab-b/notes.txt"]


def test_a_test_plugin_drives_it_as_the_real_program(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """inspect, deploy --reconfigure, inspect until all run, destroy --cleanup: the calls and shapes of pytest-clab."""

    def answer(*argv: str) -> object:
        assert clab.run(argv) == 0
        return json.loads(capsys.readouterr().out)

    assert answer("inspect", "-t", file, "-f", "json") == {}
    for _ in range(2):
        deployed = answer("deploy", "-t", file, "--reconfigure", "--format", "json")
        found = answer("inspect", "-t", file, "-f", "json")
        assert isinstance(found, dict)
        assert list(found) == ["l"]
        assert [(each["name"], each["state"]) for each in found["l"]] == [
            ("clab-l-n1", "running"),
            ("clab-l-n2", "running"),
        ]
        assert found["l"][0]["group"] == "edge"
        assert isinstance(deployed, dict)
        assert deployed["l"][0]["labPath"] == file
    assert clab.run(["destroy", "-t", file, "--cleanup"]) == 0
    assert answer("inspect", "-t", file, "-f", "json") == {}
    assert [path.name for path in Path.cwd().iterdir()] == [file]


def test_deploy_writes_what_other_tools_read(file: str) -> None:
    """Beside the topology file; destroy without --cleanup leaves it, as the real program does."""
    clab.run(["deploy", "-t", file])
    written = {path.name for path in Path("clab-l").iterdir()}
    data = json.loads(Path("clab-l/topology-data.json").read_text())
    clab.run(["destroy", "--name", "l"])

    assert written == {"topology-data.json", "ansible-inventory.yml", "nornir-simple-inventory.yml"}
    assert data["nodes"]["n1"]["longname"] == "clab-l-n1"
    assert Path("clab-l/topology-data.json").exists()


def test_inspect_has_the_real_programs_other_formats(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """CSV by its header, a table by its columns, details by Docker's names."""
    clab.run(["deploy", "-t", file])
    capsys.readouterr()

    clab.run(["inspect", "--all", "-f", "csv"])
    rows = capsys.readouterr().out.splitlines()
    clab.run(["inspect", "--all"])
    table = capsys.readouterr().out
    clab.run(["inspect", "--name", "l", "--details"])
    details = json.loads(capsys.readouterr().out)
    assert rows[0].startswith("lab_name,labPath,absLabPath,name,")
    assert len(rows) == 3
    assert "Topology" in table
    assert "N/A" in table
    assert details["l"][0]["Labels"]["clab-node-name"] == "n1"


def test_graph_draws_the_file_and_the_lab(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON in the real program's shape, deployed or not."""
    for prepare in ([], ["deploy", "-t", file]):
        if prepare:
            clab.run(prepare)
        capsys.readouterr()
        clab.run(["graph", "-t", file, "--json"])
        (link,) = json.loads(capsys.readouterr().out)["links"]
        assert link == {"source": "n1", "source_endpoint": "eth1", "target": "n2", "target_endpoint": "eth1"}


def test_labs_that_are_not_meant_are_not_touched(file: str) -> None:
    """destroy without a lab is a mistake where there is no topology file."""
    Path(file).rename("elsewhere.yml")
    with pytest.raises(Mistake, match=r"no \*\.clab\.yml"):
        clab.run(["destroy"])
    with pytest.raises(Mistake, match="--all"):
        clab.run(["inspect"])
    with pytest.raises(Mistake, match="do not go together"):
        clab.run(["destroy", "--all", "--name", "l"])
