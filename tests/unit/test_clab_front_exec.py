"""`exec` of the containerlab front: which nodes, how commands are split, what the answers look like."""

import pytest

from labs.clab.running import Answer, as_json, as_text, filtered, split
from topologies.errors import Mistake
from topologies.files.clab.outputs import Shown, containers
from topologies.lab import Lab, LabNode
from topologies.process import Finished
from topologies.runtime.model import NodeRecord

NODES = (LabNode(name="n1", labels=(("tier", "1"),)), LabNode(name="n2", kind="frr"), LabNode(name="n3"))
LAB = Shown(lab=Lab("l", NODES, ()), nodes=(), lives={}, lab_dir="/clab-l", owner="root", uptime=0)


def answer(node: str, stdout: str, code: int = 0, stderr: str = "") -> Answer:
    """What `x y` left in a node."""
    return Answer(node, Finished(("nsenter", "x", "y"), code, stdout, stderr), ("x", "y"))


@pytest.mark.parametrize(
    ("labels", "names", "found"),
    [
        ([], [], ["n1", "n2", "n3"]),
        (["tier=1"], [], ["n1"]),
        (["clab-node-kind=frr"], [], ["n2"]),
        (["clab-node-name=n3"], ["n1", "n3"], ["n3"]),
        (["tier=2"], [], []),
        ([], ["n2"], ["n2"]),
    ],
)
def test_nodes_are_chosen_by_labels_and_names(labels: list[str], names: list[str], found: list[str]) -> None:
    """containerlab's own labels count as well."""
    assert [node.name for node in filtered(LAB, labels, names)] == found


def test_a_name_that_no_node_has_is_a_mistake() -> None:
    """With those there are."""
    with pytest.raises(Mistake, match="no node n9; there are n1, n2, n3"):
        filtered(LAB, [], ["n9"])


def test_a_command_is_split_without_a_shell() -> None:
    """Quotes hold words together; half a quote is a mistake."""
    assert split("sh -c 'a | b'") == ["sh", "-c", "a | b"]
    for wrong in ("'half", ""):
        with pytest.raises(Mistake, match="--cmd"):
            split(wrong)


def test_answers_are_grouped_by_node_and_json_stays_json() -> None:
    """The shape that scripts read from the real program."""
    found = as_json([answer("clab-l-n1", '{"a": 1}'), answer("clab-l-n1", "text\n", 2, "no")])

    assert found == {
        "clab-l-n1": [
            {"cmd": ["x", "y"], "return-code": 0, "stdout": {"a": 1}, "stderr": ""},
            {"cmd": ["x", "y"], "return-code": 2, "stdout": "text\n", "stderr": "no"},
        ]
    }


def test_plain_answers_name_the_node_and_the_command() -> None:
    """A failure shows its code."""
    text = as_text(answer("clab-l-n1", "out\n", 2, "bad\n"))

    assert text == "Executed command node=clab-l-n1 command='x y' return-code=2\n  stdout=out\n  stderr=bad"


def test_a_bridge_is_no_container() -> None:
    """The real program neither lists bridges nor runs commands in them."""
    nodes = (LabNode(name="n1"), LabNode(name="br0", kind="bridge"))
    records = tuple(NodeRecord(node.name, f"clab-l-{node.name}") for node in nodes)
    shown = Shown(lab=Lab("l", nodes, ()), nodes=records, lives={}, lab_dir="/clab-l", owner="root", uptime=0)

    assert [node.name for node, _ in containers(shown)] == ["n1"]
