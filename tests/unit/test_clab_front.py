"""`closlab clab`: the words of the real program, its files, its shapes; labs on the fake runtime."""

from argparse import Namespace
from pathlib import Path

import pytest

from labs.clab import folder
from labs.clab.arguments import parse
from labs.clab.labs import topology
from topologies.errors import Mistake


@pytest.mark.parametrize(
    ("line", "command", "values"),
    [
        ("deploy -t f --reconfigure", "deploy", {"topo": "f", "reconfigure": True}),
        ("dep -t f", "deploy", {"reconfigure": False, "format": "table"}),
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
